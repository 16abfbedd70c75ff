"""Tests of `wsapp.delivery`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.wire.profile import STABLE
from wsapp.errors import HookTimeout
from wsapp.fairness import MUCH, READING, SLICE, Fairness
from wsapp.limits import Limits
from wsapp.selection import Delivery
from wsapp.wheel import Wheel
from wsapp.wire.events import Close, Event, Ping, Pong, Violation
from wsapp.wire.selection import HybiReceiver, HybiSender

PEER = HybiSender(masked=True)


class Counted(HybiReceiver):
    """A framing machine that counts what is taken from it."""

    taken = 0

    def next(self, count: int, size: int) -> list[Event]:
        events = super().next(count, size)
        self.taken += len(events)
        return events


class Ward:
    """Whom the delivery works for; its hook for messages is ``hook``."""

    def __init__(self, limits: Limits, fairness: Fairness | None = None) -> None:
        self.clock = Clock()
        self.told: list[Any] = []
        self.failures: list[type[BaseException]] = []
        self.reading = True
        self.idles = 0
        self.hook: Callable[[Any], object] = lambda message: None
        self.controls: Callable[[object], object] = lambda event: None
        self.receiver = Counted(limits)
        # What the stopwatch says, and what each message takes of it.
        self.time = self.takes = 0.0
        self.fairness = fairness or Fairness(self.clock, lambda: self.time)
        self.delivery = Delivery(self, self.receiver, limits, Wheel(self.clock), self.fairness)

    def message(self, message: str | bytes) -> None:
        self.told.append(message)
        self.time += self.takes
        self.delivery.run(self.hook, message)

    def control(self, event: Ping | Pong | Close | Violation) -> None:
        self.told.append(event)
        self.controls(event)

    def closeTurn(self) -> None:
        self.told.append("turn")

    def hookFailed(self, failure: Failure) -> None:
        assert failure.type is not None
        self.failures.append(failure.type)

    def read(self, on: bool) -> None:
        self.reading = on

    def idle(self) -> None:
        self.idles += 1

    def feed(self, *messages: str | bytes, more: bytes = b"") -> None:
        """Give it messages and more frames in one piece."""
        self.delivery.receive(b"".join(PEER.encode(message) for message in messages) + more)


class Slow:
    """A hook whose calls are done when told."""

    def __init__(self) -> None:
        self.running: list[Deferred[None]] = []
        self.most = 0

    def __call__(self, message: Any) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self.running.append(waiting)
        self.most = max(self.most, len(self.running))
        return waiting

    def done(self) -> None:
        """The oldest is done."""
        self.running.pop(0).callback(None)


class DeliveryCase(SynchronousTestCase):
    """A delivery with the usual limits."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, **limits: Any) -> None:
        """Begin with other limits."""
        self.ward = Ward(Limits(**limits))
        self.delivery = self.ward.delivery

    def slow(self) -> Slow:
        """Let the hook be slow."""
        self.ward.hook = slow = Slow()
        return slow


