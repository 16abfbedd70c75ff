"""``RedisBroker`` when things go wrong: each fault is done to a real server or a real connection."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import shlex
import shutil
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.live.certificates import Authority
from tests.live.nodes import KEEP, LOBBY, Node, RedisTestCase, turn
from tests.live.redisserver import Proxy, RedisServer
from tests.live.server import freePort
from wsapp.brokers import Keep, Member
from wsapp.brokers.redis.names import pack
from wsapp.brokers.redis.scripts import PUBLISH
from wsapp.errors import BrokerUnavailable, OutboxFull

#: A server that has each write in its file before it answers.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


class Sender:
    """Sends numbered messages, so many a second, and counts what becomes of them."""

    def __init__(self, node: Node, name: str, keep: Keep | None = None) -> None:
        self.node = node
        self.name = name
        self.keep = keep
        self.number = 0
        self.done = 0
        self.failed: list[Any] = []

    def send(self, count: int) -> None:
        """So many more."""
        for _ in range(count):
            self.node.send(f"{self.name} {self.number}", keep=self.keep).addCallbacks(
                self._sent, self.failed.append
            )
            self.number += 1

    def _sent(self, _: object) -> None:
        self.done += 1

    @property
    def expected(self) -> list[str]:
        """All that it has sent."""
        return [f"{self.name} {number}" for number in range(self.number)]


class FaultCase(RedisTestCase):
    """Traffic from all nodes while something happens."""

    def traffic(self, senders: list[Sender], seconds: float, rate: int = 5) -> None:
        """Let them send for a while, a few in each turn."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for sender in senders:
                sender.send(rate)
            turn(0.01)

    def settle(self, senders: list[Sender]) -> None:
        """Wait until all is acknowledged."""
        self.until(
            "acknowledgements", lambda: all(one.done + len(one.failed) >= one.number for one in senders)
        )

    def allHaveAll(self, nodes: list[Node], senders: list[Sender]) -> None:
        """Every node was given everything, once, in one order."""
        expected = [message for sender in senders for message in sender.expected]
        self.until("all messages", lambda: all(len(node.delivered) >= len(expected) for node in nodes))
        turn(0.3)
        for sender in senders:
            self.assertEqual(sender.failed, [])
            self.assertEqual(sender.done, sender.number)
            own = [one for one in nodes[0].messages if one.startswith(sender.name + " ")]
            self.assertEqual(own, sender.expected)
        for node in nodes:
            self.assertEqual(len(node.messages), len(expected))
            self.assertEqual(node.messages, nodes[0].messages)
            self.assertEqual(node.broker.metrics.lost, 0)

    def refused(self, node: Node, part: str) -> Deferred[None]:
        """Send something; one line, and only one, says what is wrong."""
        sent = node.send("hi")
        turn(2.5)
        self.assertFalse(sent.called)
        self.assertEqual(len(self.logged(part)), 1, self.lines)
        self.assertEqual(len(self.lines), len(set(self.lines)), self.lines)
        self.assertFalse(any("secret" in line for line in self.lines))
        self.assertEqual(node.broker.metrics.state, "down")
        sent.addErrback(lambda failure: failure.trap(BrokerUnavailable))
        return sent


