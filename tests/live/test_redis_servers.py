"""What a server may be: restored, another one, forgetful, short of memory or permissions."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import ClassVar

from tests.live.nodes import KEEP, LOBBY, Node, turn
from tests.live.redisserver import Proxy, RedisServer
from tests.live.test_redis_faults import FaultCase, Sender
from wsapp.brokers import Keep, Member, Publication

STREAM = "test:stream:group:chat:lobby"


class ServerCase(FaultCase):
    """With servers of one kind."""

    program: ClassVar[str | None] = None

    def redis(self, *options: str, program: str | None = None, started: bool = True) -> RedisServer:
        """As ever, of that kind."""
        return super().redis(*options, program=program or self.program, started=started)


class MemoryTests(ServerCase):
    """What the server remembers of what was."""

    def test_restoredTwice(self) -> None:
        """Killed again and again after one snapshot: what is sent then reaches all, under new names."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY) for _ in range(2)]
        for number in range(5):
            self.done(nodes[0].send(f"old {number}", keep=KEEP))
        server.ask("SAVE")
        sent = [f"old {number}" for number in range(5)]
        for again in range(3):
            server.kill()
            server.start()
            self.until("the nodes", lambda: all(node.broker.reachable for node in nodes))
            for number in range(5):
                self.done(nodes[number % 2].send(f"{again} {number}", keep=KEEP))
                sent.append(f"{again} {number}")
        for node in nodes:
            self.until("all", lambda node=node: len(node.messages) >= len(sent))  # type: ignore[misc]
            self.assertEqual(node.messages, sent)
            self.assertEqual(node.broker.metrics.lost, 2)
            items = [item for _, item in node.delivered if isinstance(item, Publication)]
            self.assertEqual(len({(item.epoch, item.offset) for item in items}), len(sent))
        history = self.done(nodes[0].broker.history(LOBBY, 50))
        self.assertEqual([one.message for one in history], sent[:5] + sent[-5:])

    def test_emptiedBeforeItIsHeard(self) -> None:
        """Acknowledged, not heard, and then the server comes back empty: ``send`` is done all the same."""
        server = self.redis()
        node = self.node(server.url, LOBBY)
        self.done(node.send("first"))
        server.ask("CLIENT", "KILL", "TYPE", "pubsub")
        sent = node.send("second")
        self.until("the acknowledgement", lambda: node.broker.metrics.outbox == 0)
        server.kill()
        server.start()
        self.done(sent, 15)
        self.done(node.send("third"))
        self.assertEqual(node.messages[-1], "third")

    def test_forgottenWhileAway(self) -> None:
        """Away for longer than anything is kept: that is said, and counted."""
        server = self.redis()
        proxy = Proxy(server.port)
        self.addCleanup(proxy.close)
        away = Keep(1000, 10**6, 1.0)
        near = self.node(server.url, LOBBY, away=away)
        far = self.node(f"redis://127.0.0.1:{proxy.port}", LOBBY, away=away)
        self.done(near.send("heard"))
        self.until("it", lambda: far.messages == ["heard"])
        proxy.open = False
        proxy.cut()
        self.until("notice", lambda: far.broker.metrics.state == "down")
        self.done(near.send("missed"))
        self.until("the end of it", lambda: server.ask("EXISTS", STREAM) == b":0")
        proxy.open = True
        self.until("the far node", lambda: far.broker.metrics.lost == 1)
        self.assertEqual(len(self.logged("group 'lobby' of chat may be missing")), 1)
        self.done(near.send("new"))
        self.until("the next", lambda: far.messages == ["heard", "new"])
        self.assertEqual((near.broker.metrics.lost, far.broker.metrics.lost), (0, 1))