class OrderTests(DeliveryCase):
    """In order, one at a time."""

    def test_plain(self) -> None:
        """Plain hooks run while the input is read."""
        self.ward.feed("a", b"b", "c")
        self.assertEqual(self.ward.told, ["a", b"b", "c"])
        self.assertFalse(self.delivery.busy)

    def test_oneAtATime(self) -> None:
        """While one is not done the next waits."""
        slow = self.slow()
        self.ward.feed("a", "b", "c")
        self.assertEqual(self.ward.told, ["a"])
        self.assertTrue(self.delivery.busy)
        slow.done()
        self.assertEqual(self.ward.told, ["a", "b"])
        slow.done()
        slow.done()
        self.assertEqual((self.ward.told, slow.most), (["a", "b", "c"], 1))
        self.assertFalse(self.delivery.busy)

    def test_doneAlready(self) -> None:
        """A Deferred that has fired is as good as a plain hook, for however many messages."""
        self.ward.hook = lambda message: succeed(None)
        self.ward.feed(*map(str, range(5000)))
        self.assertEqual(len(self.ward.told), 5000)

    def test_controlsDoNotWait(self) -> None:
        """Pings, pongs and a Close are told as they are read; the Close's turn comes in its place."""
        slow = self.slow()
        more = PEER.ping(b"p") + PEER.pong(b"q") + PEER.encode("b") + PEER.close(1000, "bye")
        self.ward.feed("a", more=more)
        close = Close(1000, "bye")
        self.assertEqual(self.ward.told, ["a", Ping(b"p"), Pong(b"q"), close])
        slow.done()
        self.assertEqual(self.ward.told[-1], "b")
        slow.done()
        self.assertEqual(self.ward.told[-1], "turn")

    def test_hookThatFeeds(self) -> None:
        """Input that comes while a hook runs waits for the loop that is running."""
        self.ward.hook = lambda message: self.ward.feed(*["c"] * (message == "a"))
        self.ward.feed("a", "b")
        self.assertEqual(self.ward.told, ["a", "b", "c"])

    @STABLE
    @given(
        st.lists(st.sampled_from(["plain", "done", "slow", "fail"]), min_size=1, max_size=60),
        st.lists(st.integers(0, 400), max_size=10),
        st.integers(1, 5),
    )
    def test_allOnce(self, kinds: list[str], cuts: list[int], queue: int) -> None:
        """However hooks go and input is cut: each message once, in order, one at a time."""
        ward = Ward(Limits(maxQueue=queue))
        running: list[Deferred[None]] = []

        def hook(message: str) -> object:
            self.assertEqual(running, [])
            kind = kinds[int(message)]
            if kind == "slow":
                running.append(Deferred())
                return running[0]
            return {"plain": None, "done": succeed(None), "fail": None}[kind]

        ward.hook = hook
        data = b"".join(PEER.encode(str(number)) for number in range(len(kinds)))
        edges = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
        for start, end in itertools.pairwise(edges):
            ward.delivery.receive(data[start:end])
            if running:
                running.pop().callback(None)
        while running:
            running.pop().callback(None)
        self.assertEqual(ward.told, list(map(str, range(len(kinds)))))
        self.assertTrue(ward.reading)
        self.assertEqual(ward.failures, [])


class PressureTests(DeliveryCase):
    """Reading is paused behind a slow hook."""

    def test_count(self) -> None:
        """At 16 messages that wait, beside the one that is at work; and on as soon as one fewer does."""
        slow = self.slow()
        self.ward.feed("at work")
        for number in range(15):
            self.ward.feed(str(number))
        self.assertTrue(self.ward.reading)
        self.ward.feed("15")
        self.assertFalse(self.ward.reading)
        slow.done()
        self.assertTrue(self.ward.reading)

    def test_size(self) -> None:
        """At one message limit of bytes."""
        self.begin(maxMessage=1000)
        slow = self.slow()
        self.ward.feed("at work", "x" * 999)
        self.assertTrue(self.ward.reading)
        self.ward.feed("x")
        self.assertFalse(self.ward.reading)
        slow.done()
        self.assertTrue(self.ward.reading)

    def test_restStaysRaw(self) -> None:
        """What one read holds beyond that is not taken from the framing machine, and not lost."""
        slow = self.slow()
        messages = [str(number) for number in range(43_690)]
        self.ward.feed(*messages)
        self.assertEqual(self.ward.receiver.taken, 17)  # one is being handled, 16 wait
        self.assertFalse(self.ward.reading)
        self.ward.hook = lambda message: None
        slow.done()
        self.assertEqual(self.ward.told, messages)
        self.assertTrue(self.ward.reading)

    def test_blocked(self) -> None:
        """While replies cannot leave, messages wait as behind a slow hook."""
        self.ward.hook = lambda message: setattr(self.delivery, "blocked", True)
        self.ward.feed("a", "b", "c")
        self.assertEqual((self.ward.told, self.ward.reading), (["a"], False))
        self.delivery.blocked = False
        self.delivery.pump()
        self.assertEqual((self.ward.told, self.ward.reading), (["a", "b"], False))
        self.ward.hook = lambda message: None
        self.delivery.blocked = False
        self.delivery.pump()
        self.assertEqual((self.ward.told, self.ward.reading), (["a", "b", "c"], True))