class KilledTests(FaultCase):
    """``kill -9``, and a start some time later."""

    def test_downAtStart(self) -> None:
        """A node starts without the broker, says so once, and does all it was asked for when there is one."""
        server = self.redis(started=False)
        node = Node(server.url)
        self.addCleanup(self.part, node)
        self.done(node.broker.start(node.deliver), 5)
        self.assertFalse(node.broker.reachable)
        self.assertEqual(node.broker.metrics.state, "down")
        subscribed = node.broker.subscribe(LOBBY)
        entered = node.broker.enter(LOBBY, Member("ann", None))
        sent = [node.send(str(number)) for number in range(10)]
        turn(2)
        self.assertEqual(len(self.lines), 1, self.lines)
        self.assertIn("Connection refused", self.lines[0])
        self.assertIn(server.url, self.lines[0])
        self.assertFalse(subscribed.called or entered.called or any(one.called for one in sent))
        self.assertEqual(node.broker.metrics.outbox, 10)
        self.assertGreater(node.broker.metrics.outboxBytes, 0)
        self.assertGreater(node.broker.metrics.lag, 1.5)
        server.start()
        self.done(subscribed)
        self.done(entered)
        for one in sent:
            self.done(one)
        self.assertEqual(node.broker.metrics.state, "up")
        self.assertEqual((node.broker.metrics.outbox, node.broker.metrics.outboxBytes), (0, 0))
        self.assertEqual([one.id for one in self.done(node.broker.members(LOBBY))], ["ann"])
        self.assertEqual(len(self.lines), 2, self.lines)
        self.assertIn("connected to the broker", self.lines[1])

    def test_keepsItsData(self) -> None:
        """One that keeps its data: nothing is lost, doubled or out of order for anybody, in four kills."""
        server = self.redis(*DURABLE)
        nodes = [self.node(server.url, LOBBY) for _ in range(3)]
        senders = [Sender(node, f"n{place}", KEEP) for place, node in enumerate(nodes)]
        for _ in range(4):
            self.until("the nodes", lambda: all(node.broker.reachable for node in nodes))
            self.traffic(senders, 0.3)
            for sender in senders:
                sender.send(200)
            turn(0)  # those are on their way
            server.kill()
            self.traffic(senders, 0.2)
            server.start()
        self.traffic(senders, 0.3)
        self.settle(senders)
        self.allHaveAll(nodes, senders)
        # The broker itself has none twice.
        total = sum(sender.number for sender in senders)
        self.assertEqual(server.ask("XLEN", "test:stream:group:chat:lobby"), b":%d" % total)
        for node in nodes:
            self.assertEqual(node.broker.metrics.reconnects, 4)
            self.assertEqual(node.broker.metrics.epochs, 0)

    def test_withoutHistory(self) -> None:
        """It holds for groups without history too."""
        server = self.redis(*DURABLE)
        nodes = [self.node(server.url, LOBBY) for _ in range(2)]
        senders = [Sender(node, f"n{place}") for place, node in enumerate(nodes)]
        self.traffic(senders, 0.3)
        server.kill()
        self.traffic(senders, 0.3)
        server.start()
        self.settle(senders)
        self.allHaveAll(nodes, senders)

    def test_keepsNothing(self) -> None:
        """One that keeps nothing: every node notices, and what was acknowledged after is there, once."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY) for _ in range(3)]
        senders = [Sender(node, f"n{place}", KEEP) for place, node in enumerate(nodes)]
        self.done(nodes[0].broker.enter(LOBBY, Member("ann", None)))
        self.traffic(senders, 0.5)
        for sender in senders:
            sender.send(200)
        turn(0)
        before = nodes[0].delivered[-1][1]
        server.kill()
        self.traffic(senders, 0.3)
        server.start()
        self.settle(senders)
        for sender in senders:
            sender.send(10)
        self.settle(senders)
        for node in nodes:
            self.assertEqual(node.broker.metrics.epochs, 1)
            self.until(
                "the last",
                lambda node=node: all(  # type: ignore[misc]
                    sender.expected[-1] in node.messages[-100:] for sender in senders
                ),
            )
            self.assertEqual(len(set(node.messages)), len(node.messages), "doubles")
            for sender in senders:
                self.assertEqual(sender.failed, [])
                own = [int(one.split()[1]) for one in node.messages if one.startswith(sender.name)]
                self.assertEqual(own, sorted(own))
                # At most what was on its way at that moment is missing.
                self.assertLess(sender.number - len(own), 512)
        after = nodes[0].delivered[-1][1]
        self.assertNotEqual(before.epoch, after.epoch)  # type: ignore[union-attr]
        self.assertEqual(len(self.logged("has forgotten everything")), 3)
        self.until(
            "the member", lambda: [one.id for one in self.done(nodes[1].broker.members(LOBBY))] == ["ann"]
        )

    def test_keepsSome(self) -> None:
        """One that comes back with what it had some time ago: what is sent then reaches all."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY) for _ in range(2)]
        for number in range(10):
            self.done(nodes[0].send(f"old {number}"))
        server.ask("SAVE")
        for number in range(10):
            self.done(nodes[0].send(f"lost {number}"))
        self.until("all", lambda: len(nodes[1].delivered) == 20)
        server.kill()
        server.start()
        for number in range(30):
            self.done(nodes[number % 2].send(f"new {number}"))
        for node in nodes:
            self.until("all", lambda node=node: len(node.delivered) == 50)  # type: ignore[misc]
            self.assertEqual(node.messages[20:], [f"new {number}" for number in range(30)])
            self.assertEqual(node.broker.metrics.lost, 1)

    def test_full(self) -> None:
        """What has no room in the outbox fails with a clear error; the rest goes out in order."""
        server = self.redis()
        node = self.node(server.url, LOBBY, outboxMessages=100, outboxBytes=100_000)
        server.kill()
        self.until("notice", lambda: not node.broker.reachable)
        sender = Sender(node, "n")
        sender.send(150)
        turn(0.1)
        self.assertEqual(len(sender.failed), 50)
        self.assertTrue(sender.failed[0].check(OutboxFull))
        self.assertIn("100 messages", str(sender.failed[0].value))
        self.assertEqual(node.broker.metrics.dropped, 50)
        self.assertEqual(len(self.logged("no more may: what is sent now is dropped")), 1)
        server.start()
        self.settle([sender])
        self.assertEqual(node.messages, sender.expected[:100])
        server.kill()
        self.until("notice", lambda: not node.broker.reachable)
        large = [node.send("x" * 30_000) for _ in range(5)]
        turn(0.1)
        self.assertEqual(
            [one.called for one in large], [False, False, False, True, True]
        )  # three fit into 100,000 bytes
        for one in large:
            one.addErrback(lambda failure: failure.trap(BrokerUnavailable))
        # There was room meanwhile: so it is said again.
        self.assertEqual(len(self.logged("no more may: what is sent now is dropped")), 2)

    def test_questions(self) -> None:
        """What asks for an answer fails after a while, saying so; stopping waits for nobody."""
        server = self.redis()
        node = self.node(server.url, LOBBY, patience=0.5)
        server.kill()
        self.until("notice", lambda: not node.broker.reachable)
        for question in (node.broker.members(LOBBY), node.broker.history(LOBBY, 5)):
            with self.assertRaises(BrokerUnavailable) as caught:
                self.done(question, 5)
            self.assertIn("0.5 seconds", str(caught.exception))
        waiting = node.send("never")
        began = time.monotonic()
        self.done(node.broker.stop())
        self.assertLess(time.monotonic() - began, 1)
        self.failureResultOf(waiting, BrokerUnavailable)
        self.assertEqual(len(self.logged("1 messages that it has not acknowledged are given up")), 1)


