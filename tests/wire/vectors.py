"""Bytes that stand in the specifications, for decoding and for encoding."""

from __future__ import annotations

from typing import NamedTuple

from wsapp.wire.events import Close, Event, Ping, Pong

__all__ = [
    "DEFLATED",
    "FRAMES",
    "HANDSHAKES",
    "HELLO_KEY",
    "HIXIE_FRAMES",
    "KEYS",
    "FrameVector",
    "Handshake",
]

HELLO_KEY = bytes.fromhex("37fa213d")


class FrameVector(NamedTuple):
    """Frames, and what they say.

    :ivar encodes: Whether a sender makes just these bytes of the event (with :data:`HELLO_KEY`).
    """

    name: str
    wire: bytes
    masked: bool
    event: Event
    encodes: bool = True


_KIB = bytes(range(256))

FRAMES = (
    # RFC 6455 5.7
    FrameVector("unmasked text", bytes.fromhex("810548656c6c6f"), False, "Hello"),
    FrameVector("masked text", bytes.fromhex("818537fa213d7f9f4d5158"), True, "Hello"),
    FrameVector("fragmented", bytes.fromhex("010348656c80026c6f"), False, "Hello", encodes=False),
    FrameVector("ping", bytes.fromhex("890548656c6c6f"), False, Ping(b"Hello")),
    FrameVector("masked pong", bytes.fromhex("8a8537fa213d7f9f4d5158"), True, Pong(b"Hello")),
    FrameVector("256 bytes", bytes.fromhex("827e0100") + _KIB, False, _KIB),
    FrameVector("64 KiB", bytes.fromhex("827f0000000000010000") + _KIB * 256, False, _KIB * 256),
    # The edges of the three lengths (5.2), and what 5.5 says.
    FrameVector("empty text", bytes.fromhex("8100"), False, ""),
    FrameVector("empty binary, masked", bytes.fromhex("828037fa213d"), True, b""),
    FrameVector("125 bytes", b"\x82\x7d" + b"x" * 125, False, b"x" * 125),
    FrameVector("126 bytes", b"\x82\x7e\x00\x7e" + b"x" * 126, False, b"x" * 126),
    FrameVector("65,535 bytes", b"\x82\x7e\xff\xff" + b"x" * 65535, False, b"x" * 65535),
    FrameVector("close without a code", bytes.fromhex("8800"), False, Close(1005, "")),
    FrameVector("close", bytes.fromhex("880403e86f6b"), False, Close(1000, "ok")),
    FrameVector("masked close", bytes.fromhex("888237fa213d3413"), True, Close(1001, "")),
    FrameVector("ping of 125", b"\x89\x7d" + b"p" * 125, False, Ping(b"p" * 125)),
)

#: RFC 7692 7.2.3: a server's frames, and the messages that they carry, one after another.
DEFLATED = (
    ("one block", "c107f248cdc9c90700", ["Hello"]),
    ("fragmented", "4103f248cd8004c9c90700", ["Hello"]),
    ("sharing the window", "c107f248cdc9c90700c105f200110000", ["Hello", "Hello"]),
    ("a block without compression", "c10b000500faff48656c6c6f00", ["Hello"]),
    ("a block with BFINAL", "c108f348cdc9c9070000", ["Hello"]),
    ("two blocks", "c10df24805000000ffffcac9c90700", ["Hello"]),
    ("an empty message", "c10100", [""]),
    ("an empty last fragment", "4107f248cdc9c907008000", ["Hello"]),
    ("no bytes at all", "c100", [""]),
    ("compressed, plain, compressed", "c107f248cdc9c90700810548656c6c6fc105f200110000", ["Hello"] * 3),
)

# What a frame comes to that is discarded.
_NOTHING = Pong(b"")

#: draft-hixie-thewebsocketprotocol-76 4.2: frames, and messages.
HIXIE_FRAMES: tuple[tuple[str, bytes, list[Event]], ...] = (
    ("text", b"\x00Hello\xff", ["Hello"]),
    ("empty", b"\x00\xff", [""]),
    ("several", b"\x00a\xff\x00\xc3\xa9\xff", ["a", "é"]),
    ("another text type is discarded", b"\x01Hello\xff\x7fx\xff\x00a\xff", [_NOTHING, _NOTHING, "a"]),
    ("a length is discarded", b"\x80\x05\x00\x00\xff\x00\xff\x00a\xff", [_NOTHING, "a"]),
    ("a length of two digits", b"\x80\x81\x00" + b"\x00" * 128 + b"\x00a\xff", [_NOTHING, "a"]),
    ("a length with leading zeros", b"\x80\x80\x80\x01x\x00a\xff", [_NOTHING, "a"]),
    ("a length of nothing", b"\x80\x00\x00a\xff", [_NOTHING, "a"]),
    ("FF with a length", b"\xff\x02\x00\xff\x00a\xff", [_NOTHING, "a"]),
)


