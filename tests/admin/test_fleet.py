"""Tests of `wsapp.admin.fleet` and `wsapp.admin.labelled`: nodes over a slow broker, in virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from tests.brokers.slow import Hub, SlowBroker
from tests.peers import Peer, Recorder, ServedCase, World
from wsapp.admin.asking import Unanswered
from wsapp.admin.fleet import AWAY, FORGET, MOST_NODES, PATIENCE, Fleet
from wsapp.admin.labelled import Labelled
from wsapp.admin.node import Node
from wsapp.admin.source import Unknown
from wsapp.brokers import Channel, Dismissal, Member
from wsapp.wire.events import Close

LISTED = Channel("console", "group", "nodes")


class One:
    """A node of the fleet."""

    def __init__(self, clock: Clock, hub: Hub, name: str, wallClock: Any = None) -> None:
        self.world = World(Recorder(onMessage=lambda client, message: None))
        self.node = Node(self.world.server)
        self.broker = SlowBroker(clock, hub)
        self.fleet = Fleet(clock, wallClock or clock.seconds, self.node, lambda: name, self.broker)
        self.fleet.start()

    @property
    def client(self) -> Any:
        """The first client's id."""
        return self.world.app.known[0].id  # type: ignore[attr-defined]


class FleetCase(ServedCase):
    """Two nodes."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.hub = Hub(self.clock)
        self.one, self.other = self.begin("a:1"), self.begin("b:1")
        self.clock.pump([0.05] * 10)

    def begin(self, name: str, **more: Any) -> One:
        """A node starts."""
        return One(self.clock, self.hub, name, **more)

    def done(self, asked: Deferred[Any]) -> Any:
        """What is answered, over the broker."""
        self.clock.pump([0.05] * 10)
        return self.successResultOf(asked)

    def failed(self, asked: Deferred[Any]) -> str:
        """Why it could not be."""
        self.clock.pump([0.05] * 10)
        return str(self.failureResultOf(asked, Unknown).value)

    def states(self, one: One | None = None) -> list[tuple[str, str]]:
        """Node and state of each."""
        found = self.done((one or self.one).fleet.snapshots())
        return sorted((each["node"], each["state"]) for each in found)


class SnapshotTests(FleetCase):
    """Who is there, and how they stand."""

    def test_both(self) -> None:
        """Each shows all."""
        for one in (self.one, self.other):
            self.assertEqual(self.states(one), [("a:1", "ready"), ("b:1", "ready")])

    def test_quiet(self) -> None:
        """While no console is open nothing is said, beyond that one is there."""
        self.states()
        before = [list(one.broker.asked) for one in (self.one, self.other)]
        self.clock.pump([1] * 100)
        self.assertEqual([list(one.broker.asked) for one in (self.one, self.other)], before)

    def test_leaves(self) -> None:
        """One that stops is not listed any more, nor is one that the broker has forgotten."""
        self.states()
        self.done(self.other.fleet.stop())
        self.hub.memory.leave(LISTED, self.other.fleet._identity)
        self.assertEqual(self.states(), [("a:1", "ready")])
        self.assertIn("no node b:1", str(self.assertRaises(Unknown, self.one.fleet.named, "b:1")))

    def test_silent(self) -> None:
        """One that was killed is shown as it was, until the broker forgets it; it is waited for once."""
        self.other.world.open()
        self.states()
        self.other.broker._deliver = None
        asked = self.one.fleet.snapshots()
        self.clock.pump([0.05] * 3)
        self.assertNoResult(asked)
        self.clock.advance(PATIENCE)
        found = {one["node"]: one for one in self.successResultOf(asked)}
        self.assertEqual((found["a:1"]["state"], found["b:1"]["state"]), ("ready", "silent"))
        self.assertEqual(found["b:1"]["counters"]["clients"], 1)
        self.assertEqual(self.states(), [("a:1", "ready"), ("b:1", "silent")])
        self.clock.advance(FORGET)
        self.other.broker._deliver = self.other.fleet._deliver
        self.assertEqual(self.states(), [("a:1", "ready"), ("b:1", "ready")])

    def test_neverAnswered(self) -> None:
        """One that has never answered is there all the same."""
        self.other.broker._deliver = None
        asked = self.one.fleet.snapshots()
        self.clock.pump([0.05] * 3)
        self.assertNoResult(asked)
        self.clock.advance(PATIENCE)
        self.assertEqual([one["state"] for one in self.successResultOf(asked)], ["ready", "silent"])

    def test_unreachable(self) -> None:
        """Without the broker the own node is shown at once, and the others as they were."""
        self.states()
        self.one.broker.reachable = False
        found = self.successResultOf(self.one.fleet.snapshots())
        self.assertEqual(
            [(one["node"], one["state"]) for one in found], [("a:1", "ready"), ("b:1", "silent")]
        )
        failure = self.failureResultOf(self.one.fleet.named("b:1").drain(1), Unanswered)
        self.assertIn("the broker cannot be reached", str(failure.value))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.one.broker.reachable = True
        self.assertEqual(self.states(), [("a:1", "ready"), ("b:1", "ready")])

    def test_listFails(self) -> None:
        """Where the broker does not say who is there, it is those that were."""
        self.states()
        self.one.broker.failing.add("members")
        self.assertEqual(self.states(), [("a:1", "ready"), ("b:1", "ready")])
        self.assertEqual(len([line for line in self.lines() if "does not say which nodes" in line]), 1)

    def test_sameName(self) -> None:
        """Those that call themselves the same are told apart."""
        for _ in range(2):
            self.begin("a:1")
        self.clock.pump([0.05] * 10)
        names = [name for name, _ in self.states()]
        self.assertEqual(len(set(names)), 4)
        self.assertEqual(len([name for name in names if name.startswith("a:1 (")]), 2)

    def test_many(self) -> None:
        """Only so many are asked; what is no node is none."""
        for number in range(MOST_NODES + 10):
            self.hub.memory.enter(LISTED, Member(f"z{number}", None, {"name": f"n{number}"}))
        for number, info in enumerate((None, 7, {"name": 7}, {}, "x")):
            self.hub.memory.enter(LISTED, Member(f"y{number}", None, info))
        self.one.fleet.snapshots()
        self.clock.pump([0.05] * 10)
        self.assertEqual(len(self.one.fleet._others), MOST_NODES)
        self.assertEqual([one for one in self.one.fleet._others if one.startswith("y")], [])

    def test_ready(self) -> None:
        """Health is each node's own."""
        self.other.node.drain(0)
        self.assertEqual(self.done(self.one.fleet.ready()), "")
        self.assertEqual(self.done(self.other.fleet.ready()), "draining")


