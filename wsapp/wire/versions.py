"""The only list of versions, and the only way in: :func:`negotiate`.

How each version is recognised, which handshake and which framing it has.  The order is that of
the most telling sign: ``Sec-WebSocket-Version``, then hixie-76's two keys, else hixie-75.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple, Protocol

from wsapp.errors import BadRequest, UnsupportedVersion
from wsapp.limits import Limits
from wsapp.wire.deflate import Compression, Deflater, sharedDeflater, sharedInflation
from wsapp.wire.events import Event
from wsapp.wire.handshake import Accepted
from wsapp.wire.hixie import HixieReceiver, HixieSender
from wsapp.wire.selection import (
    HybiReceiver,
    HybiSender,
    RequestHead,
    acceptHixie75,
    acceptHixie76,
    acceptHybi,
    checkHixie75,
    checkHixie76,
    checkHybi,
    checkUpgrade,
)

__all__ = ["VERSIONS", "Opening", "Receiver", "Sender", "Version", "isUpgrade", "negotiate", "parseVersions"]


class Receiver(Protocol):
    """Bytes to events: what every framing's receiving half does."""

    @property
    def hungry(self) -> bool: ...

    def receive(self, data: bytes) -> None: ...

    def next(self, count: int, size: int) -> list[Event]: ...


class Sender(Protocol):
    """Messages to bytes: what every framing's sending half does."""

    @property
    def form(self) -> Hashable: ...

    @property
    def hasBinary(self) -> bool: ...

    @property
    def hasPing(self) -> bool: ...

    def encode(self, message: str | bytes) -> bytes: ...

    def pieces(self, message: str | bytes) -> list[bytes | memoryview]: ...

    def ping(self, payload: bytes) -> bytes: ...

    def pong(self, payload: bytes) -> bytes: ...

    def close(self, code: int, reason: str) -> bytes: ...


class Version(NamedTuple):
    """One version of the protocol.

    :ivar name: What people call it, and what ``client.version`` says.
    :ivar number: Its ``Sec-WebSocket-Version``; None for hixie.
    :ivar hasClose: Whether it has a closing handshake.
    :ivar trailing: How many bytes behind the head belong to the handshake.
    """

    name: str
    number: int | None
    hasClose: bool = True
    trailing: int = 0

    @property
    def option(self) -> str:
        """How the command line names it."""
        return self.name if self.number is None else str(self.number)


HIXIE_75 = Version("hixie-75", None, hasClose=False)
HIXIE_76 = Version("hixie-76", None, trailing=8)
HYBI_07 = Version("hybi-07", 7)
HYBI_08 = Version("hybi-08", 8)
RFC_6455 = Version("RFC 6455", 13)

#: Every version that a browser shipped, newest first.
VERSIONS = (RFC_6455, HYBI_08, HYBI_07, HIXIE_76, HIXIE_75)

_NUMBERED = {str(version.number): version for version in VERSIONS if version.number}


def parseVersions(texts: Iterable[str]) -> frozenset[Version]:
    """The versions of a list of their options: ``13``, ``8``, ``7``, ``hixie-76``, ``hixie-75``.

    :raises ValueError: One that is none of them.
    """
    known = {version.option: version for version in VERSIONS}
    for text in (texts := list(texts)):
        if text not in known:
            raise ValueError(f"{text!r} is not a version: there are {', '.join(known)}")
    return frozenset(known[text] for text in texts)


def isUpgrade(head: RequestHead) -> bool:
    """Whether this asks for a WebSocket, rightly or not; anything else is a plain request."""
    return head.headers.hasToken("Upgrade", "websocket")


class Opening:
    """A valid opening handshake that waits for the application's decision.

    :ivar subprotocols: What the client offers, in its order of preference.
    :ivar origin: Its Origin header; None where it sent none.
    """

    __slots__ = ("head", "origin", "subprotocols", "version")

    def __init__(self, head: RequestHead, version: Version) -> None:
        self.head = head
        self.version = version
        name = "WebSocket-Protocol" if version is HIXIE_75 else "Sec-WebSocket-Protocol"
        self.subprotocols = tuple(head.headers.getList(name))
        origins = head.headers.getAll("Origin")
        if not origins and version in (HYBI_07, HYBI_08):
            origins = head.headers.getAll("Sec-WebSocket-Origin")
        # Of several none is the right one: together they are no origin at all.
        self.origin = ", ".join(origins) if origins else None

    def accept(
        self,
        subprotocol: str | None,
        headers: Sequence[tuple[str, str]],
        location: str,
        compression: Compression,
    ) -> Accepted:
        """Build the 101.

        :param subprotocol: One of those offered, or None.
        :param headers: More headers, checked by the caller to be headers.
        :param location: The URL that the client used (only hixie hears of it).
        :param compression: What the server is ready for.
        """
        if self.version is HIXIE_75:
            return acceptHixie75(self.head, subprotocol, headers, location)
        if self.version is HIXIE_76:
            return acceptHixie76(self.head, subprotocol, headers, location)
        if self.version is not RFC_6455:
            compression = Compression.OFF
        return acceptHybi(self.head, subprotocol, headers, compression)

    def framing(self, accepted: Accepted, limits: Limits) -> tuple[Receiver, Sender]:
        """Both halves of the framing for what was accepted."""
        number, deflation = self.version.number, accepted.deflation
        if number is None:
            closes = self.version.hasClose
            return HixieReceiver(limits, closes), HixieSender(closes)
        if deflation is None:
            return HybiReceiver(limits, number), HybiSender(number)
        inflation = sharedInflation(deflation.clientMaxWindowBits, deflation.clientNoContextTakeover)
        bits = deflation.serverMaxWindowBits
        if deflation.serverNoContextTakeover:
            sender = HybiSender(number, sharedDeflater(bits), form=bits)
        else:
            sender = HybiSender(number, Deflater(bits, fresh=False), form=None)
        return HybiReceiver(limits, number, inflation), sender


def negotiate(head: RequestHead, served: frozenset[Version]) -> Opening:
    """Recognise the version of an opening handshake and check it.

    :param head: A request for which :func:`isUpgrade` is true.
    :param served: The versions to take part in.
    :raises HandshakeError: It is not valid, or of another version.
    """
    checkUpgrade(head)
    found, check = _recognise(head)
    if found is None or found not in served:
        known = [version for version in VERSIONS if version in served]
        numbers = ", ".join(str(version.number) for version in known if version.number)
        raise UnsupportedVersion(
            f"this version is not served; those that are: {numbers or 'none of this family'}",
            [("Upgrade", "websocket"), ("Sec-WebSocket-Version", numbers)],
        )
    check(head)
    return Opening(head, found)


def _recognise(head: RequestHead) -> tuple[Version | None, Callable[[RequestHead], None]]:
    numbers = head.headers.getAll("Sec-WebSocket-Version")
    if numbers:
        if len(numbers) > 1:
            raise BadRequest("more than one Sec-WebSocket-Version header")
        return _NUMBERED.get(numbers[0]), checkHybi
    if "Sec-WebSocket-Key1" in head.headers or "Sec-WebSocket-Key2" in head.headers:
        return HIXIE_76, checkHixie76
    return HIXIE_75, checkHixie75
