"""Both builds of the byte path, side by side in one process, and which of them is in use."""

from __future__ import annotations

import importlib
import os
import random
from types import ModuleType
from typing import Any
from unittest import SkipTest

import wsapp
from tests.wire.case import Case
from wsapp.errors import HandshakeError
from wsapp.limits import Limits
from wsapp.wire import frames, framing, handshake, http, hybi, masking, utf8
from wsapp.wire.deflate import Compression, Deflater, Inflater
from wsapp.wire.events import Event
from wsapp.wire.selection import accelerated
from wsapp.wire.versions import Receiver

#: What the run expects: ``accelerated`` or ``pure``; CI says so, elsewhere either will do.
EXPECTED = os.environ.get("WSAPP_EXPECT")

LIMITS = Limits(maxMessage=300, maxFragments=5)


def compiled(name: str, package: str = "wsapp.wire") -> ModuleType:
    """The compiled twin of a module.

    :raises SkipTest: There is none, and nobody said that there must be.
    """
    try:
        return importlib.import_module(f"{package}._c.{name}")
    except ImportError:
        if EXPECTED == "accelerated":
            raise
        raise SkipTest(f"{package}.{name} is not compiled here") from None


def stream(chance: random.Random) -> bytes:
    """Frames of all kinds, most of them right, some cut or spoilt."""
    deflater = Deflater(15, fresh=True)
    sent = bytearray()
    for _ in range(chance.randrange(1, 8)):
        payload = chance.choice(
            [
                b"",
                b"a",
                "hé€😀".encode() * chance.randrange(4),
                chance.randbytes(chance.randrange(200)),
                b"x" * 299,
            ]
        )
        first = chance.choice([0x81, 0x82, 0x01, 0x80, 0x00, 0x89, 0x8A, 0xC1, 0xC2, 0x41, 0x88])
        if first & 0x40 and chance.random() < 0.9:
            payload = deflater.deflate(payload)
        if first == 0x88:
            payload = chance.choice([b"", b"\x03\xe8bye", b"\x03", b"\x00\x00", b"\x03\xe8\xff"])
        if first & 8:
            payload = payload[:125]
        sent += framing.frame(first, payload, masked=chance.random() < 0.98)
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        sent[chance.randrange(len(sent))] = chance.randrange(256)
    return bytes(sent[: chance.choice([len(sent), chance.randrange(len(sent) + 1)])])


def events(receiver: Receiver, data: bytes, seed: int) -> list[Event]:
    """What comes out, under cuts and budgets that the seed chooses."""
    chance = random.Random(seed)
    out: list[Event] = []
    while data:
        size = chance.choice([1, 2, 7, 50, 1000])
        receiver.receive(data[:size])
        data = data[size:]
        if chance.random() < 0.7:
            out += receiver.next(chance.randrange(4), chance.randrange(400))
    while not receiver.hungry:
        out += receiver.next(3, 100)
    return out


def head(chance: random.Random) -> bytes:
    """A request head, most often a right one."""
    lines = [
        "GET /chat?a=b HTTP/1.1",
        "Host: example.com",
        "Connection: keep-alive , Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ== ",
        "Sec-WebSocket-Version: 13",
        "Cookie: a=b; c=\xe9",
        "X-Nothing:",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ]
    if chance.random() < 0.3:
        lines[1:] = chance.sample(lines[1:], len(lines) - 1)
    if chance.random() < 0.3:
        del lines[chance.randrange(1, len(lines))]
    data = bytearray("\r\n".join([*lines, "", "behind"]).encode("latin-1"))
    if chance.random() < 0.5:
        data[chance.randrange(len(data))] = chance.choice(b"\r\n\0 \t:a\x80")
    return bytes(data)


def opened(http: Any, handshake: Any, pieces: list[bytes]) -> str:
    """What becomes of a head that comes in these pieces."""
    reader = http.HeadReader(Limits(maxLine=70, maxHeaders=9))
    try:
        for piece in pieces:
            read = reader.receive(piece)
            if read is not None:
                handshake.checkUpgrade(read)
                handshake.checkHybi(read)
                accepted = handshake.acceptHybi(read, None, [], Compression.SHARED)
                answer = f"{accepted.head.decode()} {accepted.deflation}"
                return f"{answer} {read.headers!r} {read.raw!r} {reader.rest!r}"
    except HandshakeError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing yet"


