"""``RedisBroker`` over a real server: the suite of all brokers, and what several nodes promise."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import shutil
import time
from typing import Any, ClassVar

from tests.brokers.suite import BrokerSuite
from tests.live.nodes import KEEP, LOBBY, NOBODY, RedisTestCase, turn
from wsapp.brokers import Broker, Channel, Dismissal, Keep, Member
from wsapp.brokers.redis.address import Address
from wsapp.brokers.redis.broker import RedisBroker
from wsapp.errors import HistoryGone


class SuiteTests(RedisTestCase, BrokerSuite):
    """What every broker promises."""

    pace = 0.02
    program: ClassVar[str | None] = None

    def setUp(self) -> None:
        RedisTestCase.setUp(self)
        self.redisServer = self.redis(program=self.program)
        BrokerSuite.setUp(self)

    def makeBroker(self) -> Broker:
        """On a server of its own."""
        from twisted.internet import reactor

        return RedisBroker(
            reactor, Address.fromURL(self.redisServer.url), "suite", away=Keep(1000, 10**6, 2.0)
        )

    def passTime(self, seconds: float) -> None:
        """Really."""
        turn(seconds)

    def seconds(self) -> float:
        """This machine's, which is the server's too."""
        return time.time()

    def done(self, deferred: Any, limit: float = 30.0) -> Any:
        """Wait for it."""
        return RedisTestCase.done(self, deferred, limit)

    def test_nothingLeftBehind(self) -> None:
        """Names that come and go leave no keys, once their time is over."""
        channels = [Channel("chat", "group", str(number)) for number in range(20)]
        for channel in channels:
            self.done(self.broker.subscribe(channel))
            self.publish("hi", channel, Keep(3, 1000, 1.0))
            self.done(self.broker.enter(channel, Member("1", None)))
            self.done(self.broker.leave(channel, "1"))
            self.done(self.broker.unsubscribe(channel))
        turn(2.5)
        left = int(self.redisServer.ask("DBSIZE")[1:])
        # origin, nodes, turn, and the publisher's sequence
        self.assertLessEqual(left, 4)


class DebiansSuiteTests(SuiteTests):
    """The same over Debian's Redis."""

    needs = ("redis-server",)

    def setUp(self) -> None:
        type(self).program = shutil.which("redis-server")
        super().setUp()