class Handshake(NamedTuple):
    """A request of a client's, and the server's whole answer."""

    name: str
    request: bytes
    response: bytes
    key3: bytes = b""


def _lines(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


#: hixie-76's keys: text, the number it hides, and where it stands.
KEYS = (
    ("4 @1  46546xW%0l 1 5", 829309203),  # -76 1.2
    ("12998 5 Y3 1  .P00", 259970620),
    ("18x 6]8vM;54 *(5:  {   U1]8  z [  8", 155712099),  # -76 5.2's example
    ("1_ tx7X d  <  nw  334J702) 7]o}` 0", 173347027),
    ("3e6b263  4 17 80", 906585445),  # -76 4.1's example of how a key is made
    ("17  9 G`ZD9   2 2b 7X 3 /r90", 179922739),
)

HANDSHAKES = (
    # draft-hixie-thewebsocketprotocol-75 1.2
    Handshake(
        "hixie-75",
        _lines(
            "GET /demo HTTP/1.1",
            "Upgrade: WebSocket",
            "Connection: Upgrade",
            "Host: example.com",
            "Origin: http://example.com",
            "WebSocket-Protocol: sample",
        ),
        _lines(
            "HTTP/1.1 101 Web Socket Protocol Handshake",
            "Upgrade: WebSocket",
            "Connection: Upgrade",
            "WebSocket-Origin: http://example.com",
            "WebSocket-Location: ws://example.com/demo",
            "WebSocket-Protocol: sample",
        ),
    ),
    # draft-hixie-thewebsocketprotocol-76 1.2
    Handshake(
        "hixie-76",
        _lines(
            "GET /demo HTTP/1.1",
            "Host: example.com",
            "Connection: Upgrade",
            "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00",
            "Sec-WebSocket-Protocol: sample",
            "Upgrade: WebSocket",
            "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5",
            "Origin: http://example.com",
        ),
        _lines(
            "HTTP/1.1 101 WebSocket Protocol Handshake",
            "Upgrade: WebSocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Origin: http://example.com",
            "Sec-WebSocket-Location: ws://example.com/demo",
            "Sec-WebSocket-Protocol: sample",
        )
        + b"8jKS'y:G*Co,Wxa-",
        key3=b"^n:ds[4U",
    ),
    Handshake(
        "hixie-76 with Content-Length",
        _lines(
            "GET /demo HTTP/1.1",
            "Host: example.com",
            "Connection: Upgrade",
            "Upgrade: WebSocket",
            "Content-Length: 8",
            "Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8",
            "Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0",
            "Origin: http://example.com",
        ),
        _lines(
            "HTTP/1.1 101 WebSocket Protocol Handshake",
            "Upgrade: WebSocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Origin: http://example.com",
            "Sec-WebSocket-Location: ws://example.com/demo",
        )
        + b"fQJ,fN/4F4!~K~MH",
        key3=b"Tm[K T2u",
    ),
    Handshake(
        "hixie-76 with leading digits",
        _lines(
            "GET / HTTP/1.1",
            "Connection: Upgrade",
            "Host: example.com",
            "Upgrade: WebSocket",
            "Sec-WebSocket-Key1: 3e6b263  4 17 80",
            "Origin: http://example.com",
            "Sec-WebSocket-Key2: 17  9 G`ZD9   2 2b 7X 3 /r90",
        ),
        _lines(
            "HTTP/1.1 101 WebSocket Protocol Handshake",
            "Upgrade: WebSocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Origin: http://example.com",
            "Sec-WebSocket-Location: ws://example.com/",
        )
        + b"n`9eBk9z$R8pOtVb",
        key3=b"WjN}|M(6",
    ),
    # draft-ietf-hybi-thewebsocketprotocol-07 1.2; -08's differs in the number alone
    *(
        Handshake(
            f"hybi-0{number}",
            _lines(
                "GET /demo HTTP/1.1",
                "Host: server.example.com",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Origin: http://example.com",
                "Sec-WebSocket-Protocol: chat, sample",
                f"Sec-WebSocket-Version: {number}",
            ),
            _lines(
                "HTTP/1.1 101 Switching Protocols",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                "Sec-WebSocket-Protocol: sample",
            ),
        )
        for number in (7, 8)
    ),
    # RFC 6455 1.2, 1.3
    Handshake(
        "RFC 6455",
        _lines(
            "GET /demo HTTP/1.1",
            "Host: server.example.com",
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Origin: http://example.com",
            "Sec-WebSocket-Protocol: chat, sample",
            "Sec-WebSocket-Version: 13",
        ),
        _lines(
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "Sec-WebSocket-Protocol: sample",
        ),
    ),
)
