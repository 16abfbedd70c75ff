"""The targets by name, with the inputs to begin from and the words that inputs are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz import answering, connecting, framing, opening
from tests.wire.machines import deflated, frame
from tests.wire.vectors import DEFLATED, FRAMES, HANDSHAKES, HIXIE_FRAMES

__all__ = ["TARGETS", "Target"]


class Target(NamedTuple):
    """One target.

    :ivar run: Takes any bytes; raises where something is not as promised.
    :ivar seeds: The inputs to begin from, beside the corpus.
    :ivar longest: The most bytes that an input should have.
    :ivar words: What a fuzzer may put into an input, beside what it makes up.
    """

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    longest: int
    words: tuple[bytes, ...] = ()


_NONE = b"\0\0\0\0"  # no key to speak of: the payload shows
_HYBI_SEEDS = (
    *(vector.wire for vector in FRAMES if len(vector.wire) < 300),
    *(frame(opcode, b"Hel", fin=False, key=_NONE) + frame(0, b"lo", key=_NONE) for opcode in (1, 2)),
    frame(1, "é€😀".encode(), key=_NONE) + frame(9, b"p", key=_NONE) + frame(8, b"\x03\xe8bye", key=_NONE),
    *(bytes.fromhex(wire) for _, wire, _ in DEFLATED),
    *(frame(opcode, deflated(b"Hello, hello" * 9), rsv=4, key=_NONE) for opcode in (1, 2)),
)
_FIELDS = (
    b"Host: example.com",
    b"Origin: http://example.com",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Content-Length: 8",
    b"Transfer-Encoding: chunked",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Origin: null",
    b"Sec-WebSocket-Protocol: chat, sample",
    b"WebSocket-Protocol: sample",
    b"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5",
    b"Sec-WebSocket-Key2: 12998 5 Y3 1  .P00",
    b"Sec-WebSocket-Extensions: permessage-deflate",
    b"X-Forwarded-For: 198.51.100.1, [2001:db8::1]:80",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: example.com:443",
    b"Cookie: a=b; c=%C3%A9",
    b"Authorization: Basic dXNlcjpwYXNz",
    b"Authorization: Bearer e30.e30.e30",
    b"Sec-WebSocket-Protocol: token.e30.e30.e30",
)
_OFFERS = (
    b"permessage-deflate",
    b"permessage-deflate; client_max_window_bits",
    b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    b'permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits="9"',
    b'x; a="\\"", deflate-stream, permessage-deflate; server_max_window_bits=8, permessage-deflate',
)
_OFFER_WORDS = (
    b"permessage-deflate",
    b"client_max_window_bits",
    b"server_max_window_bits",
    b"server_no_context_takeover",
    b"client_no_context_takeover",
    b"=15",
    b'="',
    b"; ",
    b", ",
    b"=08",
)
_ANSWERS = (
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Accept: {accept}",
    b"Sec-WebSocket-Protocol: chat",
    b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=10",
    b"Sec-WebSocket-Origin: http://example.com",
    b"Sec-WebSocket-Location: ws://example.com/chat",
    b"WebSocket-Origin: http://example.com",
    b"WebSocket-Location: ws://example.com/chat",
    b"WebSocket-Protocol: chat",
)

TARGETS: dict[str, Target] = {
    "hybi": Target(
        framing.hybi,
        (
            *(
                bytes([wire, limit]) + b"12" + seed
                for seed in _HYBI_SEEDS
                for wire, limit in ((0, 0), (7, 1))
            ),
            *(b"\x00\x0312" + frame(2, b"x" * size, key=_NONE) for size in (6, 7)),  # the limit, and past it
        ),
        600,
        (frame(1, b"a", key=_NONE), frame(0, b"a", key=_NONE), frame(9, key=_NONE), b"\xfe\x00\x7e"),
    ),
    "hixie": Target(
        framing.hixie,
        tuple(bytes([wire, 1]) + b"12" + seed for _, seed, _ in HIXIE_FRAMES for wire in (0, 1)),
        400,
        (b"\xff\x00", b"\x00a\xff", b"\x80\x81\x00", b"\xed\xa0"),
    ),
    "deflate": Target(
        framing.deflate,
        tuple(
            bytes([wire, wire % 5]) + b"12" + b"".join(bytes([wire % 3, len(part)]) + part for part in parts)
            for wire in range(6)
            for parts in ([deflated(b"Hello" * 9), deflated(b"Hello")], [b"\x01\x00\x00\xff\xff\x00"])
        ),
        400,
        (b"\x00\x00\xff\xff", b"\x01\x00\x00\xff\xff"),
    ),
    "close": Target(
        framing.close,
        tuple(
            bytes([wire]) + b"12" + said
            for wire in range(6)
            for said in (b"", b"\x03\xe8bye\xc3\xa9", b"\x03", b"\x03\xf0")
        ),
        200,
    ),
    "text": Target(
        framing.text,
        tuple(bytes([wire]) + b"12" + said for wire in (0, 1, 6) for said in ("aé€😀".encode(), b"\xed\xa0")),
        100,
    ),
    "messages": Target(
        framing.messages,
        tuple(bytes([wire]) + b"12\x00\x05Hello\x7f\x09Hello" for wire in range(14)),
        300,
    ),
    "head": Target(
        opening.head,
        (
            *(bytes([0]) + b"12" + each.request + each.key3 for each in HANDSHAKES),
            b"\x0012POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\nabc",
            b"\x0012POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
            b"\x0012GET / HTTP/1.0\r\n" + b"\r\n".join(_FIELDS) + b"\r\n\r\n",
        ),
        1500,
        (*_FIELDS, *_OFFER_WORDS, b"\r\n", b"\r\n\r\n", b" HTTP/1.1\r\n"),
    ),
    "offers": Target(opening.offers, _OFFERS, 400, _OFFER_WORDS),
    "answer": Target(
        answering.answer,
        (
            *(
                bytes([version, 1, 0])
                + b"12HTTP/1.1 101 Switching Protocols\r\n"
                + b"\r\n".join(_ANSWERS)
                + b"\r\n\r\n"
                b"{digest}\x81\x05Hello"
                for version in range(5)
            ),
            b"\x00\x01\x0012HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nabc",
            b"\x00\x01\x0012HTTP/1.0 503\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
        ),
        1200,
        (
            *_ANSWERS,
            *_OFFER_WORDS,
            b"{digest}",
            b"{accept}",
            b"\r\n\r\n",
            b"HTTP/1.1 101 x\r\n",
            b"HTTP/1.1 400 ",
        ),
    ),
    "token": Target(
        opening.token,
        (
            b'\x01{"alg":"HS256"}.{"sub":"ann","aud":["chat"],"exp":1060,"iat":1000,"expire_at":4600,"x":1e9}',
            b"\x00e30.e30.e30",
            b"\x00eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiYXVkIjoiY2hhdCIsImV4cCI6MTA2MH0.AAAA",
        ),
        300,
        (
            b'"alg":"HS256"',
            b'"crit":[]',
            b'"nbf":',
            b'"sub":"\\ud800"',
            b"1e999",
            b"NaN",
            b"[[[[",
            b'"aud":"chat"',
        ),
    ),
    "connection": Target(
        connecting.connection,
        (
            *(bytes([way, 9, 0, 5, 1, 1, 6, 0, 9, 50, 7, 0, 14, 0, 1, 6, 0, 7, 0]) for way in range(6)),
            b"\x00\xffGET / HTTP/1.1\r\nHost: test.example\r\n\r\nGET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\x00\xff<policy-file-request/>\x00",
        ),
        200,
    ),
}
