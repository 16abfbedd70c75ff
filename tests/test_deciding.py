"""Tests of `wsapp.deciding`: from a whole opening handshake to its answer."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from tests.peers import DIGEST, KEY, NUMBERS, Peer, Recorder, ServedCase, World, head, opening
from wsapp.app import App
from wsapp.origins import Origins, TrustedProxies
from wsapp.request import Reject, Request
from wsapp.wire.selection import HybiSender
from wsapp.wire.versions import parseVersions

CLIENT = HybiSender(masked=True)
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")
NEW = (*UPGRADE, f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")
FRAMES = {"hixie-75": b"\x00hi\xff", "hixie-76": b"\x00hi\xff"}


class Named(Recorder):
    """An application that speaks a subprotocol beside its own name."""

    subprotocols = ("v1.example",)


class DecidingCase(ServedCase):
    """A server, and what it answers."""

    def begin(self, app: App | None = None, **options: Any) -> Recorder:
        """A server; its application is handed back."""
        self.world = World(app, **options)
        assert isinstance(self.world.app, Recorder)
        return self.world.app

    def ask(self, data: bytes, address: str = "198.51.100.7") -> Peer:
        """Somebody connects and says this."""
        peer = self.world.peer(address)
        peer.feed(data)
        return peer

    def answer(self, data: bytes, address: str = "198.51.100.7") -> tuple[int, dict[str, str], bytes]:
        """The status, headers and body that are answered."""
        return self.read(self.ask(data, address))

    def read(self, peer: Peer) -> tuple[int, dict[str, str], bytes]:
        """The answer that a peer has got."""
        text, _, body = peer.take().partition(b"\r\n\r\n")
        status, *lines = text.decode("latin-1").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        self.assertEqual(len(fields), len(lines), "a header came twice")
        return int(status.split()[1]), fields, body


class RefusedTests(DecidingCase):
    """Each refusal: its status, its headers, and that the application hears nothing of it."""

    def refused(self, status: int, data: bytes, address: str = "198.51.100.7") -> dict[str, str]:
        """The request is refused, the connection ended, one line logged."""
        self.logged.clear()
        app = self.world.app
        assert isinstance(app, Recorder)
        app.told.clear()
        peer = self.ask(data, address)
        code, fields, body = self.read(peer)
        self.assertEqual(code, status, body)
        self.assertEqual(peer.transport.ended, "half")
        self.assertEqual(fields["Connection"].split(",")[0], "close")
        self.assertEqual(fields["X-Content-Type-Options"], "nosniff")
        self.assertEqual(int(fields["Content-Length"]), len(body))
        (line,) = self.lines()
        self.assertIn(f"{status} {body.decode().strip()}", line)
        peer.feed(CLIENT.encode("behind"))
        peer.lose()
        self.assertEqual(app.told, [])
        self.assertEqual(self.flushLoggedErrors(), [])
        return fields

    def setUp(self) -> None:
        super().setUp()
        self.begin()

    def test_malformed(self) -> None:
        """400: what must stand there once and does not."""
        for lines in (
            ("Upgrade: websocket", *NEW[2:]),
            ("Upgrade: websocket", "Connection: keep-alive", *NEW[2:]),
            (*UPGRADE, "Sec-WebSocket-Version: 13"),
            (*UPGRADE, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: c2hvcnQ="),
            (*UPGRADE, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + "!" * 24),
            (*NEW, f"Sec-WebSocket-Key: {KEY}"),
            (*NEW, "Sec-WebSocket-Version: 13"),
            (*NEW, "Host: other.example"),
            UPGRADE,
        ):
            self.refused(400, head(*lines))
        self.refused(400, opening().replace(b"Host: test.example\r\n", b""))
        self.refused(400, opening().replace(b"HTTP/1.1", b"HTTP/1.0"))

    def test_body(self) -> None:
        """400: a body with an upgrade, which is never read as frames or as the next request."""
        for lines in (
            ["Content-Length: 5"],
            ["Transfer-Encoding: chunked"],
            ["Content-Length: 0", "Transfer-Encoding: chunked"],
            ["Content-Length: 0", "Content-Length: 0"],
        ):
            self.refused(400, opening("RFC 6455", *lines) + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.world.pages.asked, [])

    def test_method(self) -> None:
        """405, with what would be right."""
        fields = self.refused(405, head(*NEW, method="POST"))
        self.assertEqual(fields["Allow"], "GET")

    def test_version(self) -> None:
        """426 with the list, of those that are served."""
        unknown = opening().replace(b"Version: 13", b"Version: 12")
        fields = self.refused(426, unknown)
        self.assertEqual(fields["Sec-WebSocket-Version"], "13, 8, 7")
        self.assertEqual((fields["Upgrade"], fields["Connection"]), ("websocket", "close, Upgrade"))
        self.begin(versions=parseVersions(["13", "7"]))
        self.assertEqual(self.refused(426, unknown)["Sec-WebSocket-Version"], "13, 7")
        for version in ("hybi-08", "hixie-76", "hixie-75"):
            self.refused(426, opening(version))

    def test_origin(self) -> None:
        """403 for pages of elsewhere, and nothing of the server's settings in it."""
        self.begin(origins=Origins(["https://friend.example"], require=True))
        for origin in (
            "http://evil.example",
            "null",
            "http://test.example:8080",
            "https://test.example",
            "x",
        ):
            self.refused(403, opening("RFC 6455", f"Origin: {origin}"))
            self.assertIn("--allow-origin", self.lines()[0])
            self.assertIn(origin, self.lines()[0])
            self.assertNotIn(b"friend", self.ask(opening("RFC 6455", f"Origin: {origin}")).take())
        self.refused(403, opening())
        for origin in ("http://test.example", "http://test.example:80", "https://friend.example"):
            self.assertEqual(self.answer(opening("RFC 6455", f"Origin: {origin}"))[0], 101)

    def test_originOfOldVersions(self) -> None:
        """They are asked for theirs too, by its old name."""
        for version in NUMBERS:
            data = opening(version, "Sec-WebSocket-Origin: http://evil.example")
            if "hybi" in version:
                self.refused(403, data)
            if "hixie" in version:
                self.refused(403, opening(version).replace(b"//test", b"//evil", 1))

    def test_host(self) -> None:
        """403 for a name that the listener does not answer to (DNS rebinding)."""
        self.world.factory.listener.loopback = True
        self.refused(403, opening(), "127.0.0.1")
        self.assertIn("--host", self.lines()[0])
        right = opening().replace(b"test.example", b"localhost:8080")
        self.assertEqual(self.answer(right, "127.0.0.1")[0], 101)
        self.begin(origins=Origins(hosts=["test.example"]))
        self.assertEqual(self.answer(opening())[0], 101)
        self.refused(403, right)

    def test_noApplication(self) -> None:
        """404 that lists nothing."""
        self.refused(404, opening(target="/nowhere"))
        text = self.ask(opening(target="/nowhere")).take()
        self.assertTrue(text.endswith(b"\r\n\r\nno application answers here\n"), text)

    def test_forwarded(self) -> None:
        """What a trusted proxy says of scheme and host counts, what others say does not."""
        self.begin(proxies=TrustedProxies(["10.0.0.1"]))
        lines = (
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: shown.example",
            "Origin: https://shown.example",
        )
        self.assertEqual(self.answer(opening("RFC 6455", *lines), "10.0.0.1")[0], 101)
        self.refused(403, opening("RFC 6455", *lines), "10.0.0.2")


