"""Our client against our own ``twistd``: every version, TLS, UNIX sockets, and proxies on the way."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, serverFromString
from twisted.internet.protocol import Factory, Protocol

from tests.live.certificates import Authority
from tests.live.clients import ClientTestCase
from tests.live.server import LIMIT, environment, freePort
from wsapp import HandshakeRefused
from wsapp.errors import ProxyRefused
from wsapp.wire.versions import VERSIONS

SNIPPET = Path(__file__).parents[2] / "docs" / "snippets" / "client.py"


class Onward(Protocol):
    """What the server sends goes to the client."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def dataReceived(self, data: bytes) -> None:
        self.client.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.client.transport.loseConnection()


class Proxy(Protocol):
    """A proxy that knows CONNECT and one user."""

    asked: list[bytes]

    def __init__(self) -> None:
        self.head = b""
        self.server: Any = None
        self.early = b""

    def dataReceived(self, data: bytes) -> None:
        if self.head.endswith(b"\r\n\r\n"):
            if self.server is None:
                self.early += data
            else:
                self.server.transport.write(data)
            return
        self.head += data
        if not self.head.endswith(b"\r\n\r\n"):
            return
        line, *fields = self.head.split(b"\r\n")
        self.asked.append(line)
        if b"Proxy-Authorization: Basic " + base64.b64encode(b"ann:secret") not in fields:
            answer = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwho?"
            self.transport.write(answer)  # type: ignore[union-attr]
            return
        host, _, port = line.split()[1].rpartition(b":")
        endpoint = TCP4ClientEndpoint(reactor, host.decode(), int(port))
        connectProtocol(endpoint, Onward(self)).addCallback(self.reached)

    def reached(self, server: Any) -> None:
        self.server = server
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")  # type: ignore[union-attr]
        server.transport.write(self.early)

    def connectionLost(self, reason: Any = None) -> None:
        if self.server is not None:
            self.server.transport.loseConnection()


class OwnServerTests(ClientTestCase):
    """Our own server."""

    async def converse(self, url: str, **options: Any) -> None:
        """Echo, and a clean close."""
        connection = await self.connect(url, **options)
        for message in ("Hello", "é" * 100_000):
            connection.send(message)
            self.assertEqual(await connection.receive(), message)
        closed = await connection.close(1000, "bye")
        self.assertEqual(closed.clean, options.get("version") != "hixie-75")

    async def test_versions(self) -> None:
        """Each that there is, plain and by TLS."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("server")
        port, secure = freePort(), freePort()
        self.server(
            *("--port", f"tcp:{port}:interface=127.0.0.1"),
            *("--port", f"ssl:{secure}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"),
            *("--app", "echo"),
        ).start()
        for version in VERSIONS:
            await self.converse(f"ws://localhost:{port}/", version=version.option)
            await self.converse(
                f"wss://localhost:{secure}/", version=version.option, trustRoot=self.trust(authority)
            )

    async def test_unix(self) -> None:
        """A UNIX socket."""
        path = self.folder() / "s"
        self.server("--port", f"unix:{path}", "--app", "echo").start()
        await self.converse(f"ws+unix:{path}:/echo")

    async def test_refused(self) -> None:
        """A path where there is nothing."""
        _, port = self.serve()
        with self.assertRaises(HandshakeRefused) as raised:
            await self.connect(f"ws://127.0.0.1:{port}/nowhere")
        self.assertEqual(raised.exception.status, 404)

    async def test_stopped(self) -> None:
        """A server that stops says 1001, which ends the messages in order."""
        server, port = self.serve()
        connection = await self.connect(f"ws://127.0.0.1:{port}/")
        server.signal(signal.SIGTERM)
        self.assertEqual([message async for message in connection], [])
        self.assertEqual(connection.closed[0], 1001)
        self.assertEqual(server.ended(server.pid), 0)

    def test_snippet(self) -> None:
        """The how-to's example does what it says."""
        _, port = self.serve()
        ended = subprocess.run(
            [sys.executable, str(SNIPPET), f"ws://localhost:{port}/", "hello", "world"],
            env=environment(),
            capture_output=True,
            timeout=LIMIT,
            text=True,
        )
        self.assertEqual((ended.stdout, ended.stderr, ended.returncode), ("hello\nworld\n", "", 0))

    def test_follower(self) -> None:
        """The other example comes back when the server does."""
        server, port = self.serve()
        script = SNIPPET.with_name("follower.py")
        process = subprocess.Popen(
            [sys.executable, str(script), f"ws://localhost:{port}/"],
            env=environment(),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, LIMIT)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"here I am\n")
        server.stop()
        self.serve(port=port)
        self.assertEqual(process.stdout.readline(), b"here I am\n")
        process.terminate()
        process.wait(LIMIT)


class BenchmarkTests(ClientTestCase):
    """``benchmarks.clients`` measures what it says."""

    needs = ("websockets",)

    def test_clients(self) -> None:
        """Each client that is here echoes, and reports a cost and a rate."""
        port = self.echoes("websockets")
        for client in ("wsapp", "websockets"):
            ended = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.clients",
                    "--client",
                    client,
                    "--connections",
                    "3",
                    "--url",
                    f"ws://127.0.0.1:{port}/",
                    "--seconds",
                    "0.5",
                ],
                cwd=SNIPPET.parents[2],
                env=environment(),
                capture_output=True,
                timeout=LIMIT,
                text=True,
            )
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
            cost, rate = map(float, ended.stdout.split())
            self.assertTrue(0 < cost < 1e5 and rate > 10, ended.stdout)


class ProxyTests(ClientTestCase):
    """Through a proxy."""

    async def proxy(self, description: str = "tcp") -> tuple[str, list[bytes]]:
        """Start one.

        :return: Its host and port, and what it is asked.
        """
        Proxy.asked = []
        endpoint = serverFromString(reactor, f"{description}:0:interface=127.0.0.1")
        port = await endpoint.listen(Factory.forProtocol(Proxy))
        self.addCleanup(port.stopListening)
        return f"localhost:{port.getHost().port}", Proxy.asked

    async def test_plainAndSecure(self) -> None:
        """Both schemes, by the environment's word; TLS is between the client and the server."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("server")
        plain = self.echoes("websockets")
        secure = self.echoes("websockets", certificate, key)
        proxy, asked = await self.proxy()
        named = {"http_proxy": f"http://ann:secret@{proxy}", "https_proxy": f"ann:secret@{proxy}"}
        with mock.patch.dict("os.environ", named):
            for url in (f"ws://127.0.0.1:{plain}/", f"wss://127.0.0.1:{secure}/"):
                async with await self.connect(url, proxy=True, trustRoot=self.trust(authority)) as connection:
                    connection.send("x" * 100_000)
                    self.assertEqual(await connection.receive(), "x" * 100_000)
        self.assertEqual(
            asked,
            [b"CONNECT 127.0.0.1:%d HTTP/1.1" % plain, b"CONNECT 127.0.0.1:%d HTTP/1.1" % secure],
        )

    async def test_refused(self) -> None:
        """A proxy that wants to know who."""
        proxy, _ = await self.proxy()
        with self.assertRaises(ProxyRefused) as raised:
            await self.connect("ws://127.0.0.1:1/", proxy=f"http://ann:wrong@{proxy}")
        self.assertEqual((raised.exception.status, raised.exception.body), (407, b"who?"))
        self.assertNotIn("wrong", str(raised.exception))

    needs = ("websockets",)