class NodesTests(RedisTestCase):
    """Several nodes, one broker."""

    def setUp(self) -> None:
        super().setUp()
        self.redisServer = self.redis()

    def flood(self, count: int, each: int, keep: Keep | None) -> None:
        """Every node sends *each* at once."""
        nodes = [self.node(self.redisServer.url, LOBBY) for _ in range(count)]
        for number in range(each):
            for place, node in enumerate(nodes):
                node.send(f"{place} {number}", keep=keep)
        self.until("all messages", lambda: all(len(node.delivered) >= count * each for node in nodes), 120)
        turn(0.2)
        first = nodes[0].messages
        self.assertEqual(len(first), count * each)
        self.assertEqual(len(set(first)), count * each)
        for node in nodes:
            self.assertEqual(node.messages, first)
            self.assertEqual(node.broker.metrics.outbox, 0)
        for place in range(count):
            own = [message for message in first if message.startswith(f"{place} ")]
            self.assertEqual(own, [f"{place} {number}" for number in range(each)])

    def test_twoNodes(self) -> None:
        """10,000 from each of two at once: each has all, once, in one order, each sender's own kept."""
        self.flood(2, 10_000, None)

    def test_fourNodes(self) -> None:
        """And of four, with history."""
        self.flood(4, 10_000, KEEP)

    def test_onlyWithMembers(self) -> None:
        """A node is sent the channels that it has subscribed to, and those only."""
        near, far = self.node(self.redisServer.url), self.node(self.redisServer.url, LOBBY)
        self.done(far.send("hi"))
        self.assertEqual(self.redisServer.ask("PUBSUB", "NUMSUB", "test:news:0:group:chat:lobby"), b"*2")
        self.assertEqual(near.messages, [])
        self.assertEqual(self.redisServer.ask("PUBLISH", "test:news:0:group:chat:lobby", "odd"), b":1")
        turn(0.1)
        self.assertEqual(far.messages, ["hi"])
        self.assertEqual(len(self.logged("is no publication of wsapp's")), 1)

    def test_tampered(self) -> None:
        """What somebody else writes into our keys is left out, with a line, and stops nothing."""
        ask = self.redisServer.ask
        node, other = (self.node(self.redisServer.url, LOBBY) for _ in range(2))
        self.done(node.broker.enter(LOBBY, Member("ann", None)))
        self.done(node.send("1", keep=KEEP))
        ask("XADD", "test:stream:group:chat:lobby", "1-1", "n", "odd", "w", "3")
        ask("HINCRBY", "test:place:group:chat:lobby", "kept", "1")
        incarnation = node.broker._presence._incarnation.decode()
        ask("HSET", "test:members:group:chat:lobby", "bob", f"9 {incarnation} odd")
        ask("CLIENT", "KILL", "TYPE", "pubsub")
        self.until("the end of that", lambda: not (node.broker.reachable and other.broker.reachable))
        for message in ("2", "3"):
            self.done(node.send(message, keep=KEEP))
        self.until("all", lambda: other.messages == ["1", "2", "3"])
        self.assertEqual([one.message for one in self.done(node.broker.history(LOBBY, 9))], ["1", "2", "3"])
        self.assertEqual([one.id for one in self.done(other.broker.members(LOBBY))], ["ann"])
        self.assertEqual(len(self.logged("is no member of wsapp's")), 1)

    def test_written(self) -> None:
        """Somebody else's entry, under whatever id, stops nothing: offsets go on behind it, with one line."""
        ask = self.redisServer.ask
        node, other = (self.node(self.redisServer.url, LOBBY) for _ in range(2))
        stream, sent = "test:stream:group:chat:lobby", []
        for count, name in enumerate(("now", "later"), 1):
            self.done(node.send(f"before {name}", keep=KEEP))
            last = self.done(node.broker.history(LOBBY, 1))[0].offset
            ask("XADD", stream, "*" if name == "now" else f"{last + 90_000}-7", "odd", "x")
            self.done(node.send(f"after {name}", keep=KEEP))
            sent += [f"before {name}", f"after {name}"]
            self.assertEqual(len(self.logged(f"somebody else has written to {stream}")), count)
        self.until("all", lambda: other.messages == sent)
        found = self.done(node.broker.history(LOBBY, 9))
        self.assertEqual([one.message for one in found], sent)
        self.assertEqual(len({one.epoch for one in found}), 1)
        missed = self.done(node.broker.since(LOBBY, found[0].epoch, found[0].offset))
        self.assertEqual(missed, found[1:])
        self.assertEqual(sorted({one.offset for one in found}), [one.offset for one in found])
        # Both follow still, without reading anything again.
        self.assertEqual((other.broker.metrics.lost, other.broker.metrics.received), (0, 4))

    def test_writtenTooHigh(self) -> None:
        """Behind the highest id there is nothing: the channel begins anew, and goes on."""
        node, other = (self.node(self.redisServer.url, LOBBY) for _ in range(2))
        self.done(node.send("1", keep=KEEP))
        self.redisServer.ask("XADD", "test:stream:group:chat:lobby", f"{2**64 - 1}-{2**64 - 1}", "n", "odd")
        for message in ("2", "3"):
            self.done(node.send(message, keep=KEEP))
        self.until("all", lambda: other.messages == ["1", "2", "3"])
        self.assertEqual([one.message for one in self.done(other.broker.history(LOBBY, 9))], ["2", "3"])
        self.assertEqual(len(self.logged("somebody else has written")), 1)

    def test_sinceAcrossRestarts(self) -> None:
        """What was missed is known over a restart of a broker that keeps its data; one that has lost some of
        what it had given out says that it does not know."""
        server = self.redis("--appendonly", "yes", "--appendfsync", "always")
        node = self.node(server.url, LOBBY)
        for message in ("1", "2"):
            self.done(node.send(message, keep=KEEP))
        first, second = self.done(node.broker.history(LOBBY, 9))
        server.kill()
        server.start()
        self.done(node.send("3", keep=KEEP))
        (third,) = self.done(node.broker.since(LOBBY, second.epoch, second.offset))
        self.assertEqual(third.message, "3")
        missed = self.done(node.broker.since(LOBBY, first.epoch, first.offset))
        self.assertEqual([one.message for one in missed], ["2", "3"])
        for lost in (second.offset + 1, third.offset + 1):
            asked = node.broker.since(LOBBY, second.epoch, lost)
            with self.assertRaises(HistoryGone):
                self.done(asked)

    def test_apart(self) -> None:
        """Services of different prefixes and databases do not meet."""
        one = self.node(self.redisServer.url, LOBBY)
        others = [
            self.node(self.redisServer.url, LOBBY, prefix="other"),
            self.node(self.redisServer.url + "/1", LOBBY),
        ]
        self.done(one.broker.enter(LOBBY, Member("1", None)))
        self.done(one.send("hi", keep=KEEP))
        turn(0.2)
        for other in others:
            self.assertEqual(other.messages, [])
            self.assertEqual(self.done(other.broker.members(LOBBY)), [])
            self.assertEqual(self.done(other.broker.history(LOBBY, 9)), [])

    def test_unixSocket(self) -> None:
        """By a UNIX socket."""
        node = self.node(f"redis+unix://{self.redisServer.socket}?db=2", LOBBY)
        self.done(node.send("hi"))
        self.assertEqual(node.messages, ["hi"])

    def test_dismissal(self) -> None:
        """An order to close reaches the other nodes."""
        near, far = (self.node(self.redisServer.url, LOBBY) for _ in range(2))
        self.done(near.broker.dismiss(LOBBY, Dismissal(4000, "Grüße")))
        self.until("it", lambda: far.delivered)
        self.assertEqual(far.delivered, [(LOBBY, Dismissal(4000, "Grüße"))])

    def test_joiningInTheMiddle(self) -> None:
        """History and what comes live have neither gap nor double between them, on a node that joins late."""
        near = self.node(self.redisServer.url, LOBBY)
        far = self.node(self.redisServer.url)
        keep = Keep(10_000, 10**7, 60.0)
        for number in range(500):
            near.send(str(number), keep=keep)
        joined = far.broker.subscribe(LOBBY)
        for number in range(500, 1000):
            near.send(str(number), keep=keep)
        self.done(joined)
        history = self.done(far.broker.history(LOBBY, 10_000))
        self.until("the last", lambda: "999" in far.messages or history[-1].message == "999")
        live = [item for _, item in far.delivered]
        until = history[-1].offset
        after = [item.message for item in live if item.offset > until]  # type: ignore[union-attr]
        self.assertEqual([item.message for item in history] + after, [str(number) for number in range(1000)])

    def test_remembersWhoWasAway(self) -> None:
        """What is kept for those who were away is bounded by count and by bytes."""
        away = Keep(100, 20_000, 300.0)
        node = self.node(self.redisServer.url, LOBBY, away=away)
        for number in range(1000):
            node.send(str(number))
        self.until("all", lambda: len(node.delivered) == 1000)
        self.assertEqual(self.redisServer.ask("XLEN", "test:stream:group:chat:lobby"), b":100")
        for _ in range(50):
            node.send("x" * 1000)
        self.until("all", lambda: len(node.delivered) == 1050)
        self.assertLess(int(self.redisServer.ask("XLEN", "test:stream:group:chat:lobby")[1:]), 20)
        self.assertLessEqual(
            int(self.redisServer.ask("HGET", "test:place:group:chat:lobby", "bytes")), 20_000
        )