class AcceptedTests(DecidingCase):
    """What a 101 says."""

    def test_everyVersion(self) -> None:
        """Each with a frame behind it, whole and byte by byte."""
        for version in NUMBERS:
            for drip in (False, True):
                app = self.begin()
                peer = self.world.peer()
                data = opening(version) + FRAMES.get(version, CLIENT.encode("hi"))
                (peer.drip if drip else peer.feed)(data)
                status, _, rest = self.read(peer)
                self.assertEqual(status, 101)
                self.assertEqual(rest, DIGEST if version == "hixie-76" else b"")
                self.assertEqual(app.told, [("connect",), ("message", "hi")])
                self.assertEqual(app.known[0].version, version)

    def test_subprotocol(self) -> None:
        """The one that the application answers to is agreed to, and none that was not offered."""
        app = self.begin(Named())
        for offer, agreed in (("app", "app"), ("x, v1.example", "v1.example"), ("token-abc", None)):
            status, fields, _ = self.answer(opening("RFC 6455", f"Sec-WebSocket-Protocol: {offer}"))
            self.assertEqual((status, fields.get("Sec-WebSocket-Protocol")), (101, agreed))
            self.assertEqual(app.known[-1].subprotocol, agreed)
        self.assertEqual(app.known[1].request.subprotocols, ("x", "v1.example"))

    def test_headers(self) -> None:
        """What `onHandshake` adds."""
        self.begin(Recorder(onHandshake=lambda request: request.setHeader("Set-Cookie", "a=b")))
        for version in NUMBERS:
            self.assertEqual(self.answer(opening(version))[1]["Set-Cookie"], "a=b")

    def test_told(self) -> None:
        """What it learns of the client, and the client keeps what it says."""

        def onHandshake(request: Request) -> None:
            request.user = request.query["name"][0]
            request.data = request.cookies

        app = self.begin(Recorder(onHandshake=onHandshake))
        self.ask(opening("RFC 6455", "Cookie: a=b", target="/?name=ann"))
        (client,) = app.known
        self.assertEqual((client.user, client.data, client.peer), ("ann", {"a": "b"}, "198.51.100.7"))

    def test_beforeTheApplication(self) -> None:
        """The 101 is written before the application hears of the client."""
        written: list[bool] = []
        self.begin(Recorder(onConnect=lambda client: written.append(b" 101 " in peer.transport.written)))
        peer = self.world.peer()
        peer.feed(opening())
        self.assertEqual(written, [True])


