"""The ``websockets`` package's client: today's protocol, as a library of other people's speaks it."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urljoin

from tests.live.case import LiveTestCase
from tests.live.certificates import Authority
from tests.live.server import LIMIT, freePort

try:
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
    from websockets.sync.client import ClientConnection, connect, unix_connect
    from websockets.typing import Origin, Subprotocol
except ImportError:  # then setUp skips, or fails where live tests are required
    pass

MEBIBYTE = 1024 * 1024


@contextmanager
def client(
    port: int,
    path: str = "/",
    *,
    compression: str | None = "deflate",
    origin: str | None = None,
    subprotocols: list[str] | None = None,
    factory: ClientPerMessageDeflateFactory | None = None,
) -> Iterator[ClientConnection]:
    """A connection of the package's, without its own pings and limits: one that is full of messages nobody
    has asked it for would not see the server's Close.

    :raises InvalidStatus: The server refused the handshake.
    """
    with connect(
        f"ws://127.0.0.1:{port}{path}",
        compression=compression,
        origin=None if origin is None else Origin(origin),
        subprotocols=None if subprotocols is None else [Subprotocol(name) for name in subprotocols],
        extensions=[factory] if factory else None,
        proxy=None,
        open_timeout=LIMIT,
        close_timeout=LIMIT,
        ping_interval=None,
        max_size=None,
        max_queue=None,
    ) as connection:
        yield connection


class WebsocketsTestCase(LiveTestCase):
    """The base of these."""

    needs = ("websockets",)

    def echoes(self, connection: ClientConnection, *messages: str | bytes) -> None:
        """:raises AssertionError: One of the messages does not come back as it was sent."""
        for message in messages:
            connection.send(message)
            answer = connection.recv(LIMIT)
            if answer != message:
                self.fail(
                    f"sent {message[:80]!r}, {len(message)} long; got {answer[:80]!r}, {len(answer)} long"
                )

    def refusal(self, port: int, path: str = "/", *, origin: str | None = None) -> int:
        """:return: The HTTP status with which the server refuses a handshake."""
        try:
            with client(port, path, origin=origin):
                self.fail("the handshake was accepted")
        except InvalidStatus as error:
            return error.response.status_code


class EchoTests(WebsocketsTestCase):
    """What is sent comes back."""

    MESSAGES = (
        "hello",
        "",
        "Grüße, 世界 \U0001f600\0",
        b"",
        bytes(range(256)),
        "x" * 125,
        "x" * 126,
        b"x" * 65535,
        b"x" * 65536,
        "ü" * (MEBIBYTE // 2),
        os.urandom(MEBIBYTE),
    )

    def test_compressionOfferedAndTaken(self) -> None:
        """By default permessage-deflate without context takeover."""
        _, port = self.serve()
        with client(port) as connection:
            (extension,) = connection.protocol.extensions
            assert isinstance(extension, PerMessageDeflate)
            self.assertTrue(extension.remote_no_context_takeover)
            self.assertTrue(extension.local_no_context_takeover)
            self.echoes(connection, *self.MESSAGES)

    def test_compressionNotOffered(self) -> None:
        """A client that offers none gets none."""
        _, port = self.serve()
        with client(port, compression=None) as connection:
            self.assertEqual([], list(connection.protocol.extensions))
            self.echoes(connection, *self.MESSAGES)

    def test_compressionOff(self) -> None:
        """``--compression off`` takes no offer."""
        _, port = self.serve("--compression", "off")
        with client(port) as connection:
            self.assertEqual([], list(connection.protocol.extensions))
            self.echoes(connection, *self.MESSAGES)

    def test_compressionTakeover(self) -> None:
        """``--compression takeover`` keeps the contexts; equal messages go through them."""
        _, port = self.serve("--compression", "takeover")
        with client(port) as connection:
            (extension,) = connection.protocol.extensions
            assert isinstance(extension, PerMessageDeflate)
            self.assertFalse(extension.remote_no_context_takeover)
            text = "The same again, and long enough to be worth the while. " * 5
            self.echoes(connection, text, text, text, *self.MESSAGES)

    def test_windowBits(self) -> None:
        """Window sizes as they are asked for, from 9 to 15."""
        _, port = self.serve()
        for bits in (9, 12, 15):
            factory = ClientPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=bits)
            with client(port, factory=factory) as connection:
                (extension,) = connection.protocol.extensions
                assert isinstance(extension, PerMessageDeflate)
                self.assertLessEqual(extension.remote_max_window_bits, bits)
                self.echoes(connection, json.dumps(list(range(20_000))), *self.MESSAGES[:6])

    def test_fragmented(self) -> None:
        """Messages in many frames, some of them empty, with and without compression."""
        _, port = self.serve()
        for compression in ("deflate", None):
            with client(port, compression=compression) as connection:
                connection.send(["Grü", "", "ße", "x" * 70_000])
                self.assertEqual("Grüße" + "x" * 70_000, connection.recv(LIMIT))
                connection.send(bytes([number]) * 4096 for number in range(256))
                self.assertEqual(
                    b"".join(bytes([number]) * 4096 for number in range(256)), connection.recv(LIMIT)
                )
                connection.send("x" for _ in range(5000))
                self.assertEqual("x" * 5000, connection.recv(LIMIT))

    def test_manyInFlight(self) -> None:
        """Messages sent without waiting come back in order."""
        _, port = self.serve()
        with client(port) as connection:
            for number in range(2000):
                connection.send(str(number))
            self.assertEqual(
                [str(number) for number in range(2000)], [connection.recv(LIMIT) for _ in range(2000)]
            )

    def test_manyClients(self) -> None:
        """A hundred at once, each with its own echo."""
        _, port = self.serve()
        with ExitStack() as stack:
            connections = [stack.enter_context(client(port)) for _ in range(100)]
            for number, connection in enumerate(connections):
                connection.send(f"I am {number}")
            for number, connection in enumerate(connections):
                self.assertEqual(f"I am {number}", connection.recv(LIMIT))

    def test_ping(self) -> None:
        """A ping is answered with its own payload."""
        _, port = self.serve()
        with client(port) as connection:
            for payload in (b"", b"there?", b"x" * 125):
                self.assertTrue(connection.ping(payload).wait(LIMIT))

    def test_serverPings(self) -> None:
        """A client that answers the server's pings stays."""
        _, port = self.serve("--ping-interval", "0.5", "--ping-timeout", "2")
        with client(port) as connection:
            time.sleep(2)
            self.echoes(connection, "still here")


