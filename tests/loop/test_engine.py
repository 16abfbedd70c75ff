"""Tests of `wsapp.loop.engine`, and of the same in C where it was built."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib
import random
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from tests.loop.tlspeer import Peer, connected, serverContext
from wsapp.loop import engine, selection


class EngineTests(SynchronousTestCase):
    """The plain engine."""

    engine: Any = engine.Engine

    def pair(self, context: SSL.Context | None = None) -> tuple[Any, Peer]:
        """An engine, and the client that it talks to."""
        server, peer = connected(context)
        self.server = server
        return self.engine(server), peer

    def test_message(self) -> None:
        """One record gives its data, and nothing was refused."""
        made, peer = self.pair()
        for message in (b"x", b"y" * 16384, b"z"):
            self.assertEqual(made.receive(peer.say(message)), message)
            self.assertIsNone(made.refused)

    def test_several(self) -> None:
        """Several records that come together are given together."""
        made, peer = self.pair()
        data = b"".join(peer.say(b"%d" % number) for number in range(100))
        self.assertEqual(made.receive(data), b"".join(b"%d" % number for number in range(100)))
        self.assertIsNone(made.refused)

    def test_cut(self) -> None:
        """However the stream is cut, all arrives in order, and OpenSSL is asked nothing in vain."""
        chance = random.Random(5)
        made, peer = self.pair()
        for _ in range(30):
            messages = [chance.randbytes(chance.choice((1, 50, 3000, 40000))) for _ in range(4)]
            data = b"".join(map(peer.say, messages))
            got, at = b"", 0
            while at < len(data):
                size = chance.choice((1, 3, 5, 100, 20000, 70000))
                got += made.receive(data[at : at + size])
                self.assertIsNone(made.refused)
                at += size
            self.assertEqual(got, b"".join(messages))

    def test_large(self) -> None:
        """A megabyte each way."""
        made, peer = self.pair()
        data = random.Random(1).randbytes(1 << 20)
        self.assertEqual(made.receive(peer.say(data)), data)
        peer.take(made.encrypt(data))
        self.assertEqual(peer.heard, data)

    def test_encrypt(self) -> None:
        """What is encrypted arrives, of every size about a record's."""
        made, peer = self.pair()
        sent = b""
        for size in (0, 1, 16383, 16384, 16385, 40000):
            sent += b"s" * size
            peer.take(made.encrypt(b"s" * size))
            self.assertEqual(peer.heard, sent)

    def test_farewell(self) -> None:
        """What came before the peer's farewell is given; the farewell is told."""
        made, peer = self.pair()
        data = peer.say(b"last words")
        peer.connection.shutdown()
        self.assertEqual(made.receive(data + peer.given()), b"last words")
        self.assertIsInstance(made.refused, SSL.ZeroReturnError)

    def test_forged(self) -> None:
        """A record that was changed on its way is refused, and so is all that follows."""
        made, peer = self.pair()
        data = bytearray(peer.say(b"pay 10"))
        data[-1] ^= 1
        self.assertEqual(made.receive(bytes(data) + peer.say(b"more")), b"")
        self.assertIs(type(made.refused), SSL.Error)
        self.assertIn("bad record mac", str(made.refused))

    def test_renegotiation(self) -> None:
        """A record of TLS's own is refused with WantReadError: there may be something to answer."""
        made, peer = self.pair(serverContext(SSL.TLS1_2_VERSION))
        peer.connection.renegotiate()
        try:
            peer.connection.do_handshake()
        except SSL.WantReadError:
            pass
        self.assertEqual(made.receive(peer.given()), b"")
        self.assertIsInstance(made.refused, SSL.WantReadError)
        self.assertTrue(self.server.bio_read(4096))
        # And it is over: the next is as before.
        self.assertEqual(made.encrypt(b"on")[:1], b"\x17")
        self.assertIsInstance(made.refused, SSL.WantReadError)
        made.receive(b"")
        self.assertIsNone(made.refused)

    def test_handshake(self) -> None:
        """What came in the handshake is counted, what came with its end is there to be drained."""
        server = SSL.Connection(serverContext(), None)
        server.set_accept_state()
        made, peer = self.engine(server), Peer()
        peer.take(b"")
        made.feed(peer.given())
        self.assertRaises(SSL.WantReadError, server.do_handshake)
        peer.take(server.bio_read(65536))
        data = peer.given() + peer.say(b"early bird") + peer.say(b"half")
        made.feed(data[:-3])
        server.do_handshake()
        self.assertEqual(made.drain(), b"early bird")
        self.assertIsInstance(made.refused, SSL.WantReadError)
        self.assertEqual(made.receive(data[-3:]), b"half")
        self.assertIsNone(made.refused)


class CompiledTests(EngineTests):
    """The engine in C; it holds to the very same."""

    if selection.accelerated:
        engine: Any = selection.Engine
    else:
        skip = "the engine in C was not built, or is not wanted"

    def test_isC(self) -> None:
        """It is not the plain one by another name."""
        self.assertIsNot(self.engine, engine.Engine)

    def test_notBytes(self) -> None:
        """Nothing but bytes gets to C."""
        made, _ = self.pair()
        for wrong in ("text", bytearray(b"x"), memoryview(b"x"), None):
            for method in (made.receive, made.feed, made.encrypt):
                self.assertRaises(TypeError, method, wrong)

    def test_otherPyOpenSSL(self) -> None:
        """It says what a pyOpenSSL lacks that it cannot work with."""
        compiled: Any = importlib.import_module("wsapp.loop._c.engine")
        self.patch(compiled, "Connection", lambda context, socket: object())
        error = self.assertRaises(ImportError, compiled._link)
        self.assertIn("_ssl", str(error))


__all__ = ["CompiledTests", "EngineTests"]
