"""Target: a server's answer to a client's opening handshake."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fuzz.inputs import Choices, need
from wsapp.errors import ConnectFailed, HandshakeRefused
from wsapp.limits import Limits
from wsapp.wire.answer import Answer
from wsapp.wire.asking import Agreement, Asking
from wsapp.wire.deflate import Compression
from wsapp.wire.handshake import keyDigest
from wsapp.wire.response import LARGEST_BODY
from wsapp.wire.url import parseURL
from wsapp.wire.versions import VERSIONS

__all__ = ["answer"]

_LIMITS = [Limits(), Limits(maxHead=300, maxLine=200, maxHeaders=10)]
_URL = parseURL("ws://example.com/chat")


def _read(
    asking: Asking, pieces: Sequence[bytes], limits: Limits
) -> tuple[tuple[object, ...], Agreement | None]:
    """What is made of an answer that comes in pieces."""
    reader = Answer(asking, limits)
    for number, piece in enumerate(pieces):
        try:
            found = reader.receive(piece)
        except ConnectFailed as error:
            return _failure(error), None
        if found is not None:
            rest = reader.rest + b"".join(pieces[number + 1 :])
            return ("agreed", found.subprotocol, found.deflation, tuple(found.headers), rest), found
    ended = reader.end()
    return ("ended", *(_failure(ended) if ended is not None else ())), None


def _failure(error: ConnectFailed) -> tuple[object, ...]:
    text = str(error)
    need(text.isprintable() and len(text) < 1000, f"{text!r}")
    if isinstance(error, HandshakeRefused):
        need(len(error.body) <= LARGEST_BODY, f"a body of {len(error.body)} bytes")
        return type(error), text, error.status, error.body
    return type(error), text


def answer(data: bytes) -> None:
    """Any bytes as a server's answer; ``{accept}`` and ``{digest}`` stand for what only it could know."""
    choices = Choices(data)
    version, compression = choices.one(VERSIONS), choices.one(list(Compression))
    limits, handlings = choices.one(_LIMITS), choices.handlings()
    asking = Asking(_URL, version, ["chat"], compression=compression)
    data = choices.rest
    if version.number is not None:
        data = data.replace(b"{accept}", keyDigest(asking._key.encode()).encode())
    elif asking.trailing:
        data = data.replace(b"{digest}", asking._digest)
    expected, agreed = _read(asking, [data], limits)
    for pieces, _ in handlings.of(data):
        got, _ = _read(asking, pieces, limits)
        need(got == expected, f"in {len(pieces)} pieces: {got!r}; at once: {expected!r}")
    if agreed is None:
        return
    need(agreed.subprotocol in (None, "chat"), f"{agreed!r}")
    need(agreed.deflation is None or compression is not Compression.OFF, f"{agreed!r}")
    receiver, sender = asking.framing(agreed, limits)
    rest = expected[-1]
    assert isinstance(rest, bytes)
    receiver.receive(rest)
    receiver.next(10, 1000)
    sender.encode("Hello, hello, hello, hello" * 4)
