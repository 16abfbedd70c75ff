"""Tests of `wsapp.relay.leading`, and of `arriving` and `transport` at the other end of its channels."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.live.certificates import Authority
from tests.relay.hall import Door, Hall
from tests.test_resuming import Recorder
from wsapp import Limits, Reject
from wsapp.relay.leading import MOST, MOST_ASKED
from wsapp.testing import TestClient, TestServer
from wsapp.wire.deflate import Deflater, sharedInflation
from wsapp.wire.selection import HybiReceiver, HybiSender

LIMITS = Limits(maxSendBuffer=100_000, pingInterval=1e6, closeTimeout=4)


class RelayCase(SynchronousTestCase):
    """Two workers of one machine."""

    limits = LIMITS
    piece = 1 << 30

    def setUp(self) -> None:
        self.clock = Clock()
        self.hall = Hall(self.clock, self.piece)
        self.doors: list[Door] = []
        self.apps: list[Recorder] = []
        self.servers = [self.worker("1-a"), self.worker("2-b")]

    def worker(self, name: str, **options: Any) -> TestServer:
        """One more."""
        door = self.hall.door(name)
        self.doors.append(door)
        app = Recorder()
        self.apps.append(app)
        options.setdefault("limits", self.limits)
        server = TestServer({"app": app}, clock=self.clock, resume=30, siblings=door, **options)
        self.addCleanup(self.clean)
        self.addCleanup(server.stop)
        return server

    def clean(self) -> None:
        """Nothing is left once all have stopped."""
        if not any(server.server.running for server in self.servers):
            self.advance(20)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            for server in self.servers:
                self.assertEqual(server.server.connections(), [])
                self.assertEqual(server.server.terms.sessions.asking, 0)
                self.assertEqual(server.server.terms.admission.total, 0)

    def advance(self, seconds: float = 0) -> None:
        """Let time pass, for both."""
        for _ in range(8):
            for server in self.servers:
                server.advance(0)
        for _ in range(int(seconds * 4)):
            for server in self.servers:
                server.advance(0.125)

    def connect(self, at: int, path: str = "/", **options: Any) -> TestClient:
        """A client that offers to be resumed."""
        options.setdefault("subprotocols", ["app", "wsapp.resume"])
        return self.servers[at].connect(path, **options)

    def begin(self, at: int, path: str = "/", **options: Any) -> tuple[TestClient, str]:
        """A client with a session, and its token."""
        client = self.connect(at, path, **options)
        client.send("new")
        word, token, *_ = str(client.receive()).split(" ")
        self.assertEqual((word, token.split(".")[:2]), ("new", ["machine", f"{at + 1}-{'ab'[at]}"]))
        return client, token

    def back(self, at: int, token: str, arrived: int, path: str = "/", **options: Any) -> TestClient:
        """A client that asks for its session."""
        client = self.connect(at, path, **options)
        client.send(f"resume {token} {arrived}")
        self.advance()
        return client

    def away(self, at: int = 1, path: str = "/", **options: Any) -> tuple[TestClient, str]:
        """A client with a session at a worker, and a connection at the other."""
        client, token = self.begin(at, path, **options)
        client.drop()
        moved = self.back(1 - at, token, 0, path, **options)
        self.assertEqual(moved.receive(), "resumed 0")
        return moved, token

    def only(self, at: int) -> Any:
        """The one client that a worker's application has."""
        (client,) = self.apps[at].clients
        return client

    def metrics(self, at: int) -> Any:
        """A worker's figures."""
        return self.servers[at].server.terms.metrics