class TrimmingTests(ServerCase):
    """What is forgotten, and when."""

    def length(self, server: RedisServer) -> int:
        """Of the stream."""
        return int(server.ask("XLEN", STREAM)[1:])

    def test_inSteps(self) -> None:
        """However much has grown old, one publication does not hold up the server with all of it."""
        server = self.redis()
        node = self.node(server.url, LOBBY, away=Keep(100_000, 10**8, 1.0))
        sender = Sender(node, "n")
        sender.send(1500)
        self.settle([sender])
        self.done(node.send("last", keep=KEEP))  # so that the channel is there for longer
        turn(1.2)
        before = self.length(server)
        steps: list[int] = []
        while before > 200:
            self.assertLess(len(steps), 40)  # once begun it goes on
            self.done(node.send("more"))
            now = self.length(server)
            steps.append(before + 1 - now)
            before = now
        self.assertLessEqual(max(steps), 128)
        self.assertEqual([one.message for one in self.done(node.broker.history(LOBBY, 9))], ["last"])

    def test_historyAmidOthers(self) -> None:
        """What a history keeps for long does not keep the others, neither their number nor their bytes."""
        server = self.redis()
        node = self.node(server.url, LOBBY, away=Keep(100, 50_000, 60.0))
        keep = Keep(5, 10_000, 3600.0)
        for number in range(12):
            self.done(node.send(f"kept {number}", keep=keep))
            sender = Sender(node, str(number))
            sender.send(150)
            self.settle([sender])
            history = [one.message for one in self.done(node.broker.history(LOBBY, 9))]
            self.assertEqual(history, [f"kept {one}" for one in range(max(0, number - 4), number + 1)])
            self.assertLessEqual(self.length(server), 100 + 5)
        self.assertGreaterEqual(self.length(server), 100)
        for _ in range(40):
            self.done(node.send("x" * 4000))
        self.assertLess(self.length(server), 25)
        self.assertEqual(len(self.done(node.broker.history(LOBBY, 9))), 5)
        for field, least in (("rest", 40_000), ("bytes", 40_000)):
            size = int(server.ask("HGET", "test:place:group:chat:lobby", field))
            self.assertTrue(least < size < 52_000, (field, size))

    def test_oldAmidHistory(self) -> None:
        """Nor for how long."""
        server = self.redis()
        node = self.node(server.url, LOBBY, away=Keep(1000, 10**6, 1.0))
        keep = Keep(100, 10_000, 3600.0)
        for number in range(20):
            self.done(node.send(f"kept {number}", keep=keep))
            sender = Sender(node, str(number))
            sender.send(10)
            self.settle([sender])
        turn(1.2)
        for number in range(64):
            self.done(node.send("more", keep=keep if number == 63 else None))
        self.assertLessEqual(self.length(server), 21 + 64)
        self.assertEqual(len(self.done(node.broker.history(LOBBY, 99))), 21)