class FairTests(DeliveryCase):
    """A read that holds very much is worked off over several turns of the reactor."""

    MANY = [str(number) for number in range(1000)]

    def setUp(self) -> None:
        super().setUp()
        self.ward.takes = SLICE / 100

    def turn(self) -> None:
        """One turn of the reactor."""
        calls, self.ward.clock.calls = self.ward.clock.calls, []
        for call in calls:
            call.called = 1
            call.func(*call.args, **call.kw)

    def test_slices(self) -> None:
        """In each turn for about as long as a slice; reading pauses meanwhile, and goes on behind it."""
        self.ward.feed(*self.MANY)
        known = 0
        turns = 0
        while len(self.ward.told) < 1000:
            self.assertTrue(100 <= len(self.ward.told) - known <= 140, len(self.ward.told) - known)
            self.assertFalse(self.ward.reading)
            known = len(self.ward.told)
            self.turn()
            turns += 1
        self.assertEqual(self.ward.told, self.MANY)
        self.assertTrue(7 <= turns <= 10)
        self.assertTrue(self.ward.reading)
        self.assertEqual(self.ward.clock.getDelayedCalls(), [])

    def test_few(self) -> None:
        """One batch is taken however long it takes: nobody looks at the clock, and no turn is waited for."""
        self.ward.takes = 1.0
        self.ward.feed(*self.MANY[:16])
        self.assertEqual(len(self.ward.told), 16)
        self.assertTrue(self.ward.reading)

    def test_others(self) -> None:
        """Another peer's message comes in between; both have their turns."""
        other = Ward(Limits(), self.ward.fairness)
        self.ward.feed(*self.MANY)
        other.feed("hello")
        self.assertEqual(other.told, ["hello"])
        self.assertLess(len(self.ward.told), 200)

    def test_moreComes(self) -> None:
        """What comes meanwhile waits behind it, and does not get it a second slice."""
        self.ward.feed(*self.MANY)
        told = len(self.ward.told)
        self.ward.feed("more")
        self.delivery.pump()
        self.assertEqual(len(self.ward.told), told)
        for _ in range(20):
            self.turn()
        self.assertEqual(self.ward.told, [*self.MANY, "more"])

    def test_controls(self) -> None:
        """Pings and pongs, which no hook is called for, are no cheaper."""
        self.ward.controls = self.spend
        self.ward.feed(more=PEER.ping(b"") * 1000)
        self.assertLess(len(self.ward.told), 200)
        for _ in range(20):
            self.turn()
        self.assertEqual(len(self.ward.told), 1000)

    def spend(self, event: object) -> None:
        self.ward.time += self.ward.takes

    def test_fragments(self) -> None:
        """Nor are fragments that make no event at all."""
        self.ward.fairness.seconds = self.tick
        self.delivery.receive(b"\x01\x80abcd" + b"\x00\x80abcd" * 100_000 + b"\x80\x80abcd")
        turns = 0
        while not self.ward.told:
            self.turn()
            turns += 1
        self.assertEqual(self.ward.told, [""])
        self.assertGreater(turns, 10)

    def tick(self) -> float:
        self.ward.time += SLICE / 4
        return self.ward.time

    def crowd(self) -> None:
        """Have somebody else read much in this turn, for as long as may be."""
        self.assertFalse(self.ward.fairness.enough())
        self.ward.time += READING

    def test_much(self) -> None:
        """Where a turn has had enough of large reads, the next one is worked off in another turn, and nothing
        more is read from that peer until then: however little work it is, uvloop would go on with it."""
        large = PEER.encode(bytes(MUCH))
        self.delivery.receive(large)
        self.assertEqual((self.ward.told, self.ward.reading), ([bytes(MUCH)], True))
        self.ward.time += READING
        self.delivery.receive(large)
        self.assertEqual((len(self.ward.told), self.ward.reading), (1, False))
        self.turn()
        self.assertEqual((len(self.ward.told), self.ward.reading), (2, True))
        self.crowd()
        self.delivery.receive(large[: MUCH - 1])
        self.assertTrue(self.ward.reading)
        self.delivery.receive(large[MUCH - 1 :])
        self.assertEqual(len(self.ward.told), 3)

    def test_muchForNobody(self) -> None:
        """Nor is a peer read from any faster once what it sends is discarded."""
        self.delivery.discard()
        for _ in range(3):
            self.crowd()
            self.delivery.receive(bytes(MUCH))
            self.assertFalse(self.ward.reading)
            self.turn()
            self.assertTrue(self.ward.reading)
        self.assertEqual(self.ward.clock.getDelayedCalls(), [])

    def test_muchAtTheEnd(self) -> None:
        """The connection ends before that turn: what was read is delivered all the same."""
        self.crowd()
        self.ward.feed(bytes(MUCH))
        self.delivery.end()
        self.assertEqual((self.ward.told, self.ward.idles), ([], 0))
        self.turn()
        self.assertEqual((self.ward.told, self.ward.idles), ([bytes(MUCH)], 1))

    def test_end(self) -> None:
        """A connection that ends meanwhile: all that was read is still delivered, then it is over, once."""
        self.ward.feed(*self.MANY)
        self.delivery.end()
        self.assertEqual(self.ward.idles, 0)
        for _ in range(20):
            self.turn()
        self.assertEqual(self.ward.told, self.MANY)
        self.assertEqual(self.ward.idles, 1)

    def test_discard(self) -> None:
        """One whose input is discarded has nothing more to do."""
        self.ward.feed(*self.MANY)
        told = len(self.ward.told)
        self.delivery.discard()
        self.turn()
        self.assertEqual(len(self.ward.told), told)
        self.assertEqual(self.ward.clock.getDelayedCalls(), [])

    def test_giveUp(self) -> None:
        """A server that gives up does not wait for it either."""
        self.ward.feed(*self.MANY)
        self.delivery.end()
        self.delivery.giveUp()
        self.assertGreaterEqual(self.ward.idles, 1)

    def test_slowHook(self) -> None:
        """A hook that takes its time amid all that is still waited for; then it goes on."""
        self.ward.feed(*self.MANY)
        slow = self.slow()
        self.turn()
        told = len(self.ward.told)
        self.turn()
        self.assertEqual(len(self.ward.told), told)
        self.ward.hook = lambda message: None
        slow.done()
        for _ in range(20):
            self.turn()
        self.assertEqual(self.ward.told, self.MANY)
        self.assertTrue(self.ward.reading)