class Hixie76Tests(DecidingCase):
    """key3 comes when it comes."""

    def setUp(self) -> None:
        super().setUp()
        self.app = self.begin()
        self.peer = self.world.peer()
        self.head, self.key3 = opening("hixie-76")[:-8], opening("hixie-76")[-8:]

    def test_late(self) -> None:
        """The head goes out before it (proxies wait for that), the digest after; then frames."""
        self.peer.feed(self.head)
        self.assertEqual(self.read(self.peer)[::2], (101, b""))
        self.assertEqual(self.app.told, [])
        self.peer.drip(self.key3[:7])
        self.assertEqual(self.peer.take(), b"")
        self.peer.feed(self.key3[7:] + b"\x00hi\xff")
        self.assertEqual(self.peer.take(), DIGEST)
        self.assertEqual(self.app.messages, ["hi"])

    def test_never(self) -> None:
        """Without it: the handshake time-out, from the connection's beginning."""
        self.world.advance(8)
        self.peer.feed(self.head)
        self.world.advance(1.5)
        self.peer.feed(self.key3[:7])
        self.world.advance(1, settle=False)
        self.assertEqual(self.peer.transport.ended, "abort")
        self.peer.lose()
        self.world.nothingLeft(self)
        self.assertEqual(self.app.told, [])

    def test_declared(self) -> None:
        """`Content-Length: 8` may stand there; another is a body."""
        for length, status in ((8, 101), (9, 400)):
            data = opening("hixie-76", f"Content-Length: {length}")
            self.assertEqual(self.answer(data)[0], status)

    def test_stop(self) -> None:
        """The server's end before it comes: nothing is sent behind the 101."""
        self.peer.feed(self.head)
        self.peer.take()
        self.world.server.stopService()
        self.world.clock.advance(0)
        self.assertEqual((self.peer.take(), self.peer.transport.ended), (b"", "lose"))

    def test_lost(self) -> None:
        """The connection's end before it comes: the application never heard of it."""
        self.peer.feed(self.head)
        self.peer.reset()
        self.world.nothingLeft(self)
        self.assertEqual(self.app.told, [])


