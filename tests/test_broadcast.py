"""Tests of `wsapp.broadcast`, over the broker in memory and over a slow one: who is sent what, and when."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.slow import SlowBroker
from tests.peers import World
from tests.rooms import InMemory, QuickNews, Room, RoomSuite, Slow, audienceOf, own
from wsapp.broadcast import Broadcast
from wsapp.brokers.memory import MemoryBroker
from wsapp.errors import HistoryGone, WsappError
from wsapp.service import Server
from wsapp.testing import TestServer
from wsapp.wire import versions
from wsapp.wire.selection import HybiSender


class Semantics(RoomSuite):
    """What holds over every broker."""

    def test_sendsToOneGroup(self) -> None:
        """Sends to one group arrive in the order of the calls, waited for or not, at every member."""
        ann, bob = self.members("lobby")
        group = self.app.group("lobby")
        for number in range(20):
            group.send(str(number))
            self.server.advance(0.007)
        self.settle()
        expected = [str(number) for number in range(20)]
        self.assertEqual(ann.messages, expected)
        self.assertEqual(bob.messages, expected)

    def test_directAfterAwaitedGroupSend(self) -> None:
        """A direct send after ``await group.send()`` arrives after it."""
        ann, bob = self.members("lobby")

        async def talk() -> None:
            for number in range(3):
                await self.app.group("lobby").send(f"group {number}")
                own(ann).send(f"direct {number}")
                own(bob).send(f"direct {number}")

        self.done(Deferred.fromCoroutine(talk()))
        expected = [f"{kind} {number}" for number in range(3) for kind in ("group", "direct")]
        self.assertEqual(ann.messages, expected)
        self.assertEqual(bob.messages, expected)

    def test_directAfterAwaitedBroadcastAndUserSend(self) -> None:
        """The same holds for a broadcast and for what goes to a user."""
        ann = self.server.connect(user="ann")
        self.settle()

        async def talk() -> None:
            await self.app.broadcast("all")
            own(ann).send("direct")
            await self.app.user("ann").send("user")
            own(ann).send("direct")

        self.done(Deferred.fromCoroutine(talk()))
        self.assertEqual(ann.messages, ["all", "direct", "user", "direct"])

    def test_exclude(self) -> None:
        """``exclude`` takes clients, ids, or a single one of these."""
        ann, bob = self.members("lobby")
        eve = self.members("lobby", count=1)[0]
        for send in (self.app.group("lobby").send, self.app.broadcast):
            send("1", exclude=[own(ann)])
            send("2", exclude=[own(ann).id, own(bob)])
            send("3", exclude=own(ann))
            send("4", exclude=own(ann).id)
            send("5", exclude=iter([own(eve)]))
            self.settle()
            self.assertEqual(ann.messages, ["5"])
            self.assertEqual(bob.messages, ["1", "3", "4", "5"])
            self.assertEqual(eve.messages, ["1", "2", "3", "4"])

    def test_users(self) -> None:
        """What goes to a user comes to all of the user's clients, and to nobody else."""
        anns = [self.server.connect(user="ann") for _ in range(2)]
        others = [self.server.connect(user="bob"), self.server.connect()]
        self.app.user("ann").send("hi")
        self.app.user("nobody").send("hi")
        self.settle()
        self.assertEqual([client.messages for client in anns], [["hi"], ["hi"]])
        self.assertEqual([client.messages for client in others], [[], []])

    def test_closeUser(self) -> None:
        """All clients of a user are closed, after what was sent to the user before; nobody else is."""
        anns = [self.server.connect(user="ann") for _ in range(2)]
        bob = self.server.connect(user="bob")
        self.app.user("ann").send("farewell")
        self.done(self.app.user("ann").close(4001, "out"))
        for client in anns:
            self.assertEqual(client.messages, ["farewell"])
            self.assertEqual(client.closed, (4001, "out"))
        self.assertIsNone(bob.closed)
        self.assertEqual([code for _, code in self.app.ends], [4001, 4001])

    def test_closeUserWithWrongCode(self) -> None:
        """A code that may not be sent is an error of the caller's."""
        self.server.connect(user="ann")
        for code in (0, 999, 1005, 1006, 1015, 2999, 5000):
            self.assertRaises(ValueError, self.app.user("ann").close, code)

    def test_broadcastToAll(self) -> None:
        """A broadcast comes to all clients of the application."""
        clients = self.members("lobby", count=3)
        self.app.broadcast(b"\x00\xff")
        self.settle()
        self.assertEqual([client.messages for client in clients], [[b"\x00\xff"]] * 3)

    def test_scopedByApplication(self) -> None:
        """Groups, users and broadcasts of one application are nobody else's."""
        first, second = Room(), Room()
        server = TestServer({"a": first, "b": second}, self.clock, broker=self.makeBroker())
        server.advance(1)
        one, other = server.connect("/a", user="ann"), server.connect("/b", user="ann")
        for client in (one, other):
            own(client).join("lobby")
        server.advance(1)
        first.group("lobby").send("group")
        first.user("ann").send("user")
        first.broadcast("all")
        server.advance(1)
        self.assertEqual(one.messages, ["group", "user", "all"])
        self.assertEqual(other.messages, [])
        self.assertEqual([list(app.clients) for app in (first, second)], [[own(one)], [own(other)]])

    def test_history(self) -> None:
        """history() gives the last that are kept, oldest first; limit the last of these."""
        group = self.app.group("lobby")
        for number in range(8):
            group.send(str(number))
        self.assertEqual([one.message for one in self.done(group.history())], list("34567"))
        self.assertEqual([one.message for one in self.done(group.history(2))], list("67"))
        self.assertEqual(self.done(group.history(0)), [])
        self.assertEqual([one.message for one in self.done(group.history(99))], list("34567"))
        self.assertEqual(self.done(self.app.group("den").history()), [])

    def test_historySince(self) -> None:
        """history(since=) gives what was sent after a publication, or its epoch and offset, or fails."""
        group = self.app.group("lobby")
        for number in range(4):
            group.send(str(number))
        known = self.done(group.history())
        for number in range(4, 7):
            group.send(str(number))
        last = known[-1]
        for since in (last, (last.epoch, last.offset), [last.epoch, last.offset]):
            missed = self.done(group.history(since=since))
            self.assertEqual([one.message for one in missed], list("456"))
        self.assertEqual([one.message for one in self.done(group.history(2, last))], list("45"))
        self.assertEqual([self.done(group.history(limit, last)) for limit in (0, -1)], [[], []])
        self.assertEqual(self.done(group.history(since=missed[-1])), [])
        gone = [
            group.history(since=known[0]),
            group.history(9, known[0]),
            group.history(since=("", 0)),
            self.app.group("den").history(since=last),
        ]
        self.settle()
        for one in gone:
            self.failureResultOf(one, HistoryGone)

    def test_historySinceSomethingElse(self) -> None:
        """What is neither is an error of the caller's."""
        group = self.app.group("lobby")
        wrong: list[Any] = [
            "e1",
            ("e", "1"),
            (1, 1),
            ("e", True),
            ("e",),
            ("e", 1, 2),
            {"e": 1},
            5,
            ("e", 1.0),
        ]
        for since in wrong:
            error = self.assertRaises(TypeError, group.history, since=since)
            self.assertIn("epoch and offset of one", str(error))

    def test_historyBounds(self) -> None:
        """An application says how many, how many bytes, and how long."""
        group = self.app.group("lobby")
        self.app.historyBytes = 10
        for message in ("aaaa", "bbbb", "cccc"):
            group.send(message)
        self.assertEqual([one.message for one in self.done(group.history())], ["bbbb", "cccc"])
        self.app.historySeconds = 30
        group.send("dd")
        self.settle()
        self.server.advance(40)
        self.assertEqual(self.done(group.history()), [])
        self.server.advance(200)
        ann = self.server.connect()
        own(ann).join("lobby", history=5)
        self.settle()
        group.send("new")
        self.settle()
        self.assertEqual(ann.messages, ["new"])

    def test_noHistory(self) -> None:
        """An application that keeps none has none."""
        self.app.historySize = 0
        ann = self.members("lobby", count=1)[0]
        self.app.group("lobby").send("hi")
        self.assertEqual(self.done(self.app.group("lobby").history()), [])
        self.failureResultOf(self.app.group("lobby").history(since=("", 0)), HistoryGone)
        bob = self.server.connect()
        own(bob).join("lobby", history=5)
        self.settle()
        self.assertEqual((ann.messages, bob.messages), (["hi"], []))

    def test_slowClientDelaysNobody(self) -> None:
        """One that does not read, and one that is dead, delay nobody, and no Deferred."""
        slow, dead, good = self.members("lobby", count=3)
        slow.reads = dead.reads = False
        for _ in range(100):
            sent = self.app.group("lobby").send("x" * 10_000)
            self.server.advance(0.1)
            self.successResultOf(sent)
        self.assertEqual(len(good.messages), 100)
        self.assertLess(own(slow).bufferedAmount, 1024 * 1024 + 10_100)

    def test_clientsWhileTheyChange(self) -> None:
        """``clients`` can be counted, looked into, and gone through while they come and go."""
        first = self.members(count=3)
        clients = self.app.clients
        seen = []
        for client in clients:
            seen.append(client)
            self.server.connect()
            first[-1].drop()
        self.assertEqual(seen, [own(client) for client in first])
        self.assertEqual(len(clients), 5)
        self.assertIn(own(first[0]), clients)
        self.assertNotIn(own(first[-1]), clients)
        self.assertEqual(repr(clients), "<5 clients>")