class InUseTests(Case):
    """Which build is in use."""

    def test_asExpected(self) -> None:
        """It is the one that this run is for."""
        self.assertIs(wsapp.accelerated, accelerated)
        if EXPECTED is None:
            raise SkipTest("WSAPP_EXPECT does not say what this run is for")
        self.assertEqual("accelerated" if accelerated else "pure", EXPECTED)

    def test_pureWhenAsked(self) -> None:
        """WSAPP_PURE=1 is obeyed."""
        if os.environ.get("WSAPP_PURE", "0") not in ("", "0"):
            self.assertFalse(accelerated)


class SameTests(Case):
    """Both builds do the same: the symbols called here are those of the compiled modules."""

    def test_receiving(self) -> None:
        """The same events from 3,000 streams, whatever the cuts and budgets."""
        fast = compiled("hybi").HybiReceiver
        self.assertIsNot(fast, hybi.HybiReceiver)
        chance = random.Random(6455)
        for seed in range(3000):
            data = stream(chance)
            number = chance.choice([7, 8, 13])
            masked = chance.random() < 0.9
            results = [
                events(kind(LIMITS, number, Inflater(15, True), masked), data, seed)
                for kind in (hybi.HybiReceiver, fast)
            ]
            self.assertEqual(results[0], results[1], f"seed {seed}: {data!r}")

    def test_sending(self) -> None:
        """The same bytes for each message and control frame."""
        module = compiled("frames")
        chance = random.Random(5)
        sizes = [0, 1, 125, 126, 127, 128, 65535, 65536, *(chance.randrange(70000) for _ in range(50))]
        for number in (7, 8, 13):
            plain, fast = frames.HybiSender(number), module.HybiSender(number)
            for size in sizes:
                data = chance.randbytes(size)
                self.assertEqual(plain.encode(data), fast.encode(data))
                text = "é" * size
                self.assertEqual(plain.encode(text), fast.encode(text))
            for code in (1000, 1001, 1005, 1009, 1011, 4000):
                self.assertEqual(plain.close(code, "why" * 60), fast.close(code, "why" * 60))
            self.assertEqual(plain.ping(b"p"), fast.ping(b"p"))
            self.assertEqual(plain.pong(b"p"), fast.pong(b"p"))
        deflating = [kind.HybiSender(13, Deflater(15, fresh=True)) for kind in (frames, module)]
        self.assertEqual(deflating[0].encode("word " * 100), deflating[1].encode("word " * 100))

    def test_masking(self) -> None:
        """The same masks, at every offset and odd length."""
        module = compiled("masking")
        chance = random.Random(4)
        for size in [*range(40), 1000, 65537]:
            data, key, offset = chance.randbytes(size), chance.randbytes(4), chance.randrange(9)
            self.assertEqual(masking.mask(data, key, offset), module.mask(data, key, offset))
            start = chance.randrange(size + 1)
            length = chance.randrange(size - start + 1)
            self.assertEqual(
                masking.unmask(data, start, length, key, offset),
                module.unmask(data, start, length, key, offset),
            )

    def test_maskingOutOfRange(self) -> None:
        """C looks at nothing that is not there."""
        module = compiled("masking")
        for start, size, key, offset in [
            (0, 5, b"abcd", 0),
            (5, 0, b"abcd", 0),
            (-1, 1, b"abcd", 0),
            (0, 1, b"abc", 0),
            (0, -1, b"abcd", 0),
            (0, 1, b"abcd", -1),
        ]:
            with self.assertRaises(ValueError):
                module.unmask(b"data", start, size, key, offset)

    def test_heads(self) -> None:
        """The same of 2,000 request heads, of which most are right, and of their handshakes."""
        modules = (http, handshake), (compiled("http"), compiled("handshake"))
        chance = random.Random(9112)
        answers = 0
        for _ in range(2000):
            data = head(chance)
            size = chance.choice([1, 7, 60, 1000])
            pieces = [data[place : place + size] for place in range(0, len(data), size)]
            plain, fast = [opened(*pair, pieces) for pair in modules]
            self.assertEqual(plain, fast, data)
            answers += plain.startswith("HTTP/1.1 101")
        self.assertGreater(answers, 300)

    def test_checking(self) -> None:
        """The same verdict on text that may be wrong or unfinished."""
        module = compiled("utf8")
        chance = random.Random(3)
        for _ in range(2000):
            text = bytearray("aé€😀".encode() * 2)
            text[chance.randrange(len(text))] = chance.randrange(256)
            del text[chance.randrange(len(text) + 1) :]
            self.assertEqual(utf8.checked(text, 0), module.checked(text, 0))