class ConnectionTests(FaultCase):
    """The broker is there, the way to it is not, or not well."""

    def test_frozen(self) -> None:
        """Frozen for ten seconds amid traffic: nothing is lost, and nobody's presence."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY) for _ in range(2)]
        senders = [Sender(node, f"n{place}") for place, node in enumerate(nodes)]
        self.done(nodes[0].broker.enter(LOBBY, Member("ann", None)))
        self.traffic(senders, 0.2)
        server.freeze()
        self.addCleanup(server.thaw)
        self.traffic(senders, 10, 1)
        server.thaw()
        self.settle(senders)
        self.allHaveAll(nodes, senders)
        self.assertEqual(len(self.done(nodes[1].broker.members(LOBBY))), 1)

    def test_frozenForLong(self) -> None:
        """Frozen past all patience: one line says so, and what was sent twice counts once."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY, patience=1.0, lease=1.0) for _ in range(2)]
        senders = [Sender(node, f"n{place}") for place, node in enumerate(nodes)]
        self.done(nodes[0].broker.enter(LOBBY, Member("ann", None)))
        self.traffic(senders, 0.2)
        server.freeze()
        self.addCleanup(server.thaw)
        self.traffic(senders, 9, 1)
        self.assertEqual(nodes[0].broker.metrics.state, "down")
        server.thaw()
        self.settle(senders)
        self.allHaveAll(nodes, senders)
        self.assertEqual(len(self.logged("it has not answered for 1 seconds")), 2)
        self.until("presence", lambda: len(self.done(nodes[1].broker.members(LOBBY))) == 1)

    def test_cut(self) -> None:
        """Connections cut again and again amid traffic: nothing is lost or doubled."""
        server = self.redis()
        proxy = Proxy(server.port)
        self.addCleanup(proxy.close)
        near = self.node(server.url, LOBBY)
        far = self.node(f"redis://127.0.0.1:{proxy.port}", LOBBY)
        senders = [Sender(near, "near"), Sender(far, "far")]
        for _ in range(6):
            self.traffic(senders, 0.25)
            proxy.cut()
        proxy.open = False
        proxy.cut()
        self.traffic(senders, 1)
        self.assertEqual(far.broker.metrics.state, "down")
        self.assertEqual(near.broker.metrics.state, "up")
        proxy.open = True
        self.settle(senders)
        self.allHaveAll([near, far], senders)

    def publish(
        self, server: RedisServer, node: Node, message: str, sequence: int, oldest: int, news: str = ""
    ) -> bytes:
        """Call the script as another publisher would.

        :return: The answer's first line.
        """
        names = node.broker._names
        publisher = b"someone"
        keys = [names.stream(LOBBY), names.place(LOBBY), names.sequence(publisher), names.origin]
        payload, _ = pack(message, frozenset(), False)
        arguments = [news or names.news(LOBBY), publisher, sequence, oldest, payload]
        bounds = [-1, 0, 0, 0, 100, 10_000, 60_000, 60_000]
        words = ["EVAL", PUBLISH.text, len(keys), *keys, *arguments, *bounds]
        return server.ask(*(word.decode() if isinstance(word, bytes) else str(word) for word in words))

    def test_unanswered(self) -> None:
        """What the broker has done but not acknowledged when the connection is cut is done and told once."""
        server = self.redis()
        proxy = Proxy(server.port)
        self.addCleanup(proxy.close)
        near = self.node(f"redis://127.0.0.1:{proxy.port}", LOBBY)
        far = self.node(server.url, LOBBY)
        for emptied in (False, True):
            proxy.slow.clear()
            sender = Sender(near, f"emptied {emptied}", KEEP)
            sender.send(100)
            self.until("the far node", lambda: len(far.delivered) == 100)
            self.assertEqual(sender.done, 0)
            if emptied:
                server.ask("FLUSHALL")
            proxy.cut()
            proxy.slow.set()
            self.settle([sender])
            self.until("the near node", lambda: len(near.delivered) == 100)
            turn(0.3)
            for node in (near, far):
                self.assertEqual(node.messages, sender.expected)
                node.delivered.clear()
            self.assertEqual(server.ask("XLEN", "test:stream:group:chat:lobby"), b":100")

    def test_unheard(self) -> None:
        """What is in the stream but was not told of is delivered before what is told of next."""
        server = self.redis()
        node = self.node(server.url, LOBBY)
        self.done(node.send("1"))
        self.assertEqual(self.publish(server, node, "2", 1, 1, news="nowhere"), b"*2")
        self.assertEqual(node.messages, ["1"])
        self.done(node.send("3"))
        self.assertEqual(node.messages, ["1", "2", "3"])

    def test_overtaking(self) -> None:
        """What follows something refused is refused as well, until that has come; repetitions are known."""
        server = self.redis()
        node = self.node(server.url, LOBBY)
        for sequence, oldest, taken in (
            *((2, 1, False), (1, 1, True), (3, 1, False), (2, 1, True), (1, 1, True), (3, 1, True)),
            *((3, 3, True), (9, 8, False), (9, 9, True), (10, 9, True)),
        ):
            answer = self.publish(server, node, str(sequence), sequence, oldest)
            self.assertEqual(answer.startswith(b"*2"), taken, (sequence, oldest))
        self.until("all", lambda: node.messages == ["1", "2", "3", "9", "10"])
        turn(0.1)
        self.assertEqual(len(node.messages), 5)

    def test_cutByTheServer(self) -> None:
        """The server cuts pub/sub alone: what was published meanwhile is read from the stream."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY) for _ in range(2)]
        senders = [Sender(node, f"n{place}") for place, node in enumerate(nodes)]
        for _ in range(5):
            self.traffic(senders, 0.2)
            server.ask("CLIENT", "KILL", "TYPE", "pubsub")
        self.settle(senders)
        self.allHaveAll(nodes, senders)

    def test_newsAgain(self) -> None:
        """Pub/sub comes back while messages on the other connection are unacknowledged: once is enough."""
        server = self.redis()
        node = self.node(server.url, LOBBY)
        sender = Sender(node, "n")
        for _ in range(20):
            sender.send(400)
            node.broker._newsDown()
            self.assertEqual(self.flushLoggedErrors(), [])
            sender.send(400)
            turn(0)
            node.broker._newsUp()
        self.settle([sender])
        self.allHaveAll([node], [sender])
        self.assertEqual(server.ask("XLEN", "test:stream:group:chat:lobby"), b":%d" % sender.number)
        self.assertEqual(node.broker.metrics.published, sender.number)

    def test_slowNode(self) -> None:
        """A node that is too slow is cut off by the server, and reads on from the stream."""
        server = self.redis("--client-output-buffer-limit", "pubsub 256kb 128kb 1")
        proxy = Proxy(server.port)
        self.addCleanup(proxy.close)
        near = self.node(server.url, LOBBY)
        far = self.node(f"redis://127.0.0.1:{proxy.port}", LOBBY)
        proxy.slow.clear()
        sender = Sender(near, "near")
        for _ in range(40):
            for _ in range(100):
                sender.send(1)
            turn(0.02)
            near.send("x" * 20_000)
        self.settle([sender])
        self.assertLess(len(far.delivered), len(near.delivered))
        self.until("being cut off", lambda: int(server.facts("clients")["pubsub_clients"]) == 1)
        proxy.slow.set()
        proxy.cut()
        self.until("all", lambda: len(far.delivered) == len(near.delivered))
        self.assertEqual(far.messages, near.messages)
        self.assertEqual(far.broker.metrics.lost, 0)
        self.assertEqual(far.broker.metrics.behind, 0)

    def test_tooLate(self) -> None:
        """Who was away for longer than is kept goes on from what there is, and says that some is missing."""
        server = self.redis()
        proxy = Proxy(server.port)
        self.addCleanup(proxy.close)
        away = Keep(50, 10**6, 60.0)
        near = self.node(server.url, LOBBY, away=away)
        far = self.node(f"redis://127.0.0.1:{proxy.port}", LOBBY, away=away)
        self.done(near.send("first"))
        self.until("the first", lambda: far.messages == ["first"])
        proxy.open = False
        proxy.cut()
        self.until("notice", lambda: far.broker.metrics.state == "down")
        sender = Sender(near, "near")
        sender.send(200)
        self.settle([sender])
        proxy.open = True
        self.until("the last", lambda: "near 199" in far.messages)
        self.assertEqual(far.messages, ["first", *sender.expected[-50:]])
        self.assertEqual(far.broker.metrics.lost, 1)
        self.assertEqual(len(self.logged("group 'lobby' of chat are missing")), 1)

    def test_scriptsDropped(self) -> None:
        """SCRIPT FLUSH: they are loaded again, and nothing is lost."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY) for _ in range(2)]
        senders = [Sender(node, f"n{place}") for place, node in enumerate(nodes)]
        self.traffic(senders, 0.2)
        server.ask("SCRIPT", "FLUSH")
        self.traffic(senders, 0.2)
        self.settle(senders)
        self.allHaveAll(nodes, senders)
        self.done(nodes[0].broker.members(LOBBY))

    def test_emptied(self) -> None:
        """FLUSHALL under a running service: a new epoch, and it goes on."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY, lease=1.0) for _ in range(2)]
        self.done(nodes[0].broker.enter(LOBBY, Member("ann", None)))
        self.done(nodes[0].send("1", keep=KEEP))
        server.ask("FLUSHALL")
        for number in range(2, 5):
            self.done(nodes[0].send(str(number), keep=KEEP))
        self.until("all", lambda: nodes[1].messages == ["1", "2", "3", "4"])
        self.until("ann", lambda: len(self.done(nodes[1].broker.members(LOBBY))) == 1)


class RefusalTests(FaultCase):
    """The broker answers, and will not."""

    def test_wrongPassword(self) -> None:
        """A wrong password, or none; put right at the broker, it works."""
        server = self.redis("--requirepass", "other")
        for url, part in (
            (f"redis://:secret@127.0.0.1:{server.port}", "does not know this user and password"),
            (f"redis://127.0.0.1:{server.port}", "wants a password"),
        ):
            self.lines.clear()
            node = self.node(url)
            sent = self.refused(node, part)
            self.done(node.broker.stop())
            self.assertTrue(sent.called)
        good = self.node(f"redis://default:other@127.0.0.1:{server.port}", LOBBY)
        self.done(good.send("hi"))
        self.assertEqual(good.messages, ["hi"])

    def test_replica(self) -> None:
        """A read-only replica; made a primary, it works."""
        primary = self.redis()
        server = self.redis("--replicaof", f"127.0.0.1 {primary.port}")
        self.until("the copy", lambda: server.facts("replication").get("master_link_status") == "up")
        self.lines.clear()
        node = self.node(server.url)
        sent = self.refused(node, "read-only replica")
        server.ask("REPLICAOF", "NO", "ONE")
        self.done(sent)
        self.assertEqual(node.broker.metrics.state, "up")

    def test_turnedIntoReplica(self) -> None:
        """A primary that becomes a replica, and a primary again."""
        primary, server = self.redis(), self.redis()
        node = self.node(server.url, LOBBY)
        self.lines.clear()
        server.ask("REPLICAOF", "127.0.0.1", str(primary.port))
        sent = self.refused(node, "read-only replica")
        server.ask("REPLICAOF", "NO", "ONE")
        self.done(sent)
        self.until("up", lambda: node.broker.metrics.state == "up")

    def test_outOfMemory(self) -> None:
        """No memory left at the broker; when there is some again all goes out in order, once."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY) for _ in range(2)]
        senders = [Sender(node, f"n{place}") for place, node in enumerate(nodes)]
        self.traffic(senders, 0.2)
        self.settle(senders)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        self.lines.clear()
        self.traffic(senders, 2)
        entered = nodes[0].broker.enter(LOBBY, Member("ann", None))
        turn(0.5)
        self.assertFalse(entered.called)
        self.assertEqual(len(self.logged("no memory left")), 2, self.lines)  # one for each node
        self.assertEqual(nodes[0].broker.metrics.state, "down")
        self.assertGreater(nodes[0].broker.metrics.outbox, 50)
        server.ask("CONFIG", "SET", "maxmemory", "0")
        self.settle(senders)
        self.done(entered)
        self.allHaveAll(nodes, senders)
        self.until("up", lambda: nodes[0].broker.metrics.state == "up")

    def test_accessList(self) -> None:
        """What the docs grant is enough, and with less one line says so."""
        server = self.redis()
        page = (Path(__file__).parents[2] / "docs" / "howto" / "scaling.rst").read_text(encoding="utf-8")
        (rule,) = (shlex.split(line)[2:] for line in page.splitlines() if "redis-cli ACL SETUSER" in line)
        server.ask(*rule)
        name, password = rule[2], rule[4].lstrip(">")
        url = f"redis://{name}:{password}@127.0.0.1:{server.port}"
        node = self.node(url, LOBBY, prefix="wsapp", lease=0.3)
        other = self.node(url, LOBBY, prefix="wsapp", lease=0.3)
        self.done(node.broker.enter(LOBBY, Member("ann", None)))
        self.done(node.broker.enter(LOBBY, Member("bob", None)))
        for number in range(40):
            self.done(node.send(str(number), keep=Keep(2, 100, 60)))
        self.assertEqual(len(self.done(node.broker.history(LOBBY, 5))), 2)
        self.done(node.broker.leave(LOBBY, "bob"))
        self.assertEqual(len(self.done(node.broker.members(LOBBY))), 1)
        self.done(node.broker.stop())
        self.until("clearing away", lambda: server.ask("ZCARD", "wsapp:nodes") == b":1")
        self.done(other.broker.unsubscribe(LOBBY))
        self.assertEqual(len(self.lines), 2, self.lines)
        self.lines.clear()
        self.refused(self.node(url, prefix="elsewhere"), "access list")

    def test_cluster(self) -> None:
        """A Cluster is refused in words."""
        server = self.redis("--cluster-enabled", "yes", "--cluster-port", str(freePort()))
        node = self.node(server.url)
        self.refused(node, "Cluster, which is not supported")

    def test_notRedis(self) -> None:
        """Something else listens there."""
        import socket
        import threading

        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)

        def speak() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.close()

        threading.Thread(target=speak, daemon=True).start()
        node = self.node(f"redis://127.0.0.1:{listening.getsockname()[1]}")
        turn(1)
        self.assertEqual(node.broker.metrics.state, "down")
        self.assertLessEqual(len(self.lines), 2, self.lines)
        self.assertFalse(self.flushLoggedErrors())


