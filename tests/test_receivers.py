"""Tests of `wsapp.receivers`: joining and leaving, with and without history, whatever the broker's pace."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import count
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.slow import Hub, SlowBroker
from tests.rooms import InMemory, QuickNews, Room, RoomSuite, Slow, SlowHistory, audienceOf, own
from wsapp.brokers import Channel, Member
from wsapp.brokers.redis.address import Address
from wsapp.brokers.redis.broker import RedisBroker
from wsapp.errors import Superseded
from wsapp.limits import Limits
from wsapp.receivers import Receivers
from wsapp.testing import TestServer


class Joining(RoomSuite):
    """What holds over every broker."""

    def test_sendAfterJoin(self) -> None:
        """What is sent to a group after joining it comes to who joined, without waiting for the join."""
        ann = self.server.connect()
        own(ann).join("lobby")
        self.app.group("lobby").send("hi")
        self.settle()
        self.assertEqual(ann.messages, ["hi"])

    def test_joinedAtOnce(self) -> None:
        """Joining takes effect on this node at once."""
        ann = self.server.connect()
        own(ann).join("lobby")
        own(ann).join("den")
        self.assertEqual(own(ann).groups, {"lobby", "den"})
        self.assertEqual(len(self.app.group("lobby")), 1)
        self.assertEqual(len(self.app.group("empty")), 0)

    def test_leftAtOnce(self) -> None:
        """Leaving does too: not even what is on its way comes."""
        ann, bob = self.members("lobby")
        sent = self.app.group("lobby").send("late")
        on_its_way = not sent.called
        own(ann).leave("lobby")
        self.assertEqual(own(ann).groups, set())
        self.assertEqual(len(self.app.group("lobby")), 1)
        self.settle()
        self.assertEqual(ann.messages, [] if on_its_way else ["late"])
        self.assertEqual(bob.messages, ["late"])

    def test_othersKnow(self) -> None:
        """When join()'s Deferred fires, members() has it everywhere; when leave()'s does, no more."""
        app, _ = self.makeServer()
        ann = self.server.connect(user="ann")
        self.done(own(ann).join("lobby", info={"name": "Ann"}))
        expected = [Member(own(ann).id, "ann", {"name": "Ann"})] if self.spans else []
        self.assertEqual(self.done(app.group("lobby").members()), expected)
        self.done(own(ann).leave("lobby"))
        self.assertEqual(self.done(app.group("lobby").members()), [])

    def test_membersAsTheyJoined(self) -> None:
        """members() lists who is in the group in the order of joining, and only that group."""
        ann, bob = self.server.connect(user="ann"), self.server.connect()
        own(ann).join("lobby", info=[1, {"a": None}])
        own(bob).join("lobby")
        own(bob).join("den")
        found = self.done(self.app.group("lobby").members())
        self.assertEqual(found, [Member(own(ann).id, "ann", [1, {"a": None}]), Member(own(bob).id, None)])

    def test_membersRightAfterJoin(self) -> None:
        """members() called after join() has who joined, without waiting for the join."""
        ann = self.server.connect()
        own(ann).join("lobby")
        members = self.app.group("lobby").members()
        self.assertEqual([one.id for one in self.done(members)], [own(ann).id])

    def test_joinedAgain(self) -> None:
        """Joining once more changes the info, whichever way things are under way; nothing comes twice."""
        self.done(self.app.group("lobby").send("old"))
        ann = self.server.connect()
        own(ann).join("lobby", history=1, info=1)
        own(ann).join("lobby", history=5, info=2)
        own(ann).leave("lobby")
        own(ann).join("lobby", history=5, info=3)
        own(ann).join("lobby", info=4)
        self.settle()
        self.app.group("lobby").send("new")
        found = self.done(self.app.group("lobby").members())
        self.assertEqual([one.info for one in found], [4])
        messages = ann.messages
        self.assertEqual(messages[-2:], ["old", "new"])
        # In memory the first join was done before the second.
        self.assertLessEqual(len(messages), 3)
        self.assertEqual(len(self.app.group("lobby")), 1)

    def test_joinAndLeaveInOneGo(self) -> None:
        """Who leaves before the join is done is not listed, and is sent nothing."""
        self.done(self.app.group("lobby").send("old"))
        ann, bob = self.server.connect(), self.server.connect()
        own(bob).join("lobby")
        joined = own(ann).join("lobby", history=5)
        before = ann.messages
        left = own(ann).leave("lobby")
        self.app.group("lobby").send("new")
        self.done(joined)
        self.done(left)
        self.assertEqual(ann.messages, [])
        self.assertEqual(before, [] if self.spans else ["old"])
        self.assertEqual(bob.messages, ["new"])
        self.assertEqual([one.id for one in self.done(self.app.group("lobby").members())], [own(bob).id])

    def test_leaveWithoutJoin(self) -> None:
        """Leaving what one is not in is nothing, and so is joining when one is gone."""
        ann = self.server.connect()
        self.done(own(ann).leave("lobby"))
        gone = own(ann)
        ann.drop()
        self.done(gone.join("lobby"))
        self.done(gone.leave("lobby"))
        self.assertEqual(gone.groups, set())
        self.assertEqual(len(self.app.group("lobby")), 0)
        self.assertEqual(self.done(self.app.group("lobby").members()), [])

    def test_groupsInOnDisconnect(self) -> None:
        """In onDisconnect ``groups`` lists those that it was in; it has left them all the same."""
        ann = self.members("lobby", "den", count=1)[0]
        ann.drop()
        self.settle()
        self.assertEqual(self.app.ends, [({"lobby", "den"}, 1006)])
        self.assertEqual(len(self.app.group("lobby")), 0)
        self.assertEqual(self.done(self.app.group("lobby").members()), [])

    def test_joinWithHistory(self) -> None:
        """join(history=n) gives the last n, then live ones; more than are kept is all that are kept."""
        for number in range(8):
            self.app.group("lobby").send(str(number))
        self.settle()
        ann, bob, eve = (self.server.connect() for _ in range(3))
        own(ann).join("lobby", history=2)
        own(bob).join("lobby", history=99)
        own(eve).join("lobby")
        self.settle()
        self.app.group("lobby").send("live")
        self.settle()
        self.assertEqual(ann.messages, ["6", "7", "live"])
        self.assertEqual(bob.messages, ["3", "4", "5", "6", "7", "live"])
        self.assertEqual(eve.messages, ["live"])

    def test_historyOfBytes(self) -> None:
        """Text stays text and bytes stay bytes."""
        self.app.group("lobby").send("a")
        self.app.group("lobby").send(b"a")
        self.settle()
        ann = self.server.connect()
        own(ann).join("lobby", history=5)
        self.settle()
        self.assertEqual(ann.messages, ["a", b"a"])

    def test_excludedFromHistory(self) -> None:
        """Who was left out is not sent it as history either."""
        ann, bob = self.members()
        self.app.group("lobby").send("not for ann", exclude=[own(ann)])
        self.settle()
        own(ann).join("lobby", history=5)
        own(bob).join("lobby", history=5)
        self.settle()
        self.assertEqual(ann.messages, [])
        self.assertEqual(bob.messages, ["not for ann"])

    def test_nothingLeftBehind(self) -> None:
        """Groups and users leave nothing behind when they are empty, by whatever way they became so."""
        clients = [self.server.connect(user=f"user {number}") for number in range(6)]
        for number, client in enumerate(clients):
            own(client).join(f"group {number}", history=number)
            own(client).join("lobby")
            if number % 2:
                self.settle()
            self.app.group(f"group {number}").send("hi")
            own(client).leave("lobby")
            self.app.group("lobby").send("to nobody")
            if number % 3:
                own(client).leave(f"group {number}")
        for client in clients:
            client.drop()
        self.settle()
        audience = audienceOf(self.server)
        self.assertEqual([channel.kind for channel in audience._channels], ["all"])
        self.assertEqual(audience._groups, {})
        self.assertEqual(list(self.app.clients), [])
        self.server.advance(4000)
        self.server.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_sendInTheCallbackOfAnother(self) -> None:
        """A send made when an earlier one is done does not overtake one that was called before it."""
        ann = self.server.connect()
        own(ann).join("lobby")
        called = []

        def send(message: str) -> Deferred[None]:
            called.append(message)
            return self.app.group("lobby").send(message)

        send("a").addCallback(lambda _: send("from a"))
        send("b").addCallback(lambda _: send("from b"))
        send("c")
        self.settle()
        self.assertEqual(len(called), 5)
        self.assertEqual(ann.messages, called)

    def test_directAfterAwaitedGroupSendWhileJoining(self) -> None:
        """That holds for a client too that is still being sent the history."""
        self.done(self.app.group("lobby").send("old"))
        ann = self.server.connect()
        own(ann).join("lobby", history=5)

        async def talk() -> None:
            await self.app.group("lobby").send("group")
            own(ann).send("direct")

        self.done(Deferred.fromCoroutine(talk()))
        self.assertEqual(ann.messages, ["old", "group", "direct"])


class MemoryTests(InMemory, Joining, SynchronousTestCase):
    """Over the broker in memory."""


class SlowHistoryTests(SlowHistory, Joining, SynchronousTestCase):
    """Over one that takes its time with the history."""


class SlowTests(Slow, Joining, SynchronousTestCase):
    """Over a slow broker."""

    def test_noGapNoDouble(self) -> None:
        """Whatever is published while a client joins with history comes once, in order."""
        app, _ = self.makeServer()
        for wait in range(0, 40, 3):
            self.settle()
            group = f"group {wait}"
            for number in range(4):
                app.group(group).send(f"old {number}")
            self.server.advance(wait / 200)
            ann = self.server.connect()
            own(ann).join(group, history=3)
            for number in range(20):
                app.group(group).send(f"new {number}")
                self.server.advance(0.01)
            self.settle()
            messages = ann.messages
            everything = [f"old {number}" for number in range(4)] + [f"new {number}" for number in range(20)]
            self.assertEqual(messages, everything[-len(messages) :])
            self.assertGreaterEqual(len(messages), 20)

    def test_moreMeanwhileThanAreKept(self) -> None:
        """More messages than the group keeps, published between joining and the history, all come."""
        app, _ = self.makeServer()
        ann = self.server.connect()
        self.broker.back = 0.5
        node = audienceOf(self.server)._broker
        assert isinstance(node, SlowBroker)
        node.back = 0.5
        own(ann).join("lobby", history=1)
        self.server.advance(0.1)
        for number in range(20):
            app.group("lobby").send(str(number))
        self.server.advance(3)
        self.assertEqual(ann.messages, [str(number) for number in range(20)])

    def test_tooMuchMeanwhile(self) -> None:
        """Who cannot be sent the history while more comes than may wait is closed with 1013, and no more
        is kept; empty messages count too."""
        app, server = self.makeServer(limits=Limits(maxSendBuffer=6400))
        node = audienceOf(server)._broker
        assert isinstance(node, SlowBroker)
        node.back = 60
        ann = server.connect()
        own(ann).join("lobby", history=5)
        server.advance(0.1)
        for _ in range(99):
            self.app.group("lobby").send("")
        server.advance(0.5)
        self.assertIsNone(ann.closed)
        for _ in range(99):
            self.app.group("lobby").send("")
        server.advance(0.5)
        self.assertEqual(ann.closed, (1013, "too slow to read"))
        self.assertEqual(server.server.terms.metrics.overrun, 1)
        server.advance(200)
        self.assertEqual([code for _, code in app.ends], [1013])

    def test_goneWhileJoining(self) -> None:
        """Who goes while joining is listed nowhere, and those who wait for it do not wait on."""
        ann = self.server.connect()
        joined = own(ann).join("lobby", history=5)
        self.server.advance(0.03)
        sent = self.app.group("lobby").send("hi")
        ann.drop()
        self.done(joined)
        self.done(sent)
        self.assertEqual(self.done(self.app.group("lobby").members()), [])
        self.assertNotIn("lobby", [channel.name for channel in audienceOf(self.server)._channels])

    def test_cancelled(self) -> None:
        """What was cancelled before its turn is not done; what is behind it is."""
        ann = self.server.connect()
        own(ann).join("lobby")
        first = self.app.group("lobby").send("1")
        self.app.group("lobby").send("2")
        first.addErrback(lambda _: None)
        first.cancel()
        self.settle()
        self.assertEqual(ann.messages, ["2"])


class QuickNewsTests(QuickNews, SlowTests):
    """The same where news overtakes answers."""


class InterleavingTests(SynchronousTestCase):
    """Any interleaving."""

    STEP = st.one_of(
        st.sampled_from(["join", "leave", "again", "send", "far", "direct"]),
        st.floats(0.001, 0.1).map(lambda seconds: ("wait", seconds)),
    )

    @settings(max_examples=200, deadline=None)
    @given(
        steps=st.lists(st.tuples(STEP, st.integers(0, 1), st.integers(0, 4)), max_size=25),
        delays=st.tuples(st.floats(0.001, 0.1), st.floats(0.001, 0.1), st.floats(0.001, 0.1)),
    )
    @example(  # the history's answer overtakes what it does not have
        steps=[
            ("join", 0, 1),
            ("far", 0, 0),
            (("wait", 0.0625), 0, 0),
            (("wait", 0.046875), 0, 0),
            ("far", 0, 0),
            ("far", 0, 0),
        ],
        delays=(0.09375, 0.03125, 0.0625),
    )
    @example(  # joining while the last one's unsubscribing is under way
        steps=[
            ("join", 1, 0),
            ("leave", 1, 0),
            ("send", 0, 0),
            ("far", 0, 0),
            (("wait", 0.0625), 0, 0),
            ("join", 0, 0),
        ],
        delays=(0.03125, 0.03125, 0.0625),
    )
    def test_interleavings(
        self, steps: list[tuple[Any, int, int]], delays: tuple[float, float, float]
    ) -> None:
        """For any interleaving of joining, leaving, sending and the broker's doings: each client is sent,
        for each time that it was in the group, a piece of the group's order without gap or double, up to
        the last message if it is still in it; it is listed then, as it was joined last; and nothing is left
        behind."""
        clock = Clock()
        hub = Hub(clock)
        servers = []
        for _ in range(2):
            app = Room()
            servers.append(TestServer({"room": app}, clock, broker=SlowBroker(clock, hub, *delays)))
            servers[-1].advance(1)
        near, far = (server.server._apps["room"] for server in servers)
        clients = [servers[0].connect() for _ in range(2)]
        watch = servers[1].connect()
        own(watch).join("lobby")
        servers[1].advance(1)
        stays: list[list[list[Any]]] = [[], []]
        inside = [False, False]
        infos: list[int | None] = [None, None]
        numbers = count()
        sent = 0

        def read() -> None:
            for number, client in enumerate(clients):
                messages = client.messages
                if messages:
                    stays[number][-1] += messages

        for step, who, history in steps:
            client = own(clients[who])
            if step == "join" and not inside[who]:
                inside[who] = True
                infos[who] = None
                stays[who].append([])
                client.join("lobby", history=history)
            elif step == "leave" and inside[who]:
                read()
                inside[who] = False
                client.leave("lobby")
            elif step == "again" and inside[who]:
                infos[who] = next(numbers)
                client.join("lobby", history=history, info=infos[who])
            elif step in ("send", "far"):
                (near if step == "send" else far).group("lobby").send(str(sent))
                sent += 1
            elif isinstance(step, tuple):
                servers[0].advance(step[1])
            read()
        servers[0].advance(2)
        for last in (near, far):
            last.group("lobby").send("last")
            servers[0].advance(2)
        read()
        listed = {
            one.id: one.info
            for one in hub.memory._members[Channel("room", "group", "lobby")].values()
            if one.id != own(watch).id
        }
        self.assertEqual(listed, {own(clients[n]).id: infos[n] for n in range(2) if inside[n]})
        order = watch.messages
        self.assertEqual(len(order), sent + 2)
        for number in range(2):
            for stay in stays[number]:
                pieces = [order[start : start + len(stay)] for start in range(len(order))]
                self.assertIn(stay, [*pieces, []], "no piece of the group's order")
            if inside[number]:
                self.assertEqual(stays[number][-1][-2:], ["last", "last"])
        for client_ in [*clients, watch]:
            client_.drop()
        for server in servers:
            server.advance(2)
            self.assertEqual([channel.kind for channel in audienceOf(server)._channels], ["all"])
        self.assertEqual(hub.memory._members, {})


class UnreachableTests(SynchronousTestCase):
    """A broker that cannot be reached when the server starts."""

    def test_startsWithout(self) -> None:
        """The server does not wait for it; what goes to all comes once it is there."""
        clock = Clock()
        broker = SlowBroker(clock, there=10)
        broker.reachable = False
        app = Room()
        server = TestServer({"room": app}, clock, broker=broker)
        self.assertNoResult(server.server.started)
        server.advance(11)
        self.successResultOf(server.server.started)
        self.assertEqual(broker.asked, ["start"])
        ann = server.connect()
        server.advance(20)
        app.broadcast("hi")
        server.advance(20)
        self.assertEqual(ann.messages, ["hi"])


class BehindTests(SynchronousTestCase):
    """A node that is behind with a group."""

    def test_historyOnANodeThatIsBehind(self) -> None:
        """Who joins there for the last five is sent these, and what comes then: not what was published
        long ago, which this node is still to hear of; and is not closed for that."""
        clock = Clock()
        hub = Hub(clock)
        near = Room()
        there = TestServer({"room": near}, clock, broker=SlowBroker(clock, hub))
        far = TestServer(
            {"room": Room()},
            clock,
            broker=SlowBroker(clock, hub, telling=5.0),
            limits=Limits(maxSendBuffer=20_000),
        )
        far.advance(10)
        old = far.connect()
        own(old).join("lobby")
        far.advance(1)
        for number in range(100):
            near.group("lobby").send(f"{number} {'x' * 1000}")
            there.advance(0.02)
        far.advance(3.5)  # it hears of the first ones now
        new = far.connect()
        own(new).join("lobby", history=5)
        for _ in range(100):
            far.advance(0.1)
        near.group("lobby").send("live")
        far.advance(10)
        self.assertIsNone(new.closed)
        self.assertEqual([one.split()[0] for one in new.messages], ["95", "96", "97", "98", "99", "live"])

    def test_tooMuchBeforeTheHistory(self) -> None:
        """What comes there before the history is left to that; where that cannot be had, it is too much."""
        for failing, expected in ((set(), None), ({"history"}, (1013, "too slow to read"))):
            clock = Clock()
            broker = SlowBroker(clock)
            app = Room()
            server = TestServer({"room": app}, clock, broker=broker, limits=Limits(maxSendBuffer=10_000))
            server.advance(1)
            own(server.connect()).join("lobby")
            server.advance(1)
            broker.there, broker.back, broker.failing = 0.6, 0.6, failing
            new = server.connect()
            own(new).join("lobby", history=5).addErrback(lambda _: None)
            broker.there = 0.01
            for number in range(30):
                app.group("lobby").send(f"{number} {'x' * 1000}")
            server.advance(5)
            self.assertEqual(new.closed, expected)
            numbers = [int(str(one).split()[0]) for one in new.messages]
            self.assertEqual(numbers, [] if failing else list(range(25, 30)))

    def test_leftBeforeTheHistory(self) -> None:
        """Who leaves before the history is there has it not waited for, and its join is done."""
        clock = Clock()
        broker = SlowBroker(clock)
        app = Room()
        server = TestServer({"room": app}, clock, broker=broker)
        server.advance(1)
        own(server.connect()).join("lobby")
        server.advance(1)
        broker.back = 100.0
        new = server.connect()
        joined = own(new).join("lobby", history=5)
        server.advance(1)
        receivers = audienceOf(server)._receiversOf(Channel("room", "group", "lobby"))
        late = receivers.clients[own(new)]
        assert late is not None and late.asked is not None
        question = late.asked
        self.assertFalse(question.called)
        new.drop()
        self.assertTrue(question.called)
        server.advance(200)
        self.successResultOf(joined)
        self.assertEqual(self.flushLoggedErrors(), [])


class AwayTests(SynchronousTestCase):
    """A broker that is away for long: what is kept is in proportion to who is there, whatever happened."""

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.broker = RedisBroker(self.clock, Address.fromURL("redis://127.0.0.1:1"))
        self.app = Room()
        self.server = TestServer({"room": self.app}, self.clock, broker=self.broker)
        self.server.advance(6)

    def kept(self) -> int:
        """:return: How many things there are of those that wait for something."""
        gc.collect()
        kinds = (Deferred, Failure, Member, Receivers)
        return sum(isinstance(one, kinds) for one in gc.get_objects())

    def grows(self, step: Callable[[], object], times: int = 200) -> int:
        """:return: By how many after a few steps more many do."""
        for _ in range(50):
            step()
        self.server.advance(5)
        before = self.kept()
        for _ in range(times):
            step()
        self.server.advance(5)
        return self.kept() - before

    def test_comingAndGoing(self) -> None:
        """Clients that came and went leave nothing, whether or not there are others with their names."""
        steady = self.server.connect(user="ann")
        own(steady).join("lobby")

        def visit() -> None:
            client = self.server.connect(user="ann")
            own(client).join("lobby", history=5, info="x")
            own(client).join("alone")
            client.drop()
            other = self.server.connect(user=f"user {next(numbers)}")
            own(other).join("lobby")
            other.drop()

        numbers = count()
        self.assertLess(self.grows(visit), 50)
        names = [channel.name for channel in audienceOf(self.server)._channels]
        self.assertEqual(sorted(names), ["", "ann", "lobby"])

    def test_toAndFro(self) -> None:
        """One that joins and leaves, and shows something else each time, costs what the last of that does."""
        client, other = self.server.connect(), self.server.connect()
        own(other).join("x")
        numbers = count()

        def toggle() -> None:
            own(client).join("x", info=next(numbers))
            own(client).join("x", info=next(numbers))
            own(client).leave("x")
            own(client).join("y", info=next(numbers))
            own(other).join("x", info=next(numbers))

        self.assertLess(self.grows(toggle), 50)

    def test_superseded(self) -> None:
        """Who waits for too many of these is told of the first that they are superseded; who does not look at
        them fills no log."""
        client = own(self.server.connect())
        joined = [client.join("x", info=number) for number in range(20)]
        for one in joined[:4]:
            self.failureResultOf(one, Superseded)
        for one in joined[4:]:
            self.assertNoResult(one)
        left = client.leave("x")
        for one in [*joined[4:], left]:
            self.successResultOf(one)
        for number in range(20):
            client.join("x", info=number)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
