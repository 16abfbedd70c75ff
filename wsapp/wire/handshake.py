"""The server's half of each opening handshake, as pure functions.

A request and what the server decided go in; the response's head comes out, or an error that is
its own HTTP response.  RFC 6455 4.2; draft-hixie-thewebsocketprotocol-75 3.1 and -76 5.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import struct
from collections.abc import Callable, Sequence

from wsapp.errors import BadRequest, MethodNotAllowed
from wsapp.wire.deflate import Compression, Deflation, agree

# Siblings: this source is compiled too, under another name, beside compiled siblings.
from .http import RequestHead

__all__ = [
    "Accepted",
    "acceptHixie75",
    "acceptHixie76",
    "acceptHybi",
    "checkHixie75",
    "checkHixie76",
    "checkHost",
    "checkHybi",
    "checkUpgrade",
    "keyDigest",
    "keyNumber",
]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_HOST = re.compile(r"[A-Za-z0-9._~%\-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
_ORIGIN = re.compile(r"[\x21-\x7e]+")


class Accepted:
    """A handshake that was accepted.

    :ivar head: What to write, at once.
    :ivar deflation: What was agreed to of permessage-deflate.
    :ivar challenge: hixie-76: turns the 8 bytes behind the request (key3) into the 16 to write
        before the first frame.
    """

    __slots__ = ("challenge", "deflation", "head")

    def __init__(
        self,
        head: bytes,
        deflation: Deflation | None = None,
        challenge: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.head = head
        self.deflation = deflation
        self.challenge = challenge


def _only(head: RequestHead, name: str) -> str:
    """The value of a header that must stand there once."""
    values = head.headers.getAll(name)
    if len(values) != 1:
        raise BadRequest(f"{'no' if not values else 'more than one'} {name} header")
    return values[0]


def checkHost(head: RequestHead) -> None:
    """One host, as any request must name it (RFC 9112 3.2); HTTP/1.0 need not, but no more than one.

    :raises BadRequest: It is not so.
    """
    if head.version < 11 and "Host" not in head.headers:
        return
    if not _HOST.fullmatch(_only(head, "Host")):
        raise BadRequest("the Host header is not a host")


def checkUpgrade(head: RequestHead) -> None:
    """What every version asks of the request (RFC 6455 4.2.1).

    :raises HandshakeError: It is not so.
    """
    if head.method != "GET":
        raise MethodNotAllowed("a WebSocket's opening handshake is a GET", [("Allow", "GET")])
    if head.version < 11:
        raise BadRequest("a WebSocket's opening handshake needs HTTP/1.1")
    if not head.headers.hasToken("Connection", "upgrade"):
        raise BadRequest("the Connection header does not say Upgrade")
    checkHost(head)
    if "Transfer-Encoding" in head.headers or len(head.headers.getAll("Content-Length")) > 1:
        raise BadRequest("an opening handshake has no body")


def _noBody(head: RequestHead, length: str = "0") -> None:
    """What the handshake has behind its head may be declared as that, and not as anything else."""
    if head.headers.get("Content-Length") not in (None, length):
        raise BadRequest("an opening handshake has no body")


def _response(phrase: str, upgrade: str, fields: Sequence[tuple[str, str | None]]) -> bytes:
    text = f"HTTP/1.1 101 {phrase}\r\nUpgrade: {upgrade}\r\nConnection: Upgrade\r\n"
    for name, value in fields:
        if value is not None:
            text += f"{name}: {value}\r\n"
    return (text + "\r\n").encode("latin-1")


def checkHybi(head: RequestHead) -> None:
    """:raises BadRequest: Not the request of hybi-07 to RFC 6455."""
    _noBody(head)
    if not _KEY.fullmatch(_only(head, "Sec-WebSocket-Key")):
        raise BadRequest("Sec-WebSocket-Key is not 16 bytes in base64")


def keyDigest(key: bytes) -> str:
    """``Sec-WebSocket-Accept`` for a ``Sec-WebSocket-Key`` (RFC 6455 4.2.2)."""
    return binascii.b2a_base64(hashlib.sha1(key + _GUID).digest(), newline=False).decode()


def acceptHybi(
    head: RequestHead,
    subprotocol: str | None,
    headers: Sequence[tuple[str, str]],
    compression: Compression,
) -> Accepted:
    """RFC 6455 4.2.2, which hybi-07 and -08 share.

    :param compression: What the server is ready for; OFF for versions that know none.
    """
    key = _only(head, "Sec-WebSocket-Key").encode("ascii")
    agreed = agree(", ".join(head.headers.getAll("Sec-WebSocket-Extensions")), compression)
    fields = [
        ("Sec-WebSocket-Accept", keyDigest(key)),
        ("Sec-WebSocket-Protocol", subprotocol),
        ("Sec-WebSocket-Extensions", agreed and agreed[1]),
        *headers,
    ]
    return Accepted(_response("Switching Protocols", "websocket", fields), agreed and agreed[0])


def checkHixie75(head: RequestHead) -> None:
    """:raises BadRequest: Not the request of hixie-75."""
    _noBody(head)
    if "Sec-WebSocket-Key" in head.headers or "Origin" not in head.headers:
        # What looks like nothing that a browser shipped is most often this.
        raise BadRequest("no Sec-WebSocket-Version header")
    _checkOrigin(head)


def _checkOrigin(head: RequestHead) -> None:
    if not _ORIGIN.fullmatch(_only(head, "Origin")):
        raise BadRequest("the Origin header is not an origin")


def acceptHixie75(
    head: RequestHead, subprotocol: str | None, headers: Sequence[tuple[str, str]], location: str
) -> Accepted:
    """draft-hixie-thewebsocketprotocol-75 3.1; Upgrade and Connection stand first, byte for byte.

    :param location: The URL that the client used.
    """
    fields = [
        ("WebSocket-Origin", head.headers.get("Origin")),
        ("WebSocket-Location", location),
        ("WebSocket-Protocol", subprotocol),
        *headers,
    ]
    return Accepted(_response("Web Socket Protocol Handshake", "WebSocket", fields))


def keyNumber(key: str) -> int:
    """What one of hixie-76's keys hides: its digits as one number, divided by its count of spaces."""
    digits = "".join(character for character in key if "0" <= character <= "9")
    spaces = key.count(" ")
    # Ten digits divided by one space hold every number up to 2**32-1, and 12 spaces are the most.
    if not digits or not spaces or len(digits) > 12:
        raise BadRequest("a Sec-WebSocket-Key1 or -Key2 without digits and spaces")
    number, rest = divmod(int(digits), spaces)
    if rest or number > 0xFFFFFFFF:
        raise BadRequest("a Sec-WebSocket-Key1 or -Key2 that does not divide")
    return number


def checkHixie76(head: RequestHead) -> None:
    """:raises BadRequest: Not the request of hixie-76."""
    _noBody(head, "8")
    _checkOrigin(head)
    for name in ("Sec-WebSocket-Key1", "Sec-WebSocket-Key2"):
        keyNumber(_only(head, name))


def acceptHixie76(
    head: RequestHead, subprotocol: str | None, headers: Sequence[tuple[str, str]], location: str
) -> Accepted:
    """draft-hixie-thewebsocketprotocol-76 5.2: the head goes out before key3 has come.

    :param location: The URL that the client used.
    """
    numbers = struct.pack(
        ">II",
        keyNumber(_only(head, "Sec-WebSocket-Key1")),
        keyNumber(_only(head, "Sec-WebSocket-Key2")),
    )
    fields = [
        ("Sec-WebSocket-Origin", head.headers.get("Origin")),
        ("Sec-WebSocket-Location", location),
        ("Sec-WebSocket-Protocol", subprotocol),
        *headers,
    ]

    def challenge(key3: bytes) -> bytes:
        return hashlib.md5(numbers + key3, usedforsecurity=False).digest()

    return Accepted(_response("WebSocket Protocol Handshake", "WebSocket", fields), None, challenge)
