"""Tests of `wsapp.authentication`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.logger import eventAsText

from tests.peers import NUMBERS, Recorder, ServedCase, World, opening
from wsapp import App, Reject
from wsapp.authentication import authenticate
from wsapp.incidents import TRACEBACKS
from wsapp.request import Request
from wsapp.testing import Rejected, TestServer
from wsapp.tokens import Keys, Token, mint

KEYS = Keys(b"only for tests, and long enough to be a key")


class Members(App):
    """Lets in who has a token.

    :ivar found: What the last one said.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.found: Token | None = None

    def onHandshake(self, request: Request) -> None:
        self.found = authenticate(request, KEYS, self.name, **self.options)


class AuthenticateTests(ServedCase):
    """In front of an application."""

    def serve(self, **options: Any) -> TestServer:
        """Serve the members."""
        self.app = Members(**options)
        server = TestServer({"members": self.app, "others": Members()})
        self.addCleanup(server.stop)
        return server

    def token(self, audience: str = "members", **options: Any) -> str:
        """A token of virtual time."""
        return mint(KEYS, "ann", audience, **{"now": 0, **options})

    def test_subprotocol(self) -> None:
        """User, expiry and claims; the application's name is agreed to, be the token first or last."""
        server = self.serve()
        token = "token." + self.token(claims={"room": "kitchen"})
        for offered in (["members", token], [token, "members"]):
            ann = server.connect(subprotocols=offered)
            assert ann.client is not None
            self.assertEqual((ann.client.user, ann.client.expires), ("ann", 3600))
            self.assertEqual(ann.subprotocol, "members")
            self.assertEqual(list(ann.client.request.subprotocols), ["members"])
        assert self.app.found is not None
        self.assertEqual(self.app.found.claims, {"room": "kitchen"})

    def test_bearer(self) -> None:
        """By header."""
        ann = self.serve().connect(headers={"Authorization": f"Bearer {self.token()}"})
        assert ann.client is not None
        self.assertEqual(ann.client.user, "ann")

    def test_cookieAndQuery(self) -> None:
        """Only where the application says so."""
        headers, path = {"Cookie": f"session={self.token()}"}, f"/?t={self.token()}"
        strict = self.serve()
        self.assertEqual(strict.connect(headers=headers).closed, (4401, "log in first"))
        self.assertEqual(strict.connect(path).closed, (4401, "log in first"))
        lenient = self.serve(cookie="session", parameter="t")
        self.assertIsNone(lenient.connect(headers=headers).closed)
        self.assertIsNone(lenient.connect(path).closed)
        self.assertEqual(lenient.connect("/?t=").closed, (4401, "this is not a token"))

    def test_firstCounts(self) -> None:
        """A bad token is not made good by another one."""
        server = self.serve(cookie="session")
        headers = {"Cookie": f"session={self.token()}"}
        late = server.connect(subprotocols=["members", "token.x"], headers=headers)
        self.assertEqual(late.closed, (4401, "this is not a token"))

    def test_otherApplication(self) -> None:
        """A token opens one application."""
        server = self.serve()
        other = server.connect(subprotocols=["others", "token." + self.token()])
        self.assertEqual(other.closed, (4401, "the token is for another application (aud)"))

    def test_expires(self) -> None:
        """Late tokens are refused, and the session ends by 1008."""
        server = self.serve()
        token = "token." + self.token(session=100)
        ann = server.connect(subprotocols=["members", token])
        server.advance(99)
        self.assertEqual(
            server.connect(subprotocols=["members", token]).closed, (4401, "the token has expired")
        )
        self.assertIsNone(ann.closed)
        server.advance(2)
        self.assertEqual(ann.closed, (1008, "credentials have run out"))

    def test_prolonged(self) -> None:
        """Until the application says otherwise."""
        server = self.serve()
        ann = server.connect(subprotocols=["members", "token." + self.token(session=100)])
        assert ann.client is not None
        ann.client.expires = None
        server.advance(200)
        self.assertIsNone(ann.closed)

    def test_expiresAlready(self) -> None:
        """What is over when the client connects is over at once."""

        class Late(App):
            def onHandshake(self, request: Request) -> None:
                request.expires = request.time - 5

        server = TestServer(Late())
        self.addCleanup(server.stop)
        server.advance(60)
        late = server.connect()
        server.advance(0.25)
        self.assertEqual(late.closed, (1008, "credentials have run out"))

    def test_status(self) -> None:
        """For programs: 401, and how to do better."""
        server = self.serve(code=None)
        refused = self.assertRaises(Rejected, server.connect)
        self.assertEqual((refused.status, refused.headers.get("WWW-Authenticate")), (401, "Bearer"))
        self.assertEqual(refused.body, b"log in first\n")

    def test_neverEchoedNorLogged(self) -> None:
        """In every version the token is in no response and in no line of the log, be it good or not."""
        good, forged = self.token("app"), mint(Keys("x" * 32), "ann", "app", now=0)

        def onHandshake(request: Request) -> None:
            if request.query:
                raise ValueError("a mistake of the application's")
            authenticate(request, KEYS, "app")

        world = World(Recorder(onHandshake=onHandshake))
        for version in NUMBERS:
            name = "WebSocket-Protocol" if version == "hixie-75" else "Sec-WebSocket-Protocol"
            for token, target in ((good, "/"), (forged, "/"), (good, "/nowhere"), (good, "/?fail")):
                for offered in (f"token.{token}", f"token.{token}, app", f"app, token.{token}"):
                    peer = world.peer()
                    peer.feed(opening(version, f"{name}: {offered}", target=target))
                    answer = peer.take()
                    self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer)
                    self.assertNotIn(token.encode(), answer)
                    self.assertNotIn(b"token.", answer)
        clients = [client.user for client in world.app.clients]
        self.assertEqual(clients, ["ann"] * len(clients))
        self.assertGreaterEqual(len(clients), 3 * len(NUMBERS))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), TRACEBACKS)
        text = "\n".join(eventAsText(event) for event in self.logged)
        self.assertIn("ValueError: a mistake", text)
        for token in (good, forged):
            for part in token.split(".")[1:]:
                self.assertNotIn(part, text)

    def test_subprotocolCannotBeAToken(self) -> None:
        """Not even where an application says that it speaks it."""

        class Odd(App):
            subprotocols = ("token.x",)

        server = TestServer({"first": App(), "odd": Odd()})
        self.addCleanup(server.stop)
        odd = server.connect(subprotocols=["token.x"])
        self.assertIsNone(odd.subprotocol)
        assert odd.client is not None
        self.assertEqual(odd.client.request.token, "x")

    def test_reject(self) -> None:
        """What is raised is what applications raise."""
        server = self.serve()
        closed = server.connect(subprotocols=["members", "token.a.b.c"]).closed
        self.assertEqual(closed, (4401, "the token is not signed by our key"))
        self.assertTrue(issubclass(Reject, Exception))
