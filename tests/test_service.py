"""Tests of `wsapp.service`: in virtual time, and where sockets matter on the loopback interface."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.brokers.slow import SlowBroker
from tests.peers import ServedCase, head, opening
from tests.sockets import Caller, call, portOf, reactor
from wsapp.app import App
from wsapp.brokers.memory import MemoryBroker
from wsapp.client import Client, Disconnection
from wsapp.errors import WsappError
from wsapp.limits import Limits
from wsapp.listening import BadEndpoint, Endpoint
from wsapp.memory import MemoryTransport
from wsapp.service import Server
from wsapp.testing import TestServer

STOPPING = (1001, "the server is stopping")


class Told(App):
    """Writes down what happens, of several applications into one list."""

    def __init__(self, told: list[str], **does: Callable[..., Any]) -> None:
        self.told = told
        self.does = does

    def _do(self, what: str, *arguments: Any) -> Any:
        self.told.append(f"{self.name} {what}")
        return self.does[what](*arguments) if what in self.does else None

    def onStart(self) -> Any:
        return self._do("start")

    def onStop(self) -> Any:
        return self._do("stop")

    def onConnect(self, client: Client) -> Any:
        return self._do("connect", client)

    def onMessage(self, client: Client, message: str) -> Any:
        return self._do("message", client, message)

    def onDisconnect(self, client: Client, reason: Disconnection) -> Any:
        return self._do("disconnect", client, reason)


class VirtualCase(ServedCase):
    """A server on a clock."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.told: list[str] = []

    def server(self, *apps: Told, **options: Any) -> Server:
        """A server of applications called a, b..."""
        options.setdefault("broker", MemoryBroker(self.clock, self.clock.seconds))
        return Server(self.clock, dict(zip("abc", apps, strict=False)), **options)

    def later(self, seconds: float) -> Deferred[None]:
        """Fires after a while."""
        waiting: Deferred[None] = Deferred()
        self.clock.callLater(seconds, waiting.callback, None)
        return waiting

    def stopped(self, server: Server) -> list[float]:
        """Stop; a list that gets the time when that is done."""
        times: list[float] = []
        server.stopService().addCallback(lambda _: times.append(self.clock.seconds()))
        return times


