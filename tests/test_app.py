"""Tests of `wsapp.app`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import ServedCase
from wsapp.app import App
from wsapp.client import Client
from wsapp.request import Reject, Request
from wsapp.testing import Rejected, TestServer


class DefaultTests(SynchronousTestCase):
    """An application that does nothing."""

    def test_doesNothing(self) -> None:
        """Every hook may be left out; messages are taken and nothing comes back."""
        server = TestServer({"app": App()})
        client = server.connect()
        client.send("hi")
        client.send(b"hi")
        client.close()
        self.assertEqual(client.messages, [])
        self.assertEqual(client.closed, (1000, ""))
        server.stop()

    def test_announcement(self) -> None:
        """An operator's announcement is sent as it is."""
        client: Any = None
        self.assertEqual(App().announcement(client, "tea"), "tea")

    def test_beforeItIsServed(self) -> None:
        """Before it is served it has no clients; the error says when it will."""
        app = App()
        for use in (
            lambda: app.clients,
            lambda: app.group("a"),
            lambda: app.user("a"),
            lambda: app.broadcast("a"),
        ):
            error = str(self.assertRaises(RuntimeError, use))
            self.assertIn("App is not served yet", error)
            self.assertIn("onStart", error)

    def test_noGroups(self) -> None:
        """One that says that it has no groups cannot use any, in one process either; the error says why."""

        class Alone(App):
            groups = False

        app = Alone()
        server = TestServer({"alone": app})
        client = server.connect()
        (known,) = app.clients
        for use in (
            lambda: app.group("a"),
            lambda: app.user("a"),
            lambda: app.broadcast("a"),
            lambda: known.join("a"),
        ):
            self.assertIn("Alone says groups = False", str(self.assertRaises(RuntimeError, use)))
        known.send("but this")
        self.assertEqual(client.receive(), "but this")

    def test_inOnStart(self) -> None:
        """In onStart they can be used, and the application has its name and reactor."""

        class Early(App):
            def onStart(self) -> Deferred[None]:
                self.seen = (self.name, len(self.clients), self.reactor)
                return self.group("lobby").send("hi")

        app = Early()
        server = TestServer({"early": app})
        self.assertEqual(app.seen, ("early", 0, server.clock))
        self.assertIsNone(app.resource())


