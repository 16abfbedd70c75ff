"""Tests of `wsapp.admin.crew`: the workers of one server, each a real node in virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import Peer, Recorder, World
from wsapp.admin import prometheus
from wsapp.admin.answering import Answerer
from wsapp.admin.asking import PATIENCE, Asker
from wsapp.admin.crew import Crew
from wsapp.admin.node import Node
from wsapp.admin.source import Unknown


class Worker:
    """A process of a worker: a node, and the way to it, on which it may be frozen."""

    def __init__(self, clock: Clock, number: int, pid: int) -> None:
        self.number = number
        self.pid = pid
        self.since: float | None = None
        self.leaving = False
        self.over = False
        self.farewell: dict[str, Any] | None = None
        self.whenReady: Callable[[], None] = lambda: None
        self.world = World(Recorder(onMessage=lambda client, message: None))
        self.node = Node(self.world.server, str(number))
        self.frozen = False
        self.waiting: list[dict[str, Any]] = []
        self.asker = Asker(clock, f"worker {number}", self.hear)
        self.answerer = Answerer(self.node)

    def hear(self, question: dict[str, Any]) -> None:
        """A question has come."""
        self.waiting.append(question)
        self.answer()

    def answer(self) -> None:
        """Answer, as a process would in its next turn."""
        while self.waiting and not self.frozen and not self.over:
            question = json.loads(json.dumps(self.waiting.pop(0)))
            self.answerer.answer(question, lambda text: self.asker.answered(json.loads(text)))

    def ready(self) -> None:
        """It serves."""
        self.since = 0.0
        self.whenReady()

    def thaw(self) -> None:
        """It goes on."""
        self.frozen = False
        self.answer()

    def end(self, orderly: bool = False) -> None:
        """It ends; in order, with its last numbers."""
        if orderly:
            self.node.snapshot().addCallback(lambda last: setattr(self, "farewell", last))
        self.over = True
        self.asker.end("has ended")


class CrewCase(SynchronousTestCase):
    """Two workers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.crew = Crew(2, self.clock.seconds)
        self.pids = iter(range(100, 200))
        self.one, self.other = self.begin(1), self.begin(2)

    def begin(self, number: int, ready: bool = True) -> Worker:
        """A process of a worker starts."""
        worker = Worker(self.clock, number, next(self.pids))
        self.crew.begins(worker)
        if ready:
            worker.ready()
        return worker

    def snapshots(self) -> list[Any]:
        """How they stand."""
        found: list[Any] = self.successResultOf(self.crew.snapshots())
        return found

    def states(self) -> list[tuple[str, str, int]]:
        """Worker, state and process of each."""
        return [(one["worker"], one["state"], one["pid"]) for one in self.snapshots()]

    def why(self) -> str:
        """Why it is not ready."""
        why: str = self.successResultOf(self.crew.ready())
        return why

    def handshakes(self) -> list[int]:
        """What each worker has counted."""
        return [one["counters"].get("clients", 0) for one in self.snapshots()]