class ResumedTests(RelayCase):
    """A client comes to one worker and goes on at the other."""

    def test_goesOn(self) -> None:
        """The application at the session's worker sees nothing of it; that of the other is not concerned."""
        client, token = self.begin(1)
        known = self.only(1)
        client.send("mone")
        self.assertEqual(client.receive(), "mone")
        client.drop()
        known.send("two")
        back = self.back(0, token, 1)
        self.assertEqual(back.receive(), "resumed 1")
        self.assertEqual(back.receive(), "mtwo")
        back.send("mthree")
        back.send(b"m\xff")
        self.advance()
        self.assertEqual([back.receive(), back.receive()], ["mthree", b"m\xff"])
        self.assertIs(self.only(1), known)
        self.assertEqual(self.apps[1].log, ["connect", "one", "three", b"\xff"])
        self.assertEqual(self.apps[0].log, [])
        self.assertEqual(list(self.apps[0].clients), [])
        self.assertEqual((self.metrics(1).resumed, self.metrics(1).clients), (1, 2))
        self.assertEqual((self.metrics(0).afresh, self.metrics(0).clients), (0, 0))
        self.assertEqual((self.metrics(0).connections, self.metrics(1).connections), (1, 1))

    def test_request(self) -> None:
        """All that the application can see of a request is as if it had come to it."""
        headers = {"X-Any": "caf\xe9  x", "Cookie": "a=b", "Origin": "https://test.example"}
        options: Any = {"headers": headers, "secure": True, "peer": "203.0.113.9"}
        here, _ = self.begin(1, "/a%20b?user=ann&c=%ff", **options)
        direct = self.only(1).request
        here.close()
        self.advance(1)
        self.away(1, "/a%20b?user=ann&c=%ff", **options)
        request = self.only(1).request
        self.assertIsNot(request, direct)
        for name in (
            *("path", "queryString", "peer", "host", "secure", "origin", "subprotocols", "version"),
            *("clientCertificate", "user", "location", "query", "cookies"),
        ):
            self.assertEqual(getattr(request, name), getattr(direct, name), name)
        self.assertTrue(request.secure)
        self.assertEqual(request.peer, "203.0.113.9")
        key = "Sec-WebSocket-Key"
        self.assertEqual(
            [field for field in request.headers if field[0] != key],
            [field for field in direct.headers if field[0] != key],
        )
        (connection,) = self.servers[1].server.connections()
        self.assertEqual(connection.socket.transport, "tls")

    def test_certificate(self) -> None:
        """The certificate that a client has proved to hold is what the session's worker sees."""
        from OpenSSL import crypto

        folder = Path(self.mktemp())
        folder.mkdir()
        _, file = Authority(folder).issue("ann")
        certificate = crypto.load_certificate(crypto.FILETYPE_PEM, file.read_bytes())
        self.away(1, secure=True, certificate=certificate)
        shown = self.only(1).request.clientCertificate
        self.assertIsNot(shown, certificate)
        self.assertEqual(shown.digest("sha256"), certificate.digest("sha256"))

    def test_compressed(self) -> None:
        """What was agreed to of compression holds at the other end of the relay, in both directions."""
        client, token = self.begin(1)
        client.drop()
        back = self.connect(0, headers={"Sec-WebSocket-Extensions": "permessage-deflate"})
        self.assertIn("permessage-deflate", str(back.headers))
        back._receiver = HybiReceiver(Limits(), 13, sharedInflation(15, True), masked=False)
        back._sender = HybiSender(13, Deflater(15, fresh=True), None, masked=True)
        back.send(f"resume {token} 0")
        self.advance()
        self.assertEqual(back.receive(), "resumed 0")
        text = "m" + "to be said again and again " * 100
        for _ in range(2):
            back.send(text)
            self.advance()
            self.assertEqual(back.receive(), text)
        self.assertLess(self.hall.pipes[0].carried, 1500)

    def test_firstMessageInPieces(self) -> None:
        """The first message may come in any pieces, with pings before it and messages behind it."""
        client, token = self.begin(1)
        client.drop()
        back = self.connect(0)
        frames = back._sender.ping(b"a") + back._sender.encode(f"resume {token} 0")
        for number in range(len(frames)):
            self.servers[0].feed(back, frames[number : number + 1])
        self.advance()
        self.assertEqual(back.receive(), "resumed 0")

    def test_takesOver(self) -> None:
        """Over whichever worker: a client's newer connection ends the older one."""
        client, token = self.begin(1)
        second = self.back(0, token, 0)
        self.assertEqual(second.receive(), "resumed 0")
        self.assertEqual(client.closed, (1006, ""))
        third = self.back(0, token, 0)
        self.assertEqual(third.receive(), "resumed 0")
        self.advance(1)
        self.assertEqual(second.closed, (1006, ""))
        fourth = self.back(1, token, 0)
        self.assertEqual(fourth.receive(), "resumed 0")
        self.advance(1)
        self.assertEqual(third.closed, (1006, ""))
        self.assertEqual(self.apps[1].log, ["connect"])
        self.assertEqual(len(self.servers[0].server.connections()), 0)

    def test_slowHandshake(self) -> None:
        """The session's worker may take its time over the handshake; what comes meanwhile waits."""
        client, token = self.begin(1)
        client.drop()
        wait: Deferred[None] = Deferred()
        self.apps[1].onHandshake = lambda request: wait  # type: ignore[assignment, method-assign]
        back = self.back(0, token, 0)
        back.send("mearly")
        self.advance(1)
        self.assertEqual(back.messages, [])
        wait.callback(None)
        self.advance(1)
        self.assertEqual(back.receive(), "resumed 0")
        self.assertEqual(self.apps[1].log, ["connect", "early"])

    def test_ping(self) -> None:
        """A ping goes to the client and its pong comes back."""
        self.away()
        latency = self.only(1).ping()
        self.advance(1)
        self.assertGreaterEqual(self.successResultOf(latency), 0)