class DeedTests(FleetCase):
    """What is done on another node."""

    def setUp(self) -> None:
        super().setUp()
        self.peers: list[Peer] = [self.one.world.open(), self.other.world.open()]
        self.states()

    def test_clients(self) -> None:
        """Those of all, with their nodes; or those of one."""
        found = self.done(self.one.fleet.clients({"sort": "node"}))
        self.assertEqual([row["node"] for row in found["rows"]], ["a:1", "b:1"])
        found = self.done(self.one.fleet.named("b:1").clients({}))
        self.assertEqual([row["id"] for row in found["rows"]], [self.other.client])
        found = self.done(self.one.fleet.client(self.other.client))
        self.assertEqual((found["id"], found["node"]), (self.other.client, "b:1"))

    def test_groups(self) -> None:
        """Those of all, added up."""
        for one in (self.one, self.other):
            one.world.app.known[0].join("lobby")  # type: ignore[attr-defined]
        found = self.done(self.one.fleet.groups({}))
        self.assertEqual(found["rows"], [{"app": "app", "name": "lobby", "clients": 2}])

    def test_close(self) -> None:
        """A client of another node is closed, which that node's log says."""
        self.done(self.one.fleet.named("b:1").close(self.other.client, 1008, "enough"))
        self.assertEqual([peer.events() for peer in self.peers], [[], [Close(1008, "enough")]])
        self.assertEqual(
            [line for line in self.lines() if "another node" in line],
            [f"console of another node: close {self.other.client}"],
        )
        self.assertIn("not here", self.failed(self.one.fleet.named("b:1").client("nobody")))

    def test_announce(self) -> None:
        """To all, or to those of one node."""
        self.done(self.one.fleet.announce("app", "tea"))
        self.done(self.one.fleet.named("b:1").announce("app", "cake"))
        self.assertEqual([peer.events() for peer in self.peers], [["tea"], ["tea", "cake"]])

    def test_drain(self) -> None:
        """One node is drained; never all at once, unless it is the only one."""
        self.done(self.one.fleet.named("b:1").drain(0))
        self.assertEqual((self.one.node.state, self.other.node.state), ("ready", "draining"))
        self.done(self.one.fleet.named("b:1").resume())
        self.assertEqual(self.other.node.state, "ready")
        self.assertIn("say which node", self.failed(self.one.fleet.drain(0)))
        alone = One(self.clock, Hub(self.clock), "c:1")
        self.done(alone.fleet.drain(0))
        self.assertEqual(alone.node.state, "draining")

    def test_late(self) -> None:
        """What was asked too long ago is not done, nor what is yet to be: the broker was away, or a clock is
        wrong."""
        for off in (-AWAY - 5, AWAY + 5):
            wrong = self.begin("w:1", wallClock=lambda off=off: self.clock.seconds() + off)
            self.clock.pump([0.05] * 10)
            self.states()
            self.assertIn("nothing is done", self.failed(self.one.fleet.named("w:1").drain(0)))
            self.assertEqual(wrong.node.state, "ready")
            self.hub.memory.leave(LISTED, wrong.fleet._identity)
            self.states()

    def test_nonsense(self) -> None:
        """What is no question and no answer is nothing; there is no error in the log."""
        mailbox = Channel("console", "user", self.other.fleet._identity)
        for text in (
            "", "x", "x {", "x []", "x 7", "x {}", 'x {"answer": 1}', 'x {"answer": [], "result": 1}',
            'x {"ask": 1}', 'x {"ask": 1, "time": 1e999}', 'x {"ask": 1, "time": "now"}',
            "x " + "[" * 100_000,
            "x " + json.dumps({"ask": {}, "what": "drain", "arguments": 7, "time": self.clock.seconds()}),
            "x " + json.dumps({"ask": 1, "what": "drain", "arguments": ["x"], "time": self.clock.seconds()}),
            "x " + json.dumps({"ask": 1, "what": ["drain"], "arguments": [], "time": self.clock.seconds()}),
            "x" * 200 + ' {"ask": 1, "what": "ready", "arguments": []}',
            f"{self.one.fleet._identity} " + json.dumps({"answer": 10**30, "result": None}),
            b"x",
        ):  # fmt: skip
            self.hub.memory.publish(mailbox, text, frozenset(), None)
            self.clock.pump([0.05] * 5)
        self.hub._tell(mailbox, Dismissal(1000, ""))
        self.clock.pump([0.05] * 5)
        self.assertEqual(self.other.node.state, "ready")
        self.assertEqual(self.states(), [("a:1", "ready"), ("b:1", "ready")])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_otherRelease(self) -> None:
        """One that answers something else is shown as one that does not answer; the rest is."""
        oddities: tuple[Any, ...] = (7, None, [7], [{}], {"rows": []})
        for odd in oddities:
            self.patch(self.other.node, "snapshots", lambda odd=odd: succeed(odd))
            self.patch(self.other.node, "clients", lambda query, odd=odd: succeed(odd))
            self.patch(self.other.node, "groups", lambda query, odd=odd: succeed(odd))
            self.assertEqual(self.states(), [("a:1", "ready"), ("b:1", "silent")])
            found = self.done(self.one.fleet.clients({}))
            self.assertEqual((found["count"], found["missing"]), (1, ["b:1"]))
            self.assertEqual(self.done(self.one.fleet.groups({}))["missing"], ["b:1"])
        self.patch(self.other.node, "client", lambda identity: succeed([]))
        self.assertIn("another release", self.failed(self.one.fleet.client("x")))
        self.assertEqual(self.flushLoggedErrors(), [])