class AskingTests(DecidingCase):
    """`onHandshake` that takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.answers: list[Deferred[None]] = []
        self.cancelled = 0
        self.app = self.begin(Recorder(onHandshake=self.ask_))
        self.peer = self.world.peer()

    def ask_(self, request: Request) -> Deferred[None]:
        """It is asked, and says nothing yet."""

        def cancelled(_: object) -> None:
            self.cancelled += 1

        self.answers.append(Deferred(cancelled))
        return self.answers[-1]

    def test_waits(self) -> None:
        """Nothing is written, and nothing is read, until it has answered."""
        self.peer.feed(opening())
        self.assertEqual((self.peer.take(), self.peer.transport.reading), (b"", False))
        self.answers[0].callback(None)
        self.assertTrue(self.peer.transport.reading)
        self.assertEqual(self.read(self.peer)[0], 101)
        self.assertEqual(self.app.told, [("connect",)])

    def test_inputMeanwhile(self) -> None:
        """What comes behind the request all the same is not lost, in one piece with it or later."""
        frames = CLIENT.encode("a") + CLIENT.encode("b")
        self.peer.feed(opening() + frames[:3])
        self.peer.feed(frames[3:9])
        self.answers[0].callback(None)
        self.peer.feed(frames[9:])
        self.assertEqual(self.app.messages, ["a", "b"])

    def test_hixieInputMeanwhile(self) -> None:
        """key3 too."""
        data = opening("hixie-76") + b"\x00hi\xff"
        self.peer.feed(data[:-9])
        self.peer.feed(data[-9:-2])
        self.answers[0].callback(None)
        self.assertEqual(self.read(self.peer)[2], DIGEST)
        self.peer.feed(data[-2:])
        self.assertEqual(self.app.messages, ["hi"])

    def test_lostMeanwhile(self) -> None:
        """It is cancelled; what it says afterwards does not matter, and is not logged."""
        self.peer.feed(opening())
        self.peer.reset()
        self.assertEqual(self.cancelled, 1)
        self.world.nothingLeft(self)
        self.assertEqual(self.app.told, [])
        self.assertEqual((self.lines(), self.peer.take()), ([], b""))

    def test_heedless(self) -> None:
        """One that cannot be cancelled and answers late is not heard."""
        late: list[Deferred[None]] = [Deferred(), Deferred()]

        async def heedless(request: Request) -> None:
            try:
                await late[0]
            except Exception:
                await late[1]

        app = self.begin(Recorder(onHandshake=heedless))
        peer = self.ask(opening())
        peer.reset()
        late[1].callback(None)
        self.assertEqual((app.told, peer.take()), ([], b""))
        self.world.nothingLeft(self)

    def test_stoppedMeanwhile(self) -> None:
        """The server's end: 503, at once."""
        self.peer.feed(opening())
        stopped = self.world.server.stopService()
        self.world.clock.advance(0)
        self.assertEqual((self.cancelled, self.read(self.peer)[0]), (1, 503))
        self.assertTrue(self.peer.transport.reading)  # or the peer's end would not be seen
        self.world.settle()
        self.successResultOf(stopped)
        self.assertEqual(self.app.told, [])

    def test_tooLong(self) -> None:
        """The handshake's time is its time: it is cancelled, and the connection dropped."""
        self.peer.feed(opening())
        self.world.advance(10.5)
        self.assertEqual((self.cancelled, self.peer.gone), (1, True))
        self.world.nothingLeft(self)

    def test_exits(self) -> None:
        """One that raises what is no Exception could not answer either."""
        self.begin(Recorder(onHandshake=lambda request: sys.exit("deliberate")))
        self.assertEqual(self.read(self.ask(opening()))[0], 500)
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)

    def test_fails(self) -> None:
        """Whichever way, 500 without a word of why, and its traceback in the log once."""
        waiting: Deferred[None] = Deferred()

        def raising(request: Request) -> None:
            raise ZeroDivisionError("secret")

        async def later(request: Request) -> None:
            await waiting

        for hook in (raising, lambda request: fail(ZeroDivisionError("secret")), later):
            app = self.begin(Recorder(onHandshake=hook))
            peer = self.ask(opening())
            if hook is later:
                waiting.errback(ZeroDivisionError("secret"))
            status, _, body = self.read(peer)
            self.assertEqual((status, body), (500, b"the application could not answer\n"))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertEqual(app.told, [])