class AfreshTests(RelayCase):
    """A client comes to one worker, and its session is not to be had at the other."""

    def afresh(self, token: str, arrived: int = 0, path: str = "/", **options: Any) -> TestClient:
        """Ask for it; a session begins here."""
        client = self.back(0, token, arrived, path, **options)
        self.assertTrue(str(client.receive()).startswith("new machine.1-a."))
        self.assertEqual(self.metrics(0).afresh, 1)
        self.assertEqual(self.metrics(1).resumed, 0)
        client.send("mhere")
        self.advance()
        self.assertEqual(client.receive(), "mhere")
        self.assertEqual(self.apps[0].log, ["connect", "here"])
        return client

    def test_unknown(self) -> None:
        """Nobody has such a session; or the secret is wrong."""
        _, token = self.begin(1)
        self.afresh(token[:-1] + ("A" if token[-1] != "A" else "B"))
        self.assertEqual(len(self.servers[1].server.connections()), 1)

    def test_otherUser(self) -> None:
        """Another user's."""
        _, token = self.begin(1, "/?user=ann")
        self.afresh(token, path="/?user=bob")
        self.assertEqual(self.only(1).user, "ann")

    def test_otherOrigin(self) -> None:
        """From another origin."""
        _, token = self.begin(1)
        self.afresh(token, headers={"Origin": "http://test.example"})

    def test_tooMuchForgotten(self) -> None:
        """Where too much is forgotten the session ends, as it would without a relay."""
        client, token = self.begin(1)
        known = self.only(1)
        for _ in range(3):
            known.send(60_000 * "x")
            self.advance()
        client.drop()
        self.afresh(token)
        self.advance(1)
        self.assertEqual(self.apps[1].log[1:], [(1013, "too much was unacknowledged", False)])

    def test_rejected(self) -> None:
        """The session's worker would turn the client away, which has been let in here."""
        for reject in (Reject(403), Reject(code=4000)):
            self.setUp()
            client, token = self.begin(1)
            client.drop()

            def refuse(request: Any, reject: Reject = reject) -> None:
                raise reject

            self.apps[1].onHandshake = refuse  # type: ignore[method-assign]
            self.afresh(token)
            self.assertEqual(sum(self.metrics(1).refused.values()), 0)

    def test_gone(self) -> None:
        """The worker is not there any more: at once, without any time passing."""
        client, token = self.begin(1)
        client.drop()
        self.servers[1].stop()
        now = self.clock.seconds()
        back = self.back(0, token, 0)
        self.assertTrue(str(back.receive()).startswith("new machine.1-a."))
        self.assertEqual(self.clock.seconds(), now)

    def test_restarted(self) -> None:
        """Another stands in its place: the old one's name is nobody's."""
        client, token = self.begin(1)
        client.drop()
        self.hall.factories["2-c"] = self.hall.factories.pop("2-b")
        self.afresh(token)

    def test_otherNode(self) -> None:
        """Of another machine's token nobody is asked."""
        _, token = self.begin(1)
        self.afresh("elsewhere" + token[len("machine") :])
        self.assertEqual(self.hall.pipes, [])

    def test_noWorkersName(self) -> None:
        """What cannot be a worker's name is looked for nowhere."""
        for name in ("../x", "", "a/b", "2-b\0", "x" * 41):
            self.setUp()
            asked: list[Any] = []
            self.doors[0].instead = asked.append
            if " " not in name and "\0" not in name:
                self.afresh(f"machine.{name}.1.secret")
            self.assertEqual(asked, [])

    def test_frozen(self) -> None:
        """The worker does not answer: half of the handshake's time, which the client has the patience for."""
        client, token = self.begin(1)
        client.drop()
        self.doors[0].instead = lambda channel: None
        back = self.back(0, token, 0)
        back.send("mearly")
        self.advance(4)
        self.assertEqual(back.messages, [])
        self.advance(2)
        self.assertTrue(str(back.receive()).startswith("new machine.1-a."))
        self.assertEqual(back.receive(), "mearly")

    def test_full(self) -> None:
        """The session's worker has no room."""
        client, token = self.begin(1)
        client.drop()
        self.servers[1].server.terms.admission.closed = True
        self.afresh(token)

    def test_bounded(self) -> None:
        """So many are asked at once, and no more."""
        client, token = self.begin(1)
        client.drop()
        self.doors[0].instead = lambda channel: None
        waiting = [self.back(0, token, 0) for _ in range(MOST_ASKED)]
        self.afresh(token)
        for each in waiting:
            self.assertEqual(each.messages, [])
            each.drop()
        self.advance(1)
        self.assertEqual(self.servers[0].server.terms.sessions.asking, 0)

    def test_otherForm(self) -> None:
        """A sibling of another release declines what it cannot read."""
        from wsapp.relay import leading

        client, token = self.begin(1)
        client.drop()
        self.patch(leading, "FORM", 2)
        self.afresh(token)

    def test_notListening(self) -> None:
        """A worker whom nobody can reach serves all the same."""
        door = self.hall.door("3-c")
        door.broken = True
        lone = TestServer({"app": Recorder()}, clock=self.clock, resume=30, siblings=door)
        self.addCleanup(lone.stop)
        client = lone.connect(subprotocols=["wsapp.resume"])
        client.send("new")
        self.assertTrue(str(client.receive()).startswith("new machine.3-c."))