class FailureTests(DeliveryCase):
    """Hooks that fail, and the end of delivery."""

    def test_everyWay(self) -> None:
        """Plain, at once, later: the failure is told."""

        def raising(message: str) -> object:
            raise ZeroDivisionError

        waiting: Deferred[None] = Deferred()
        ways: list[Callable[[Any], object]] = [
            raising,
            lambda message: fail(ZeroDivisionError()),
            lambda message: waiting,
        ]
        for way in ways:
            self.ward.hook = way
            self.ward.feed("a")
        self.assertEqual(self.ward.failures, [ZeroDivisionError] * 2)
        waiting.errback(ZeroDivisionError())
        self.assertEqual(self.ward.failures, [ZeroDivisionError] * 3)

    def test_discard(self) -> None:
        """Neither what waits nor what comes is delivered; controls neither; reading goes on."""
        slow = self.slow()
        self.ward.feed("a", *"bcdefghijklmnopqrstuvwxyz")
        self.assertFalse(self.ward.reading)
        self.delivery.discard()
        self.ward.feed("more", more=PEER.ping(b""))
        slow.done()
        self.assertEqual(self.ward.told, ["a"])
        self.assertTrue(self.ward.reading)

    def test_discardAmidAPull(self) -> None:
        """Events pulled together with the one that ended it all are not delivered."""
        self.ward.hook = lambda message: self.delivery.discard()
        self.ward.feed("a", "b", more=PEER.ping(b""))
        self.assertEqual(self.ward.told, ["a"])

    def test_onlyClose(self) -> None:
        """Or nothing is delivered but the peer's Close: as a control, without a turn."""
        slow = self.slow()
        self.ward.feed("a", *"bcdefghijklmnopqrstuvwxyz")
        self.delivery.onlyClose()
        self.delivery.onlyClose()
        self.ward.feed("more", more=PEER.ping(b"") + PEER.close(1000, ""))
        self.assertTrue(self.ward.reading)
        slow.done()
        self.assertEqual(self.ward.told, ["a", Close(1000, "")])

    def test_onlyCloseAmidAPull(self) -> None:
        """Be it pulled together with what was the cause."""
        self.ward.hook = lambda message: self.delivery.onlyClose()
        self.ward.feed("a", "b", more=PEER.ping(b"") + PEER.close(1000, ""))
        self.assertEqual(self.ward.told, ["a", Close(1000, "")])

    def test_onlyCloseDiscarded(self) -> None:
        """Where nothing is delivered any more, not even that is."""
        self.delivery.onlyClose()
        self.delivery.discard()
        self.delivery.onlyClose()
        self.ward.feed("a", more=PEER.close(1000, ""))
        self.assertEqual(self.ward.told, [])

    def test_last(self) -> None:
        """Nothing is delivered behind the last hook; when it is done, that is told."""
        done: list[int] = []
        self.delivery.last(lambda: done.append(1), lambda: None)
        self.assertEqual(done, [1])
        self.ward.feed("a")
        self.assertEqual(self.ward.told, [])

    def test_lastSlow(self) -> None:
        """A slow one is waited for, a failing one is told of first."""
        done: list[int] = []
        waiting: Deferred[None] = Deferred()
        self.delivery.last(lambda: done.append(1), lambda: waiting)
        self.assertEqual(done, [])
        self.delivery.pump()
        waiting.errback(ZeroDivisionError())
        self.assertEqual((done, self.ward.failures), ([1], [ZeroDivisionError]))

    def test_nothing(self) -> None:
        """What stands for the framing machine then gives nothing."""
        self.delivery.discard()
        self.ward.feed("a", "b")
        self.assertEqual((self.ward.told, self.ward.receiver.taken), ([], 0))


