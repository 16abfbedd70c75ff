"""Tests of `wsapp.ended`: a client whose connection is over, and that nothing of that stays."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
from typing import Any

from tests.peers import NUMBERS, Peer, Recorder, ServedCase, World
from wsapp.ended import Ended
from wsapp.errors import ConnectionClosed


class EndedTests(ServedCase):
    """What an application may still do to a client that is gone."""

    def setUp(self) -> None:
        super().setUp()
        app = Recorder()
        self.world = World(app)
        self.peer = self.world.open("RFC 6455")
        self.client = app.known[-1]

    def test_asked(self) -> None:
        """Nothing is sent, nothing waits, and who waits is told."""
        self.peer.lose()
        client = self.client
        self.assertIsInstance(client._link, Ended)
        self.assertEqual(
            (client.send("a"), client.send(b"a"), client.deliver("a", {})), (False, False, False)
        )
        self.assertEqual((client.bufferedAmount, client.dropped), (0, 0))
        client.close(4000, "late")
        client.abort()
        client.overrun()
        client.expires = 1.0
        self.world.settle()
        self.failureResultOf(client.ping(), ConnectionClosed)
        self.failureResultOf(client.drained(), ConnectionClosed)

    def test_mistakes(self) -> None:
        """They are the same as before."""
        for _ in range(2):
            self.assertRaises(ValueError, self.client.close, 1005)
            mistaken: Any = self.client
            self.assertRaises(TypeError, mistaken.close, 1000, b"bytes")
            self.assertRaises(TypeError, mistaken.send, 7)
            self.peer.lose()

    def test_dropped(self) -> None:
        """It still says how many messages it was not sent."""
        self.assertEqual(Ended(3).dropped, 3)


class FreedTests(ServedCase):
    """What made up a connection is freed as it ends, without Python's looking for circles."""

    def ending(self, world: World, peer: Peer, way: int) -> None:
        """End a connection in one of several ways."""
        if way == 1:
            peer.close()
        elif way == 2:
            self.app.known[-1].close()
        elif way == 3:
            self.app.known[-1].abort()
        elif way == 4:
            peer.feed(b"\xff" * 20)
        elif way == 5:
            peer.send("x")
        peer.lose()
        peer.transport.unregisterProducer()  # as all transports do

    def test_nothingIsLeft(self) -> None:
        """Of no version, however the connection ends."""
        app = self.app = Recorder()
        app.does["onMessage"] = lambda client, message: client.send(message)
        world = World(app)
        for _ in range(2):  # the first time makes what stays
            gc.collect()
            gc.disable()
            try:
                for version in NUMBERS:
                    for way in range(6):
                        self.ending(world, world.open(version), way)
                        world.advance(1)
                world.peers.clear()
                app.known.clear()
                app.told.clear()
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()
                gc.set_debug(0)
                found = sorted(type(one).__name__ for one in gc.garbage if "wsapp" in type(one).__module__)
                gc.garbage.clear()
            finally:
                gc.enable()
        self.assertEqual(found, [])