class CloseTests(WebsocketsTestCase):
    """Close codes in both directions."""

    def code(self, connection: ClientConnection) -> int | None:
        """:return: The code with which the server closes."""
        try:
            connection.recv(LIMIT)
        except ConnectionClosed as error:
            return None if error.rcvd is None else error.rcvd.code
        self.fail("a message came instead of a Close")

    def test_fromClient(self) -> None:
        """The code is echoed."""
        _, port = self.serve()
        for code in (1000, 1001, 1003, 1011, 3000, 4999):
            with client(port) as connection:
                connection.close(code, "bye")
                self.assertEqual(code, connection.close_code)

    def test_tooLarge(self) -> None:
        """1009, for one byte too many, for too much in fragments, and for what inflates to too much."""
        _, port = self.serve("--max-message", "64K")
        for compression in (None, "deflate"):
            with client(port, compression=compression) as connection:
                self.echoes(connection, "x" * 65536)
                connection.send("x" * 65537)
                self.assertEqual(1009, self.code(connection))
            with client(port, compression=compression) as connection:
                with contextlib.suppress(ConnectionClosed):
                    connection.send(["x" * 65536, "x"])
                self.assertEqual(1009, self.code(connection))
        with client(port) as connection:
            with contextlib.suppress(ConnectionClosed):
                connection.send("x" * (64 * MEBIBYTE))
            self.assertEqual(1009, self.code(connection))

    def test_sizeIsBytes(self) -> None:
        """The limit counts UTF-8, not characters."""
        _, port = self.serve("--max-message", "1000")
        with client(port) as connection:
            self.echoes(connection, "ü" * 500)
            connection.send("ü" * 501)
            self.assertEqual(1009, self.code(connection))

    def test_tooManyFragments(self) -> None:
        """1009 as well."""
        _, port = self.serve("--max-fragments", "10")
        with client(port) as connection:
            connection.send(["x"] * 9)
            self.assertEqual("x" * 9, connection.recv(LIMIT))
            with contextlib.suppress(ConnectionClosed):  # it may speak before the last is sent
                connection.send(["x"] * 20)
            self.assertEqual(1009, self.code(connection))

    def test_goingAway(self) -> None:
        """1001 when the server is stopped."""
        server, port = self.serve()
        with client(port) as connection:
            self.assertEqual(0, server.stop())
            self.assertEqual(1001, self.code(connection))

    def test_rudeClients(self) -> None:
        """Those who are gone without a Close do not trouble the others."""
        _, port = self.serve()
        with client(port) as stays:
            for _ in range(20):
                with client(port) as goes:
                    goes.send("x" * 1000)
                    goes.socket.close()
            self.echoes(stays, "still here")