class TimeoutTests(DeliveryCase):
    """``hookTimeout``."""

    def setUp(self) -> None:
        self.begin(hookTimeout=5)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.ward.clock.pump([0.25] * int(seconds * 4))

    def test_offByDefault(self) -> None:
        """A hook may take for ever."""
        self.begin()
        self.slow()
        self.ward.feed("a")
        self.advance(10_000)
        self.assertEqual(self.ward.failures, [])

    def test_cancelled(self) -> None:
        """The hook is cancelled in time, and that told once, as what it is."""
        cancelled: list[object] = []
        self.ward.hook = lambda message: Deferred(cancelled.append)
        self.ward.feed("a")
        self.advance(4.75)
        self.assertEqual((cancelled, self.ward.failures), ([], []))
        self.advance(0.75)
        self.assertEqual((len(cancelled), self.ward.failures), (1, [HookTimeout]))
        self.assertFalse(self.delivery.busy)

    def test_inTime(self) -> None:
        """Each hook has the whole time, and none is cancelled afterwards."""
        slow = self.slow()
        self.ward.feed("a", "b", "c")
        for _ in range(3):
            self.advance(4.5)
            slow.done()
        self.advance(20)
        self.assertEqual((self.ward.failures, self.ward.told), ([], ["a", "b", "c"]))
        self.assertEqual(self.ward.clock.getDelayedCalls(), [])

    def test_heedless(self) -> None:
        """One that goes on in spite of it is told of all the same; what it does later is its own."""
        steps: list[Deferred[None]] = [Deferred(), Deferred()]

        async def heedless(message: str) -> None:
            try:
                await steps[0]
            except CancelledError:
                await steps[1]

        self.ward.hook = heedless
        self.ward.feed("a")
        self.advance(6)
        self.assertEqual(self.ward.failures, [HookTimeout])
        self.assertTrue(self.delivery.busy)
        self.advance(60)
        steps[1].callback(None)
        self.assertEqual(self.ward.failures, [HookTimeout])
        self.assertFalse(self.delivery.busy)

    def test_fails(self) -> None:
        """One that answers by another error has failed a second time."""

        async def failing(message: str) -> None:
            try:
                await Deferred()
            finally:
                raise ZeroDivisionError

        self.ward.hook = failing
        self.ward.feed("a")
        self.advance(6)
        self.assertEqual(self.ward.failures, [HookTimeout, ZeroDivisionError])

    def test_ownCancellation(self) -> None:
        """A hook that cancels something of its own in time has failed by that."""
        self.ward.hook = lambda message: fail(CancelledError())
        self.ward.feed("a")
        self.assertEqual(self.ward.failures, [CancelledError])

    def test_chained(self) -> None:
        """A Deferred that has fired but waits for another is waited for, no longer than others."""
        self.ward.hook = lambda message: succeed(None).addCallback(lambda _: Deferred())
        self.ward.feed("a")
        self.assertTrue(self.delivery.busy)
        self.advance(6)
        self.assertEqual(self.ward.failures, [HookTimeout])
