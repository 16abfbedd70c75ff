"""The client's half of each opening handshake, as pure functions: what to ask, and whether the answer is one.

RFC 6455 4.1 (which hybi-07 and -08 share); draft-hixie-thewebsocketprotocol-75 3.1 and 4.1, and
-76 4.1.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wsapp.errors import BadResponse
from wsapp.limits import Limits
from wsapp.wire.deflate import (
    Compression,
    Deflater,
    Deflation,
    agreed,
    offer,
    sharedDeflater,
    sharedInflation,
)
from wsapp.wire.handshake import keyDigest, keyNumber
from wsapp.wire.headers import isToken
from wsapp.wire.hixie import HixieReceiver, HixieSender
from wsapp.wire.response import ResponseHead
from wsapp.wire.selection import Headers, HybiReceiver, HybiSender, RequestHead
from wsapp.wire.url import WebSocketURL
from wsapp.wire.versions import HIXIE_75, HIXIE_76, HYBI_07, HYBI_08, RFC_6455, Receiver, Sender, Version

__all__ = ["Agreement", "Asking", "basic", "checkFields", "framing"]

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
# What the handshake itself says.
_RESERVED = frozenset(
    ["host", "connection", "upgrade", "content-length", "transfer-encoding", "origin", "websocket-protocol"]
)
# What hixie-76's keys hide their digits among (4.1, step 19).
_GARBAGE = "".join(map(chr, [*range(0x21, 0x30), *range(0x3A, 0x7F)]))


class Agreement(NamedTuple):
    """What a server's 101 has agreed to."""

    subprotocol: str | None
    deflation: Deflation | None
    headers: Headers


def basic(credentials: tuple[str, str]) -> str:
    """The value of an ``Authorization`` header (RFC 7617)."""
    return "Basic " + base64.b64encode(":".join(credentials).encode()).decode()