class MemoryTests(InMemory, Semantics, SynchronousTestCase):
    """Over the broker in memory."""

    def test_atOnce(self) -> None:
        """With the broker in memory all Deferreds have fired when they are returned."""
        ann = self.server.connect()
        self.successResultOf(own(ann).join("lobby", history=1))
        group = self.app.group("lobby")
        self.successResultOf(group.send("hi"))
        self.successResultOf(self.app.broadcast("hi"))
        self.assertEqual(len(self.successResultOf(group.members())), 1)
        self.assertEqual(len(self.successResultOf(group.history())), 1)
        self.successResultOf(own(ann).leave("lobby"))


class SlowTests(Slow, Semantics, SynchronousTestCase):
    """Over a slow broker."""

    def test_firesOnceTheBrokerKnows(self) -> None:
        """Deferreds of joining, leaving and sending do not fire before the broker has answered."""
        ann = self.server.connect(user="ann")
        group = self.app.group("lobby")
        calls: list[Callable[[], Deferred[Any]]] = [
            lambda: own(ann).join("lobby"),
            lambda: group.send("hi"),
            lambda: own(ann).leave("lobby"),
            lambda: group.send("hi"),
            lambda: self.app.broadcast("hi"),
            lambda: self.app.user("ann").send("hi"),
            lambda: self.app.user("ann").close(),
            group.members,
            group.history,
        ]
        for call in calls:
            deferred = call()
            self.assertNoResult(deferred)
            self.done(deferred)
        self.assertEqual(
            [name for name in self.broker.asked if name not in ("start", "subscribe", "unsubscribe")],
            ["enter", "publish", "leave", "publish", "publish", "publish", "dismiss", "members", "history"],
        )

    def test_acrossNodes(self) -> None:
        """Groups, users and broadcasts span nodes, in one order for all."""
        app, server = self.makeServer()
        ann, bob = self.server.connect(user="u"), server.connect(user="u")
        own(ann).join("lobby")
        own(bob).join("lobby")
        self.settle()
        for number in range(5):
            self.app.group("lobby").send(f"a{number}")
            app.group("lobby").send(f"b{number}")
            self.server.advance(0.001)
        self.settle()
        messages = ann.messages
        self.assertEqual(len(messages), 10)
        self.assertEqual(bob.messages, messages)
        app.broadcast("all", exclude=[own(bob)])
        app.user("u").send("user")
        self.settle()
        self.assertEqual(ann.messages, ["all", "user"])
        self.assertEqual(bob.messages, ["user"])
        members = self.done(app.group("lobby").members())
        self.assertEqual([one.id for one in members], [own(ann).id, own(bob).id])
        self.assertEqual((len(app.group("lobby")), len(app.clients)), (1, 1))
        app.user("u").close(4000)
        self.settle()
        server.advance(0)
        self.assertEqual((ann.closed, bob.closed), ((4000, ""), (4000, "")))