class LifeTests(FleetCase):
    """From start to stop."""

    def test_stop(self) -> None:
        """Questions under way fail, and nothing is left."""
        self.states()
        asked = self.one.fleet.named("b:1").snapshots()
        self.done(self.one.fleet.stop())
        self.failureResultOf(asked, Unanswered)
        self.done(self.other.fleet.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_fails(self) -> None:
        """A broker that will not is a line in the log, at the start and at the end."""
        broker = SlowBroker(self.clock, self.hub)
        broker.failing.add("enter")
        fleet = Fleet(self.clock, self.clock.seconds, self.one.node, lambda: "c:1", broker)
        fleet.start()
        self.clock.pump([0.05] * 10)
        self.assertEqual(
            len([line for line in self.lines() if "is not shown in others' consoles" in line]), 1
        )
        self.patch(broker, "stop", lambda: fail(KeyError("x")))
        self.successResultOf(fleet.stop())
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_missing(self) -> None:
        """Whom a node does not reach of its own has that node's name before it."""
        node: Any = self.one.node
        self.patch(
            node,
            "clients",
            lambda query: succeed({"rows": [], "count": 0, "took": 0.0, "missing": ["worker 2"]}),
        )
        found = self.successResultOf(Labelled(node, "a:1").clients({}))
        self.assertEqual(found["missing"], ["a:1 worker 2"])