def checkFields(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Header fields that a program wants to send with its request.

    :raises ValueError: One that is no header, or that the handshake itself speaks with.
    """
    checked = []
    for name, value in fields:
        lower = name.lower()
        if not isToken(name) or _CONTROL.search(value) or value != value.strip(" \t"):
            # The value may be a secret.
            raise ValueError(
                f"the header {name!r} cannot be sent: a name is a token, a value one line of latin-1"
            )
        if lower in _RESERVED or lower.startswith("sec-websocket-"):
            raise ValueError(f"the header {name} belongs to the handshake itself")
        checked.append((name, value))
    return checked


def _hixieKey() -> str:
    """One of hixie-76's keys: a number that hides between spaces and garbage (4.1, steps 16 to 21)."""
    spaces = secrets.randbelow(12) + 1
    number = secrets.randbelow(0xFFFFFFFF // spaces + 1)
    key = list(str(number * spaces))
    for _ in range(secrets.randbelow(12) + 1):
        key.insert(secrets.randbelow(len(key) + 1), secrets.choice(_GARBAGE))
    for _ in range(spaces):  # neither in front nor behind
        key.insert(secrets.randbelow(len(key) - 1) + 1 if len(key) > 1 else 1, " ")
    return "".join(key)


class Asking:
    """One opening handshake: the request, and what a right answer is.

    :param version: The version to speak.
    :param subprotocols: To offer, best first; hixie can offer one.
    :param headers: More header fields.
    :param origin: The page to say it comes from; None for none, but for hixie, which must name
        one: then the server's own.
    :param compression: What to offer; nothing to versions that know none.
    :raises ValueError: Something that cannot be asked.
    :ivar request: The bytes to send.
    :ivar head: What they say.
    :ivar trailing: How many bytes behind the head of a 101 belong to the handshake.
    """

    def __init__(
        self,
        url: WebSocketURL,
        version: Version = RFC_6455,
        subprotocols: Sequence[str] = (),
        headers: Iterable[tuple[str, str]] = (),
        origin: str | None = None,
        compression: Compression = Compression.TAKEOVER,
    ) -> None:
        self.url = url
        self.version = version
        self.compression = compression if version is RFC_6455 else Compression.OFF
        self.subprotocols = tuple(subprotocols)
        hixie = version.number is None
        for number, name in enumerate(self.subprotocols):
            if not isToken(name):
                raise ValueError(f"{name!r} is not a subprotocol: it must be a token, such as chat")
            if name in self.subprotocols[:number]:
                raise ValueError(f"the subprotocol {name!r} is offered twice")
        if hixie and len(self.subprotocols) > 1:
            raise ValueError(f"{version.name} can offer one subprotocol, not {', '.join(self.subprotocols)}")
        if origin is not None and not re.fullmatch(r"[\x21-\x7e]+", origin):
            raise ValueError(f"{origin!r} is not an origin: it must be like https://example.com")
        self.origin = origin or (url.origin if hixie else None)
        self.trailing = 16 if version is HIXIE_76 else 0
        behind = self._secrets()
        fields = [("Host", url.authority), ("Upgrade", "WebSocket" if hixie else "websocket")]
        if version is HIXIE_75:  # whose servers want these two first, and in this order
            fields.reverse()
            fields.insert(1, ("Connection", "Upgrade"))
        else:
            fields.append(("Connection", "Upgrade"))
        fields += [(name, value) for name, value in self._fields() if value is not None]
        own = checkFields(headers)
        if url.credentials is not None and all(name.lower() != "authorization" for name, _ in own):
            fields.append(("Authorization", basic(url.credentials)))
        fields += own
        lines = [f"GET {url.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
        raw = "\r\n".join(lines).encode("latin-1")
        self.head = RequestHead("GET", url.target, 11, Headers(fields), raw)
        self.request = raw + behind

    def _secrets(self) -> bytes:
        """Make what only a server that reads the request can answer.

        :return: What of it goes behind the head.
        """
        if self.version is HIXIE_75:
            return b""
        if self.version is HIXIE_76:
            self._keys = _hixieKey(), _hixieKey()
            key3 = os.urandom(8)
            numbers = struct.pack(">II", *map(keyNumber, self._keys))
            self._digest = hashlib.md5(numbers + key3, usedforsecurity=False).digest()
            return key3
        self._key = base64.b64encode(os.urandom(16)).decode()
        return b""

    def _fields(self) -> list[tuple[str, str | None]]:
        offered = ", ".join(self.subprotocols) or None
        if self.version is HIXIE_75:
            return [("Origin", self.origin), ("WebSocket-Protocol", offered)]
        if self.version is HIXIE_76:
            first, second = self._keys
            return [
                ("Origin", self.origin),
                ("Sec-WebSocket-Protocol", offered),
                ("Sec-WebSocket-Key1", first),
                ("Sec-WebSocket-Key2", second),
            ]
        old = self.version in (HYBI_07, HYBI_08)
        return [
            ("Sec-WebSocket-Key", self._key),
            ("Sec-WebSocket-Version", str(self.version.number)),
            ("Sec-WebSocket-Origin" if old else "Origin", self.origin),
            ("Sec-WebSocket-Protocol", offered),
            ("Sec-WebSocket-Extensions", offer(self.compression)),
        ]

    def check(self, head: ResponseHead) -> Agreement:
        """Whether a 101 is the answer to this request.

        :raises BadResponse: It is not.
        """
        if head.version < 11:
            raise BadResponse("a 101 of HTTP/1.0, which knows none")
        if (upgrade := _only(head, "Upgrade")).lower() != "websocket":
            raise BadResponse(f"a 101 whose Upgrade is {upgrade[:200]!r} and not websocket")
        if not head.headers.hasToken("Connection", "upgrade"):
            raise BadResponse("a 101 whose Connection header does not say Upgrade")
        prefix = "" if self.version is HIXIE_75 else "Sec-"
        if self.version.number is None:
            self._same(head, f"{prefix}WebSocket-Origin", self.origin)
            self._same(head, f"{prefix}WebSocket-Location", str(self.url))
        else:
            self._same(head, "Sec-WebSocket-Accept", keyDigest(self._key.encode()))
        return Agreement(
            self._subprotocol(head, f"{prefix}WebSocket-Protocol"), self._deflation(head), head.headers
        )

    @staticmethod
    def _same(head: ResponseHead, name: str, wanted: str | None) -> None:
        if (found := _only(head, name)) != wanted:
            raise BadResponse(f"a 101 whose {name} is {found[:200]!r} and not {wanted!r}")

    def _subprotocol(self, head: ResponseHead, name: str) -> str | None:
        if name not in head.headers:
            # Where hixie asks for a subprotocol, the server must have it; RFC 6455 lets it have none.
            if self.version.number is None and self.subprotocols:
                raise BadResponse(f"a 101 without the subprotocol {self.subprotocols[0]}")
            return None
        found = _only(head, name)
        if found not in self.subprotocols:
            raise BadResponse(f"a 101 with the subprotocol {found[:200]!r}, which was not offered")
        return found

    def _deflation(self, head: ResponseHead) -> Deflation | None:
        if self.version.number is None:
            return None
        try:
            return agreed(", ".join(head.headers.getAll("Sec-WebSocket-Extensions")), self.compression)
        except ValueError as error:
            raise BadResponse(str(error)) from None

    def checkDigest(self, data: bytes) -> None:
        """Whether the :attr:`trailing` bytes answer hixie-76's challenge.

        :raises BadResponse: They do not.
        """
        if data != self._digest:
            raise BadResponse("the 16 bytes behind the 101 do not answer the request's keys")

    def framing(self, agreement: Agreement, limits: Limits) -> tuple[Receiver, Sender]:
        """Both halves of the framing for what was agreed to."""
        return framing(self.version, agreement.deflation, limits)


def framing(version: Version, deflation: Deflation | None, limits: Limits) -> tuple[Receiver, Sender]:
    """Both halves of a client's framing."""
    number = version.number
    if number is None:
        return HixieReceiver(limits, version.hasClose), HixieSender(version.hasClose)
    if deflation is None:
        return HybiReceiver(limits, number, masked=False), HybiSender(number, form=None, masked=True)
    inflation = sharedInflation(deflation.serverMaxWindowBits, deflation.serverNoContextTakeover)
    bits = deflation.clientMaxWindowBits
    deflater: Deflater | None = None  # zlib has no window of 256 bytes; nobody has to compress
    if bits > 8:
        deflater = sharedDeflater(bits) if deflation.clientNoContextTakeover else Deflater(bits, fresh=False)
    return (
        HybiReceiver(limits, number, inflation, masked=False),
        HybiSender(number, deflater, form=None, masked=True),
    )


def _only(head: ResponseHead, name: str) -> str:
    """The value of a header that must stand there once."""
    values = head.headers.getAll(name)
    if len(values) != 1:
        raise BadResponse(f"a 101 with {'no' if not values else 'more than one'} {name} header")
    return values[0]
