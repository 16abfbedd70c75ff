"""Tests of `wsapp.testing` and `wsapp.testclient`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import Recorder
from wsapp.app import App
from wsapp.apps.echo import Echo
from wsapp.client import Client
from wsapp.errors import WsappError
from wsapp.limits import Limits
from wsapp.memory import MemoryTransport
from wsapp.request import Reject, Request
from wsapp.testing import NothingReceived, Rejected, TestClient, TestServer
from wsapp.wire.deflate import Compression
from wsapp.wire.headers import Headers


def own(client: TestClient) -> Client:
    """The application's object."""
    assert client.client is not None
    return client.client


class ConnectTests(SynchronousTestCase):
    """How clients come."""

    def test_names(self) -> None:
        """One application is called by its class; several have names, chosen by path or subprotocol."""
        app = Recorder()
        server = TestServer(app)
        self.assertEqual(app.name, "recorder")
        self.assertEqual(server.connect("/recorder").subprotocol, None)
        one, other = Recorder(), Recorder()
        server = TestServer({"one": one, "other": other})
        self.assertEqual(server.connect(subprotocols=["x", "other"]).subprotocol, "other")
        server.connect("/one/deeper?a=b")
        server.connect()
        self.assertEqual((len(one.clients), len(other.clients)), (2, 1))

    def test_request(self) -> None:
        """Path, headers, user, peer, secure and certificate are what the application sees."""
        app = Recorder()
        server = TestServer(app)
        certificate: Any = object()
        client = server.connect(
            "/recorder/a%20b?c=d",
            headers={"Origin": "https://own.example", "Host": "own.example", "Cookie": "k=ü"},
            user="ann",
            peer="203.0.113.5",
            secure=True,
            certificate=certificate,
        )
        request = own(client).request
        self.assertEqual(request.path, "/recorder/a b")
        self.assertEqual(request.query, {"c": ["d"]})
        self.assertEqual((request.host, request.origin), ("own.example", "https://own.example"))
        self.assertEqual(request.cookies, {"k": "ü"})
        self.assertEqual((request.peer, request.secure), ("203.0.113.5", True))
        self.assertIs(request.clientCertificate, certificate)
        self.assertEqual(own(client).user, "ann")
        self.assertFalse(own(server.connect()).request.secure)
        self.assertIsNone(own(server.connect()).user)

    def test_userComesLast(self) -> None:
        """``user`` is said once the application's own onHandshake is done, of whatever form; it can still
        refuse, and is asked as before by the next client."""

        class Door(App):
            async def onHandshake(self, request: Request) -> None:
                later: Deferred[None] = Deferred()
                self.reactor.callLater(1, later.callback, None)
                await later
                request.user = "somebody"
                if "closed" in request.query:
                    raise Reject(401)

        server = TestServer(Door())
        self.assertEqual(own(server.connect(user="ann", patience=1)).user, "ann")
        self.assertEqual(own(server.connect(patience=1)).user, "somebody")
        error = self.assertRaises(Rejected, server.connect, "/?closed=1", user="ann", patience=1)
        self.assertEqual(error.status, 401)

    def test_userWithHookOnTheInstance(self) -> None:
        """An onHandshake that was set on the instance stays."""
        told: list[str] = []
        app = App()
        vars(app)["onHandshake"] = lambda request: told.append("asked")
        server = TestServer(app)
        server.connect(user="ann")
        server.connect()
        self.assertEqual(told, ["asked", "asked"])

    def test_rejected(self) -> None:
        """A refusal raises, with status, headers and body."""
        server = TestServer({"one": App()}, limits=Limits(maxConnections=1))
        error = self.assertRaises(Rejected, server.connect, "/nowhere")
        self.assertEqual(error.status, 404)
        self.assertEqual(error.headers.get("Connection"), "close")
        self.assertIn(b"no application", error.body)
        self.assertIn("404", str(error))
        server.connect()
        error = self.assertRaises(Rejected, server.connect)
        self.assertEqual((error.status, error.headers.get("Retry-After")), (503, "30"))

    def test_rejectedByCode(self) -> None:
        """Who is turned away by a close code is connected, and closed."""

        class Door(App):
            def onHandshake(self, request: Request) -> None:
                raise Reject(401, "no", code=4001)

        client = TestServer(Door()).connect()
        self.assertIsNone(client.client)
        self.assertEqual(client.closed, (4001, "no"))
        self.assertIn("4001", repr(client))

    def test_notAnswered(self) -> None:
        """A handshake that is not answered in time is an error that says what would help; the client has
        given up."""
        ends: list[Any] = []

        class Slow(App):
            def onHandshake(self, request: Request) -> Deferred[None]:
                return Deferred(lambda waiting: ends.append("cancelled"))

        server = TestServer(Slow())
        error = self.assertRaises(WsappError, server.connect)
        self.assertIn("patience", str(error))
        self.assertEqual(ends, ["cancelled"])
        self.assertEqual(server.server.terms.admission.total, 0)

    def test_patience(self) -> None:
        """With patience time passes for it."""

        class Slow(App):
            def onHandshake(self, request: Request) -> Deferred[None]:
                waiting: Deferred[None] = Deferred()
                self.reactor.callLater(2.5, waiting.callback, None)
                return waiting

        server = TestServer(Slow())
        self.assertRaises(WsappError, server.connect, patience=2)
        self.assertIsNone(server.connect(patience=3).closed)