class SnapshotTests(CrewCase):
    """How they stand."""

    def test_each(self) -> None:
        """One for each worker, with what is its own."""
        self.one.world.open()
        self.assertEqual(self.states(), [("1", "ready", 100), ("2", "ready", 101)])
        self.assertEqual(self.handshakes(), [1, 0])

    def test_starting(self) -> None:
        """Of one that never was ready there is nothing but that; Prometheus reads it."""
        self.other.end()
        self.begin(2, ready=False)
        crew = Crew(2, self.clock.seconds)
        crew.begins(Worker(self.clock, 1, 7))
        found = self.successResultOf(crew.snapshots())
        self.assertEqual([one["state"] for one in found], ["starting", "starting"])
        self.assertEqual(self.states(), [("1", "ready", 100), ("2", "starting", 0)])
        if prometheus.available():
            text = prometheus.exposition(self.snapshots()).decode()
            self.assertIn('wsapp_state{state="starting",worker="2"} 1.0', text)
            self.assertNotIn('wsapp_broker_up{worker="2"}', text)
            self.assertIn('wsapp_broker_up{worker="1"} 1.0', text)

    def test_replaced(self) -> None:
        """While one leaves, its clients and counts are there with those of the new one; its counts stay."""
        for _ in range(3):
            self.one.world.open()
        self.one.world.open().lose()
        new = self.begin(1, ready=False)
        self.assertEqual(self.handshakes(), [4, 0])
        new.ready()
        self.one.leaving = True
        new.world.open()
        (found, _) = self.snapshots()
        self.assertEqual((found["pid"], found["state"]), (new.pid, "ready"))
        self.assertEqual(found["counters"]["clients"], 5)
        self.assertEqual(found["apps"]["app"]["clients"], {"RFC 6455|tcp": 4})
        self.one.world.open()  # not seen by anybody before its end
        self.one.end(orderly=True)
        (found, _) = self.snapshots()
        self.assertEqual((found["counters"]["clients"], found["apps"]["app"]["opened"]), (6, 6))
        self.assertEqual(found["apps"]["app"]["clients"], {"RFC 6455|tcp": 1})
        self.assertEqual(found["worker"], "1")
        self.assertEqual(found["broker"]["state"], "up")

    def test_killed(self) -> None:
        """Of one that was killed, what it last told; no count ever goes down."""
        self.one.world.open()
        before = self.snapshots()[0]
        self.one.end()
        between = self.snapshots()[0]
        self.assertEqual((between["state"], between["open"], between["pid"]), ("starting", 0, 0))
        again = self.begin(1)
        self.assertEqual(self.handshakes(), [1, 0])
        again.world.open()
        after = self.snapshots()[0]
        self.assertEqual((after["counters"]["clients"], after["state"]), (2, "ready"))
        for name, count in before["counters"].items():
            self.assertTrue(count <= between["counters"][name] <= after["counters"][name], name)
        hook = before["apps"]["app"]["hooks"]["onConnect"]["counts"]
        self.assertTrue(
            all(one <= two for one, two in
                zip(hook, after["apps"]["app"]["hooks"]["onConnect"]["counts"], strict=True))
        )  # fmt: skip

    def test_looping(self) -> None:
        """One that dies again and again, while nobody looks, leaves nothing behind but sums."""
        for _ in range(20):
            self.one.end(orderly=True)
            self.one = self.begin(1)
            self.one.world.open()
        self.assertEqual(len(self.crew._workers[1].members), 1)
        self.assertEqual(self.handshakes(), [20, 0])

    def test_frozen(self) -> None:
        """One that is frozen is waited for once; it is shown as it was, and comes back by itself."""
        self.other.world.open()
        self.snapshots()
        self.other.frozen = True
        asked = self.crew.snapshots()
        self.assertNoResult(asked)
        self.clock.advance(PATIENCE)
        found = self.successResultOf(asked)
        self.assertEqual([one["state"] for one in found], ["ready", "silent"])
        for _ in range(3):
            self.clock.advance(1)
            self.assertEqual([one["state"] for one in self.snapshots()], ["ready", "silent"])
        self.assertEqual(self.handshakes(), [0, 1])
        self.assertEqual(len(self.other.waiting), 1)
        self.other.thaw()
        self.assertEqual([one["state"] for one in self.snapshots()], ["ready", "ready"])

    def test_endsAmid(self) -> None:
        """One that ends amid a question is not waited for."""
        self.other.frozen = True
        asked = self.crew.snapshots()
        self.other.end()
        self.assertEqual([one["state"] for one in self.successResultOf(asked)], ["ready", "starting"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_otherRelease(self) -> None:
        """A worker may be of a newer release than its master: what is not understood is left out."""
        self.other.world.open()
        before = self.handshakes()
        oddities: tuple[Any, ...] = ([], [7], [{}], None, [{**self.snapshots()[1], "apps": {"a": {}}}])
        for odd in oddities:
            self.patch(self.other.node, "snapshots", lambda odd=odd: succeed(odd))
            self.assertEqual(self.handshakes(), before)
            self.patch(self.other.node, "clients", lambda query, odd=odd: succeed(odd))
            self.assertEqual(self.successResultOf(self.crew.clients({}))["missing"], ["worker 2"])
        self.other.farewell = {"worker": 2}
        self.other.end()
        self.assertEqual(self.handshakes(), before)
        again = self.begin(2)
        one = self.successResultOf(again.node.snapshot())
        one["apps"]["app"]["buffers"] = [1, 2]
        self.patch(again.node, "snapshots", lambda: succeed([one]))
        self.assertEqual(self.snapshots()[1]["apps"]["app"]["buffers"], [1, 2])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_onlyAsked(self) -> None:
        """Nothing is asked by itself."""
        asked: list[Any] = []
        self.patch(self.one.asker, "_say", asked.append)
        self.clock.pump([1] * 100)
        self.assertEqual(asked, [])


class ReadyTests(CrewCase):
    """When clients should come."""

    def test_life(self) -> None:
        """Where one at least serves, and all that do are ready themselves."""
        self.assertEqual(self.why(), "")
        self.other.world.terms.metrics.broker.state = "down"
        self.assertEqual(self.why(), "worker 2: the broker is down")
        self.other.end()
        self.assertEqual(self.why(), "", "one that starts again is no reason")
        self.one.end()
        self.assertEqual(self.why(), "starting")

    def test_stopping(self) -> None:
        """When all have been told to end."""
        self.one.leaving = self.other.leaving = True
        self.assertEqual(self.why(), "stopping")
        self.assertEqual([one["state"] for one in self.snapshots()], ["stopping", "stopping"])

    def test_frozen(self) -> None:
        """One that does not answer is a reason: it would not answer clients either."""
        self.one.frozen = True
        asked = self.crew.ready()
        self.clock.advance(PATIENCE)
        self.assertIn("worker 1 has not answered", self.successResultOf(asked))
        self.assertEqual(self.why(), "worker 1 does not answer")

    def test_drained(self) -> None:
        """Who takes the place of one that was drained is drained; until clients are taken again."""
        peer = self.one.world.open()
        self.successResultOf(self.crew.drain(0))
        self.one.world.advance(1)
        self.assertTrue(peer.transport.written)
        self.assertEqual(self.why(), "draining")
        self.one.end()
        again = self.begin(1)
        self.assertEqual(again.node.state, "draining")
        self.successResultOf(self.crew.resume())
        self.assertEqual((again.node.state, self.other.node.state, self.why()), ("ready", "ready", ""))

    def test_notDrained(self) -> None:
        """One that dies before it can be told is no trouble but a line."""
        self.crew.drain(0)
        again = self.begin(1, ready=False)
        again.frozen = True
        again.ready()
        again.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TableTests(CrewCase):
    """Who is there, and what is done to them."""

    def setUp(self) -> None:
        super().setUp()
        self.peers: list[Peer] = [self.one.world.open(), self.other.world.open()]
        self.ids = [worker.world.app.known[0].id for worker in (self.one, self.other)]  # type: ignore[attr-defined]

    def test_clients(self) -> None:
        """Of all, each with its worker; of those too that are leaving."""
        self.one.leaving = True
        self.begin(1).world.open()
        found = self.successResultOf(self.crew.clients({"sort": "worker"}))
        self.assertEqual([row["worker"] for row in found["rows"]], ["1", "1", "2"])
        self.assertEqual(found["count"], 3)

    def test_client(self) -> None:
        """One is found and closed, wherever it is."""
        for identity, worker in zip(self.ids, "12", strict=True):
            self.assertEqual(self.successResultOf(self.crew.client(identity))["worker"], worker)
        self.successResultOf(self.crew.close(self.ids[1], 1008, "enough"))
        self.assertEqual([len(peer.events()) for peer in self.peers], [0, 1])
        self.failureResultOf(self.crew.close("nobody", 1001, ""), Unknown)

    def test_announce(self) -> None:
        """Every client is told once, though each worker is asked."""
        self.successResultOf(self.crew.announce("app", "tea"))
        self.assertEqual([peer.events() for peer in self.peers], [["tea"], ["tea"]])

    def test_missing(self) -> None:
        """Which worker does not answer is said."""
        self.other.frozen = True
        asked = self.crew.clients({})
        self.clock.advance(PATIENCE)
        found = self.successResultOf(asked)
        self.assertEqual((found["count"], found["missing"]), (1, ["worker 2"]))
