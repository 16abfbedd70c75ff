"""Rates, limits of one application, slow consumers and tokens, on a ``twistd`` process."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import struct
import time

from tests.live.case import LiveTestCase
from tests.live.raw import CLOSE, PING, TEXT, Raw, frame
from tests.live.server import waitFor
from tests.live.watching import resident
from wsapp.tokens import Keys, mint

#: The first byte of a frame that is a whole message.
FIN = 0x80

SECRET = "only for tests, and long enough to be a key"

APPS = """
from wsapp import App
from wsapp.authentication import authenticate
from wsapp.tokens import Keys

class Members(App):
    def __init__(self, keys: str):
        self.keys = Keys.fromFile(keys)

    def onHandshake(self, request):
        authenticate(request, self.keys, self.name)

    def onConnect(self, client):
        client.send(f"hello, {client.user}")

class Feed(App):
    limits = {"backlogPolicy": "drop", "maxSendBuffer": 256 * 1024}

    def onConnect(self, client):
        client.join("all")

    def onMessage(self, client, message):
        for _ in range(int(message)):
            self.group("all").send("x" * 10_000)

    def onDropped(self, client, count):
        client.send(f"{count} dropped")
"""


class RateTests(LiveTestCase):
    """Who is too fast."""

    def test_close(self) -> None:
        """A flood of pings or of messages is closed with 1008, one line each."""
        server, port = self.serve("--app", "echo:message-rate=100:rate-burst=1")
        for flood in (frame(PING, b"x") * 500, frame(TEXT, b"x") * 500):
            with Raw(port) as raw:
                raw.upgrade("/echo")
                raw.send(flood)
                while True:
                    opcode, payload = raw.frame()
                    if opcode == FIN | CLOSE:
                        break
                self.assertEqual(struct.unpack(">H", payload[:2])[0], 1008)
        waitFor("two lines", lambda: server.log.count("too many messages per second") == 2)

    def test_slow(self) -> None:
        """Or it has to wait: all of it comes back, in the time that it takes at that rate."""
        _, port = self.serve("--app", "echo:message-rate=100:rate-burst=1:rate-policy=slow")
        with Raw(port) as raw:
            raw.upgrade("/echo")
            begun = time.monotonic()
            raw.send(b"".join(frame(TEXT, b"%d" % number) for number in range(300)))
            for number in range(300):
                self.assertEqual(raw.frame(), (FIN | TEXT, b"%d" % number))
            self.assertGreater(time.monotonic() - begun, 1.9)

    def test_handshakes(self) -> None:
        """429 with the time to wait; other addresses come in, and so does the same one later."""
        _, port = self.serve("--handshake-rate", "0.5", "--rate-burst", "4", "--trust-proxy", "127.0.0.1")

        def status(address: str) -> str:
            with Raw(port) as raw:
                return raw.upgrade("/echo", f"X-Forwarded-For: {address}")

        for _ in range(2):
            self.assertIn(" 101 ", status("192.0.2.1"))
        refused = status("192.0.2.1")
        self.assertIn(" 429 ", refused)
        self.assertRegex(refused, r"Retry-After: [12]\r\n")
        self.assertIn(" 101 ", status("192.0.2.2"))
        waitFor("room again", lambda: " 101 " in status("192.0.2.1"))


class BacklogTests(LiveTestCase):
    """Who is too slow."""

    def test_drop(self) -> None:
        """One of a group reads nothing for a while: it gets a gap, and is told; others get everything."""
        (folder := self.folder()).joinpath("apps.py").write_text(APPS)
        server, port = self.serve("--app", f"{folder}/apps.py:Feed:stall-timeout=60")
        with Raw(port) as quick, Raw(port) as slow:
            quick.upgrade("/feed")
            slow.upgrade("/feed")
            before = resident(server.pid)
            for _ in range(20):
                quick.send(frame(TEXT, b"100"))
                for _ in range(100):
                    self.assertEqual(len(quick.frame()[1]), 10_000)
            self.assertLess(resident(server.pid) - before, 12_000_000)
            got = 0
            while not (last := slow.frame()[1]).endswith(b" dropped"):
                got += 1
            self.assertEqual(got + int(last.split()[0]), 2000)
            self.assertGreater(int(last.split()[0]), 100)
            quick.send(frame(TEXT, b"1"))
            self.assertEqual(len(slow.frame()[1]), 10_000)


class KeptTests(LiveTestCase):
    """Clients that are kept after their connection has dropped."""

    def resumable(self, port: int, peer: str, first: str) -> tuple[Raw, str]:
        """:return: A client from an address, whose first message is this, and the answer."""
        raw = Raw(port)
        self.addCleanup(raw.socket.close)
        raw.upgrade("/", f"Sec-WebSocket-Protocol: wsapp.resume\nX-Forwarded-For: {peer}")
        raw.send(frame(TEXT, first.encode()))
        return raw, raw.frame()[1].decode()

    def test_oneAddress(self) -> None:
        """Connect, get a token, have something kept, cut, again and again: so many are kept of an address,
        and so many bytes; others are kept, and go on, as if nobody did that."""
        server, port = self.serve(
            *("--resume", "60", "--trust-proxy", "127.0.0.1"),
            *("--max-detached", "100", "--max-detached-per-address", "20", "--max-session-bytes", "16M"),
        )
        _, answer = self.resumable(port, "203.0.113.1", "new")
        before = resident(server.pid)
        tokens = []
        for _ in range(600):
            raw, answer = self.resumable(port, "203.0.113.9", "new")
            tokens.append(answer.split(" ")[1])
            raw.send(frame(TEXT, b"m" + 100_000 * b"x"))
            raw.frame()
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.socket.close()
        self.assertLess(resident(server.pid) - before, 16_000_000)
        others = []
        for number in range(40):
            raw, answer = self.resumable(port, f"198.51.100.{number}", "new")
            others.append((answer.split(" ")[1], number))
            raw.send(frame(TEXT, b"mhello"))
            raw.frame()
            raw.socket.close()
        for token, number in others:
            raw, answer = self.resumable(port, f"198.51.100.{number}", f"resume {token} 0")
            self.assertEqual((answer, raw.frame()[1]), ("resumed 1", b"mhello"))
        kept = 0
        for token in tokens:
            raw, answer = self.resumable(port, "203.0.113.9", f"resume {token} 1")
            kept += answer.startswith("resumed ")
            raw.send(frame(CLOSE))
            raw.socket.close()
        self.assertEqual(kept, 20)


class TokenTests(LiveTestCase):
    """Who has logged in."""

    def test_token(self) -> None:
        """In by a token of the website's, out when its session ends; the log knows nothing of it."""
        folder = self.folder()
        folder.joinpath("apps.py").write_text(APPS)
        folder.joinpath("keys").write_text(SECRET)
        server, port = self.serve("--app", f"{folder}/apps.py:Members:keys={folder}/keys")
        token = mint(Keys(SECRET), "ann", "members", session=2)
        with Raw(port) as raw:
            head = raw.upgrade("/", f"Sec-WebSocket-Protocol: members, token.{token}")
            self.assertIn("Sec-WebSocket-Protocol: members\r\n", head)
            self.assertNotIn("token", head)
            self.assertEqual(raw.frame(), (FIN | TEXT, b"hello, ann"))
            opcode, payload = raw.frame()
            self.assertEqual((opcode, payload[:2]), (FIN | CLOSE, struct.pack(">H", 1008)))
        forged = mint(Keys(SECRET[::-1]), "ann", "members")
        with Raw(port) as raw:
            raw.upgrade("/", f"Sec-WebSocket-Protocol: members, token.{forged}")
            opcode, payload = raw.frame()
            self.assertEqual((opcode, payload[:2]), (FIN | CLOSE, struct.pack(">H", 4401)))
        for part in [*token.split(".")[1:], *forged.split(".")[1:]]:
            self.assertNotIn(part, server.log)