class PresenceTests(RedisTestCase):
    """Who is where."""

    def setUp(self) -> None:
        super().setUp()
        self.redisServer = self.redis()

    def ids(self, node: Any, channel: Channel = LOBBY) -> list[str]:
        """Who is listed."""
        return [member.id for member in self.done(node.broker.members(channel))]

    def test_overAllNodes(self) -> None:
        """Joins and leaves reach every node, in the order of coming."""
        near, far = (self.node(self.redisServer.url) for _ in range(2))
        ann = Member("ann", "Ann", {"name": "Ann"})
        self.done(far.broker.enter(LOBBY, ann))
        self.done(near.broker.enter(LOBBY, Member("bob", None)))
        for node in (near, far):
            self.assertEqual(self.done(node.broker.members(LOBBY)), [ann, Member("bob", None)])
        self.done(far.broker.leave(LOBBY, "ann"))
        self.assertEqual(self.ids(near), ["bob"])

    def test_stopping(self) -> None:
        """A node that stops is listed no more at once, and is cleared away."""
        near, far = (self.node(self.redisServer.url, lease=0.6) for _ in range(2))
        self.done(far.broker.enter(LOBBY, Member("ann", None)))
        self.done(far.broker.stop())
        self.assertEqual(self.ids(near), [])
        self.until(
            "the end", lambda: self.redisServer.ask("EXISTS", "test:members:group:chat:lobby") == b":0"
        )
        self.until("the end", lambda: self.redisServer.ask("ZCARD", "test:nodes") == b":1")

    def test_killed(self) -> None:
        """One that is killed is listed no more once its lease is over, and not before."""
        # The near one renews too seldom to clear away the far one, so it is the lease alone that counts.
        near, far = self.node(self.redisServer.url, lease=60), self.node(self.redisServer.url, lease=1.5)
        self.done(far.broker.enter(LOBBY, Member("ann", None)))
        self.done(near.broker.enter(LOBBY, Member("bob", None)))
        turn(2.5)
        self.assertEqual(self.ids(near), ["ann", "bob"])
        far.broker._presence.down()  # it renews no more, as if it were not there
        began = time.monotonic()
        self.until("its end", lambda: self.ids(near) == ["bob"])
        self.assertLess(time.monotonic() - began, 2)
        self.assertEqual(self.redisServer.ask("HLEN", "test:members:group:chat:lobby"), b":2")

    def test_large(self) -> None:
        """One with very many members is cleared away in steps that hold nobody up."""
        near = self.node(self.redisServer.url, lease=30)
        ask = self.redisServer.ask
        members = "test:members:group:chat:lobby"
        self.done(near.broker.enter(LOBBY, Member("ann", None)))
        written = (
            "for i = 1, %d do redis.call('HSET', KEYS[1], 'm' .. i, i .. ' %s [null,null]') end return 1"
        )
        ask("EVAL", written % (20_000, "dead"), "1", members)
        ask("EVAL", written % (2_000, "dead"), "1", members + "2")
        ask("HSET", "test:node:dead", members, "20000", members + "2", "2000")
        ask("ZADD", "test:nodes", "1", "dead")
        presence = near.broker._presence
        steps, before = 0, 20_000
        while ask("ZCARD", "test:nodes") != b":1":
            self.assertLess(steps, 30)
            answer = self.done(near.broker._requests.insist(lambda: presence._renewal(False)))
            left = sum(int(ask("HLEN", name)[1:]) for name in (members, members + "2"))
            self.assertLessEqual(before - left, 5_000 if steps else 22_000)
            before, steps = left, steps + 1
            self.assertEqual(answer, 1 if ask("ZCARD", "test:nodes") == b":1" else 2)
        self.assertGreater(steps, 7)
        self.assertEqual(self.ids(near), ["ann"])
        self.assertEqual(ask("EXISTS", "test:node:dead", members + "2"), b":0")

    def test_largeByItself(self) -> None:
        """It is gone on with soon, not when the lease is renewed next."""
        far = [self.node(self.redisServer.url, lease=6) for _ in range(2)][1]
        self.done(far.broker.enter(LOBBY, Member("ann", None)))
        members = "test:members:group:chat:lobby"
        incarnation = far.broker._presence._incarnation.decode()
        mine = f"test:node:{incarnation}"
        script = "for i = 1, 9000 do redis.call('HSET', KEYS[1], 'm' .. i, i .. ARGV[1]) end return 1"
        self.redisServer.ask("EVAL", script, "1", members, f" {incarnation} [null,null]")
        self.assertEqual(self.redisServer.ask("EXISTS", mine), b":1")
        self.done(far.broker.stop())
        self.until("the first step", lambda: self.redisServer.ask("HLEN", members) != b":9001")
        began = time.monotonic()
        self.until("the last", lambda: self.redisServer.ask("EXISTS", members, mine) == b":0")
        self.assertLess(time.monotonic() - began, 1.9)  # the next renewal is after 2

    def test_back(self) -> None:
        """One that comes back after its lease tells everything anew, as another incarnation."""
        near, far = (self.node(self.redisServer.url, lease=1.0) for _ in range(2))
        for name in ("ann", "bob"):
            self.done(far.broker.enter(LOBBY, Member(name, None)))
        before = far.broker._presence._incarnation
        far.broker._presence.down()
        self.until("its end", lambda: self.ids(near) == [])
        self.done(far.broker.leave(LOBBY, "bob"))
        self.assertEqual(self.ids(near), [])
        far.broker._presence.up(far.broker._commands.connection)
        self.until("its return", lambda: self.ids(near) == ["ann"])
        self.assertNotEqual(far.broker._presence._incarnation, before)
        self.until("clearing away", lambda: self.redisServer.ask("ZCARD", "test:nodes") == b":2")
        self.assertEqual(self.ids(near), ["ann"])

    def test_enteringAfterTheLease(self) -> None:
        """Who enters after it is listed too, with all the others."""
        near, far = (self.node(self.redisServer.url, lease=0.5) for _ in range(2))
        self.done(far.broker.enter(LOBBY, Member("ann", None)))
        far.broker._presence.down()
        self.until("its end", lambda: self.ids(near) == [])
        self.done(far.broker.enter(LOBBY, Member("bob", None)))
        self.until("both", lambda: sorted(self.ids(near)) == ["ann", "bob"])
        self.assertEqual(NOBODY, frozenset())
