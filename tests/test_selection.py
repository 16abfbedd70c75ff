"""Tests of `wsapp.selection`: which build of the inner path is used, and that both do the same."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import wsapp.delivery
import wsapp.sendqueue
from tests.wire.test_builds import compiled
from wsapp import selection
from wsapp.fairness import Fairness
from wsapp.limits import Limits
from wsapp.wheel import Wheel
from wsapp.wire.selection import HybiReceiver, HybiSender, accelerated

LIMITS = Limits(maxMessage=300, maxQueue=3, hookTimeout=7, maxSendBuffer=500, stallTimeout=3)


class Recorder:
    """Whom a delivery or a queue works for, and its transport; all writes down what it is told."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.told: list[object] = []
        self.slow: list[Deferred[None]] = []
        self.delivery: Any = None
        self.producer: Any = None

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append((name, *map(repr, arguments)))

    def message(self, message: Any) -> None:
        self.told.append(message)
        if message == "raise":
            self.delivery.run(lambda: 1 // 0)
        elif message == "slow":
            self.slow.append(Deferred())
            self.delivery.run(lambda: self.slow[-1])

    def hookFailed(self, failure: Any) -> None:
        self.told.append(("failed", failure.type))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer


class BuildsTests(SynchronousTestCase):
    """Plain and compiled, side by side in one process."""

    def test_selected(self) -> None:
        """All are of the build that the wire is of."""
        place = "wsapp._c" if accelerated else "wsapp"
        for name in selection.__all__:
            self.assertEqual(getattr(selection, name).__module__.rpartition(".")[0], place, name)

    def test_deliveries(self) -> None:
        """Fed alike, whatever comes: told alike."""
        modules = (wsapp.delivery, compiled("delivery", "wsapp"))
        for seed in range(200):
            plain, fast = (self.delivered(module.Delivery, seed) for module in modules)
            self.assertEqual(plain, fast, seed)

    def delivered(self, build: Any, seed: int) -> list[object]:
        """What a delivery tells, under what the seed does to it."""
        chance = random.Random(seed)
        clock = Clock()
        told = Recorder(clock)
        delivery = told.delivery = build(
            told, HybiReceiver(LIMITS), LIMITS, Wheel(clock), Fairness(clock, clock.seconds)
        )
        peer = HybiSender(masked=True)
        rest = b""
        for _ in range(40):
            match chance.randrange(9):
                case 0 | 1 | 2:
                    words = chance.choices(
                        ["a", "slow", "raise", "x" * 299], [9, 3, 1, 2], k=chance.randrange(6)
                    )
                    data = b"".join(map(peer.encode, words))
                    if chance.random() < 0.3:
                        data += peer.ping(b"?")
                    here = len(rest + data) - chance.choice([0, 0, 1, 7])
                    data, rest = (rest + data)[: max(0, here)], (rest + data)[max(0, here) :]
                    delivery.receive(data)
                case 3 | 4 | 5:
                    if told.slow:
                        told.slow.pop(chance.randrange(len(told.slow))).callback(None)
                case 6:
                    delivery.blocked = chance.random() < 0.5
                    delivery.pump()
                case 7:
                    clock.advance(chance.choice([0, 1, 5]))
                case 8:
                    if chance.random() < 0.05:
                        delivery.receive(rest + peer.close(1000, "bye"))
                        rest = b""
            told.told.append((delivery.reading, delivery.blocked, delivery.busy))
        delivery.end()
        return told.told

    def test_queues(self) -> None:
        """Written to alike, whatever the transport says: the same leaves, at the same times."""
        modules = (wsapp.sendqueue, compiled("sendqueue", "wsapp"))
        for seed in range(200):
            plain, fast = (self.sent(module, seed) for module in modules)
            self.assertEqual(plain, fast, seed)

    def sent(self, module: Any, seed: int) -> list[object]:
        """What a queue writes and tells, under what the seed does to it."""
        chance = random.Random(seed)
        clock = Clock()
        told = Recorder(clock)
        queue = module.SendQueue(told, told, module.Turn(clock), Wheel(clock), LIMITS)
        for _ in range(60):
            match chance.randrange(8):
                case 0 | 1 | 2:
                    queue.write(chance.randbytes(chance.choice([1, 60, 400])))
                case 3:
                    queue.pong(chance.randbytes(3))
                case 4:
                    clock.advance(chance.choice([0, 0, 1, 4]))
                case 5:
                    queue.pauseProducing()
                case 6:
                    queue.resumeProducing()
                case 7:
                    queue.hold()
                    queue.write(b"-")
                    queue.flush()
            told.told.append((queue.buffered, queue.full, queue.paused))
        queue.farewell(b"bye")
        queue.close()
        return told.told
