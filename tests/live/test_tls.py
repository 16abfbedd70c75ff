"""What a TLS port of the real process agrees to and refuses, as the openssl command line finds it.

Renewal by SIGHUP is in :mod:`tests.live.test_process`.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import ClassVar

from tests.live.case import LiveTestCase
from tests.live.certificates import Authority
from tests.live.raw import TEXT, Raw, frame
from tests.live.server import LIMIT, Server, freePort, waitFor

#: Everything that this openssl can speak, strong or not: what is refused is then refused by the server.
ANYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

#: The only ones of TLS 1.2 that modern browsers need: forward secrecy, and encryption that authenticates.
MODERN = {
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
}


@cache
def selfSigned() -> tuple[bytes, bytes]:
    """:return: An RSA key, which every old cipher could use, and its certificate."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder) / "key.pem", Path(folder) / "cert.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
                *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
            ],
            check=True,
            capture_output=True,
        )
        return key.read_bytes(), certificate.read_bytes()


class Interactive:
    """``openssl s_client`` that is typed to. A context manager that ends it."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.file = folder / "said"
        with self.file.open("wb") as output:
            self.process = subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Interactive:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self.file.read_text(errors="replace")

    def type(self, text: str) -> None:
        """Type something."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def until(self, words: str, times: int = 1) -> None:
        """Wait until it has printed something so often."""
        waitFor(f"{words} from openssl", lambda: self.said.count(words) >= times)


class OpenSSLTestCase(LiveTestCase):
    """A server to ask."""

    needs: ClassVar[tuple[str, ...]] = ("openssl",)

    def files(self) -> tuple[Path, Path]:
        """:return: A key and its certificate."""
        folder = self.folder()
        key, certificate = folder / "key.pem", folder / "cert.pem"
        for file, content in zip((key, certificate), selfSigned(), strict=True):
            file.write_bytes(content)
        return key, certificate

    def secure(self, *options: str, more: str = "", key: Path, certificate: Path) -> int:
        """:return: The port of a running server."""
        port = freePort()
        place = f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}{more}"
        self.running = self.server("--port", place, "--app", "echo", *options).start()
        return port

    def ask(self, port: int, *options: str) -> str:
        """:return: What ``openssl s_client`` prints of a connection."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT,
        )
        return (done.stdout + done.stderr).decode(errors="replace")

    def agreed(self, said: str) -> tuple[str, str] | None:
        """:return: The version and the cipher of a connection, or None where there was none."""
        found = re.search(r"^New, (\S+), Cipher is (\S+)$", said, re.MULTILINE)
        if found is None or found[2] == "(NONE)":
            return None
        return found[1], found[2]


class AgreementTests(OpenSSLTestCase):
    """What is spoken, and what is not."""

    def setUp(self) -> None:
        super().setUp()
        key, certificate = self.files()
        self.port = self.secure(key=key, certificate=certificate)

    def test_versions(self) -> None:
        """TLS 1.2 and 1.3; nothing older, whatever the client would accept."""
        for option, expected in (("-tls1", None), ("-tls1_1", None), ("-tls1_2", "TLSv1.2")):
            said = self.ask(self.port, option, "-cipher", ANYTHING)
            agreed = self.agreed(said)
            self.assertEqual(agreed and agreed[0], expected, said)
            if expected is None:
                self.assertIn("alert protocol version", said)
        agreed = self.agreed(self.ask(self.port, "-tls1_3"))
        self.assertEqual(agreed and agreed[0], "TLSv1.3")

    def test_ciphers(self) -> None:
        """Of TLS 1.2's ciphers each modern one is accepted, and none of all the others."""
        for cipher in sorted(MODERN):
            self.assertEqual(
                self.agreed(self.ask(self.port, "-tls1_2", "-cipher", cipher)), ("TLSv1.2", cipher)
            )
        listed = subprocess.run(
            ["openssl", "ciphers", "-s", "-tls1_2", ANYTHING], capture_output=True, text=True, check=True
        ).stdout.strip()
        others = set(listed.split(":")) - MODERN
        self.assertIn("AES128-SHA", others)
        weak = ":".join([*sorted(others), "@SECLEVEL=0"])
        said = self.ask(self.port, "-tls1_2", "-cipher", weak)
        self.assertIsNone(self.agreed(said), said)
        self.assertIn("handshake failure", said)

    def test_noCompression(self) -> None:
        """Nothing is compressed below WebSocket (CRIME), asked or not."""
        for version in ("-tls1_2", "-tls1_3"):
            self.assertIn("Compression: NONE", self.ask(self.port, version, "-comp"))

    def test_alpn(self) -> None:
        """http/1.1, to who speaks that; who does not is connected all the same."""
        self.assertIn("ALPN protocol: http/1.1", self.ask(self.port, "-alpn", "h2,http/1.1"))
        said = self.ask(self.port, "-alpn", "h2")
        self.assertIn("No ALPN negotiated", said)
        self.assertIsNotNone(self.agreed(said))

    def test_noResumption(self) -> None:
        """Each connection has secrets of its own: no ticket of one opens another."""
        for version in ("-tls1_2", "-tls1_3"):
            session = self.folder() / "session"
            for option in ("-sess_out", "-sess_in"):
                if option == "-sess_out" or session.exists():
                    # Of a session that goes on it would say "Reused".
                    said = self.ask(self.port, version, option, str(session))
                    self.assertIsNotNone(self.agreed(said), said)

    def test_noRenegotiation(self) -> None:
        """A client of TLS 1.2 that wants to begin anew is told no, and the process goes on."""
        with Interactive(self.folder(), self.port, "-tls1_2") as client:
            client.until("Verify return code")
            client.type("R\n")
            client.until("no renegotiation")
        self.assertIsNotNone(self.agreed(self.ask(self.port)))

    def test_keyUpdate(self) -> None:
        """A client of TLS 1.3 may change keys, and have the server change its own, amidst a connection."""
        with Interactive(self.folder(), self.port, "-tls1_3", "-crlf") as client:
            client.until("Verify return code")
            for number in range(1, 6):
                client.type("K\n")
                client.until("KEYUPDATE", number)
            client.type("GET / HTTP/1.1\nHost: localhost\nConnection: close\n\n")
            client.until("HTTP/1.1 ")

    def test_noise(self) -> None:
        """A plain request to the TLS port, and what is nothing at all, are closed without a log line."""
        before = len(self.running.log.splitlines())
        for words in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(range(256)) * 300, b"\x16\x03\x01"):
            with Raw(self.port) as client:
                client.send(words)
                if len(words) < 5:
                    client.socket.shutdown(socket.SHUT_WR)
                # An alert at most.
                self.assertIn(client.rest()[:1], (b"", b"\x15"))
        self.assertEqual(self.running.log.splitlines()[before:], [])


