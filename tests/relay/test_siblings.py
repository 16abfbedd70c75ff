"""Tests of `wsapp.relay.siblings`: real sockets."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
import os
import socket
import stat
import tempfile
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from tests.relay.test_channel import Person
from wsapp.relay.channel import OPEN
from wsapp.relay.siblings import SocketSiblings


class Waiting(Person):
    """Says when something has happened."""

    def __init__(self) -> None:
        super().__init__()
        self.happened: Deferred[None] = Deferred()

    def heard(self, kind: bytes, payload: bytes) -> None:
        super().heard(kind, payload)
        self._has()

    def gone(self) -> None:
        super().gone()
        self._has()

    def _has(self) -> None:
        happened, self.happened = self.happened, Deferred()
        happened.callback(None)


class SiblingsTests(TestCase):
    """Two of them in one folder."""

    timeout = 20

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="wsapp-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.ann, self.bob = (SocketSiblings(reactor, folder.name, "node", name) for name in ("1-a", "2-b"))

    @inlineCallbacks
    def test_meet(self) -> Any:
        """One dials, and the other hears of it; nobody else may."""
        there = Waiting()
        factory = Factory()
        factory.buildProtocol = lambda addr: there.channel  # type: ignore[assignment, method-assign, return-value]
        port = self.bob.listen(factory)
        mode = os.stat(os.path.join(self.folder, "2-b")).st_mode
        self.assertEqual((stat.S_ISSOCK(mode), stat.S_IMODE(mode)), (True, 0o600))
        here = Waiting()
        heard, gone = there.happened, here.happened
        self.ann.dial("2-b", here.channel)
        here.connected = lambda: here.channel.say(OPEN, b"hello")  # type: ignore[method-assign]
        yield heard
        self.assertEqual(there.log, ["connected", (OPEN, b"hello")])
        there.channel.abort()
        yield gone
        self.assertEqual(here.log, ["gone"])
        yield port.stopListening()
        self.assertEqual(os.listdir(self.folder), [])

    @inlineCallbacks
    def test_nobody(self) -> Any:
        """There is nobody of that name; or nobody any more, whose socket a kill has left behind."""
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(os.path.join(self.folder, "3-c"))
            left.listen()
        self.assertEqual(os.listdir(self.folder), ["3-c"])
        for name in ("2-b", "3-c"):
            here = Waiting()
            gone = here.happened
            self.ann.dial(name, here.channel)
            yield gone
            self.assertEqual(here.log, ["gone"])
            self.assertEqual(here.data, b"")

    def test_noFolder(self) -> None:
        """The folder is gone, or its path too long."""
        for folder in (os.path.join(self.folder, "none"), self.folder + "/" + 120 * "x"):
            lone = SocketSiblings(reactor, folder, "node", "1-a")
            self.assertRaises(CannotListenError, lone.listen, Factory())
        gc.collect()
        self.flushWarnings()  # Twisted does not close the socket that it cannot bind
