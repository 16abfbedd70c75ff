"""Tests of `wsapp.loop.sending`: what leaves at once, and what uvloop is given."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import socket
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from tests.loop.case import needs
from wsapp.loop import sending
from wsapp.wire.selection import accelerated


class Stream:
    """uvloop's, which keeps all that it is given until it is told to let go."""

    def __init__(self, ours: socket.socket) -> None:
        self.ours = ours
        self.closing = False
        self.given: list[bytes] = []
        self.held = 0

    def get_extra_info(self, name: str) -> Any:
        return {"socket": self.ours}[name]

    def get_write_buffer_size(self) -> int:
        return self.held

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: Any) -> None:
        if isinstance(data, str):
            raise TypeError("not bytes")
        self.given.append(bytes(data))
        self.held += len(data)

    def writelines(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.write(piece)


class SendingCase(SynchronousTestCase):
    """A writer of the build that is in use, and the other end."""

    skip = needs("uvloop")

    def setUp(self) -> None:
        ours, self.theirs = socket.socketpair()
        for end in (ours, self.theirs):
            end.setblocking(False)
            self.addCleanup(end.close)
        self.stream = cast(Any, Stream(ours))
        self.write = sending.writer(self.stream)

    def arrived(self) -> bytes:
        """:return: What the other end can read."""
        got = b""
        try:
            while data := self.theirs.recv(1 << 20):
                got += data
        except BlockingIOError:
            pass
        return got


class SendingTests(SendingCase):
    """What holds for either build."""

    def test_build(self) -> None:
        """It is of the build that the wire is of."""
        self.assertEqual(sending.accelerated, accelerated)

    def test_views(self) -> None:
        """Pieces go to uvloop as they are, and what follows goes after them."""
        self.assertTrue(sending.writeViews(self.write, self.stream, [b"one", memoryview(b"two")]))
        self.write(b"three")
        self.assertEqual((self.stream.given, self.arrived()), ([b"one", b"two", b"three"], b""))

    def test_othersViews(self) -> None:
        """What else stands where a writer does is not passed by."""
        self.assertFalse(sending.writeViews(lambda data: None, self.stream, [b"one"]))
        self.assertEqual(self.stream.given, [])

    def test_noBytes(self) -> None:
        """What is not bytes uvloop is given, or refuses."""
        self.write(bytearray(b"one"))  # type: ignore[arg-type]
        self.write(memoryview(b"two"))  # type: ignore[arg-type]
        self.assertEqual((self.stream.given, self.arrived()), ([b"one", b"two"], b""))
        self.assertRaises(TypeError, self.write, "text")


class DirectTests(SendingCase):
    """The build in C: what the kernel takes is none of uvloop's business."""

    def setUp(self) -> None:
        super().setUp()
        if not sending.accelerated:
            self.skipTest("it is not compiled here")

    def fill(self) -> bytes:
        """:return: All that was written until some of it was held back."""
        data = b""
        while not self.stream.given:
            piece = os.urandom(30_000)
            data += piece
            self.write(piece)
        return data

    def test_atOnce(self) -> None:
        """It leaves at once."""
        self.write(b"hello")
        self.write(b"")
        self.write(b"world")
        self.assertEqual((self.stream.given, self.arrived()), ([], b"helloworld"))

    def test_order(self) -> None:
        """Behind what the kernel did not take, all goes to uvloop, until that holds nothing."""
        data = self.fill()
        self.write(b"more")
        self.assertEqual(self.stream.given[1:], [b"more"])
        self.assertEqual(self.arrived() + b"".join(self.stream.given), data + b"more")
        self.stream.held = 0
        self.write(b"again")
        self.assertEqual(self.arrived(), b"again")

    def test_closing(self) -> None:
        """Once it closes, uvloop decides what still leaves."""
        self.stream.closing = True
        self.write(b"late")
        self.assertEqual((self.stream.given, self.arrived()), ([b"late"], b""))

    def test_broken(self) -> None:
        """What is wrong with the connection uvloop finds out, and nobody is signalled."""
        self.theirs.close()
        self.write(b"one")
        self.assertEqual(self.stream.given, [b"one"])
