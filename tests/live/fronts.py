"""Front ends of other people's before ours: a child process, with a configuration that stands in docs/.

:class:`FrontSuite` is what every one of them must pass.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from tests.live.case import LiveTestCase
from tests.live.certificates import Authority
from tests.live.raw import BINARY, CLOSE, PING, PONG, TEXT, Raw, frame
from tests.live.server import LIMIT, Server, freePort, waitFor

__all__ = ["FIN", "SEEN", "Front", "FrontCase", "FrontSuite", "Visitor", "adapted"]

SNIPPETS = Path(__file__).parents[2] / "docs" / "snippets" / "fronts"

#: The first byte of a frame that is a whole message.
FIN = 0x80

#: What a front end answers where wsapp does not take the connection.
AWAY = r" 50[23] "

#: Tells each client what it looks like from here, then echoes.
SEEN = """
import json
from wsapp.apps.echo import Echo

class Seen(Echo):
    def onConnect(self, client):
        request = client.request
        seen = {"peer": request.peer, "secure": request.secure, "host": request.host, "path": request.path}
        client.send(json.dumps(seen))
"""


def adapted(name: str, changes: dict[str, str]) -> str:
    """:return: A configuration of docs/, with other ports and paths.
    :raises AssertionError: Something that is to be changed is not in it."""
    text = (SNIPPETS / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text


class Visitor(Raw):
    """A client of the site ``example.com``.

    :param source: The address of the loopback that it comes from.
    """

    def __init__(
        self, port: int, *, context: ssl.SSLContext | None = None, source: str = "127.0.0.1"
    ) -> None:
        self.buffer = b""
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT, source_address=(source, 0))
        self.host = f"example.com:{port}"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def seen(self) -> dict[str, Any]:
        """:return: What it looks like from the server."""
        opcode, payload = self.frame()
        assert opcode == FIN | TEXT, (opcode, payload)
        found: dict[str, Any] = json.loads(payload)
        return found

    def echoes(self, message: bytes, opcode: int = TEXT) -> bool:
        """:return: Whether a message comes back as it was."""
        self.send(frame(opcode, message))
        return self.frame() == (FIN | opcode, message)

    def end(self, code: int = 1000) -> bool:
        """:return: Whether the closing handshake is as it should be, up to the end of the connection."""
        self.send(frame(CLOSE, struct.pack(">H", code)))
        return self.frame() == (FIN | CLOSE, struct.pack(">H", code)) and self.rest() == b""

    def idle(self, seconds: float) -> bool:
        """Say nothing but pongs, for a while.

        :return: Whether the connection is still there.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                opcode, payload = self.frame()
            except TimeoutError:
                break
            except EOFError:
                return False
            assert opcode == FIN | PING, (opcode, payload)
            self.send(frame(PONG, payload))
        self.socket.settimeout(LIMIT)
        return True


