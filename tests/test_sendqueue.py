"""Tests of `wsapp.sendqueue`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.wire.profile import STABLE
from wsapp.errors import ConnectionClosed
from wsapp.limits import Limits
from wsapp.selection import SendQueue, Turn
from wsapp.sendqueue import CHUNK, PIECE, closed
from wsapp.wheel import Wheel


class Outlet:
    """A transport that writes down each write, and has enough when told.

    :ivar unsent: What it says that it holds.
    """

    unsent = 0

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.producer: IPushProducer | None = None
        self.refuses = False

    def write(self, data: bytes, /) -> None:
        self.writes.append(data)
        if self.refuses and self.producer is not None:
            self.producer.pauseProducing()

    def registerProducer(self, producer: IPushProducer, streaming: bool, /) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def resume(self) -> None:
        """It has sent all."""
        assert self.producer is not None
        self.producer.resumeProducing()


class ViewOutlet(Outlet):
    """One that takes views, as wsapp.loop's transports do."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[list[bytes | memoryview]] = []

    def writeViews(self, pieces: list[bytes | memoryview]) -> None:
        self.views.append(pieces)


class Steady:
    """A transport as Twisted's are: it has enough past 64 KiB, and asks for more when all has left."""

    def __init__(self) -> None:
        self.held = self.most = 0
        self.pauses = False
        self.producer: IPushProducer | None = None

    def write(self, data: bytes, /) -> None:
        self.held += len(data)
        self.most = max(self.held, self.most)
        if self.held > 64 * 1024 and not self.pauses and self.producer is not None:
            self.pauses = True
            self.producer.pauseProducing()

    def registerProducer(self, producer: IPushProducer, streaming: bool, /) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def leave(self, size: int) -> None:
        """So many bytes have been taken."""
        self.held = max(self.held - size, 0)
        if self.pauses and not self.held and self.producer is not None:
            self.pauses = False
            self.producer.resumeProducing()


class Telling(Steady):
    """One that says what it holds, as wsapp.loop's do."""

    @property
    def unsent(self) -> int:
        return self.held