class HandshakeTests(WebsocketsTestCase):
    """Which application, and who may connect."""

    def test_subprotocol(self) -> None:
        """An app's name as the subprotocol chooses it, and is the answer; a strange one is not answered."""
        _, port = self.serve("--app", "echo", "--app", "chat")
        for offered, chosen in (
            (["chat"], "chat"),
            (["token", "echo"], "echo"),
            (["strange"], None),
            (None, None),
        ):
            with client(port, subprotocols=offered) as connection:
                self.assertEqual(chosen, connection.subprotocol, offered)

    def test_path(self) -> None:
        """A path chooses too; one that nobody has is 404."""
        _, port = self.serve("--app", "chat", "--app", "echo")
        with client(port, "/echo") as connection:
            self.echoes(connection, "by path")
        self.assertEqual(404, self.refusal(port, "/nobody"))

    def test_origin(self) -> None:
        """The same origin and none are let in; another one, another port and ``null`` are not."""
        _, port = self.serve()
        for origin in (None, f"http://127.0.0.1:{port}"):
            with client(port, origin=origin) as connection:
                self.echoes(connection, "let in")
        for origin in (
            "http://evil.example",
            f"http://127.0.0.1:{port + 1}",
            f"https://127.0.0.1:{port}",
            "null",
        ):
            self.assertEqual(403, self.refusal(port, origin=origin), origin)

    def test_allowOrigin(self) -> None:
        """``--allow-origin`` lets a site in, and keeps the others out; ``*`` lets in all."""
        _, port = self.serve("--allow-origin", "https://friend.example")
        with client(port, origin="https://friend.example") as connection:
            self.echoes(connection, "let in")
        self.assertEqual(403, self.refusal(port, origin="https://evil.example"))

    def test_requireOrigin(self) -> None:
        """``--require-origin`` keeps out who names none."""
        _, port = self.serve("--require-origin")
        self.assertEqual(403, self.refusal(port))
        with client(port, origin=f"http://127.0.0.1:{port}") as connection:
            self.echoes(connection, "let in")

    def test_tooMany(self) -> None:
        """Past ``--max-connections``: 503; a place that is free again is given away."""
        _, port = self.serve("--max-connections", "2")
        with client(port), client(port):
            self.assertEqual(503, self.refusal(port))
        end = time.monotonic() + LIMIT
        while True:
            try:
                with client(port) as connection:
                    self.echoes(connection, "let in")
                    break
            except InvalidStatus:
                self.assertLess(time.monotonic(), end)

    def test_plainRequests(self) -> None:
        """The standard library's HTTP client gets pages from the same port."""
        _, port = self.serve("--app", "chat")
        browser = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        self.addCleanup(browser.close)
        browser.request("GET", "/")
        response = browser.getresponse()
        response.read()
        address = urljoin(f"http://127.0.0.1:{port}/", response.headers["Location"])
        self.assertEqual((302, f"http://127.0.0.1:{port}/chat/"), (response.status, address))
        browser.request("GET", "/chat/")
        response = browser.getresponse()
        self.assertEqual(200, response.status)
        self.assertIn("text/html", response.headers["Content-Type"])
        self.assertIn(b"<html", response.read())