class ClientTests(SynchronousTestCase):
    """What clients do and see."""

    def setUp(self) -> None:
        self.app = Recorder()
        self.server = TestServer(self.app)
        self.client = self.server.connect()

    def test_messages(self) -> None:
        """Messages come in order, text as text and bytes as bytes: one at a time, or all of them."""
        server = TestServer(Echo())
        client = server.connect()
        for message in ("1", b"2", "", "Grüße 😀", "x" * 200_000):
            client.send(message)
        self.assertEqual(client.receive(), "1")
        self.assertEqual(client.receive(), b"2")
        self.assertEqual(client.messages, ["", "Grüße 😀", "x" * 200_000])
        self.assertEqual(client.messages, [])

    def test_nothing(self) -> None:
        """Where there is nothing to receive that is a failure of the test, which says how things are."""
        error = self.assertRaises(NothingReceived, self.client.receive)
        self.assertIsInstance(error, AssertionError)
        self.assertEqual(str(error), "no message has come")
        own(self.client).close(4000, "out")
        self.assertIn("(4000, 'out')", str(self.assertRaises(NothingReceived, self.client.receive)))
        other = self.server.connect()
        other.drop()
        self.assertIn("gone", str(self.assertRaises(NothingReceived, other.receive)))

    def test_closing(self) -> None:
        """close() says code and reason; the server's answer is in ``closed``, and both are gone."""
        self.assertIsNone(self.client.closed)
        self.client.close(4001, "bye")
        self.assertEqual(self.client.closed, (4001, ""))
        self.assertTrue(self.client.gone)
        self.assertEqual(self.app.ends, [(4001, "bye", True)])
        error = self.assertRaises(WsappError, self.client.send, "late")
        self.assertIn("4001", str(error))

    def test_closingWithoutCode(self) -> None:
        """1005 is a Close without a code."""
        self.client.close(1005)
        self.assertEqual(self.app.ends, [(1005, "", True)])

    def test_closedByServer(self) -> None:
        """A Close of the server's is answered at once, once."""
        own(self.client).close(4002, "out")
        self.assertEqual(self.client.closed, (4002, "out"))
        self.assertTrue(self.client.gone)
        self.assertEqual(self.app.ends, [(4002, "out", True)])

    def test_oneClose(self) -> None:
        """A client that has said its Close does not say another one."""
        self.client.reads = False
        own(self.client).close(4002)
        self.server.advance(0)
        self.client.close(4001)
        sent: list[bytes] = []
        self.patch(self.client, "sendRaw", sent.append)
        self.client.reads = True
        self.assertEqual(self.client.closed, (4002, ""))
        self.assertEqual(sent, [])

    def test_drop(self) -> None:
        """drop() is the end of the connection without words."""
        self.client.drop()
        self.assertEqual(self.client.closed, (1006, ""))
        self.assertEqual(self.app.ends, [(1006, "", False)])
        self.client.drop()
        self.assertEqual(len(self.app.ends), 1)

    def test_gone(self) -> None:
        """An aborted connection is 1006 too."""
        own(self.client).abort()
        self.assertEqual(self.client.closed, (1006, ""))

    def test_noAnswers(self) -> None:
        """With ``answers`` off neither pings nor Closes are answered, and the server gives up in time."""
        self.client.answers = False
        limits = self.server.server.terms.limits
        self.server.advance(limits.pingInterval + 1)
        self.assertEqual(len(self.client.pings), 1)
        self.assertIsNone(self.client.closed)
        self.server.advance(limits.pingTimeout)
        self.assertEqual(self.client.closed, (1006, ""))
        stubborn = self.server.connect()
        stubborn.answers = False
        stubborn.sendRaw(b"\xff\x80")
        self.assertEqual(stubborn.closed and stubborn.closed[0], 1002)
        self.server.advance(limits.closeTimeout - 1)
        self.assertFalse(stubborn.gone)
        self.server.advance(1.5)
        self.assertTrue(stubborn.gone)

    def test_pings(self) -> None:
        """Pings are answered, and can be looked at."""
        self.server.advance(100)
        self.assertIsNone(self.client.closed)
        self.assertGreaterEqual(len(self.client.pings), 4)

    def test_raw(self) -> None:
        """Bytes can be sent as they are; a broken frame is closed with 1002."""
        self.client.sendRaw(b"\x81\x02hi")
        self.assertEqual(self.client.closed and self.client.closed[0], 1002)

    def test_compression(self) -> None:
        """One that offers permessage-deflate speaks it where the server has agreed to it."""
        for compression in Compression:
            for offered in ("permessage-deflate", "permessage-deflate; client_max_window_bits"):
                server = TestServer(Echo(), compression=compression)
                client = server.connect(headers={"Sec-WebSocket-Extensions": offered})
                self.assertEqual("Sec-WebSocket-Extensions" in client.headers, compression.value != "off")
                for message in ("x" * 1000, "x" * 1000, b"y" * 5000, "short"):
                    client.send(message)
                    if compression.value != "off":
                        self.assertTrue(0 < len(client.transport.written) < 100)
                    self.assertEqual(client.receive(), message)

    def test_otherExtensions(self) -> None:
        """A server that agrees to what there is not breaks the protocol."""
        transport, fields = MemoryTransport(), Headers([("Sec-WebSocket-Extensions", "x-mine")])
        error = self.assertRaises(AssertionError, TestClient, self.server, transport, fields, None)
        self.assertIn("broke the protocol", str(error))
        self.assertIn("x-mine", str(error))

    def test_slowReader(self) -> None:
        """With ``reads`` off what the server sends stays in the transport, and the server notices."""
        self.client.reads = False
        while own(self.client).bufferedAmount < 1024 * 1024:
            self.assertTrue(own(self.client).send("x" * 10_000))
            self.server.advance(0)
        self.assertEqual(self.client.messages, [])
        self.server.advance(self.server.server.terms.limits.stallTimeout + 1)
        self.client.reads = True
        self.assertEqual(self.client.closed, (1013, "too slow to read"))

    def test_backPressure(self) -> None:
        """What a client sends while the server does not read waits, in order."""
        waiting: list[Deferred[None]] = []

        def onMessage(client: Client, message: str) -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1]

        app = Recorder(onMessage=onMessage)
        server = TestServer(app, limits=Limits(maxQueue=2))
        client = server.connect()
        for number in range(10):
            client.send(str(number))
        self.assertFalse(client.transport.reading)
        self.assertEqual(app.messages, ["0"])
        for number in range(10):
            self.assertEqual(len(waiting), number + 1)
            waiting[number].callback(None)
            server.advance(0)
        self.assertEqual(app.messages, [str(number) for number in range(10)])
        self.assertTrue(client.transport.reading)

    def test_quiet(self) -> None:
        """Whatever is brought about by what a client is sent is there when one looks: here by its pong."""

        def onMessage(client: Client, message: str) -> None:
            client.ping().addCallback(lambda _: app.broadcast("ponged"))

        app = Recorder(onMessage=onMessage)
        server = TestServer(app)
        first, second = server.connect(), server.connect()
        second.send("go")
        self.assertEqual(first.receive(), "ponged")

    def test_brokenServer(self) -> None:
        """A server that breaks the protocol fails the test."""
        self.client.transport.write(b"\xc1\x00")
        self.assertRaises(AssertionError, self.server.advance, 0)

    def test_repr(self) -> None:
        """It shows whose it is."""
        self.assertIn(own(self.client).id, repr(self.client))