class QuickNewsTests(QuickNews, SlowTests):
    """The same where news overtakes answers."""


class FailingTests(SynchronousTestCase):
    """Over a broker that fails."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.broker = SlowBroker(self.clock)
        self.app = Room()
        self.server = TestServer({"room": self.app}, self.clock, broker=self.broker)
        self.server.advance(1)
        self.ann = self.server.connect(user="ann")
        self.server.advance(1)

    def failed(self, deferred: Deferred[Any], name: str) -> None:
        """Assert that it fails with the broker's own error."""
        self.server.advance(1)
        self.assertEqual(str(self.failureResultOf(deferred, WsappError).value), f"no {name}")

    def test_deferredsFail(self) -> None:
        """Each Deferred fails with what the broker says."""
        ann, group = own(self.ann), self.app.group("lobby")
        self.broker.failing.update(["publish", "dismiss", "members", "history"])
        self.failed(group.send("hi"), "publish")
        self.failed(self.app.broadcast("hi"), "publish")
        self.failed(self.app.user("ann").send("hi"), "publish")
        self.failed(self.app.user("ann").close(), "dismiss")
        self.failed(group.members(), "members")
        self.failed(group.history(), "history")
        for name, history in (("subscribe", 0), ("enter", 0), ("subscribe", 3), ("history", 3)):
            self.broker.failing = {name}
            self.failed(ann.join("lobby", history), name)
            self.broker.failing = set()
            ann.leave("lobby")
            self.server.advance(1)
        for name in ("unsubscribe", "leave"):
            ann.join("lobby")
            self.server.advance(1)
            self.broker.failing = {name}
            self.failed(ann.leave("lobby"), name)
            self.broker.failing = set()
        self.assertIsNone(self.ann.closed)

    def test_nobodyLooks(self) -> None:
        """A failure that nobody looks at is logged."""
        self.broker.failing.add("publish")
        self.app.group("lobby").send("hi")
        self.server.advance(1)
        gc.collect()
        (failure,) = self.flushLoggedErrors(WsappError)
        self.assertEqual(str(failure.value), "no publish")

    def test_ownFailuresAreOneLine(self) -> None:
        """What the server itself asks of the broker fails with one line in the log."""
        self.broker.failing.update(["subscribe", "unsubscribe"])
        bob = self.server.connect(user="bob")
        self.server.advance(1)
        bob.drop()
        self.server.advance(1)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_subscribingIsTriedAgain(self) -> None:
        """Where subscribing has failed, the next to join, or the same once more, asks again."""
        self.broker.failing.add("subscribe")
        self.failed(own(self.ann).join("lobby"), "subscribe")
        self.assertEqual(own(self.ann).groups, {"lobby"})
        self.broker.failing.clear()
        bob = self.server.connect()
        bobs = own(bob).join("lobby")
        self.server.advance(1)
        self.successResultOf(bobs)
        self.app.group("lobby").send("hi")
        self.server.advance(1)
        self.assertEqual(self.ann.messages, ["hi"])
        self.assertEqual(bob.messages, ["hi"])
        anns = own(self.ann).join("lobby")
        self.server.advance(1)
        self.successResultOf(anns)
        members = self.app.group("lobby").members()
        self.server.advance(1)
        self.assertEqual(len(self.successResultOf(members)), 2)

    def test_failedIsNotListed(self) -> None:
        """Who could not join is not listed as a member."""
        self.broker.failing.add("subscribe")
        self.failed(own(self.ann).join("lobby"), "subscribe")
        members = self.app.group("lobby").members()
        self.server.advance(1)
        self.assertEqual(self.successResultOf(members), [])

    def test_failedIsListedNoMore(self) -> None:
        """Nor is who was listed before, where joining anew fails."""
        ann, group = own(self.ann), self.app.group("lobby")
        ann.join("lobby")
        self.server.advance(1)
        self.broker.failing.add("subscribe")
        audience = audienceOf(self.server)
        receivers = audience._receiversOf(audience._channel("group", "lobby"))
        receivers.subscribed = False
        joined = ann.join("lobby", info="again")
        self.failed(joined, "subscribe")
        members = group.members()
        self.server.advance(1)
        self.assertEqual(self.successResultOf(members), [])

    def test_withoutTheHistory(self) -> None:
        """Where only the history fails, what came meanwhile and what comes is sent all the same."""
        bob = self.server.connect()
        own(bob).join("lobby")
        self.server.advance(1)
        self.broker.failing.add("history")
        joined = own(self.ann).join("lobby", history=3)
        sent = self.app.group("lobby").send("meanwhile")
        self.failed(joined, "history")
        self.successResultOf(sent)
        self.app.group("lobby").send("later")
        self.server.advance(1)
        self.assertEqual(self.ann.messages, ["meanwhile", "later"])

    def test_startFails(self) -> None:
        """A server whose broker fails does not start, and says why."""
        for name in ("start", "subscribe"):
            broker = SlowBroker(self.clock)
            broker.failing.add(name)
            server = Server(self.clock, {"room": Room(), "other": Room()}, broker=broker)
            server.startService()
            self.assertNoResult(server.started)
            self.server.advance(1)
            self.assertEqual(str(self.failureResultOf(server.started, WsappError).value), f"no {name}")