class HookTests(ServedCase):
    """Plain, Deferred or async: all the same."""

    def forms(self, act: Any) -> list[Any]:
        """The three forms of a hook that does something."""

        def plain(*arguments: Any) -> object:
            act(*arguments)
            return "what it returns does not matter"

        def deferred(*arguments: Any) -> Deferred[None]:
            later: Deferred[None] = Deferred()
            self.server.clock.callLater(0.1, later.callback, None)
            return later.addCallback(lambda _: act(*arguments))

        async def coroutine(*arguments: Any) -> None:
            later: Deferred[None] = Deferred()
            self.server.clock.callLater(0.1, later.callback, None)
            await later
            act(*arguments)

        return [plain, deferred, coroutine]

    def serve(self, **hooks: Any) -> App:
        """Serve an application with these hooks."""
        app = type("Made", (App,), {name: staticmethod(hook) for name, hook in hooks.items()})()
        assert isinstance(app, App)
        self.server = TestServer({"app": app})
        return app

    def test_everyForm(self) -> None:
        """Each hook of a client's life may have each form; they run in order."""
        self.server = TestServer({"app": App()})
        told: list[str] = []
        for number in range(3):
            told.clear()
            self.serve(
                onHandshake=self.forms(lambda request: told.append("handshake"))[number],
                onConnect=self.forms(lambda client: told.append("connect"))[number],
                onMessage=self.forms(lambda client, message: told.append(message))[number],
                onDisconnect=self.forms(lambda client, reason: told.append(str(reason.code)))[number],
            )
            client = self.server.connect(patience=0.2)
            client.send("1")
            client.send("2")
            client.close(1001)
            self.server.advance(1)
            self.assertEqual(told, ["handshake", "connect", "1", "2", "1001"])

    def test_everyFormRejects(self) -> None:
        """onHandshake may refuse in each form."""
        self.server = TestServer({"app": App()})

        def act(request: Request) -> None:
            raise Reject(401, "who are you?")

        for form in self.forms(act):
            self.serve(onHandshake=form)
            error = self.assertRaises(Rejected, self.server.connect, patience=0.2)
            self.assertEqual((error.status, error.body), (401, b"who are you?\n"))

    def test_everyFormRaises(self) -> None:
        """A hook that raises in any form closes that client with 1011, and no other; it is logged."""
        self.server = TestServer({"app": App()})

        def act(client: Client, message: str) -> None:
            if message == "bad":
                raise KeyError("secret")

        for form in self.forms(act):
            self.serve(onMessage=form)
            bad, good = self.server.connect(), self.server.connect()
            bad.send("bad")
            bad.send("never")
            good.send("good")
            self.server.advance(1)
            self.assertEqual(bad.closed, (1011, ""))
            self.assertIsNone(good.closed)
            (failure,) = self.flushLoggedErrors(KeyError)
            self.assertIn("act", failure.getTraceback())
            self.assertEqual(self.server.server.terms.metrics.failedHooks, 1)

    def test_onHandshakeSays(self) -> None:
        """onHandshake says who it is, and adds headers to the 101."""

        def onHandshake(request: Request) -> None:
            request.user = request.query["u"][0]
            request.setHeader("Set-Cookie", "seen=1")
            request.setHeader("Set-Cookie", "grüße")

        app = self.serve(onHandshake=onHandshake)
        client = self.server.connect("/?u=ann")
        assert client.client is not None
        self.assertEqual(client.client.user, "ann")
        self.assertEqual(client.headers.getAll("Set-Cookie"), ["seen=1", "grüße"])
        self.assertEqual(list(app.clients), [client.client])

    def test_onHandshakeFails(self) -> None:
        """One that raises anything else is a 500 without detail, and logged."""

        def onHandshake(request: Request) -> None:
            raise KeyError("secret")

        app = self.serve(onHandshake=onHandshake)
        error = self.assertRaises(Rejected, self.server.connect)
        self.assertEqual(error.status, 500)
        self.assertNotIn(b"secret", error.body)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(list(app.clients), [])

    def test_rejectedByCode(self) -> None:
        """Reject(code=...) accepts and closes at once; the application hears of no client."""
        told: list[str] = []

        def onHandshake(request: Request) -> None:
            raise Reject(401, "log in first", code=4401)

        app = self.serve(
            onHandshake=onHandshake,
            onConnect=lambda client: told.append("connect"),
            onDisconnect=lambda client, reason: told.append("disconnect"),
        )
        client = self.server.connect()
        self.assertEqual(client.closed, (4401, "log in first"))
        self.assertIsNone(client.client)
        self.server.advance(10)
        self.assertEqual((told, list(app.clients)), ([], []))

    def test_onError(self) -> None:
        """onError is told, instead of the log; the client is closed all the same, even if it fails too."""
        told: list[Any] = []

        def onMessage(client: Client, message: str) -> None:
            raise KeyError(message)

        def onError(client: Client, failure: Any) -> None:
            told.append((client, failure.value.args))
            if failure.value.args == ("worse",):
                raise ValueError("and this")

        self.serve(onMessage=onMessage, onError=onError)
        for word in ("bad", "worse"):
            client = self.server.connect()
            client.send(word)
            self.assertEqual(client.closed, (1011, ""))
            self.assertEqual(told[-1], (client.client, (word,)))
        self.assertEqual(self.flushLoggedErrors(KeyError), [])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_oneAtATime(self) -> None:
        """One client's hooks run one at a time; other clients' side by side with them."""
        waiting: dict[str, Deferred[None]] = {}
        done: list[str] = []

        async def onMessage(client: Client, message: str) -> None:
            waiting[message] = Deferred()
            await waiting[message]
            done.append(message)

        self.serve(onMessage=onMessage)
        ann, bob = self.server.connect(), self.server.connect()
        for word in ("a1", "a2"):
            ann.send(word)
        bob.send("b1")
        self.assertEqual(list(waiting), ["a1", "b1"])
        waiting["b1"].callback(None)
        waiting["a1"].callback(None)
        self.assertEqual(list(waiting), ["a1", "b1", "a2"])
        waiting["a2"].callback(None)
        self.assertEqual(done, ["b1", "a1", "a2"])