class QueueCase(SynchronousTestCase):
    """The owner of a queue of a limit of 1,000 bytes and a stall time of 10 s."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.turn = Turn(self.clock)
        self.wheel = Wheel(self.clock)
        self.outlet: Outlet = Outlet()
        self.told: list[str] = []
        self.queue = self.make(1000)

    def queueFilled(self) -> None:
        self.told.append("full")

    def queueMoved(self) -> None:
        self.told.append("progress")

    def queueStalled(self) -> None:
        self.told.append(f"stalled at {self.clock.seconds():g}")

    def make(self, limit: int, outlet: Outlet | Steady | None = None) -> SendQueue:
        """A queue to the outlet."""
        limits = Limits(maxSendBuffer=limit, stallTimeout=10)
        return SendQueue(self, outlet or self.outlet, self.turn, self.wheel, limits)

    def paused(self, *writes: bytes) -> SendQueue:
        """A queue whose transport has refused after one byte, with more written since."""
        self.outlet.refuses = True
        self.queue.write(b"-")
        self.queue.flush()
        self.outlet.refuses = False
        self.outlet.writes.clear()
        self.told.clear()
        for data in writes:
            self.queue.write(data)
        return self.queue


class BatchTests(QueueCase):
    """One write for all that comes together."""

    def test_oneWritePerTurn(self) -> None:
        """What is written during one turn of the reactor leaves at its end, in one write."""
        for data in (b"a", b"b", b"c"):
            self.queue.write(data)
        self.assertEqual(self.outlet.writes, [])
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [b"abc"])
        self.queue.write(b"d")
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [b"abc", b"d"])

    def test_oneCallPerTurn(self) -> None:
        """However many queues there are, the reactor is asked once."""
        outlets = [Outlet() for _ in range(10)]
        queues = [self.make(9, one) for one in outlets]
        for number, queue in enumerate(queues):
            queue.write(b"%d" % number)
            queue.write(b"x")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0)
        self.assertEqual([one.writes for one in outlets], [[b"%dx" % number] for number in range(10)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_hold(self) -> None:
        """Held, it waits for the flush that is promised, and asks the reactor for nothing."""
        self.queue.hold()
        self.queue.write(b"a")
        self.queue.write(b"b")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.queue.flush()
        self.assertEqual(self.outlet.writes, [b"ab"])
        self.queue.write(b"c")
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [b"ab", b"c"])

    def test_muchLeavesAtOnce(self) -> None:
        """A lot of it does not wait for the end of the turn."""
        self.queue = self.make(10 * CHUNK)
        self.queue.write(b"x" * CHUNK)
        self.assertEqual([len(data) for data in self.outlet.writes], [CHUNK])

    def test_largeInPieces(self) -> None:
        """A message past a chunk is handed over in chunks, so that there is progress to see."""
        self.queue = self.make(10 * CHUNK)
        data = bytes(range(256)) * (CHUNK // 128) + b"tail"
        self.queue.hold()
        self.queue.write(b"head")
        self.queue.write(data)
        self.assertEqual(b"".join(self.outlet.writes), b"head" + data)
        self.assertLessEqual(max(map(len, self.outlet.writes)), CHUNK)

    def test_largeIsNotCopied(self) -> None:
        """Few and large pieces are handed over as they are, where the transport takes views."""
        outlet = self.outlet = ViewOutlet()
        self.queue = self.make(10 * CHUNK)
        large = bytes(range(256)) * 64
        self.queue.write(b"head")
        self.queue.write(memoryview(large))
        self.clock.advance(0)
        self.queue.hold()
        self.queue.write(b"head")
        self.queue.write(large * 20)
        self.queue.flush()
        ((head, first), (again, second), (rest,)) = outlet.views
        self.assertEqual([head, again], [b"head", b"head"])
        assert isinstance(first, memoryview)
        self.assertIs(first.obj, large)
        self.assertEqual((len(again) + len(second), bytes(second) + bytes(rest)), (CHUNK, large * 20))
        self.assertEqual(outlet.writes, [])

    def test_manySmall(self) -> None:
        """What has gathered of small frames leaves chunk by chunk, not frame by frame."""
        for self.outlet in (Outlet(), ViewOutlet()):
            self.queue = self.make(10 * CHUNK)
            self.queue.hold()
            self.paused()
            for _ in range(CHUNK):
                self.queue.write(b"x")
                self.queue.write(b"y")
            self.outlet.resume()
            self.assertEqual([len(data) for data in self.outlet.writes], [CHUNK, CHUNK])
            self.assertEqual(b"".join(self.outlet.writes), b"xy" * CHUNK)

    def test_wrapped(self) -> None:
        """What wraps a transport, TLS above all, is not passed by: it is given bytes."""

        class Wrapper:
            def __init__(self, wrapped: ViewOutlet) -> None:
                self.wrapped = wrapped
                self.writes: list[bytes] = []

            def write(self, data: bytes, /) -> None:
                self.writes.append(data)

            def __getattr__(self, name: str) -> Any:
                return getattr(self.wrapped, name)

        within = ViewOutlet()
        wrapper = Wrapper(within)
        queue = self.make(10 * CHUNK, cast(Any, wrapper))
        large = bytes(range(256)) * 64
        queue.write(b"head")
        queue.write(memoryview(large))
        queue.flush()
        queue.write(memoryview(large))
        queue.flush()
        self.assertEqual((wrapper.writes, within.views, within.writes), ([b"head" + large, large], [], []))
        self.assertEqual({type(data) for data in wrapper.writes}, {bytes})

    @STABLE
    @given(
        st.lists(st.one_of(st.integers(0, 3 * CHUNK), st.sampled_from(["refuse", "resume", "turn"]))),
    )
    def test_nothingLostNorDoubled(self, steps: list[int | str]) -> None:
        """Whatever the transport does, all bytes leave, in order, once; the counts say what waits."""
        self.setUp()
        queue = self.make(1 << 40)
        sent = bytearray()
        for number, step in enumerate(steps):
            if isinstance(step, int):
                data = bytes([number % 256]) * step
                sent += data
                queue.write(data)
            elif step == "refuse":
                self.outlet.refuses = True
            elif step == "turn":
                self.clock.advance(0)
            else:
                self.outlet.refuses = False
                if queue.paused:
                    self.outlet.resume()
            if queue.paused:
                waiting = len(sent) - sum(map(len, self.outlet.writes))
                self.assertEqual(queue.buffered, waiting + len(self.outlet.writes[-1]))
        self.outlet.refuses = False
        if queue.paused:
            self.outlet.resume()
        self.clock.advance(0)
        self.assertEqual(b"".join(self.outlet.writes), bytes(sent))
        self.assertEqual(queue.buffered, 0)


class PressureTests(QueueCase):
    """What happens where the transport takes no more."""

    def test_paused(self) -> None:
        """What is written waits, and leaves once the transport resumes; progress is told."""
        queue = self.paused(b"a", b"b")
        self.clock.advance(0)
        self.assertEqual((self.outlet.writes, queue.paused), ([], True))
        self.assertEqual(queue.buffered, 3)
        self.outlet.resume()
        self.assertEqual((self.outlet.writes, queue.paused), ([b"ab"], False))
        self.assertEqual((queue.buffered, self.told), (0, ["progress"]))

    def test_full(self) -> None:
        """From the limit on it is full, and says so; what the transport holds counts."""
        queue = self.paused(b"x" * 998)
        self.assertEqual((queue.full, self.told), (False, []))
        queue.write(b"x")
        self.assertEqual((queue.full, self.told), (True, ["full"]))
        self.outlet.resume()
        self.assertFalse(queue.full)

    def test_fullAtAFlush(self) -> None:
        """A write that the transport refuses on the way makes it full too."""
        self.outlet.refuses = True
        self.queue.write(b"x" * 1000)
        self.clock.advance(0)
        self.assertEqual((self.queue.full, self.told), (True, ["full"]))

    def test_largerThanTheLimit(self) -> None:
        """One message larger than the limit is accepted when it is empty."""
        self.queue.write(b"x" * 5000)
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [b"x" * 5000])
        self.assertFalse(self.queue.full)

    def test_notFullUnasked(self) -> None:
        """It is never full before the transport has been asked, however small the limit."""
        self.queue.hold()
        for _ in range(100):
            self.queue.write(b"x" * 600)
            self.assertFalse(self.queue.full)
        self.queue.flush()
        self.assertEqual(sum(map(len, self.outlet.writes)), 60_000)
        self.assertEqual(self.told, [])

    def test_pausedAmidALargeMessage(self) -> None:
        """Pieces go as the transport takes them."""
        self.queue = self.make(10 * CHUNK)
        self.outlet.refuses = True
        self.queue.write(b"x" * (2 * CHUNK + 5))
        self.assertEqual([len(data) for data in self.outlet.writes], [CHUNK])
        self.assertEqual(self.queue.buffered, 2 * CHUNK + 5)
        self.outlet.resume()
        self.assertEqual(self.queue.buffered, CHUNK + 5)
        self.outlet.resume()
        self.assertEqual([len(data) for data in self.outlet.writes], [CHUNK, CHUNK, 5])


class StallTests(QueueCase):
    """A queue that stays full."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pump([0.25] * round(seconds * 4))

    def test_stalled(self) -> None:
        """Full, without anything leaving for the stall time: told, once."""
        self.paused(b"x" * 1000)
        self.queue.write(b"x")
        self.advance(9.5)
        self.assertEqual(set(self.told), {"full"})
        self.told.clear()
        self.advance(30)
        self.assertEqual(self.told, ["stalled at 10"])

    def test_moved(self) -> None:
        """The time begins again with whatever leaves, even where that leaves it full."""
        self.queue = self.make(CHUNK)
        self.paused(b"x" * CHUNK, b"x" * CHUNK, b"x" * CHUNK)
        for _ in range(2):
            self.advance(9)
            self.outlet.refuses = True
            self.outlet.resume()
            self.assertTrue(self.queue.full)
        self.advance(9.5)
        self.assertNotIn("stalled", "".join(self.told))
        self.advance(1)
        self.assertEqual(self.told[-1], "stalled at 28")

    def serve(self, outlet: Steady, rate: int) -> None:
        """Keep the queue full for five minutes, or until it stalls, while so many bytes leave each second."""
        queue = self.make(1 << 20, outlet)
        self.told.clear()
        for _ in range(128):
            queue.write(b"x" * 16384)
        self.assertTrue(queue.full)
        for _ in range(300 * 4):
            self.clock.advance(0.25)
            outlet.leave(rate // 4)
            if "stalled" in self.told[-1]:
                break
            if not queue.full:
                queue.write(b"x" * 16384)
        queue.close()

    def test_steady(self) -> None:
        """One who takes a little all the time is not stalled, one who takes nothing is."""
        for outlet, slow in ((Steady, 16_000), (Telling, 500)):
            for rate in (slow, 16_000, 100_000):
                self.serve(outlet(), rate)
                self.assertNotIn("stalled", "".join(self.told), (outlet, rate))
                self.assertIn("progress", self.told)
            began = self.clock.seconds()
            self.serve(outlet(), 0)
            self.assertEqual(self.told[-1], f"stalled at {began + 10:g}")

    def test_steadyNoMore(self) -> None:
        """The time begins again with what was seen to leave, and is over if nothing more does."""
        outlet = Telling()
        queue = self.make(1 << 20, outlet)
        queue.write(b"x" * (1 << 21))
        self.advance(9)
        outlet.leave(1)
        self.told.clear()
        self.advance(1)
        self.assertEqual(self.told, ["progress"])
        self.advance(9.5)
        self.assertEqual(self.told, ["progress"])
        self.advance(0.5)
        self.assertEqual(self.told, ["progress", "stalled at 20"])
        self.advance(60)
        self.assertEqual(len(self.told), 2)

    def test_pieces(self) -> None:
        """One that cannot say what it holds is given little at a time, so that it says when that has left."""
        for outlet, most in ((Steady(), PIECE), (Telling(), CHUNK)):
            queue = self.make(1 << 20, outlet)
            queue.write(b"x" * (1 << 21))
            while queue.paused:
                outlet.leave(outlet.held)
            self.assertEqual(outlet.most, most)

    def test_notFullAnyMore(self) -> None:
        """One that has room again is not stalled, nor is one that has ended."""
        for end in (self.outlet.resume, lambda: self.queue.close()):
            self.queue = self.make(1000)
            self.paused(b"x" * 1000)
            end()
            self.advance(60)
            self.assertNotIn("stalled", "".join(self.told))


class PongTests(QueueCase):
    """Pongs to one who does not read."""

    def test_allWhileItTakes(self) -> None:
        """Each is sent while the transport takes data, in its place."""
        self.queue.write(b"a")
        self.queue.pong(b"1")
        self.queue.pong(b"2")
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [b"a12"])

    def test_onlyTheNewest(self) -> None:
        """Once it has paused, the newest alone is kept: a flood costs nothing."""
        queue = self.paused(b"a")
        for number in range(100_000):
            queue.pong(b"%d" % number)
        self.assertEqual(queue.buffered, 2)
        self.outlet.resume()
        self.assertEqual(self.outlet.writes, [b"a99999"])
        self.outlet.resume()
        self.assertEqual(self.outlet.writes, [b"a99999"])

    def test_notBehindTheFarewell(self) -> None:
        """One that waits goes before the last that is sent, not behind it."""
        queue = self.paused(b"a")
        queue.pong(b"pong")
        queue.farewell(b"close")
        self.outlet.resume()
        self.assertEqual(self.outlet.writes, [b"apongclose"])

    def test_farewell(self) -> None:
        """Without one it is a write."""
        self.queue.farewell(b"close")
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [b"close"])