class PlainPortTests(OpenSSLTestCase):
    """Who speaks TLS where it is not spoken."""

    def test_hello(self) -> None:
        """A hello to the plain port is told that it is no request, which is worth one line of the log."""
        server, port = self.serve()
        before = len(server.log.splitlines())
        self.assertIsNone(self.agreed(self.ask(port)))
        with Raw(port) as client:
            client.upgrade()
            client.send(frame(TEXT, b"still there"))
            self.assertEqual(client.frame(), (0x81, b"still there"))
        (line,) = server.log.splitlines()[before:]
        self.assertIn("400 this is not an HTTP request", line)


class CertificateTests(OpenSSLTestCase):
    """What is shown, and what is asked for."""

    def test_chain(self) -> None:
        """All certificates between the server's and the authority's are sent."""
        root = Authority(self.folder())
        below = Authority(self.folder(), root)
        key, certificate = below.issue("leaf")
        port = self.secure(key=key, certificate=certificate, more=f":extraCertChain={below.file}")
        for version in ("-tls1_2", "-tls1_3"):
            said = self.ask(port, version, "-CAfile", str(root.file), "-verify_return_error")
            self.assertIn("Verify return code: 0 (ok)", said)

    def served(self, *options: str) -> tuple[Authority, int]:
        """A server that asks for clients' certificates."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("server")
        port = self.secure("--client-ca", str(authority.file), *options, key=key, certificate=certificate)
        return authority, port

    def hello(self, port: int, *options: str) -> str:
        """What comes of a request on a connection with these options."""
        with Interactive(self.folder(), port, "-crlf", *options) as client:
            waitFor(
                "openssl's handshake",
                lambda: "Verify return code" in client.said or client.process.poll() is not None,
            )
            try:
                client.type("GET / HTTP/1.1\nHost: localhost\nConnection: close\n\n")
            except BrokenPipeError:
                pass
            client.process.wait(LIMIT)
            return client.said

    def test_clients(self) -> None:
        """One by the right authority gets in; none, or another's, does not."""
        authority, port = self.served()
        stranger = Authority(self.folder())
        for version in ("-tls1_2", "-tls1_3"):
            key, certificate = authority.issue("client")
            shown = ("-cert", str(certificate), "-key", str(key))
            self.assertIn("HTTP/1.1 ", self.hello(port, version, *shown))
            said = self.hello(port, version)
            self.assertNotIn("HTTP/1.1 ", said)
            self.assertRegex(said, "alert (certificate required|handshake failure)")
            key, certificate = stranger.issue("stranger")
            said = self.hello(port, version, "-cert", str(certificate), "-key", str(key))
            self.assertNotIn("HTTP/1.1 ", said)
            self.assertRegex(said, "alert (unknown ca|bad certificate|decrypt error)")

    def test_optional(self) -> None:
        """Without one, where that is allowed."""
        _, port = self.served("--client-ca-optional")
        self.assertIn("HTTP/1.1 ", self.hello(port))


class TwistedTests(LiveTestCase):
    """``--tls twisted``."""

    def test_echo(self) -> None:
        """The same from outside."""
        authority, port = Authority(self.folder()), freePort()
        key, certificate = authority.issue("one")
        place = f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        server: Server = self.server("--port", place, "--app", "echo", "--tls", "twisted")
        server.start()
        with Raw(port, context=authority.context()) as client:
            client.upgrade()
            client.send(frame(TEXT, b"hello"))
            self.assertEqual(client.frame(), (0x81, b"hello"))


__all__ = ["AgreementTests", "CertificateTests", "PlainPortTests", "TwistedTests"]
