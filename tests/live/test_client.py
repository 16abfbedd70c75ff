"""Our client against servers of other people's: the same conversations with each."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any, ClassVar

from tests.live.certificates import Authority
from tests.live.clients import ClientTestCase
from wsapp import ConnectFailed, ConnectionClosed, HandshakeRefused, Limits

MEBIBYTE = 1024 * 1024
SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536, 300_000]


class Suite:
    """What each server must go through."""

    kind: ClassVar[str]

    async def test_echo(self: Any) -> None:
        """Text and binary of many sizes, with each kind of compression; the Close is clean."""
        port = self.echoes(self.kind)
        for compression in ("off", "shared", "takeover"):
            connection = await self.connect(f"ws://127.0.0.1:{port}/", compression=compression)
            agreed = connection.headers.get("Sec-WebSocket-Extensions") or ""
            self.assertEqual("permessage-deflate" in agreed, compression != "off", agreed)
            for size in SIZES:
                for message in ("é" * (size // 2), bytes(n * 7 % 251 for n in range(size))):
                    connection.send(message)
                    self.assertEqual(await connection.receive(), message)
            self.assertEqual(await connection.close(1000, "bye"), (1000, "bye", True))

    async def test_big(self: Any) -> None:
        """Messages of 8 MiB, several in flight."""
        port = self.echoes(self.kind)
        limits = Limits(maxMessage=16 * MEBIBYTE, maxSendBuffer=16 * MEBIBYTE)
        connection = await self.connect(f"ws://127.0.0.1:{port}/", limits=limits)
        messages = [bytes([number]) * (8 * MEBIBYTE) for number in range(3)]
        for message in messages:
            connection.send(message)
        for message in messages:
            self.assertEqual(await connection.receive(), message)
        await connection.close()

    async def test_many(self: Any) -> None:
        """Ten thousand small ones, no faster than they are taken."""
        port = self.echoes(self.kind)
        async with await self.connect(f"ws://127.0.0.1:{port}/") as connection:
            for number in range(10_000):
                await connection.send(str(number))
                if number % 10 == 9:
                    for sent in range(number - 9, number + 1):
                        self.assertEqual(await connection.receive(), str(sent))

    async def test_ping(self: Any) -> None:
        """Its pongs come; our automatic pings keep the connection."""
        port = self.echoes(self.kind)
        limits = Limits(pingInterval=0.3, pingTimeout=5)
        async with await self.connect(f"ws://127.0.0.1:{port}/", limits=limits) as connection:
            self.assertGreater(await connection.ping(), 0)
            self.assertGreater(await connection.ping(), 0)

    async def test_drop(self: Any) -> None:
        """An abrupt end is an error of the iteration."""
        port = self.echoes(self.kind)
        connection = await self.connect(f"ws://127.0.0.1:{port}/drop")
        connection.send("x")
        with self.assertRaises(ConnectionClosed) as raised:
            async for _ in connection:
                self.fail("a message")
        self.assertEqual(raised.exception.code, 1006)
        self.assertFalse((await connection.whenClosed()).clean)

    async def test_closed(self: Any) -> None:
        """The server's own Close, with code and reason."""
        port = self.echoes(self.kind)
        connection = await self.connect(f"ws://127.0.0.1:{port}/close")
        connection.send("x")
        self.assertEqual(await connection.whenClosed(), (4321, "because", True))

    async def test_subprotocol(self: Any) -> None:
        """The one that the server picks."""
        port = self.echoes(self.kind)
        async with await self.connect(
            f"ws://127.0.0.1:{port}/", subprotocols=["first", "second"]
        ) as connection:
            self.assertEqual(connection.subprotocol, "second")

    async def test_refused(self: Any) -> None:
        """Status, headers and body."""
        port = self.echoes(self.kind)
        with self.assertRaises(HandshakeRefused) as raised:
            await self.connect(f"ws://127.0.0.1:{port}/refuse")
        self.assertEqual(raised.exception.status, 401)
        if self.kind != "autobahn":  # which says it in the status line
            self.assertEqual(raised.exception.body, b"who are you\n")
            self.assertEqual(raised.exception.headers.get("content-length"), "12")

    async def test_tls(self: Any) -> None:
        """By TLS, for who trusts its authority; nobody else gets through, nor under another name."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("server")
        port = self.echoes(self.kind, certificate, key)
        trust = self.trust(authority)
        for host in ("localhost", "127.0.0.1"):
            connection = await self.connect(f"wss://{host}:{port}/", trustRoot=trust)
            for message in ("Hello", b"x" * 200_000):
                connection.send(message)
                self.assertEqual(await connection.receive(), message)
            self.assertEqual(await connection.close(), (1000, "", True))
        with self.assertRaises(ConnectFailed) as raised:
            await self.connect(f"wss://localhost:{port}/")
        self.assertIn("certificate verify failed", str(raised.exception))
        with self.assertRaises(ConnectFailed) as raised:
            await self.connect(f"wss://127.0.0.2:{port}/", trustRoot=trust)


class Fragments:
    """What those that can send fragments must go through too."""

    kind: ClassVar[str]

    async def test_fragments(self: Any) -> None:
        """Fragmented messages with pings amid them."""
        port = self.echoes(self.kind)
        for compression in ("off", "takeover"):
            async with await self.connect(
                f"ws://127.0.0.1:{port}/fragments", compression=compression
            ) as connection:
                for message in ("Hello, world", "é" * 50_000, b"\x00\xff" * 1000, "abc"):
                    connection.send(message)
                    self.assertEqual(await connection.receive(), message)


class WebsocketsTests(Suite, Fragments, ClientTestCase):
    """The ``websockets`` package."""

    kind = "websockets"
    needs = ("websockets",)


class AiohttpTests(Suite, ClientTestCase):
    """aiohttp, which sends no fragments: each of its messages is one frame."""

    kind = "aiohttp"
    needs = ("aiohttp",)


class AutobahnTests(Suite, Fragments, ClientTestCase):
    """Autobahn."""

    kind = "autobahn"
    needs = ("autobahn package",)


class WsTests(Suite, Fragments, ClientTestCase):
    """npm's ``ws``."""

    kind = "ws"
    needs = ("ws",)