class FirstMessageTests(RelayCase):
    """What is no wish to go on elsewhere is answered here, as it is without siblings."""

    def test_late(self) -> None:
        """No first message."""
        client = self.connect(0)
        self.advance(11)
        self.assertEqual(client.closed, (1002, "no first message within 10 s"))

    def test_wrong(self) -> None:
        """A first message that is none; a binary one; a Close; what is no frame."""
        client = self.connect(0)
        client.send("hello")
        self.assertEqual(client.closed, (1002, "the first message is neither new nor resume TOKEN COUNT"))
        client = self.connect(0)
        client.send(b"new")
        self.assertEqual(client.closed and client.closed[0], 1002)
        client = self.connect(0)
        client.close(4000, "no more")
        self.assertEqual(client.closed, (4000, ""))
        client = self.connect(0)
        self.servers[0].feed(client, b"\xff" * 20)
        self.advance()
        self.assertEqual(client.closed and client.closed[0], 1002)

    def test_endless(self) -> None:
        """What goes on without being a first message is not kept for long."""
        client = self.connect(0)
        for _ in range(MOST // 100 + 1):
            self.servers[0].feed(client, client._sender.ping(100 * b"x"))
        (connection,) = self.servers[0].server.connections()
        self.assertIsNotNone(connection.socket)
        client.send("new")
        self.assertTrue(str(client.receive()).startswith("new "))

    def test_lost(self) -> None:
        """Who goes before saying anything leaves nothing behind."""
        for reason in (ConnectionDone, ConnectionLost):
            client = self.connect(0)
            self.servers[0].end(client, reason())
        self.assertEqual(self.servers[0].server.connections(), [])


class EndTests(RelayCase):
    """Ends mean the same at the other end."""

    def test_clientCloses(self) -> None:
        """With its code and reason; so does the answer."""
        client, _ = self.away()
        client.close(4001, "bye")
        self.advance(1)
        self.assertEqual(self.apps[1].log, ["connect", (4001, "bye", True)])
        self.assertEqual(client.closed, (4001, ""))
        self.assertEqual(self.servers[0].server.connections(), [])

    def test_applicationCloses(self) -> None:
        """With its code and reason, behind all that it has said."""
        client, _ = self.away()
        known = self.only(1)
        known.send("last")
        known.close(4002, "enough")
        self.advance(1)
        self.assertEqual(client.receive(), "mlast")
        self.assertEqual(client.closed, (4002, "enough"))
        self.assertEqual(self.apps[1].log, ["connect", (4002, "enough", True)])

    def test_applicationAborts(self) -> None:
        """Abruptly."""
        client, _ = self.away()
        self.only(1).abort()
        self.advance(1)
        self.assertEqual(client.transport.ended, "abort")
        self.assertEqual(self.apps[1].log, ["connect", (1006, "", False)])

    def test_clientDrops(self) -> None:
        """The session stays, and goes on by any worker."""
        client, token = self.away()
        client.drop()
        self.advance(1)
        self.assertEqual(self.metrics(1).detached, 1)
        self.assertEqual(self.back(0, token, 0).receive(), "resumed 0")
        self.assertEqual(self.metrics(1).detached, 0)

    def test_theirWorkerDies(self) -> None:
        """The session's worker is killed: the client's connection is gone, without a Close."""
        client, _ = self.away()
        self.hall.pipes[-1].die()
        self.advance(1)
        self.assertEqual(client.transport.ended, "abort")

    def test_thisWorkerDies(self) -> None:
        """The worker that holds the connection is killed: the session waits."""
        self.away()
        self.hall.pipes[-1].other.die()
        self.advance(1)
        self.assertEqual(self.metrics(1).detached, 1)

    def test_thisWorkerStops(self) -> None:
        """It drops the connection, and the session waits for the client to come another way."""
        client, token = self.away()
        self.servers[0].stop()
        self.advance(3)
        self.assertEqual(client.transport.ended, "abort")
        self.assertEqual(self.apps[1].log, ["connect"])
        self.assertEqual(self.back(1, token, 0).receive(), "resumed 0")

    def test_bothStop(self) -> None:
        """The session's worker says so to the client, while the other still carries it."""
        client, _ = self.away()
        ends: list[Any] = []
        for server in self.servers:
            server.server.stopService().addBoth(ends.append)
        self.advance(6)
        self.assertEqual(client.closed, (1001, "the server is stopping"))
        self.assertEqual(ends, [None, None])

    def test_stopWhileAsking(self) -> None:
        """Who waits for a sibling's answer is told that the server stops."""
        client, token = self.begin(1)
        client.drop()
        self.doors[0].instead = lambda channel: None
        back = self.back(0, token, 0)
        self.servers[0].stop()
        self.assertEqual(back.closed, (1001, "the server is stopping"))

    def test_broken(self) -> None:
        """A client that breaks the protocol is told, and given the time to hear it, with TLS or without."""
        for secure in (False, True):
            for answers in (True, False):
                self.setUp()
                client, _ = self.away(secure=secure)
                client.answers = answers
                client.sendRaw(b"\xff\xff")
                self.advance(1)
                self.assertEqual(client.closed and client.closed[0], 1002)
                self.assertEqual(client.transport.ended, "lose" if secure else "half")
                self.advance(6)
                self.assertEqual(self.apps[1].log[-1][0], 1002)
                self.assertEqual(self.servers[0].server.connections(), [])
                self.assertEqual(self.servers[1].server.connections(), [])

    def test_hookStillRuns(self) -> None:
        """A client that comes back while a hook runs, and something waits behind that, loses neither."""
        client, token = self.away()
        wait = self.apps[1].waits["slow"] = Deferred()
        client.send("mslow")
        for number in range(30):
            client.send(f"m.{number} " + 10_000 * "x")
        client.drop()
        self.advance(1)
        back = self.back(1, token, 0)
        self.assertEqual(back.receive(), "resumed 1")
        back.send("m.again")
        self.advance(1)
        self.assertEqual(self.apps[1].log, ["connect", "slow"])
        wait.callback(None)
        self.advance(1)
        self.assertEqual(self.apps[1].log, ["connect", "slow", ".again"])

    def test_vanished(self) -> None:
        """A client that answers no ping is given up by the session's worker."""
        self.limits = Limits(pingInterval=5, pingTimeout=5)
        self.setUp()
        client, _ = self.away()
        client.answers = False
        self.advance(15)
        self.assertEqual(client.transport.ended, "abort")
        self.assertEqual(self.metrics(1).detached, 1)


class FlowTests(RelayCase):
    """Nothing grows."""

    def held(self) -> int:
        """Bytes in the pipe and in both workers."""
        end = self.hall.pipes[-1]
        channels = [end.protocol, end.other.protocol]
        return sum(len(each._waiting) + len(each._unread) for each in channels) + sum(
            len(each.written) for each in (end, end.other)
        )

    def test_clientDoesNotRead(self) -> None:
        """What it does not read fills the session's worker's queue, as without a relay: it is closed."""
        client, _ = self.away()
        client.reads = False
        known = self.only(1)
        sent = 0
        while known.send(10_000 * "x") and sent < 100:
            sent += 1
            self.advance()
            self.assertLess(self.held(), 200_000)
        self.assertLess(sent, 60)
        self.assertLess(len(client.transport.written), 300_000)
        self.advance(30)
        self.assertEqual(client.transport.ended, "abort")
        self.assertEqual(self.apps[1].log[-1][:2], (1013, "too slow to read"))

    def test_clientReadsLater(self) -> None:
        """What waited arrives, in order, once it reads."""
        client, _ = self.away()
        client.reads = False
        known = self.only(1)
        for number in range(20):
            self.assertTrue(known.send(f"{number} " + 10_000 * "x"))
            self.advance()
        client.reads = True
        self.advance(2)
        self.assertEqual(
            [message.split()[0] for message in client.messages if message[:1] == "m"],
            [f"m{number}" for number in range(20)],
        )

    def test_applicationIsSlow(self) -> None:
        """What the application does not take stays with the client, but for two windows and what is read."""
        client, _ = self.away()
        wait = self.apps[1].waits["slow"] = Deferred()
        client.send("mslow")
        for number in range(100):
            client.send(f"m.{number}" + 10_000 * "x")
            self.advance()
            self.assertLess(self.held(), 300_000)
        self.assertFalse(client.transport.reading)
        self.assertGreater(len(self.servers[0]._unread[client]), 500_000)
        wait.callback(None)
        self.advance(2)
        self.assertEqual(
            [message.rstrip("x") for message in self.apps[1].log[2:]], [f".{number}" for number in range(100)]
        )

    def test_endsBehindWhatCame(self) -> None:
        """What a client has sent before it closed arrives, however slow the application is."""
        client, _ = self.away()
        wait = self.apps[1].waits["slow"] = Deferred()
        client.send("mslow")
        for number in range(30):
            client.send(f"m.{number}" + 10_000 * "x")
        client.close(1000, "")
        self.advance(1)
        wait.callback(None)
        self.advance(2)
        self.assertEqual(
            [message.rstrip("x") for message in self.apps[1].log[2:-1]],
            [f".{number}" for number in range(30)],
        )
        self.assertEqual(self.apps[1].log[-1], (1000, "", True))


class PieceTests(ResumedTests, EndTests):
    """The same, where a sibling's words arrive byte by byte."""

    piece = 1


class LimitTests(RelayCase):
    """Who is relayed counts as who it is."""

    def test_addresses(self) -> None:
        """Of the address that it comes from, and of no other."""
        self.limits = Limits(maxConnectionsPerAddress=2, pingInterval=1e6)
        self.setUp()
        made = [self.begin(1, peer=f"203.0.113.{number}") for number in range(5)]
        for number, (client, token) in enumerate(made):
            client.drop()
            back = self.back(0, token, 0, peer=f"203.0.113.{number}")
            self.assertEqual(back.receive(), "resumed 0")
        counted = self.servers[1].server.terms.admission.byAddress
        self.assertEqual(counted, {f"203.0.113.{number}": 1 for number in range(5)})

    def test_peer(self) -> None:
        """Behind a proxy that is trusted, it is who that says."""
        from wsapp.origins import TrustedProxies

        proxies = TrustedProxies(["198.51.100.7"])
        self.servers += [self.worker(name, proxies=proxies) for name in ("1-c", "2-d")]
        headers = {"X-Forwarded-For": "203.0.113.77", "X-Forwarded-Proto": "https"}
        client = self.servers[2].connect(subprotocols=["wsapp.resume"], headers=headers)
        client.send("new")
        token = str(client.receive()).split(" ")[1]
        client.drop()
        back = self.servers[3].connect(subprotocols=["wsapp.resume"], headers=headers)
        back.send(f"resume {token} 0")
        self.advance()
        self.assertEqual(back.receive(), "resumed 0")
        request = self.only(2).request
        self.assertEqual((request.peer, request.secure), ("203.0.113.77", True))
        self.assertEqual(self.servers[2].server.terms.admission.byAddress, {"203.0.113.77": 1})