class Front:
    """A running front end.

    :param command: The command line; it must stay in the foreground.
    :param plain: Its port for HTTP.
    :param secure: Its port for HTTPS.
    :param reloading: The signal that has it read its configuration again.
    """

    def __init__(
        self, folder: Path, command: list[str], plain: int, secure: int, reloading: signal.Signals
    ) -> None:
        self.folder = folder
        self.plain = plain
        self.secure = secure
        self._reloading = reloading
        self.logFile = folder / "log"
        with self.logFile.open("wb") as output:
            # A session of its own: its workers end with it, whoever is their parent.
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            for port in (plain, secure):
                waitFor(f"{command[0]} at {port}", partial(self._there, port))
        except AssertionError as error:
            self.end()
            raise AssertionError(f"{error}\n{self.log}") from None

    @property
    def log(self) -> str:
        """What it has printed."""
        return self.logFile.read_text(encoding="utf-8", errors="replace")

    def _there(self, port: int) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def reload(self) -> None:
        """Have it read its configuration again, as its own command for that does."""
        self.process.send_signal(self._reloading)

    def end(self) -> None:
        """End it and its workers, however they are."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT)


class FrontCase(LiveTestCase):
    """A test with wsapp, and a front end before it."""

    #: The file in docs/.
    configuration: ClassVar[str]

    def changes(self, folder: Path, upstream: int, plain: int, secure: int) -> dict[str, str]:
        """:return: What is to be other than in docs/."""
        raise NotImplementedError

    def launch(self, folder: Path, text: str, plain: int, secure: int) -> Front:
        """Write the configuration and start the front end with it."""
        raise NotImplementedError

    def rewrite(self, front: Front, old: str, new: str) -> None:
        """Change the configuration of a front end that runs."""
        file = front.folder / "site"
        text = file.read_text()
        assert old in text, text
        file.write_text(text.replace(old, new))

    def both(self, *options: str, **changes: str) -> tuple[Server, Front]:
        """Start wsapp, and the front end before it.

        :param changes: More that is to be other than in docs/, after ``changes=``.
        """
        port = freePort()
        server = self.wsapp(port, *options)
        return server, self.before(port, changes)

    def wsapp(self, port: int, *options: str) -> Server:
        """Start the server behind."""
        file = self.folder() / "seen.py"
        file.write_text(SEEN)
        server: Server = self.server(
            *self.upstream(port),
            *("--app", f"{file}:Seen", "--trust-proxy", "127.0.0.1", "--host", "example.com"),
            *options,
        )
        return server.start()

    def upstream(self, port: int) -> tuple[str, ...]:
        """:return: The options that say where wsapp listens."""
        return "--port", f"tcp:{port}:interface=127.0.0.1"

    def before(self, upstream: int, more: dict[str, str]) -> Front:
        """Start the front end."""
        folder, plain, secure = self.folder(), freePort(), freePort()
        self.authority = Authority(folder)
        key, certificate = self.authority.issue("front")
        (folder / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
        changes = {**self.changes(folder, upstream, plain, secure), **more}
        front: Front = self.launch(folder, adapted(self.configuration, changes), plain, secure)
        self.addCleanup(front.end)
        return front


class FrontSuite:
    """What works behind any front end that speaks HTTP; mixed into a :class:`FrontCase`."""

    #: What of the time-outs in docs/ is to be 3 s where a test says so.
    patience: ClassVar[dict[str, str]]
    #: What must be other where only one connection is allowed.
    alone: ClassVar[dict[str, str]] = {}

    def test_plain(self: Any) -> None:
        """Pages, a WebSocket, messages of any size both ways, and the codes of the end."""
        _, front = self.both()
        with Visitor(front.plain) as visitor:
            visitor.request("/seen/")
            head, body = visitor.response()
            self.assertIn(" 200 ", head)
            self.assertIn(b"<html", body)
        with Visitor(front.plain) as visitor:
            self.assertIn(" 101 ", visitor.upgrade("/seen", f"Origin: http://{visitor.host}"))
            self.assertEqual(
                visitor.seen(),
                {"peer": "127.0.0.1", "secure": False, "host": visitor.host, "path": "/seen"},
            )
            for message in (b"", b"hello", b"x" * 300_000, b"y" * 1_000_000):
                self.assertTrue(visitor.echoes(message))
            self.assertTrue(visitor.echoes(bytes(range(256)) * 500, BINARY))
            self.assertTrue(visitor.end(4711))

    def test_tls(self: Any) -> None:
        """The application knows that the client uses TLS; the origin is the site's own, and no other's."""
        server, front = self.both()
        context = self.authority.context()
        with Visitor(front.secure, context=context) as visitor:
            self.assertIn(" 101 ", visitor.upgrade("/", f"Origin: https://{visitor.host}"))
            seen = visitor.seen()
            self.assertEqual((seen["secure"], seen["host"]), (True, visitor.host))
            self.assertTrue(visitor.echoes(b"z" * 200_000))
            self.assertTrue(visitor.end())
        for origin in ("https://example.com.evil.example", f"http://example.com:{front.secure}"):
            with Visitor(front.secure, context=context) as visitor:
                self.assertIn(" 403 ", visitor.upgrade("/", f"Origin: {origin}"))
        waitFor("a line for each", lambda: server.log.count("--allow-origin ORIGIN would accept it") == 2)

    def test_prefix(self: Any) -> None:
        """Below a prefix there are the same pages, which stay there, and the same WebSocket."""
        _, front = self.both()
        with Visitor(front.plain) as visitor:
            visitor.request("/live/seen")
            head, _ = visitor.response()
            found = re.search(r"^location: (.*)\r$", head, re.M | re.I)
            self.assertTrue(found, head)
            assert found is not None
            self.assertNotRegex(found[1], "^(/|http)")  # or the prefix would be lost
        with Visitor(front.plain) as visitor:
            visitor.request("/live/seen/")
            self.assertIn(b"<html", visitor.response()[1])
        with Visitor(front.plain) as visitor:
            self.assertIn(" 101 ", visitor.upgrade("/live/seen"))
            self.assertEqual(visitor.seen()["path"], "/seen")

    def test_address(self: Any) -> None:
        """A client's address is its own, whatever it says, also where many share a connection to wsapp."""
        _, front = self.both()
        for number in (2, 3, 4):
            address = f"127.0.0.{number}"
            with Visitor(front.plain, source=address) as visitor:
                visitor.request("/seen/")
                visitor.response()
            with Visitor(front.plain, source=address) as visitor:
                visitor.upgrade("/", "X-Forwarded-For: 203.0.113.7\nX-Forwarded-Proto: https")
                seen = visitor.seen()
                self.assertEqual((seen["peer"], seen["secure"]), (address, False))

    def test_pool(self: Any) -> None:
        """A connection that has served plain requests becomes a WebSocket: there is room for one only."""
        _, front = self.both("--max-connections", "1", **self.alone)
        with Visitor(front.plain) as visitor:
            for _ in range(3):
                visitor.request("/seen/")
                self.assertIn(" 200 ", visitor.response()[0])
            self.assertIn(" 101 ", visitor.upgrade("/"))
            visitor.seen()
            self.assertTrue(visitor.echoes(b"one connection"))
            with Visitor(front.plain) as other:
                other.request("/seen/")
                self.assertRegex(other.response()[0], AWAY)

    def test_timeout(self: Any) -> None:
        """Pings keep a silent connection open longer than the front end's patience; without, it ends."""
        for interval, survives in (("1", True), ("50", False)):
            _, front = self.both("--ping-interval", interval, **self.patience)
            with Visitor(front.plain) as visitor:
                visitor.upgrade("/")
                visitor.seen()
                self.assertEqual(visitor.idle(8), survives)
                if survives:
                    self.assertTrue(visitor.echoes(b"still here"))

    def test_reload(self: Any) -> None:
        """A reload takes effect for who comes, and leaves alone who is there."""
        _, front = self.both()
        with Visitor(front.plain) as staying:
            staying.upgrade("/")
            staying.seen()
            self.rewrite(front, "/live", "/later")
            front.reload()

            def later() -> bool:
                self.assertTrue(staying.echoes(os.urandom(1000), BINARY))
                with Visitor(front.plain) as visitor:
                    return " 101 " in visitor.upgrade("/later/seen")

            waitFor("the new configuration", later)
            for number in range(100):
                self.assertTrue(staying.echoes(b"%d" % number))
            self.assertTrue(staying.end())

    def test_restart(self: Any) -> None:
        """wsapp's goodbye comes through; without it there is an answer, and afterwards it works again."""
        port = freePort()
        server = self.wsapp(port)
        front = self.before(port, {})
        with Visitor(front.plain) as visitor:
            visitor.upgrade("/")
            visitor.seen()
            server.signal(signal.SIGTERM)
            opcode, payload = visitor.frame()
            self.assertEqual((opcode, payload[:2]), (FIN | CLOSE, struct.pack(">H", 1001)))
            visitor.send(frame(CLOSE, payload[:2]))
            self.assertEqual(visitor.rest(), b"")
        self.assertEqual(server.ended(server.pid), 0)
        with Visitor(front.plain) as visitor:
            self.assertRegex(visitor.upgrade("/"), AWAY)
        self.wsapp(port)

        def again() -> bool:
            with Visitor(front.plain) as visitor:
                return " 101 " in visitor.upgrade("/")

        waitFor("wsapp behind the front end again", again)