class ServerTests(SynchronousTestCase):
    """The server, and its time."""

    def test_time(self) -> None:
        """Time passes only by advance(), each call at its own time; it is the application's too."""
        times: list[float] = []

        class Ticking(App):
            def onStart(self) -> None:
                self.tick()

            def tick(self) -> None:
                times.append(self.reactor.seconds())
                self.reactor.callLater(0.1, self.tick)

        server = TestServer(Ticking())
        server.advance(0.35)
        self.assertEqual([round(time, 6) for time in times], [0, 0.1, 0.2, 0.3])
        self.assertAlmostEqual(server.clock.seconds(), 0.35)

    def test_sharedClock(self) -> None:
        """Servers may share a clock."""
        clock = Clock()
        one, other = TestServer(App(), clock), TestServer(App(), clock)
        one.advance(5)
        self.assertEqual(other.clock.seconds(), 5)

    def test_options(self) -> None:
        """Options are the server's."""
        server = TestServer(App(), limits=Limits(maxMessage=10))
        client = server.connect()
        client.send("x" * 11)
        self.assertEqual(client.closed and client.closed[0], 1009)

    def test_onStartFails(self) -> None:
        """A failing onStart is raised."""

        class Broken(App):
            def onStart(self) -> None:
                raise KeyError("broken")

        self.assertRaises(KeyError, TestServer, Broken())
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_onStartTakesTime(self) -> None:
        """Until onStart is done nobody is attended to."""

        class Slow(App):
            def onStart(self) -> Deferred[None]:
                done: Deferred[None] = Deferred()
                self.reactor.callLater(5, done.callback, None)
                return done

        server = TestServer(Slow())
        self.assertIn("onStart", str(self.assertRaises(WsappError, server.connect)))
        server.advance(5)
        self.assertIsNone(server.connect().closed)

    def test_stop(self) -> None:
        """stop() closes clients with 1001 and runs the last hooks; once more is nothing."""
        told: list[str] = []

        class Ending(Recorder):
            def onStop(self) -> None:
                told.append(f"stop after {self.ends}")

        server = TestServer(Ending())
        clients = [server.connect() for _ in range(2)]
        server.stop()
        server.stop()
        self.assertEqual([client.closed for client in clients], [(1001, "the server is stopping")] * 2)
        ends = [(1001, "the server is stopping", True)] * 2
        self.assertEqual(told, [f"stop after {ends}"])
        self.assertEqual(server.clock.getDelayedCalls(), [])

    def test_connectAfterStop(self) -> None:
        """Who connects to what has stopped is refused."""
        server = TestServer(App())
        server.stop()
        self.assertEqual(self.assertRaises(Rejected, server.connect).status, 503)

    def test_stopFails(self) -> None:
        """An onStop that does not end fails the test; one that raises is logged."""

        class Hanging(App):
            def onStop(self) -> Deferred[None]:
                return Deferred()

        self.assertIn("onStop", str(self.assertRaises(WsappError, TestServer(Hanging()).stop)))

        class Raising(App):
            def onStop(self) -> None:
                raise KeyError("broken")

        TestServer(Raising()).stop()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