class RejectTests(DecidingCase):
    """The application says no."""

    def reject(self, *arguments: Any, **named: Any) -> None:
        """Serve one that rejects so, at once, and one that does later."""

        async def onHandshake(request: Request) -> None:
            await succeed(None)
            raise Reject(*arguments, **named)

        def atOnce(request: Request) -> None:
            raise Reject(*arguments, **named)

        hook = atOnce if self.now else onHandshake
        self.app = self.begin(Recorder(onHandshake=hook))

    def setUp(self) -> None:
        super().setUp()
        self.now = False

    def test_status(self) -> None:
        """Its status and its reason, or a word in its place; nothing is logged as an error."""
        for self.now in (True, False):
            for arguments, expected in (
                ((), (403, b"the application does not accept this\n")),
                ((401, "who are you? é€"), (401, "who are you? é€\n".encode())),
                ((503,), (503, b"the application does not accept this\n")),
                ((403, "no room \ud800"), (403, b"no room ?\n")),
            ):
                self.reject(*arguments)
                peer = self.ask(opening())
                status, fields, body = self.read(peer)
                self.assertEqual((status, body), expected)
                self.assertEqual(int(fields["Content-Length"]), len(body))
                self.assertEqual((self.app.told, peer.transport.ended), ([], "half"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_log(self) -> None:
        """What a peer has said in the reason does not steer who reads the log, nor make a line of its own."""
        self.reject(403, "no room \r\nforged\x1b[31m\0\ud800")
        self.ask(opening())
        self.assertEqual(self.lines(), [r"refused 198.51.100.7: 403 no room \r\nforged\x1b[31m\x00\ud800"])

    def test_headers(self) -> None:
        """Headers of the application's stand on its rejection too."""

        def onHandshake(request: Request) -> None:
            request.setHeader("WWW-Authenticate", "Basic")
            raise Reject(401)

        self.begin(Recorder(onHandshake=onHandshake))
        peer = self.world.peer()
        peer.feed(opening())
        status, headers, _ = self.read(peer)
        self.assertEqual((status, headers["WWW-Authenticate"]), (401, "Basic"))

    def test_code(self) -> None:
        """Accepted and closed at once with it, before `onConnect`; input is discarded."""
        for self.now in (True, False):
            for version, code in (("RFC 6455", 4401), ("hybi-08", 4401), ("hybi-07", 1001)):
                self.reject(code=4401 if code == 4401 else 1011, reason="log in")
                peer = self.ask(opening(version) + CLIENT.encode("hi"))
                status, _, rest = self.read(peer)
                self.assertEqual(status, 101)
                self.assertEqual(rest, b"\x88\x08" + code.to_bytes(2, "big") + b"log in")
                self.assertEqual((self.app.told, peer.transport.ended), ([], "half"))
                peer.feed(CLIENT.encode("more") + CLIENT.close(code, ""))
                self.assertEqual(peer.take(), b"")
                peer.lose()
                self.world.nothingLeft(self)

    def test_codeHixie(self) -> None:
        """Where there are no codes it is just closed, after the digest."""
        for version, rest in (("hixie-76", DIGEST + b"\xff\x00"), ("hixie-75", b"")):
            self.reject(code=4401)
            peer = self.ask(opening(version))
            self.assertEqual(self.read(peer)[::2], (101, rest))
            self.assertEqual((self.app.told, peer.transport.ended), ([], "half"))

    def test_codeBounded(self) -> None:
        """Who does not go is dropped after the close time-out."""
        self.reject(code=4401)
        peer = self.ask(opening())
        self.world.advance(5.5, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        peer.lose()
        self.world.nothingLeft(self)