class EncodingTests(SynchronousTestCase):
    """How often a message is encoded, and for whom it cannot be."""

    def test_oncePerWireForm(self) -> None:
        """A broadcast is encoded once for each wire form, not for each client."""
        encoded: list[Any] = []

        class Counting(HybiSender):
            """Counts, whichever build it is of."""

            def encode(self, message: str | bytes) -> bytes:
                encoded.append(self.form)
                return super().encode(message)

        self.patch(versions, "HybiSender", Counting)
        app = Room()
        server = TestServer(app)
        deflate = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        narrow = {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=10"}
        clients = [server.connect(headers=headers) for headers in (None, deflate, narrow) for _ in range(4)]
        for client in clients:
            client.reads = False
            own(client).join("lobby")
        for send in (app.group("lobby").send, app.broadcast):
            encoded.clear()
            for client in clients:
                client.transport.written.clear()
            send("x" * 1000)
            server.advance(0)
            self.assertEqual(len(encoded), 3)
            self.assertEqual(len(set(encoded)), 3)
            plain, deflated, narrowed = (
                {bytes(client.transport.written) for client in clients[n : n + 4]} for n in (0, 4, 8)
            )
            self.assertEqual([len(plain), len(deflated), len(narrowed)], [1, 1, 1])
            self.assertEqual(plain, {b"\x81\x7e\x03\xe8" + b"x" * 1000})
            self.assertLess(len(next(iter(deflated))), 100)

    def test_hixie(self) -> None:
        """A hixie client is sent text; bytes are skipped for it and counted, and nobody else minds."""
        app = Room()
        world = World(app)
        old, older, new = world.open("hixie-76"), world.open("hixie-75"), world.open()
        for client in app.clients:
            client.join("lobby")
        app.group("lobby").send(b"bytes")
        app.group("lobby").send("text")
        app.broadcast(b"bytes")
        world.advance(1)
        self.assertEqual(old.events(), ["text"])
        self.assertEqual(older.events(), ["text"])
        self.assertEqual(new.events(), [b"bytes", "text", b"bytes"])
        self.assertEqual(world.terms.metrics.skipped, 4)
        self.assertEqual(world.terms.metrics.messagesOut, 5)


class BroadcastTests(SynchronousTestCase):
    """The service itself."""

    def test_oneName(self) -> None:
        """Two applications of one name are refused."""
        clock = Clock()
        broadcast = Broadcast(MemoryBroker(clock, clock.seconds), 1000)
        one, other = Room(), Room()
        one.name = other.name = "room"
        broadcast.audience(one)
        error = self.assertRaises(WsappError, broadcast.audience, other)
        self.assertIn("'room'", str(error))

    def test_othersChannels(self) -> None:
        """What comes for an application that is not served here, or for nobody, is dropped."""
        clock = Clock()
        broker = SlowBroker(clock)
        served, elsewhere = Room(), Room()
        server = TestServer({"room": served}, clock, broker=broker)
        other = TestServer({"other": elsewhere}, clock, broker=SlowBroker(clock, broker.hub))
        server.advance(1)
        client = server.connect()
        own(client).join("lobby")
        server.advance(1)
        for channels in broker.hub.nodes.values():
            for more in list(broker.hub.nodes.values()):
                channels |= more
        elsewhere.broadcast("hi")
        elsewhere.group("lobby").send("hi")
        elsewhere.user("ann").send("hi")
        other.advance(1)
        self.assertEqual(client.messages, [])