class EmptyTests(QueueCase):
    """Who waits until all has left."""

    def test_drained(self) -> None:
        """At once where nothing waits, else when it has left."""
        self.successResultOf(self.queue.drained())
        self.queue.write(b"a")
        waiting = self.queue.drained()
        self.assertNoResult(waiting)
        self.clock.advance(0)
        self.successResultOf(waiting)

    def test_drainedPaused(self) -> None:
        """What the transport holds must leave too, once it has paused."""
        waiting = self.paused().drained()
        self.assertNoResult(waiting)
        self.outlet.resume()
        self.successResultOf(waiting)

    def test_drainedUnpaused(self) -> None:
        """What the transport holds has left, until it says that it has enough; then all must."""
        outlet = Steady()
        queue = self.make(1 << 20, outlet)
        queue.write(b"x" * 60_000)
        self.clock.advance(0)
        self.successResultOf(queue.drained())
        self.assertEqual((queue.buffered, outlet.held), (0, 60_000))
        queue.write(b"x" * 10_000)
        self.clock.advance(0)
        waiting = queue.drained()
        outlet.leave(69_999)
        self.assertEqual(queue.buffered, 10_000)
        self.assertNoResult(waiting)
        outlet.leave(1)
        self.successResultOf(waiting)
        self.assertEqual(queue.buffered, 0)

    def test_drainedWritesMore(self) -> None:
        """One who has waited may write more, and wait again."""
        again: list[object] = []

        def more(_: None) -> None:
            self.queue.write(b"b")
            self.queue.drained().addCallback(again.append)

        self.queue.write(b"a")
        self.queue.drained().addCallback(more)
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual((self.outlet.writes, again), ([b"a", b"b"], [None]))

    def test_whenEmpty(self) -> None:
        """The transport is let go of first: TLS says no farewell while it has a producer."""
        order: list[bool] = []
        self.queue.write(b"a")
        self.queue.whenEmpty(lambda: order.append(self.outlet.producer is None))
        self.assertEqual((self.outlet.writes, order), ([b"a"], [True]))

    def test_whenEmptyLater(self) -> None:
        """Not before the transport has taken all."""
        called: list[int] = []
        self.paused(b"a").whenEmpty(lambda: called.append(1))
        self.assertEqual((called, self.outlet.producer), ([], self.queue))
        self.outlet.resume()
        self.assertEqual((self.outlet.writes, called), ([b"a"], [1]))

    def test_close(self) -> None:
        """At the connection's end all is forgotten, and who waits is told."""
        queue = self.paused(b"x" * 2000)
        queue.pong(b"p")
        waiting = queue.drained()
        queue.whenEmpty(lambda: self.told.append("empty"))
        queue.close()
        self.failureResultOf(waiting, ConnectionClosed)
        self.assertEqual(queue.buffered, 0)
        queue.flush()
        self.assertEqual(self.outlet.writes, [])
        self.assertNotIn("empty", self.told)

    def test_closeWithATurnToCome(self) -> None:
        """A flush that was promised finds nothing."""
        self.queue.write(b"a")
        self.queue.close()
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [])

    def test_stopProducing(self) -> None:
        """The transport is gone: nothing is handed to it any more."""
        self.queue.write(b"a")
        self.queue.stopProducing()
        self.clock.advance(0)
        self.assertEqual(self.outlet.writes, [])

    def test_closed(self) -> None:
        """What ``drained()`` is after the end."""
        self.failureResultOf(closed(), ConnectionClosed)