class StartTests(VirtualCase):
    """How it starts."""

    def test_inOrder(self) -> None:
        """onStart of one application after the other, plain, Deferred or async; then ``started`` fires."""

        async def slowly() -> None:
            await self.later(2)

        server = self.server(
            Told(self.told), Told(self.told, start=lambda: self.later(1)), Told(self.told, start=slowly)
        )
        server.startService()
        self.assertEqual(self.told, ["a start", "b start"])
        self.assertNoResult(server.started)
        self.clock.advance(1)
        self.assertEqual(self.told[2:], ["c start"])
        self.clock.advance(2)
        self.successResultOf(server.started)

    def test_waitUnread(self) -> None:
        """Who connects before that waits unread, and is attended to then."""
        server = self.server(Told(self.told, start=lambda: self.later(1)))
        early = server.factory()
        server.startService()
        factories = [early, server.factory()]
        transports = [MemoryTransport() for _ in range(3)]
        for number, transport in enumerate(transports):
            connection = factories[number % 2].buildProtocol(None)
            connection.makeConnection(transport)
            if number == 2:
                connection.connectionLost()
        self.assertEqual([transport.reading for transport in transports[:2]], [False, False])
        self.clock.advance(1)
        self.assertEqual([transport.reading for transport in transports[:2]], [True, True])
        late = MemoryTransport()
        server.factory().buildProtocol(None).makeConnection(late)
        self.assertTrue(late.reading)

    def test_failing(self) -> None:
        """An onStart that fails in any form is logged by the application's name; the server does not start,
        nor do the applications behind it, and only what has started is stopped."""

        def plain() -> None:
            raise KeyError("why")

        async def coroutine() -> None:
            raise KeyError("why")

        for failing in (plain, coroutine, lambda: fail(KeyError("why"))):
            self.told.clear()
            server = self.server(Told(self.told), Told(self.told, start=failing), Told(self.told))
            server.startService()
            self.failureResultOf(server.started, KeyError)
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
            self.assertTrue(any("onStart of b failed" in line for line in self.lines()))
            transport = MemoryTransport()
            server.factory().buildProtocol(None).makeConnection(transport)
            self.assertFalse(transport.reading)
            self.stopped(server)
            self.clock.pump([1] * 10)
            self.assertEqual(self.told, ["a start", "b start", "a stop"])

    def test_brokerFails(self) -> None:
        """Without its broker it does not start: onStart is not called."""
        broker = SlowBroker(self.clock)
        broker.failing.add("start")
        server = self.server(Told(self.told), broker=broker)
        server.startService()
        self.clock.pump([0.1] * 10)
        self.failureResultOf(server.started, WsappError)
        self.assertEqual(self.told, [])

    def test_stoppedWhileStarting(self) -> None:
        """A stop while onStart is under way cancels it: what has started is stopped, nothing failed."""
        cancelled: list[object] = []
        server = self.server(
            Told(self.told), Told(self.told, start=lambda: Deferred(cancelled.append)), Told(self.told)
        )
        server.startService()
        times = self.stopped(server)
        self.clock.advance(0)
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(times, [0.0])
        self.assertNoResult(server.started)
        self.assertEqual(self.told, ["a start", "b start", "a stop"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_names(self) -> None:
        """Each application is told its name and the reactor."""
        app = Told(self.told)
        self.server(app)
        self.assertEqual((app.name, app.reactor), ("a", self.clock))


class StopTests(VirtualCase):
    """How it ends."""

    def serve(self, *apps: Told, **limits: Any) -> TestServer:
        """A started server in memory."""
        return TestServer(dict(zip("abc", apps, strict=False)), self.clock, limits=Limits(**limits))

    def test_order(self) -> None:
        """All are closed with 1001; their hooks run; then onStop, in order; then the broker stops."""
        one, other = Told(self.told), Told(self.told, stop=lambda: self.later(3))
        broker = MemoryBroker(self.clock, self.clock.seconds)
        stop = broker.stop

        def stopping() -> Deferred[None]:
            self.told.append("broker stop")
            return stop()

        self.patch(broker, "stop", stopping)
        server = TestServer({"a": one, "b": other, "c": Told(self.told)}, self.clock, broker=broker)
        clients = [server.connect("/a"), server.connect("/b")]
        self.told.clear()
        times = self.stopped(server.server)
        server.advance(1)
        self.assertEqual([client.closed for client in clients], [STOPPING] * 2)
        self.assertEqual(sorted(self.told[:2]), ["a disconnect", "b disconnect"])
        self.assertEqual(self.told[2:], ["a stop", "b stop"])
        server.advance(3)
        self.assertEqual(self.told[4:], ["c stop", "broker stop"])
        self.assertEqual(times, [3.0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_hooksFinish(self) -> None:
        """Hooks under way and messages that were read still come to their end, and so does onDisconnect."""
        done: list[str] = []

        def onMessage(client: Client, message: str) -> Deferred[None]:
            return self.later(1).addCallback(lambda _: done.append(message))

        server = self.serve(
            Told(self.told, message=onMessage, disconnect=lambda client, reason: self.later(1))
        )
        client = server.connect()
        client.send("1")
        client.send("2")
        times = self.stopped(server.server)
        server.advance(10)
        self.assertEqual(done, ["1", "2"])
        self.assertEqual(self.told[-4:], ["a message", "a message", "a disconnect", "a stop"])
        self.assertEqual(times, [3.0])

    def test_deadPeers(self) -> None:
        """Peers that are dead, do not read, or do not answer cost the close timeout, however many."""
        server = self.serve(Told(self.told), closeTimeout=5)
        clients = [server.connect() for _ in range(30)]
        for number, client in enumerate(clients):
            client.answers = bool(number % 3)
            client.reads = number % 3 != 1
        times = self.stopped(server.server)
        server.advance(4)
        self.assertEqual(times, [])
        server.advance(1.5)
        self.assertEqual(len(times), 1)
        self.assertEqual(self.told.count("a disconnect"), 30)
        self.assertEqual(self.told[-1], "a stop")

    def test_noPeers(self) -> None:
        """Without clients nothing is waited for."""
        server = self.serve(Told(self.told))
        self.assertEqual(self.stopped(server.server), [0.0])

    def test_hangingHook(self) -> None:
        """A hook that never ends is cancelled after that, and the last hooks come in their order."""
        server = self.serve(Told(self.told, message=lambda client, message: Deferred()), closeTimeout=5)
        server.connect().send("hi")
        times = self.stopped(server.server)
        server.advance(10)
        self.assertEqual(times, [6.0])
        self.assertEqual(self.told[-2:], ["a disconnect", "a stop"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_lastHookAfterThat(self) -> None:
        """The last hook of a client whose hook was cancelled has its time as well; of it no line tells."""

        def last(client: Client, reason: Disconnection) -> Deferred[None]:
            return self.later(0.5).addCallback(lambda _: self.told.append("done"))

        app = Told(self.told, message=lambda client, message: Deferred(), disconnect=last)
        server = self.serve(app, closeTimeout=5)
        server.connect().send("hi")
        times = self.stopped(server.server)
        server.advance(10)
        self.assertEqual((times, self.told[-3:]), ([6.5], ["a disconnect", "done", "a stop"]))
        self.assertFalse(any("did not heed" in line for line in self.lines()))

    def test_stubbornHook(self) -> None:
        """A hook that does not heed being cancelled is not waited for; a line tells so."""

        async def stubborn(client: Any, message: Any) -> None:
            while True:
                try:
                    await Deferred()
                except CancelledError:
                    pass

        server = self.serve(Told(self.told, message=stubborn), closeTimeout=5)
        server.connect().send("hi")
        times = self.stopped(server.server)
        server.advance(10)
        self.assertEqual((times, self.told[-1]), ([7.0], "a stop"))
        self.assertTrue(any("1 clients' hooks did not heed" in line for line in self.lines()))

    def test_failingOnStop(self) -> None:
        """An onStop that fails is logged, and the rest goes on."""

        def plain() -> None:
            raise KeyError("why")

        server = self.serve(Told(self.told, stop=plain), Told(self.told, stop=lambda: fail(KeyError("why"))))
        self.assertEqual(len(self.stopped(server.server)), 1)
        self.assertEqual(self.told[-2:], ["a stop", "b stop"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 2)
        self.assertTrue(any("onStop of b failed" in line for line in self.lines()))

    def test_failingBroker(self) -> None:
        """So is a broker that cannot stop."""
        broker = SlowBroker(self.clock)
        server = TestServer({"a": Told(self.told)}, self.clock, broker=broker)
        server.advance(1)
        broker.failing.add("stop")
        times = self.stopped(server.server)
        server.advance(1)
        self.assertEqual(len(times), 1)
        self.assertEqual(len(self.flushLoggedErrors(WsappError)), 1)

    def test_drain(self) -> None:
        """With a drain the Closes are spread over it; who has none yet is served as ever, then all ends."""
        server = TestServer(
            {"a": Told(self.told, message=lambda client, message: client.send(message))},
            self.clock,
            drain=10,
        )
        clients = [server.connect() for _ in range(100)]
        times = self.stopped(server.server)
        for second in range(1, 10):
            server.advance(1)
            open_ = [client for client in clients if client.closed is None]
            self.assertIn(len(open_) - (100 - 10 * second), (-1, 0, 1))
            for client in open_:
                client.send("still there?")
                self.assertEqual(client.receive(), "still there?")
        server.advance(1)
        self.assertEqual({client.closed for client in clients}, {STOPPING})
        self.assertEqual(self.told.count("a disconnect"), 100)
        self.assertEqual(self.told[-1], "a stop")
        self.assertEqual(len(times), 1)
        self.assertLess(times[0], 10)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIn("closing 100 clients over 10 s", self.lines())

    def test_drainBound(self) -> None:
        """Peers that never answer cost the close timeout after their own Close, not one after the other."""
        server = TestServer({"a": Told(self.told)}, self.clock, drain=10, limits=Limits(closeTimeout=5))
        for _ in range(30):
            client = server.connect()
            client.answers = client.reads = False
        times = self.stopped(server.server)
        server.advance(20)
        self.assertEqual(len(times), 1)
        self.assertLess(times[0], 10 + 5 + 1)
        self.assertEqual(self.told.count("a disconnect"), 30)

    def test_drainMessages(self) -> None:
        """What a client sent before it heard the Close goes to the application, however slow its hook is."""
        done: list[str] = []

        def onMessage(client: Client, message: str) -> Deferred[None]:
            return self.later(0.1).addCallback(lambda _: done.append(message))

        server = TestServer({"a": Told(self.told, message=onMessage)}, self.clock, drain=2)
        client = server.connect()
        client.answers = False
        for number in range(30):
            client.send(str(number))
        self.stopped(server.server)
        server.advance(1)
        client.send("after the Close")
        server.advance(4)
        self.assertEqual(done, [*map(str, range(30)), "after the Close"])

    def test_drainOthers(self) -> None:
        """Who is no client yet, and a plain connection that is kept alive, end at once."""
        server = TestServer({"a": Told(self.told)}, self.clock, drain=10)
        server.connect()
        transport = MemoryTransport()
        connection = server.server._factories[0].buildProtocol(None)
        connection.makeConnection(transport)
        connection.dataReceived(b"GET / HT")
        self.stopped(server.server)
        self.assertEqual(transport.ended, "lose")

    def test_drainHurried(self) -> None:
        """hurry() ends a drain; nothing of it is left."""
        server = TestServer({"a": Told(self.told)}, self.clock, drain=1000)
        for _ in range(30):
            server.connect()
        times = self.stopped(server.server)
        server.advance(1)
        server.server.hurry()
        server.advance(0)
        server.advance(0)
        self.assertEqual(times, [1.0])
        self.assertEqual(self.told.count("a disconnect"), 30)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_badDrain(self) -> None:
        """A drain that is no time is refused."""
        for bad in (-1, float("inf"), float("nan")):
            self.assertRaises(ValueError, self.server, drain=bad)

    def arriving(self, server: TestServer, data: bytes) -> tuple[Any, MemoryTransport]:
        """A connection that has sent so much."""
        transport = MemoryTransport()
        connection: Any = server.server._factories[0].buildProtocol(None)
        connection.makeConnection(transport)
        connection.dataReceived(data)
        return connection, transport

    def test_retire(self) -> None:
        """Before it stops for another process's sake, who has come already is served: nobody was refused."""

        async def onHandshake(request: Any) -> None:
            await self.later(1)

        app = Told(self.told)
        server = TestServer({"a": app}, self.clock)
        whole = opening()
        half, transport = self.arriving(server, whole[:40])
        app.onHandshake = onHandshake  # type: ignore[method-assign]
        times: list[float] = []
        server.server.retire().addCallback(lambda _: times.append(self.clock.seconds()))
        server.advance(2)
        self.assertEqual(times, [])
        half.dataReceived(whole[40:])
        server.advance(0.5)
        self.assertEqual(times, [])
        server.advance(1)
        self.assertEqual(len(times), 1)
        self.assertIn(b" 101 ", bytes(transport.written))
        self.assertEqual(self.told, ["a start", "a connect"])

    def test_retireBound(self) -> None:
        """Who never asks is not waited for, nor is a kept-alive connection that has been answered."""
        server = TestServer({"a": Told(self.told)}, self.clock, limits=Limits(handshakeTimeout=3))
        server.connect()
        kept, transport = self.arriving(server, head(target="/nothing"))
        self.assertIn(b" 404 ", bytes(transport.written))
        self.successResultOf(server.server.retire())
        self.arriving(server, b"")
        retired = server.server.retire()
        server.advance(2.9)
        self.assertNoResult(retired)
        server.advance(0.2)
        self.successResultOf(retired)
        kept.abort()

    def test_newHandshakes(self) -> None:
        """Who is still in the handshake is sent away, with 503 if the request was there."""

        async def onHandshake(request: Any) -> None:
            await self.later(100)

        app = Told(self.told)
        vars(app)["onHandshake"] = onHandshake
        server = self.serve(app)
        transports = [MemoryTransport(), MemoryTransport()]
        for transport, data in zip(transports, [opening(), b"GET / HT"], strict=True):
            connection = server.server._factories[0].buildProtocol(None)
            connection.makeConnection(transport)
            connection.dataReceived(data)
        self.stopped(server.server)
        self.assertTrue(transports[0].take().startswith(b"HTTP/1.1 503 "))
        self.assertEqual([transport.ended for transport in transports], ["half", "lose"])

    def test_hurry(self) -> None:
        """hurry() ends the wait for clients, for hooks, and for onStop."""
        hanging: list[dict[str, Callable[..., Any]]] = [
            {},
            {"message": lambda client, message: Deferred()},
            {"disconnect": lambda client, reason: Deferred()},
            {"stop": Deferred},
        ]
        for does in hanging:
            server = self.serve(Told(self.told, **does), Told(self.told))
            client = server.connect()
            client.send("hi")
            client.answers = "stop" in does
            times = self.stopped(server.server)
            server.advance(1)
            self.assertEqual(times, [], does)
            server.server.hurry()
            server.advance(0)
            self.assertEqual(len(times), 1, does)
            self.assertEqual(client.closed, STOPPING)
            self.assertEqual(self.told[-2:], ["a stop", "b stop"])

    def test_hurryFirst(self) -> None:
        """Hurried before it stops, it waits for nobody either."""
        server = self.serve(Told(self.told, stop=Deferred))
        server.connect().answers = False
        server.server.hurry()
        self.assertEqual(len(self.stopped(server.server)), 1)

    def test_twice(self) -> None:
        """Stopping twice, or what never started, is nothing."""
        server = self.serve(Told(self.told))
        self.stopped(server.server)
        self.assertEqual(len(self.stopped(server.server)), 1)
        self.assertEqual(self.told.count("a stop"), 1)
        self.assertEqual(len(self.stopped(self.server(Told(self.told)))), 1)
        self.assertEqual(self.told.count("a stop"), 1)

    def test_nothingLeft(self) -> None:
        """No timer is left, whatever was under way."""
        server = self.serve(Told(self.told))
        app = server.server._apps["a"]
        app.historySize = 3
        clients = [server.connect(user="ann") for _ in range(3)]
        for client in clients:
            assert client.client is not None
            client.client.join("lobby", history=3)
            client.client.expires = 1e9
        app.group("lobby").send("hi")
        clients[0].reads = clients[1].answers = False
        server.stop()
        self.assertEqual([str(call) for call in self.clock.getDelayedCalls()], [])


class SocketTests(TestCase):
    """On the loopback interface."""

    timeout = 20

    def setUp(self) -> None:
        self.told: list[str] = []

    def serve(self, *endpoints: str, apps: dict[str, App] | None = None, **options: Any) -> Server:
        """A started server, which ends with the test."""
        server = Server(
            reactor,
            apps or {"a": Told(self.told, message=lambda client, message: client.send(message) and None)},
            [Endpoint(reactor, endpoint) for endpoint in endpoints],
            **options,
        )
        server.startService()
        self.addCleanup(server.stopService)
        return server

    def run_(self, test: Awaitable[None]) -> Deferred[None]:
        """Run a coroutine as a test."""
        return Deferred.fromCoroutine(test)  # type: ignore[arg-type]

    async def caller(self, port: int) -> Caller:
        """Connect; the connection ends with the test."""
        caller = await call(TCP4ClientEndpoint(reactor, "127.0.0.1", port))
        self.addCleanup(caller.hangUp)
        return caller

    def test_serves(self) -> Deferred[None]:
        """Several applications on several ports; startService alone listens too."""

        async def test() -> None:
            echo = Told(self.told, message=lambda client, message: client.send(message) and None)
            server = self.serve(
                "tcp:0:interface=127.0.0.1",
                "tcp:0:interface=127.0.0.1",
                apps={"a": echo, "b": Told(self.told)},
            )
            for number, path in ((0, "/a"), (1, "/a"), (0, "/b")):
                caller = await self.caller(portOf(server, number))
                head = await caller.open(path)
                self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
                caller.say("hi")
                if path == "/a":
                    await caller.until(rb"\r\n\r\n\x81\x02hi\Z")
            self.assertEqual(self.told.count("a connect"), 2)

        return self.run_(test())

    def test_loopbackHost(self) -> Deferred[None]:
        """A port on the loopback interface answers to its own names only."""

        async def test() -> None:
            server = self.serve("tcp:0:interface=127.0.0.1")
            for host, status in (("localhost", b"101"), ("127.0.0.1:1", b"101"), ("evil.example", b"403")):
                caller = await self.caller(portOf(server))
                head = await caller.open(host=host)
                self.assertTrue(head.startswith(b"HTTP/1.1 " + status), head)

        return self.run_(test())

    def test_stop(self) -> Deferred[None]:
        """A stop takes no more and closes those who are there with 1001, over real connections too."""

        async def test() -> None:
            server = self.serve("tcp:0:interface=127.0.0.1")
            port = portOf(server)
            caller = await self.caller(port)
            await caller.open()
            stopped = server.stopService()
            await caller.until(rb"\x88\x18\x03\xe9the server is stopping\Z")
            caller.write(b"\x88\x82" + bytes(4) + b"\x03\xe9")
            await stopped
            await caller.ended
            self.assertEqual(self.told[-2:], ["a disconnect", "a stop"])
            with self.assertRaises(ConnectionRefusedError):
                await call(TCP4ClientEndpoint(reactor, "127.0.0.1", port))

        return self.run_(test())

    def test_portInUse(self) -> Deferred[None]:
        """Where one port cannot be listened on, none is."""
        first = self.serve("tcp:0:interface=127.0.0.1")
        used = portOf(first)
        server = Server(
            reactor,
            {"a": Told(self.told)},
            [Endpoint(reactor, f"tcp:{port}:interface=127.0.0.1") for port in (0, used)],
        )
        error = self.assertRaises(BadEndpoint, server.startService)
        self.assertIn("in use", str(error))
        # Twisted 24 leaves the socket that it could not bind to the collector.
        gc.collect()
        self.flushWarnings()
        self.assertFalse(server.running)
        opened = portOf(server)
        trying: Any = call(TCP4ClientEndpoint(reactor, "127.0.0.1", opened))
        return self.assertFailure(Deferred.fromCoroutine(trying), ConnectionRefusedError)

    def test_inAMultiService(self) -> Deferred[None]:
        """It is a service like any other: privileged start, start, stop."""
        parent = MultiService()
        server = Server(reactor, {"a": Told(self.told)}, [Endpoint(reactor, "tcp:0:interface=127.0.0.1")])
        server.setServiceParent(parent)
        parent.privilegedStartService()
        self.assertEqual(self.told, [])
        portOf(server)
        parent.startService()
        self.assertEqual(len(server._ports), 1)
        self.successResultOf(server.started)
        stopped: Deferred[None] = parent.stopService()
        return stopped.addCallback(lambda _: self.assertEqual(self.told, ["a start", "a stop"]))


class AddressTests(ServedCase):
    """The log lines that say what to open."""

    def shown(self, text: str, *address: Any) -> tuple[str, bool]:
        """The line for an endpoint that listens at an address, and whether that counts as loopback."""

        class Port:
            def getHost(self) -> Any:
                return type("Address", (), dict(zip(("host", "port"), address, strict=False)))()

            def stopListening(self) -> None:
                pass

        class Fake:
            def listen(self, factory: Any) -> Deferred[Any]:
                self.factory = factory
                return succeed(Port())

        fake: Any = Fake()
        fake.text = text
        clock = Clock()
        self.logged.clear()
        Server(clock, {"a": App()}, [fake]).privilegedStartService()
        return self.lines()[-1], fake.factory.listener.loopback

    def test_lines(self) -> None:
        """The address to open, with the scheme and a name that works on this machine."""
        for text, address, line, loopback in (
            ("tcp:8080", ("0.0.0.0", 8080), "http://localhost:8080/", False),
            ("tcp6:8080", ("::", 8080), "http://localhost:8080/", False),
            ("tcp:8080:interface=127.0.0.1", ("127.0.0.1", 8080), "http://localhost:8080/", True),
            ("tcp6:8080:interface=::1", ("::1", 8080), "http://localhost:8080/", True),
            ("tcp:0:interface=127.0.0.5", ("127.0.0.5", 4711), "http://127.0.0.5:4711/", True),
            ("tcp:80:interface=192.0.2.1", ("192.0.2.1", 80), "http://192.0.2.1:80/", False),
            ("tcp6:80", ("2001:db8::1", 80), "http://[2001:db8::1]:80/", False),
            ("tcp6:80", ("::1f00", 80), "http://[::1f00]:80/", False),
            ("ssl:8443:privateKey=k", ("0.0.0.0", 8443), "https://localhost:8443/", False),
            ("unix:/run/x", (), "listening on unix:/run/x", False),
            ("tcp:80", ("::ffff:127.0.0.1", 80), "http://[::ffff:127.0.0.1]:80/", True),
            ("odd:80", ("somewhere", 80), "http://somewhere:80/", False),
        ):
            shown, isLoopback = self.shown(text, *address)
            self.assertIn(line, shown)
            self.assertIn(text, shown)
            self.assertEqual(isLoopback, loopback, text)


class MoreTests(SynchronousTestCase):
    """What else there is."""

    def test_late(self) -> None:
        """A late one listens once its applications have started, and never where they fail."""
        clock = Clock()
        calls: list[str] = []

        class Fake:
            text = "unix:fake"

            def listen(self, factory: Any) -> Deferred[Any]:
                calls.append("listen")
                port: Any = type("Port", (), {"getHost": lambda _: None, "stopListening": lambda _: None})
                return succeed(port())

        endpoints: Any = [Fake()]
        for outcome, seen in (("callback", ["listen"]), ("errback", [])):
            waiting: Deferred[Any] = Deferred()
            server = Server(clock, {"a": Told([], start=lambda w=waiting: w)}, endpoints, late=True)
            server.started.addErrback(lambda failure: failure.trap(KeyError))
            server.privilegedStartService()
            server.startService()
            self.assertEqual(calls, [])
            getattr(waiting, outcome)(None if outcome == "callback" else KeyError())
            self.assertEqual(calls, seen)
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), len([1] * (not seen)))
            server.stopService()
            calls.clear()

    def test_noWorkers(self) -> None:
        """A server of one process that is told to replace its workers goes on."""
        server = Server(Clock(), {"a": Told([])})
        server.replaceWorkers()

    def test_renewCertificates(self) -> None:
        """Every endpoint is asked to."""
        asked: list[int] = []

        class Fake:
            def __init__(self, number: int) -> None:
                self.number = number

            def renew(self) -> None:
                asked.append(self.number)

        endpoints: Any = [Fake(1), Fake(2)]
        Server(Clock(), {"a": App()}, endpoints).renewCertificates()
        self.assertEqual(asked, [1, 2])