class RefusingTests(ServerCase):
    """A server that will not, and then will."""

    def rule(self, *without: str) -> list[str]:
        """What the docs grant, less something."""
        page = (Path(__file__).parents[2] / "docs" / "howto" / "scaling.rst").read_text(encoding="utf-8")
        (rule,) = (shlex.split(line)[2:] for line in page.splitlines() if "redis-cli ACL SETUSER" in line)
        return [word for word in rule if word not in without]

    def test_permissions(self) -> None:
        """Without one of them one line says so; granted, all goes on, and nothing was lost."""
        for missing in ("&wsapp:*", "+xadd", "+publish", "+subscribe", "+script|load", "+hset"):
            server = self.redis()
            server.ask(*self.rule(missing))
            self.lines.clear()
            node = Node(f"redis://wsapp:PASSWORD@127.0.0.1:{server.port}", prefix="wsapp")
            self.addCleanup(self.part, node)
            self.done(node.broker.start(node.deliver))
            subscribed = node.broker.subscribe(LOBBY)
            sent = node.send("1")
            self.until("the line", lambda: self.logged("access list"))
            turn(1.5)
            self.assertFalse(sent.called, missing)
            self.assertEqual(node.broker.metrics.state, "down")
            self.assertEqual(len(self.logged("access list")), 1, self.lines)
            server.ask("ACL", "SETUSER", "wsapp", missing)
            self.done(subscribed)
            self.done(sent)
            self.done(node.send("2"))
            self.assertEqual(node.messages[-1], "2")
            self.assertEqual(server.ask("XLEN", STREAM.replace("test", "wsapp", 1)), b":2")
            self.assertEqual(node.broker.metrics.state, "up")
            self.done(node.broker.stop())
            server.kill()

    def test_permissionTaken(self) -> None:
        """Taken away while it is used: the same."""
        server = self.redis()
        server.ask(*self.rule())
        node = self.node(f"redis://wsapp:PASSWORD@127.0.0.1:{server.port}", LOBBY, prefix="wsapp")
        self.lines.clear()
        server.ask("ACL", "SETUSER", "wsapp", "-subscribe")
        other = node.broker.subscribe(LOBBY._replace(name="other"))
        self.until("the line", lambda: self.logged("access list"))
        turn(1)
        self.assertFalse(other.called)
        self.assertEqual(len(self.lines), 1, self.lines)
        server.ask("ACL", "SETUSER", "wsapp", "+subscribe")
        self.done(other)
        self.done(node.send("1"))
        self.assertEqual(node.messages, ["1"])

    def test_fullForLong(self) -> None:
        """No memory for longer than the lease: who is here is listed still, also after a new connection."""
        server = self.redis()
        nodes = [self.node(server.url, LOBBY, lease=0.6) for _ in range(2)]
        for number, node in enumerate(nodes):
            self.done(node.broker.enter(LOBBY, Member(str(number), None)))
        server.ask("CONFIG", "SET", "maxmemory", "1")
        for _ in range(2):
            turn(1.2)
            for node in nodes:
                found = self.done(node.broker.members(LOBBY))
                self.assertEqual([one.id for one in found], ["0", "1"])
            server.ask("CLIENT", "KILL", "TYPE", "normal")
            self.until("it", lambda: not any(node.broker.reachable for node in nodes))
            self.until("their return", lambda: all(node.broker.reachable for node in nodes))
        self.done(nodes[1].broker.stop())
        self.assertEqual([one.id for one in self.done(nodes[0].broker.members(LOBBY))], ["0"])
        left = nodes[0].broker.leave(LOBBY, "0")
        self.done(left)
        self.assertEqual(self.done(nodes[0].broker.members(LOBBY)), [])


class AnotherTests(ServerCase):
    """Another server behind the same address."""

    def test_failover(self) -> None:
        """One connection finds the new one: so must the other, though the old one is still there."""
        old, new = self.redis(), self.redis()
        proxy = Proxy(old.port)
        self.addCleanup(proxy.close)
        node = self.node(f"redis://127.0.0.1:{proxy.port}", LOBBY)
        self.done(node.send("1"))
        proxy.target = new.port
        old.ask("REPLICAOF", "127.0.0.1", "1")
        self.done(node.send("2"))
        self.until("up", lambda: node.broker.metrics.state == "up")
        self.assertEqual(node.messages, ["1", "2"])
        self.assertEqual(len(self.logged("leads to another server now")), 1, self.lines)
        news = "test:news:0:group:chat:lobby"
        self.assertEqual(new.ask("PUBLISH", news, "odd"), b":1")
        self.until("the end", lambda: old.ask("PUBLISH", news, "odd") == b":0")

    def test_failoverOfNews(self) -> None:
        """The same the other way round."""
        old, new = self.redis(), self.redis()
        proxy = Proxy(old.port)
        self.addCleanup(proxy.close)
        node = self.node(f"redis://127.0.0.1:{proxy.port}", LOBBY)
        self.done(node.send("1"))
        proxy.target = new.port
        old.ask("CLIENT", "KILL", "TYPE", "pubsub")
        self.until("notice", lambda: not node.broker.reachable)
        self.done(node.send("2"))
        self.until("up", lambda: node.broker.metrics.state == "up")
        self.assertEqual(node.messages, ["1", "2"])
        self.assertEqual(new.ask("XLEN", STREAM), b":1")


class DebiansMemoryTests(MemoryTests):
    """The same over Debian's Redis."""

    needs = ("redis-server",)
    program = shutil.which("redis-server")


class DebiansTrimmingTests(TrimmingTests):
    """The same over Debian's Redis."""

    needs = ("redis-server",)
    program = shutil.which("redis-server")


class DebiansRefusingTests(RefusingTests):
    """The same over Debian's Redis."""

    needs = ("redis-server",)
    program = shutil.which("redis-server")
