"""A conversation's frames as lines, for ``wsapp connect --verbose``."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from wsapp.limits import Limits
from wsapp.outgoing.dialing import Dialing
from wsapp.wire.asking import Agreement, Asking
from wsapp.wire.codes import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from wsapp.wire.events import Event
from wsapp.wire.versions import Receiver, Sender

__all__ = ["Frames", "traced"]

_NAMES = {
    CONTINUATION: "continuation",
    TEXT: "text",
    BINARY: "binary",
    CLOSE: "close",
    PING: "ping",
    PONG: "pong",
}


class Frames:
    """Says a line of each frame's header (RFC 6455 5.2) in a stream of them; payloads are not kept.

    :param say: Takes a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._head = bytearray()
        self._skip = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Bytes of the stream, in order."""
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            self._head.append(data[position])
            position += 1
            head = self._head
            if len(head) < 2:
                continue
            short = head[1] & 127
            extended = {126: 2, 127: 8}.get(short, 0)
            if len(head) < 2 + extended:
                continue
            length = int.from_bytes(head[2:], "big") if extended else short
            masked = head[1] >> 7
            self._skip = length + 4 * masked
            self._line(head[0], length, bool(masked))
            self._head = bytearray()

    def _line(self, first: int, length: int, masked: bool) -> None:
        opcode = first & 15
        marks = [f"{length:,} bytes"]
        if not first & 0x80:
            marks.append("more follows")
        if first & 0x40:
            marks.append("compressed")
        if masked:
            marks.append("masked")
        self._say(f"{_NAMES.get(opcode, f'opcode {opcode}')}, {', '.join(marks)}")


class _Receiver:
    """A receiver whose input is listed."""

    def __init__(self, receiver: Receiver, feed: Callable[[bytes], None]) -> None:
        self._receiver = receiver
        self._feed = feed

    @property
    def hungry(self) -> bool:
        return self._receiver.hungry

    def receive(self, data: bytes) -> None:
        if data:
            self._feed(data)
        self._receiver.receive(data)

    def next(self, count: int, size: int) -> list[Event]:
        return self._receiver.next(count, size)


class _Sender:
    """A sender whose output is listed."""

    def __init__(self, sender: Sender, feed: Callable[[bytes | memoryview], None]) -> None:
        self._sender = sender
        self._feed = feed
        self.form: Hashable = None
        self.hasBinary = sender.hasBinary
        self.hasPing = sender.hasPing

    def _listed(self, data: bytes) -> bytes:
        self._feed(data)
        return data

    def encode(self, message: str | bytes) -> bytes:
        return self._listed(self._sender.encode(message))

    def pieces(self, message: str | bytes) -> list[bytes | memoryview]:
        pieces = self._sender.pieces(message)
        for piece in pieces:
            self._feed(piece)
        return pieces

    def ping(self, payload: bytes) -> bytes:
        return self._listed(self._sender.ping(payload))

    def pong(self, payload: bytes) -> bytes:
        return self._listed(self._sender.pong(payload))

    def close(self, code: int, reason: str) -> bytes:
        return self._listed(self._sender.close(code, reason))


def traced(sent: Callable[[str], None], received: Callable[[str], None]) -> type[Dialing]:
    """A :class:`Dialing` whose connections say each frame that they send and receive."""

    class TracedAsking(Asking):
        def framing(self, agreement: Agreement, limits: Limits) -> tuple[Any, Sender]:
            receiver, sender = super().framing(agreement, limits)
            if self.version.number is None:  # hixie's frames have no headers
                return (
                    _Receiver(receiver, lambda data: received(f"{len(data):,} bytes")),
                    _Sender(sender, lambda data: sent(f"{len(data):,} bytes")),
                )
            return _Receiver(receiver, Frames(received).feed), _Sender(sender, Frames(sent).feed)

    class TracedDialing(Dialing):
        asks = TracedAsking

    return TracedDialing