class TransportTests(WebsocketsTestCase):
    """TLS and UNIX sockets."""

    def test_tls(self) -> None:
        """wss, verified; a page of the same origin is let in, one of the plain scheme is not."""
        authority, port = Authority(self.folder()), freePort()
        key, certificate = authority.issue("one")
        self.server(
            "--port",
            f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}",
            "--app",
            "echo",
        ).start()
        address = f"wss://localhost:{port}/"
        for origin in (None, Origin(f"https://localhost:{port}")):
            with connect(
                address, ssl=authority.context(), origin=origin, proxy=None, max_size=None
            ) as connection:
                self.echoes(connection, *EchoTests.MESSAGES)
        with (
            self.assertRaises(InvalidStatus),
            connect(address, ssl=authority.context(), origin=Origin(f"http://localhost:{port}"), proxy=None),
        ):
            pass

    def test_unix(self) -> None:
        """A UNIX socket."""
        path = self.folder() / "socket"
        self.server("--port", f"unix:{path}", "--app", "echo").start()
        with unix_connect(Path(path), max_size=None) as connection:
            self.echoes(connection, *EchoTests.MESSAGES)


class ChatTests(WebsocketsTestCase):
    """The chat application, from clients that are not its page."""

    def until(self, connection: ClientConnection, word: str) -> str:
        """:return: The next message that has the word."""
        end = time.monotonic() + LIMIT
        while word not in (message := str(connection.recv(LIMIT))):
            self.assertLess(time.monotonic(), end)
        return message

    def test_lines(self) -> None:
        """A terminal client: what one says as a plain line, the others hear as one, with the name."""
        _, port = self.serve("--app", "chat")
        with client(port, "/?name=Ann") as ann, client(port, "/?name=Bob") as bob:
            self.until(ann, "Bob")
            bob.send("grüß dich")
            self.assertIn("Bob", self.until(ann, "grüß dich"))
            ann.send("and you")
            self.assertIn("Ann", self.until(bob, "and you"))

    def test_everybodyHears(self) -> None:
        """Fifty people, with and without compression, hear what is said, all in one order; a newcomer
        gets to read it."""
        _, port = self.serve("--app", "chat")
        with ExitStack() as stack:
            people = [
                stack.enter_context(
                    client(
                        port, f"/?format=json&name=p{number}", compression=None if number % 2 else "deflate"
                    )
                )
                for number in range(50)
            ]
            for person in people:
                self.assertEqual("welcome", json.loads(person.recv(LIMIT))["type"])
            for number in range(20):
                people[number].send(json.dumps({"type": "message", "text": f"line {number}"}))
            heard = []
            for person in people:
                lines: list[str] = []
                while len(lines) < 20:
                    event = json.loads(self.until(person, '"message"'))
                    lines.append(event["text"])
                heard.append(lines)
            self.assertEqual({f"line {number}" for number in range(20)}, set(heard[0]))
            for lines in heard:
                self.assertEqual(heard[0], lines)
            newcomer = stack.enter_context(client(port, "/?format=json"))
            for line in heard[0]:
                self.assertEqual(line, json.loads(self.until(newcomer, '"message"'))["text"])
