"""Tests of `wsapp.resuming`, and of `session`, `sessions` and `carrier` below it: the server's side."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from wsapp import App, Limits
from wsapp.testing import TestClient, TestServer


class Recorder(App):
    """Writes down what happens to it; echoes what does not begin with a dot."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.waits: dict[Any, Deferred[None]] = {}

    def onHandshake(self, request: Any) -> None:
        request.user = request.query.get("user", [None])[0]

    def onConnect(self, client: Any) -> None:
        self.log.append("connect")
        client.join("all")

    def onMessage(self, client: Any, message: Any) -> Any:
        self.log.append(message)
        if message in self.waits:
            return self.waits[message]
        if message == "raise":
            raise ValueError("as it was asked to")
        if message[:1] not in (".", b"."):
            client.send(message)
        return None

    def onDropped(self, client: Any, count: int) -> None:
        self.log.append(("dropped", count))

    def onDisconnect(self, client: Any, reason: Any) -> Any:
        self.log.append(tuple(reason))
        return self.waits.get("disconnect")

    def onError(self, client: Any, failure: Any) -> None:
        self.log.append(failure.type)


class ResumingTestCase(SynchronousTestCase):
    """A server that keeps dropped clients for 30 seconds."""

    limits = Limits(maxSendBuffer=2000, pingInterval=1e6)
    resume = 30.0

    def setUp(self) -> None:
        self.app = Recorder()
        self.server = TestServer({"app": self.app}, limits=self.limits, resume=self.resume)
        self.addCleanup(self.server.stop)
        self.metrics = self.server.server.terms.metrics

    def connect(self, path: str = "/", **options: Any) -> TestClient:
        """A client that offers to be resumed."""
        options.setdefault("subprotocols", ["app", "wsapp.resume"])
        client = self.server.connect(path, **options)
        self.assertEqual(client.subprotocol, "wsapp.resume")
        return client

    def begin(self, path: str = "/", **options: Any) -> tuple[TestClient, str]:
        """A client with a new session, and its token."""
        client = self.connect(path, **options)
        client.send("new")
        return client, self.token(client)

    def token(self, client: TestClient) -> str:
        """The token of a new session."""
        word, token, seconds, subprotocol = str(client.receive()).split(" ")
        self.assertEqual((word, seconds, subprotocol), ("new", "30", "app"))
        return token

    def back(self, token: str, arrived: int, path: str = "/", **options: Any) -> TestClient:
        """A client that asks for its session."""
        client = self.connect(path, **options)
        client.send(f"resume {token} {arrived}")
        return client

    @property
    def only(self) -> Any:
        """The one client that the application has."""
        (client,) = self.app.clients
        return client