class TLSTests(FaultCase):
    """``rediss://``, with a certificate made here."""

    needs = ("redis-server",)

    def secure(self) -> tuple[RedisServer, Authority, int]:
        """A server with TLS."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("localhost")
        port = freePort()
        server = self.redis(
            *("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            *("--tls-ca-cert-file", str(authority.file), "--tls-auth-clients", "no"),
            program=shutil.which("redis-server"),
        )
        return server, authority, port

    def test_verified(self) -> None:
        """By the authority that is named."""
        _, authority, port = self.secure()
        node = self.node(f"rediss://127.0.0.1:{port}?ca={authority.file}", LOBBY)
        self.done(node.send("hi"))
        self.assertEqual(node.messages, ["hi"])

    def test_unknownAuthority(self) -> None:
        """A certificate that nobody vouches for is refused, in one line, and nothing is sent there."""
        server, _, port = self.secure()
        node = self.node(f"rediss://127.0.0.1:{port}")
        self.refused(node, "certificate verify failed")
        self.assertEqual(server.ask("DBSIZE"), b":0")

    def test_otherHost(self) -> None:
        """So is one of another host."""
        _, authority, port = self.secure()
        node = self.node(f"rediss://127.0.0.2:{port}?ca={authority.file}")
        turn(1.5)
        self.assertEqual(node.broker.metrics.state, "down")
        self.assertEqual(self.logged("connected"), [])
        self.assertEqual(len(self.lines), 1, self.lines)
