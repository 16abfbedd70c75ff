"""The process: addresses, endpoints, signals, certificates, the daemon.  Clients are bare sockets."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import signal
import socket
import ssl
import struct
import time
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.certificates import Authority, commonName
from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.server import alive, freePort, waitFor

GOING_AWAY = (0x80 | CLOSE, struct.pack(">H", 1001))


def echoes(client: Raw, text: bytes = b"hello") -> bool:
    """:return: Whether an echo server's next answer is this text."""
    client.send(frame(TEXT, text))
    return client.frame() == (0x80 | TEXT, text)


class AddressTests(LiveTestCase):
    """What the first lines of the log say."""

    def test_address(self) -> None:
        """A person can open what the log shows."""
        server, port = self.serve()
        self.assertTrue(
            any(f":{port}" in address for address in server.listening()), f"no address in\n{server.log}"
        )

    def test_portChosenBySystem(self) -> None:
        """With port 0 the log shows the one that it has become."""
        server = self.server("--port", "tcp:0:interface=127.0.0.1", "--app", "echo").start()
        port = int(server.listening()[0].rstrip("/").rpartition(":")[2])
        with Raw(port) as client:
            self.assertIn("101", client.upgrade())

    def test_severalPorts(self) -> None:
        """Each port has its line, and each serves; an app has its path on all."""
        ports = [freePort(), freePort()]
        options = [part for port in ports for part in ("--port", f"tcp:{port}:interface=127.0.0.1")]
        server = self.server(*options, "--app", "echo", "--app", "chat").start()
        for port in ports:
            self.assertTrue(any(f":{port}" in address for address in server.listening()), server.log)
            with Raw(port) as client:
                self.assertIn(" 101 ", client.upgrade())
                self.assertTrue(echoes(client))
            with Raw(port) as client:
                self.assertIn(" 101 ", client.upgrade("/chat"))
            with Raw(port) as client:
                self.assertIn(" 404 ", client.upgrade("/nobody"))

    def test_unixSocket(self) -> None:
        """A UNIX socket serves, and is gone afterwards."""
        folder = self.folder()
        path = folder / "socket"
        server = self.server("--port", f"unix:{path}", "--app", "echo").start()
        self.assertIn(str(path), server.log)
        with Raw(str(path)) as client:
            self.assertIn(" 101 ", client.upgrade())
            self.assertTrue(echoes(client))
        self.assertEqual(0, server.stop())
        self.assertFalse(path.exists())

    def test_socketOfSystemd(self) -> None:
        """A socket that systemd listens on."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = self.server("--port", "systemd:domain=INET:index=0", "--app", "echo")
            server.handed = listening
            server.start()
            with Raw(listening.getsockname()[1]) as client:
                self.assertIn(" 101 ", client.upgrade())
                self.assertTrue(echoes(client))

    def test_behindHaproxy(self) -> None:
        """The PROXY header of a trusted proxy says who connects."""
        port = freePort()
        server = self.server(
            *("--port", f"haproxy:tcp:{port}:interface=127.0.0.1", "--app", "echo"),
            *("--trust-proxy", "127.0.0.1"),
        ).start()
        with Raw(port) as client:
            client.send(b"PROXY TCP4 203.0.113.9 127.0.0.1 51234 80\r\n")
            self.assertIn(" 101 ", client.upgrade())
            self.assertTrue(echoes(client))
        with Raw(port) as client:
            client.send(b"PROXY TCP4 203.0.113.9 127.0.0.1 51234 80\r\n")
            self.assertIn(" 403 ", client.upgrade("/", "Origin: http://evil.example"))
        self.assertIn("203.0.113.9", server.log)

    def test_applicationFromFile(self) -> None:
        """README's ten lines in a file of one's own run."""
        file = self.folder() / "hello.py"
        file.write_text(
            "from wsapp import App\n\n\n"
            "class Hello(App):\n"
            "    def onMessage(self, client, message):\n"
            "        client.send(f'Hello, {message}!')\n"
        )
        _, port = self.serve("--app", f"{file}:Hello")
        with Raw(port) as client:
            self.assertIn(" 101 ", client.upgrade())
            client.send(frame(TEXT, b"Ann"))
            self.assertEqual((0x80 | TEXT, b"Hello, Ann!"), client.frame())


class SignalTests(LiveTestCase):
    """How a server ends."""

    def end(self, number: signal.Signals) -> None:
        server, port = self.serve()
        with Raw(port) as first, Raw(port) as second, Raw(port) as idle:
            for client in (first, second):
                client.upgrade()
                self.assertTrue(echoes(client))
            pid = server.pid
            server.signal(number)
            for client in (first, second):
                opcode, payload = client.frame()
                self.assertEqual(GOING_AWAY, (opcode, payload[:2]))
                client.send(frame(CLOSE, payload[:2]))
                self.assertEqual(b"", client.rest())
            self.assertEqual(b"", idle.rest())
            self.assertEqual(0, server.ended(pid), server.log)
        self.judge(server)

    def test_term(self) -> None:
        """SIGTERM: all clients hear 1001, the status is 0."""
        self.end(signal.SIGTERM)

    def test_interrupt(self) -> None:
        """SIGINT (Ctrl-C) does the same."""
        self.end(signal.SIGINT)

    def test_nothingIsLost(self) -> None:
        """What was on its way when SIGTERM came is answered before the Close."""
        server, port = self.serve()
        with Raw(port) as client:
            client.upgrade()
            self.assertTrue(echoes(client))
            client.send(b"".join(frame(TEXT, b"%d" % number) for number in range(1000)))
            first = client.frame()
            pid = server.pid
            server.signal(signal.SIGTERM)
            answers = [first[1]]
            while (received := client.frame())[0] == 0x80 | TEXT:
                answers.append(received[1])
            self.assertEqual([b"%d" % number for number in range(len(answers))], answers)
            self.assertEqual(GOING_AWAY, (received[0], received[1][:2]))
            client.send(frame(CLOSE, received[1][:2]))
            self.assertEqual(0, server.ended(pid))

    def test_silentClient(self) -> None:
        """One that never answers the Close does not hold the server up for long, and the status is 0."""
        server, port = self.serve("--close-timeout", "1")
        with Raw(port) as client:
            client.upgrade()
            began = time.monotonic()
            self.assertEqual(0, server.stop())
            self.assertLess(time.monotonic() - began, 20)

    def test_secondTerm(self) -> None:
        """A second SIGTERM does not wait for the one who does not answer; no traceback."""
        server, port = self.serve("--close-timeout", "600")
        with Raw(port) as client:
            client.upgrade()
            pid = server.pid
            server.signal(signal.SIGTERM)
            self.assertEqual(GOING_AWAY, (lambda got: (got[0], got[1][:2]))(client.frame()))
            self.assertIsNone(server.process and server.process.poll())
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            server.ended(pid)
            self.assertLess(time.monotonic() - began, 10)
        self.judge(server)


class TlsTests(LiveTestCase):
    """``ssl:`` endpoints, with a certificate made here and a client that verifies it."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority(self.folder())

    def start(self, key: Path, certificate: Path) -> int:
        self.port = freePort()
        endpoint = f"ssl:{self.port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        self.running = self.server("--port", endpoint, "--app", "echo").start()
        return self.port

    def shown(self) -> str:
        """:return: The name in the certificate that a new client gets to see."""
        with Raw(self.port, context=self.authority.context()) as client:
            assert isinstance(client.socket, ssl.SSLSocket)
            return commonName(client.socket)

    def test_echo(self) -> None:
        """It serves, and the log gives an https address."""
        port = self.start(*self.authority.issue("one"))
        self.assertTrue(self.running.listening()[0].startswith("https://"), self.running.log)
        with Raw(port, context=self.authority.context()) as client:
            self.assertIn(" 101 ", client.upgrade())
            self.assertTrue(echoes(client, b"x" * 100_000))
            client.send(frame(CLOSE, struct.pack(">H", 1000)))
            self.assertEqual((0x80 | CLOSE, struct.pack(">H", 1000)), client.frame())

    def test_untrusted(self) -> None:
        """A client that does not know the authority, one that speaks plainly, one that breaks off: they get
        nothing, and the log stays clean."""
        port = self.start(*self.authority.issue("one"))
        with self.assertRaises(ssl.SSLCertVerificationError):
            Raw(port, context=ssl.create_default_context())
        with Raw(port) as plain:
            plain.request()
            self.assertNotIn(b"HTTP/", plain.rest())
        with Raw(port) as gone:
            gone.send(b"\x16\x03\x01")
        self.assertEqual("one", self.shown())

    def test_reload(self) -> None:
        """SIGHUP: new clients see the new certificate, old ones stay."""
        port = self.start(*self.authority.issue("one"))
        (self.authority.folder / "two").mkdir()
        with Raw(port, context=self.authority.context()) as client:
            client.upgrade()
            self.assertTrue(echoes(client))
            newer = self.authority.issue("two")
            for new, old in zip(newer, ("one.key", "one.pem"), strict=True):
                new.replace(self.authority.folder / old)
            self.assertEqual("one", self.shown())
            self.running.signal(signal.SIGHUP)
            waitFor("the new certificate", lambda: self.shown() == "two")
            self.assertTrue(echoes(client))

    def test_reloadOfRubbish(self) -> None:
        """SIGHUP with files that cannot be used keeps the old certificate, says so once, and ends nothing."""
        key, certificate = self.authority.issue("one")
        port = self.start(key, certificate)
        with Raw(port, context=self.authority.context()) as client:
            client.upgrade()
            certificate.write_text("no certificate")
            self.running.meant = "kept the old certificate"
            before = self.running.log
            self.running.signal(signal.SIGHUP)
            waitFor("a line in the log", lambda: certificate.name in self.running.log[len(before) :])
            self.assertEqual("one", self.shown())
            self.assertTrue(echoes(client))
        self.assertEqual(1, self.running.log.count(self.running.meant))

    def test_hangUpWithoutTls(self) -> None:
        """SIGHUP where there is no certificate drops nobody."""
        server, port = self.serve()
        with Raw(port) as client:
            client.upgrade()
            server.signal(signal.SIGHUP)
            self.assertTrue(echoes(client))


class DaemonTests(LiveTestCase):
    """``twistd wsapp`` without ``-n``."""

    def test_daemon(self) -> None:
        """It goes to the background, has a pid file and a log file, and is stopped by its pid file."""
        port = freePort()
        server = self.server(
            "--port", f"tcp:{port}:interface=127.0.0.1", "--app", "echo", daemon=True
        ).start()
        pid = server.pid
        self.assertTrue(alive(pid))
        with Raw(port) as client:
            self.assertIn(" 101 ", client.upgrade())
            self.assertTrue(echoes(client))
            server.signal(signal.SIGTERM)
            opcode, payload = client.frame()
            self.assertEqual(GOING_AWAY, (opcode, payload[:2]))
            client.send(frame(CLOSE, payload[:2]))
            server.ended(pid)
        self.assertFalse(server.pidFile.exists())
        self.assertIn("Server Shut Down", server.log)

    def test_restart(self) -> None:
        """The same port serves again at once, in the same folder."""
        port = freePort()
        server = self.server("--port", f"tcp:{port}:interface=127.0.0.1", "--app", "echo", daemon=True)
        for _ in range(2):
            server.start()
            with Raw(port) as client:
                self.assertIn(" 101 ", client.upgrade())
            server.stop()