class ConversationTests(ResumingTestCase):
    """With a connection that stays."""

    def test_messages(self) -> None:
        """Messages have a prefix, text and binary; the application sees none of it."""
        client, _ = self.begin()
        client.send("mhello")
        client.send(b"m\x00\xff")
        client.send("m")
        self.assertEqual(client.messages, ["mhello", b"m\x00\xff", "m"])
        self.assertEqual(self.app.log, ["connect", "hello", b"\x00\xff", ""])
        self.assertEqual(self.only.subprotocol, "app")

    def test_nothingBeforeHello(self) -> None:
        """The application hears of a client once that has asked for a session; who does not is closed."""
        client = self.connect()
        self.assertEqual((client.messages, self.app.log), ([], []))
        self.server.advance(11)
        self.assertEqual(client.closed, (1002, "no first message within 10 s"))
        self.assertEqual(self.app.log, [])

    def test_acknowledgements(self) -> None:
        """What arrives is acknowledged a second later, or after 64 messages, or 64 KiB."""
        client, _ = self.begin()
        for _ in range(10):
            client.send("m.")
        self.assertEqual(client.messages, [])
        self.server.advance(1.5)
        self.assertEqual(client.messages, ["a10"])
        self.server.advance(10)
        for _ in range(70):
            client.send("m.")
        self.assertEqual(client.messages, ["a74"])
        self.server.advance(1.5)
        self.assertEqual(client.messages, ["a80"])
        client.send("m." + 65536 * "x")
        self.assertEqual(client.messages, ["a81"])

    def test_asked(self) -> None:
        """Who asks is told within a second, and no more often, however often it asks; no hook delays that."""
        wait = self.app.waits["slow"] = Deferred()
        client, _ = self.begin()
        client.send("mslow")
        for _ in range(30):
            for _ in range(10):
                client.send("p")
            self.server.advance(0.1)
        self.assertTrue(2 <= len(client.messages) <= 3)
        client.send("p")
        self.server.advance(1.3)
        self.assertEqual(client.messages, ["a1"])
        wait.callback(None)

    def test_counters(self) -> None:
        """What is the protocol's own counts as no message."""
        client, _ = self.begin()
        for _ in range(3):
            client.send("mhello")
        client.send("a3")
        self.server.advance(2)
        self.assertEqual(client.messages[-1], "a3")
        self.assertEqual((self.metrics.messagesIn, self.metrics.messagesOut), (3, 3))

    def test_forgetsWhatHasArrived(self) -> None:
        """Nothing is kept that is acknowledged, or of a session that is over."""
        client, _ = self.begin()
        for _ in range(5):
            client.send("mhello")
        self.assertEqual(self.server.server.terms.sessions.budget.size, 5 * (64 + 6))
        client.send("a4")
        self.assertEqual(self.server.server.terms.sessions.budget.size, 70)
        client.close()
        self.assertEqual(self.server.server.terms.sessions.budget.size, 0)

    def test_broken(self) -> None:
        """What is not the protocol's is answered with 1002, and nothing after it is taken."""
        for said in (
            ["hello"],
            [b"new"],
            ["resume x"],
            ["resume x -1"],
            ["new", "x"],
            ["new", ""],
            ["new", b"\x00"],
        ):
            self.checkBroken(said)
        for said in (
            ["new", "mone", "a2"],
            ["new", "mone", "mtwo", "a2", "a1"],
            ["new", "pp"],
            ["p"],
            ["new", b"p"],
            ["new", "a"],
            ["new", "a01"],
        ):
            self.checkBroken(said)

    def checkBroken(self, said: list[Any]) -> None:
        """Say it."""
        client = self.connect()
        for message in said:
            client.send(message)
        client.send("m.late")
        self.assertEqual((client.closed or (0,))[0], 1002, said)
        self.assertNotIn(".late", self.app.log)
        self.assertEqual(len(self.app.clients), 0)

    def test_broadcast(self) -> None:
        """A message to many is encoded once for those with a prefix, and once for those without."""
        resumable = [self.begin()[0] for _ in range(3)]
        plain = [self.server.connect(subprotocols=["app"]) for _ in range(2)]
        self.app.group("all").send("to all")
        self.assertEqual([client.messages for client in resumable], [["mto all"]] * 3)
        self.assertEqual([client.messages for client in plain], [["to all"]] * 2)
        links: list[Any] = [client._link for client in list(self.app.clients)[:3]]
        kept = [next(iter(link.ledger.sent)) for link in links]
        self.assertTrue(all(one is kept[0] for one in kept))

    def test_cleanCloses(self) -> None:
        """A closing handshake of either side ends the session."""
        client, token = self.begin()
        client.close(1000, "bye")
        self.assertEqual(self.app.log[1:], [(1000, "bye", True)])
        self.assertNotEqual(self.token(self.back(token, 0)), token)
        self.only.close(4000, "out")
        self.server.advance(0)
        self.assertEqual(self.app.log[-1], (4000, "out", True))
        self.assertEqual(len(self.server.server.terms.sessions), 0)

    def test_hookFails(self) -> None:
        """A hook that raises ends the session."""
        client, _ = self.begin()
        client.send("mraise")
        self.assertEqual(client.closed, (1011, ""))
        self.assertEqual(self.app.log[-2:], [ValueError, (1011, "", True)])

    def test_notOffered(self) -> None:
        """Who does not offer it, or speaks an old version, is served as ever."""
        client = self.server.connect(subprotocols=["app"])
        self.assertEqual(client.subprotocol, "app")
        client.send("hello")
        self.assertEqual(client.receive(), "hello")
        client.drop()
        self.assertEqual(self.app.log[-1], (1006, "", False))
        for version in ("7", "8"):
            client = self.server.connect(
                subprotocols=["app", "wsapp.resume"], headers={"Sec-WebSocket-Version": version}
            )
            self.assertEqual(client.subprotocol, "app")

    def test_hixie(self) -> None:
        """hixie-75 offers one subprotocol, and it is not taken for an application's."""
        headers = {
            "Origin": "http://test.example",
            "WebSocket-Protocol": "wsapp.resume",
            "Connection": "Upgrade",
        }
        lines = ["GET / HTTP/1.1", "Host: test.example", "Upgrade: WebSocket"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        transport = self.raw("\r\n".join([*lines, "", ""]).encode())
        self.assertIn(b"101", transport.written)
        self.assertNotIn(b"wsapp.resume", transport.written)

    def raw(self, data: bytes) -> Any:
        """A connection that sends just this."""
        from wsapp.memory import MemoryTransport

        transport = MemoryTransport()
        connection: Any = self.server.server.factory().buildProtocol(None)
        connection.makeConnection(transport)
        connection.dataReceived(data)
        self.addCleanup(connection.connectionLost)
        return transport

    def test_off(self) -> None:
        """Without ``resume`` nobody is agreed with."""
        server = TestServer({"app": Recorder()})
        self.addCleanup(server.stop)
        self.assertEqual(server.connect(subprotocols=["wsapp.resume", "app"]).subprotocol, "app")
        self.assertIsNone(server.connect(subprotocols=["wsapp.resume"]).subprotocol)

    def test_rejectedByCode(self) -> None:
        """A client that is turned away by a code is not promised a session."""
        from wsapp import Reject

        def reject(request: Any) -> None:
            raise Reject(code=4403)

        self.patch(self.app, "onHandshake", reject)
        client = self.server.connect(subprotocols=["app", "wsapp.resume"])
        self.assertEqual((client.subprotocol, client.closed), ("app", (4403, "")))


class DropTests(ResumingTestCase):
    """With connections that drop."""

    def test_goesOn(self) -> None:
        """Nothing is lost and nothing comes twice, and it is the same client, in its groups."""
        client, token = self.begin()
        for text in ("one", "two", "three"):
            client.send("m" + text)
        self.assertEqual(client.receive(), "mone")
        same = self.only
        same.data = "mine"
        client.drop()
        self.assertEqual(self.metrics.detached, 1)
        self.app.group("all").send("meanwhile")
        self.assertTrue(same.send(b"too"))
        self.server.advance(29)
        client = self.back(token, 1)
        self.assertEqual(client.messages, ["resumed 3", "mtwo", "mthree", "mmeanwhile", b"mtoo"])
        client.send("a5")
        client.send("mfour")
        self.assertEqual(client.messages, ["mfour"])
        self.assertIs(self.only, same)
        self.assertEqual((same.data, same.groups), ("mine", frozenset(["all"])))
        self.assertEqual(self.app.log, ["connect", "one", "two", "three", "four"])
        self.server.advance(60)
        self.assertEqual((self.metrics.detached, self.metrics.resumed, len(self.app.clients)), (0, 1, 1))

    def test_expires(self) -> None:
        """Who does not come back in time is gone, and comes back afresh."""
        client, token = self.begin()
        client.drop()
        self.server.advance(29)
        self.assertEqual(self.app.log, ["connect"])
        self.server.advance(2)
        self.assertEqual(self.app.log, ["connect", (1006, "", False)])
        self.assertEqual((self.metrics.expired, len(self.server.server.terms.sessions)), (1, 0))
        client = self.back(token, 0)
        self.assertNotEqual(self.token(client), token)
        self.assertEqual((self.metrics.afresh, self.app.log[2:]), (1, ["connect"]))

    def test_givenUp(self) -> None:
        """A page cannot abort: by a code of its own it closes the connection, and not the session."""
        client, token = self.begin()
        client.close(4900)
        self.assertEqual((client.closed, self.app.log), ((4900, ""), ["connect"]))
        again = self.back(token, 0)
        self.assertEqual(again.receive(), "resumed 0")
        again.close(4900)
        self.assertEqual(self.back(token, 0).receive(), "resumed 0")
        self.assertEqual(self.app.log, ["connect"])

    def test_otherUser(self) -> None:
        """Another user's or another origin's handshake with the token begins a session of its own."""
        client, token = self.begin("/?user=ann")
        client.drop()
        self.only.send("for Ann")
        origin = {"Origin": "http://test.example"}
        for path, headers in (("/?user=bob", {}), ("/", {}), ("/?user=ann", origin)):
            other = self.back(token, 0, path, headers=headers)
            self.assertNotEqual(self.token(other), token)
            self.assertEqual(other.messages, [])
        self.assertEqual(self.back(token, 0, "/?user=ann").messages, ["resumed 0", "mfor Ann"])

    def test_otherApplication(self) -> None:
        """A session is one application's."""
        other = Recorder()
        server = TestServer({"app": self.app, "other": other}, resume=30)
        self.addCleanup(server.stop)
        client = server.connect(subprotocols=["app", "wsapp.resume"])
        client.send("new")
        token = str(client.receive()).split(" ")[1]
        client.drop()
        client = server.connect(subprotocols=["other", "wsapp.resume"])
        client.send(f"resume {token} 0")
        self.assertRegex(str(client.receive()), "^new .* other$")
        self.assertEqual(other.log, ["connect"])

    def test_badTokens(self) -> None:
        """A token that is another node's, worker's, or only nearly right begins afresh."""
        client, token = self.begin()
        client.drop()
        node, worker, number, secret = token.split(".")
        for wrong in (
            "x",
            f"x.{worker}.{number}.{secret}",
            f"{node}.1.{number}.{secret}",
            f"{node}.{worker}.99.{secret}",
            f"{node}.{worker}.{number}9999999999999999999999.{secret}",
            f"{node}.{worker}.x.{secret}",
            f"{node}.{worker}.{number}.{secret[:-1]}",
            f"{node}.{worker}.{number}.",
            f"{node}.{worker}.99.{node}x",
            f"{node}.{worker}.99.{node}",
        ):
            self.assertNotEqual(self.token(self.back(wrong, 0)), token, wrong)
        self.assertEqual(self.back(token, 0).receive(), "resumed 0")
        self.assertGreaterEqual(len(secret), 22)

    def test_wrongCount(self) -> None:
        """Who says to have received what was never sent has another session in mind."""
        client, token = self.begin()
        client.drop()
        self.assertNotEqual(self.token(self.back(token, 1)), token)

    def test_takeover(self) -> None:
        """A second connection takes over, and the first is aborted."""
        first, token = self.begin()
        first.send("mone")
        second = self.back(token, 0)
        self.assertEqual(second.messages, ["resumed 1", "mone"])
        self.assertEqual(first.transport.ended, "abort")
        self.assertTrue(first.gone)
        second.send("mtwo")
        self.assertEqual(second.messages, ["mtwo"])
        self.assertEqual(self.app.log, ["connect", "one", "two"])

    def test_hookStillRuns(self) -> None:
        """What comes back waits for the hook of what was before; what it sends leaves meanwhile."""
        wait = self.app.waits["slow"] = Deferred()
        first, token = self.begin()
        for text in ("slow", "behind it"):
            first.send("m" + text)
        first.drop()
        self.server.advance(1)
        self.assertEqual(self.metrics.detached, 1)
        second = self.back(token, 0)
        second.send("mbehind it")
        second.send("mlast")
        self.only.send("out")
        self.assertEqual(second.messages, ["resumed 1", "mout"])
        self.assertEqual(self.app.log, ["connect", "slow"])
        third = self.back(token, 1)
        third.send("mbehind it")
        self.assertEqual((third.messages, second.gone), (["resumed 1"], True))
        wait.callback(None)
        self.assertEqual(third.messages, ["mbehind it"])
        self.assertEqual(self.app.log, ["connect", "slow", "behind it"])

    def test_expiresWhileHookRuns(self) -> None:
        """The time runs while a hook does, and the last hook waits for it."""
        wait = self.app.waits["slow"] = Deferred()
        client, token = self.begin()
        client.send("mslow")
        client.drop()
        drained = self.failureResultOf
        waiting = self.only.drained()
        self.server.advance(31)
        drained(waiting)
        self.assertEqual(self.app.log, ["connect", "slow"])
        self.assertFalse(self.only.send("late"))
        self.assertNotEqual(self.token(self.back(token, 0)), token)
        wait.callback(None)
        self.assertEqual(self.app.log, ["connect", "slow", "connect", (1006, "", False)])

    def test_hookFailsLate(self) -> None:
        """A hook that fails after its connection has been replaced ends the session all the same."""
        wait = self.app.waits["slow"] = Deferred()
        first, token = self.begin()
        first.send("mslow")
        second = self.back(token, 0)
        self.assertEqual(second.receive(), "resumed 1")
        wait.errback(ValueError("late"))
        self.assertEqual(second.closed, (1011, ""))
        self.assertEqual(self.app.log, ["connect", "slow", ValueError, (1011, "", True)])

    def test_drained(self) -> None:
        """``drained`` waits for a connection on which what was sent can leave."""
        client, token = self.begin()
        self.assertIsNone(self.successResultOf(self.only.drained()))
        client.reads = False
        client.transport.bufferSize = 100
        self.only.send(200 * "x")
        waiting = self.only.drained()
        client.drop()
        self.assertNoResult(waiting)
        self.back(token, 0)
        self.server.advance(0)
        self.assertIsNone(self.successResultOf(waiting))

    def test_full(self) -> None:
        """What waits is bounded: past the send buffer the session ends with 1013."""
        client, token = self.begin()
        client.drop()
        only = self.only
        sent = 0
        while only.send(100 * "x"):
            sent += 1
        self.assertEqual(sent, 13)  # 165 bytes each
        self.assertEqual(self.app.log[-1], (1013, "too slow to read", False))
        self.assertEqual((self.metrics.overrun, len(self.app.clients)), (1, 0))
        self.assertNotEqual(self.token(self.back(token, 0)), token)

    def test_unacknowledged(self) -> None:
        """What was sent and not acknowledged past the bound is not kept: then one cannot go on."""
        client, token = self.begin()
        for number in range(40):
            self.only.send(f"{number:0100}")
        session = self.only._link
        self.assertLessEqual(session.ledger.sent.size, 2000 + 165)
        self.assertEqual(len(client.messages), 40)
        first = session.ledger.sent.first
        self.assertGreater(first, 0)
        client.send(f"a{first}")
        client.drop()
        again = self.back(token, first)
        self.assertEqual(again.receive(), "resumed 0")
        for number in range(40):
            self.only.send(f"{number:0100}")
        again.drop()
        self.assertNotEqual(self.token(self.back(token, 40)), token)
        self.assertEqual(self.app.log, ["connect", (1013, "too much was unacknowledged", False), "connect"])

    def test_closeMeanwhile(self) -> None:
        """The application may close, abort and ping a client that is not there."""
        client, _ = self.begin()
        client.drop()
        self.failureResultOf(self.only.ping())
        self.assertRaises(ValueError, self.only.close, 1006)
        self.only.close(4000, "enough")
        self.assertEqual(self.app.log, ["connect", (4000, "enough", False)])
        client, _ = self.begin()
        client.drop()
        self.only.abort()
        self.assertEqual(self.app.log[3:], [(1006, "", False)])

    def test_abort(self) -> None:
        """A client that the application aborts is not kept."""
        client, _ = self.begin()
        self.only.abort()
        self.server.advance(0)
        self.assertEqual((self.app.log[1:], client.gone), ([(1006, "", False)], True))

    def test_credentialsRunOut(self) -> None:
        """Whose credentials run out is closed, with or without a connection; coming back may renew them."""
        client, token = self.begin()
        self.only.expires = self.server.clock.seconds() + 10
        client.drop()
        renewed = self.server.clock.seconds() + 20

        def renew(request: Any) -> None:
            request.expires = renewed

        self.patch(self.app, "onHandshake", renew)
        again = self.back(token, 0)
        self.server.advance(15)
        self.assertIsNone(again.closed)
        again.drop()
        self.server.advance(6)
        self.assertEqual(self.app.log[-1], (1008, "credentials have run out", False))

    def test_request(self) -> None:
        """The client's request is that of the connection it has."""
        client, token = self.begin()
        client.drop()
        self.back(token, 0, peer="198.51.100.99")
        self.assertEqual(self.only.peer, "198.51.100.99")

    def test_stop(self) -> None:
        """A server that stops waits for nobody to come back, but for the last hooks."""
        wait = self.app.waits["disconnect"] = Deferred()
        kept, _ = self.begin()
        kept.drop()
        self.begin()
        ends: list[Any] = []
        self.server.server.stopService().addCallback(ends.append)
        self.server.advance(0.5)
        self.assertEqual(
            self.app.log[2:],
            [(1001, "the server is stopping", False), (1001, "the server is stopping", True)],
        )
        self.assertEqual(ends, [])
        wait.callback(None)
        self.server.advance(0)
        self.assertEqual(ends, [None])

    def test_lastHookFails(self) -> None:
        """A last hook that fails, of a client without a connection, is the application's to hear of."""
        client, _ = self.begin()
        client.drop()
        wait = self.app.waits["disconnect"] = Deferred()
        self.server.advance(31)
        wait.errback(ValueError("late"))
        self.assertEqual((self.app.log[-1], self.metrics.failedHooks), (ValueError, 1))


class BoundTests(ResumingTestCase):
    """With little room."""

    limits = Limits(maxDetached=2, maxSessionBytes=4000, pingInterval=1e6)

    def test_sessions(self) -> None:
        """So many are kept, and no more."""
        clients = [self.begin()[0] for _ in range(3)]
        for client in clients:
            client.drop()
        self.assertEqual((self.metrics.detached, self.metrics.unkept), (2, 1))
        self.assertEqual(self.app.log[3:], [(1006, "", False)])

    def test_addresses(self) -> None:
        """Of one address fewer are, and those of others are not harmed; who comes back makes room."""
        self.limits = Limits(maxDetachedPerAddress=2, maxConnectionsPerAddress=3, pingInterval=1e6)
        self.setUp()
        first = [self.begin(peer="203.0.113.1") for _ in range(3)]
        for client, _ in first:
            client.drop()
        self.assertEqual((self.metrics.detached, self.metrics.unkept), (2, 1))
        other, _ = self.begin(peer="203.0.113.2")
        other.drop()
        self.assertEqual((self.metrics.detached, self.metrics.unkept), (3, 1))
        # As many connections as may be, and those that are kept can still come back.
        for _ in range(2):
            self.begin(peer="203.0.113.1")
        back = self.back(first[0][1], 0, peer="203.0.113.1")
        self.assertEqual(back.receive(), "resumed 0")
        back.drop()
        self.assertEqual((self.metrics.detached, self.metrics.unkept), (3, 1))
        # Who comes back from elsewhere counts there.
        back = self.back(first[0][1], 0, peer="203.0.113.2")
        self.assertEqual(back.receive(), "resumed 0")
        back.drop()
        self.begin(peer="203.0.113.1")[0].drop()
        self.assertEqual((self.metrics.detached, self.metrics.unkept), (4, 1))
        self.begin(peer="203.0.113.2")[0].drop()
        self.assertEqual((self.metrics.detached, self.metrics.unkept), (4, 2))
        self.server.advance(31)
        self.assertEqual(self.metrics.detached, 0)
        self.assertEqual(self.server.server.terms.sessions._away, {})

    def test_loopback(self) -> None:
        """Clients of the loopback interface count for nobody."""
        self.limits = Limits(maxDetachedPerAddress=1, pingInterval=1e6)
        self.setUp()
        for _ in range(3):
            self.begin(peer="127.0.0.1", headers={"Host": "localhost"})[0].drop()
        self.assertEqual((self.metrics.detached, self.metrics.unkept), (3, 0))

    def test_bytesOfAddress(self) -> None:
        """Those of one address keep a quarter at most, and the others' are not forgotten."""
        self.limits = Limits(maxSessionBytes=4000, pingInterval=1e6)
        self.setUp()
        for _ in range(3):
            self.begin(peer="203.0.113.1")
        other, token = self.begin(peer="203.0.113.2")
        *greedy, mine = self.app.clients
        for _ in range(20):
            for client in greedy:
                client.send(100 * "x")
        budget = self.server.server.terms.sessions.budget
        self.assertLessEqual(budget.size, 1000 + 3 * 165)
        for _ in range(5):
            mine.send("y")
        other.drop()
        self.assertEqual(self.back(token, 0, peer="203.0.113.2").messages, ["resumed 0", *5 * ["my"]])
        for client in greedy:
            client.close()
        self.server.advance(1)
        self.assertEqual(budget.size, 5 * 66)

    def test_bytes(self) -> None:
        """What is kept is bounded over all: connected ones cannot go on, those without a connection end."""
        client, _ = self.begin()
        for _ in range(20):
            self.only.send(100 * "x")
        self.assertLessEqual(self.server.server.terms.sessions.budget.size, 1000 + 165)
        other, _ = self.begin()
        other.drop()
        mine = list(self.app.clients)[1]
        while mine.send(100 * "y"):
            pass
        self.assertEqual(self.app.log[-1], (1013, "too slow to read", False))
        self.assertEqual(len(client.messages), 20)


class RateTests(ResumingTestCase):
    """Where clients may send so much."""

    limits = Limits(messageRate=1, rateBurst=5, pingInterval=1e6)

    def test_rates(self) -> None:
        """What is the protocol's own counts too: nobody can send it without end."""
        for said in ("p", "a0", "m."):
            client, _ = self.begin()
            for _ in range(20):
                client.send(said)
            self.assertEqual(client.closed, (1008, "too many messages per second"), said)


class CloseTests(ResumingTestCase):
    """A client that has no connection just now."""

    def test_wrongReason(self) -> None:
        """What cannot be closed with is wrong at once, not when there is a connection to say it over."""
        client, _ = self.begin()
        known = self.only
        client.drop()
        self.assertRaises(TypeError, known.close, 4000, b"bytes")
        self.assertRaises(ValueError, known.close, 1006, "")
        self.assertEqual(self.app.log, ["connect"])
        known.close(4000, "text")
        self.assertEqual(self.app.log, ["connect", (4000, "text", False)])


class PolicyTests(ResumingTestCase):
    """Where messages are dropped rather than clients."""

    limits = Limits(maxSendBuffer=500, backlogPolicy="drop", pingInterval=1e6)

    def test_dropped(self) -> None:
        """Who comes back is sent what was kept, and the application hears how much was not."""
        client, token = self.begin()
        client.drop()
        sent = [self.only.send(100 * "x") for _ in range(10)]
        self.assertEqual(sent, [True] * 4 + [False] * 6)
        self.assertEqual((self.only.dropped, self.metrics.dropped), (6, 6))
        again = self.back(token, 0)
        self.assertEqual(len(again.messages), 5)
        self.assertEqual(self.app.log[1:], [("dropped", 6)])
        self.assertTrue(self.only.send("more"))
        self.assertEqual(again.messages, ["mmore"])
        self.assertEqual(self.only.dropped, 6)
