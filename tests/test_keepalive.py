"""Tests of `wsapp.keepalive`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.errors import ConnectionClosed, UnsupportedByVersion, WsappError
from wsapp.keepalive import KeepAlive
from wsapp.limits import Limits
from wsapp.memory import MemoryTransport
from wsapp.selection import SendQueue, Turn
from wsapp.wheel import Wheel
from wsapp.wire.events import Ping
from wsapp.wire.hixie import HixieSender
from wsapp.wire.selection import HybiReceiver, HybiSender
from wsapp.wire.versions import Sender


class Noting:
    """Notes when a peer was said to be gone, and why."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.beginning = 0.0
        self.paused = False
        self.heard: list[tuple[float, str]] = []

    def suspended(self) -> bool:
        """As the test says."""
        return self.paused

    def vanished(self, why: str) -> None:
        """It is gone."""
        self.heard.append((self.clock.seconds() - self.beginning, why))


class KeepAliveCase(SynchronousTestCase):
    """A peer that is watched: ping after 20 s of silence, 10 s to answer; 60 s for hixie."""

    LIMITS = Limits(pingInterval=20, pingTimeout=10, idleTimeout=60, maxPings=3)

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.wheel = Wheel(self.clock)
        self.watched = Noting(self.clock)
        self.begin(HybiSender())

    def begin(self, sender: Sender) -> None:
        """Watch a peer of some version."""
        self.wheel.stop()
        self.transport = MemoryTransport()
        queue = SendQueue(self, self.transport, Turn(self.clock), self.wheel, Limits(maxSendBuffer=1000))
        self.watched.beginning = self.clock.seconds()
        self.keeper = KeepAlive(self.watched, self.LIMITS, self.wheel, sender, queue)

    def queueFilled(self) -> None:
        """Nothing here fills the queue."""

    queueMoved = queueStalled = queueFilled

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pump([0.125] * round(seconds * 8))
        self.clock.advance(0)

    def pings(self) -> list[bytes]:
        """The payloads of the pings that were sent since the last time."""
        receiver = HybiReceiver(Limits(), masked=False)
        receiver.receive(self.transport.take())
        return [event.payload for event in receiver.next(99, 9999) if isinstance(event, Ping)]


class SilenceTests(KeepAliveCase):
    """A peer that says nothing."""

    def test_pingAfterSilence(self) -> None:
        """Not before, and one only."""
        self.advance(19.5)
        self.assertEqual(self.pings(), [])
        self.advance(1)
        self.assertEqual(self.pings(), [b""])
        self.advance(9)
        self.assertEqual((self.pings(), self.watched.heard), ([], []))

    def test_neverEarly(self) -> None:
        """The silence begins with what was heard, wherever between two ticks that was."""
        limits = self.LIMITS
        for number in range(1, 40):
            self.wheel.stop()
            self.clock.advance(self.clock.seconds() % 0.25)
            for sender, time in ((HybiSender(), limits.pingInterval), (HixieSender(), limits.idleTimeout)):
                self.watched.heard.clear()
                self.begin(sender)
                self.clock.pump([0.03] * number)
                self.keeper.heard()
                began = self.clock.seconds()
                while not self.transport.written and not self.watched.heard:
                    self.clock.advance(0.01)
                silence = self.clock.seconds() - began
                self.assertGreaterEqual(silence, time - 1e-6)
                self.assertLess(silence, time + 0.25 + 0.011)
                self.keeper.stop()

    def test_vanished(self) -> None:
        """No answer, of whatever kind, in the ping's time: it is gone, told once."""
        self.advance(100)
        ((when, why),) = self.watched.heard
        self.assertTrue(30 <= when <= 30.75, when)
        self.assertEqual(why, "no answer to a ping for 10 s")
        self.assertEqual(len(self.pings()), 1)

    def test_silenceIsNeverLonger(self) -> None:
        """Where pings are to be more frequent than their answers need be, they are; an answer may still take
        all of its time."""
        self.keeper.stop()
        self.patch(self, "LIMITS", Limits(pingInterval=2, pingTimeout=10))
        self.begin(HybiSender())
        keeper = self.keeper
        for _ in range(10):
            keeper.heard()
            self.advance(2.25)
            self.assertEqual(self.pings(), [b""])
        self.advance(9)
        self.assertEqual((self.pings(), self.watched.heard), ([], []))
        self.advance(1)
        self.assertEqual(len(self.watched.heard), 1)

    def test_anyInputIsLife(self) -> None:
        """Whatever comes counts, before the ping and after it."""
        for _ in range(20):
            self.advance(19)
            self.keeper.heard()
        self.assertEqual(self.pings(), [])
        self.advance(25)
        self.keeper.heard()
        self.advance(19)
        self.assertEqual((len(self.pings()), self.watched.heard), (1, []))
        self.advance(31)
        self.assertEqual((len(self.pings()), len(self.watched.heard)), (1, 1))

    def test_suspended(self) -> None:
        """While reading is paused for a slow hook, silence means nothing: no ping, nobody gone."""
        self.watched.paused = True
        self.advance(500)
        self.assertEqual((self.pings(), self.watched.heard), ([], []))
        self.watched.paused = False
        self.advance(15)
        self.assertEqual(self.pings(), [])
        self.advance(10)
        self.assertEqual((len(self.pings()), len(self.watched.heard)), (1, 0))
        self.advance(15)
        self.assertEqual(len(self.watched.heard), 1)

    def test_suspendedWhileThePingIsOut(self) -> None:
        """The pong's time stands still too, and goes on when reading does."""
        self.advance(25)
        self.watched.paused = True
        self.advance(300)
        self.assertEqual(self.watched.heard, [])
        self.watched.paused = False
        self.advance(11)
        self.assertEqual(len(self.watched.heard), 1)

    def test_rest(self) -> None:
        """Once it is being closed there is no ping any more, and nobody vanishes."""
        self.keeper.rest()
        self.advance(500)
        self.assertEqual((self.pings(), self.watched.heard), ([], []))

    def test_stop(self) -> None:
        """After the end nothing is left."""
        self.keeper.stop()
        self.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.advance(100)
        self.assertEqual(self.watched.heard, [])

    def test_hixie(self) -> None:
        """It knows no ping: silence alone must do, and is told after the idle time."""
        self.begin(HixieSender())
        self.advance(59)
        self.keeper.heard()
        self.advance(59)
        self.assertEqual((self.watched.heard, self.transport.take()), ([], b""))
        self.advance(2)
        ((when, why),) = self.watched.heard
        self.assertTrue(118.75 <= when <= 119.5, when)
        self.assertEqual(why, "silent for 60 s")

    def test_hixieSuspended(self) -> None:
        """Not while reading is paused for a slow hook."""
        self.begin(HixieSender())
        self.watched.paused = True
        self.advance(500)
        self.assertEqual(self.watched.heard, [])


class PingTests(KeepAliveCase):
    """The application's own pings."""

    def test_roundTrip(self) -> None:
        """In precise time, not in ticks."""
        waiting = self.keeper.ping()
        self.clock.advance(0.0375)
        (payload,) = self.pings()
        self.keeper.ponged(payload)
        self.assertAlmostEqual(self.successResultOf(waiting), 0.0375)

    def test_answersThoseBefore(self) -> None:
        """RFC 6455 5.5.3: a pong may answer the newest ping alone; those after it still wait."""
        waiting = [self.keeper.ping() for _ in range(3)]
        self.advance(0)
        payloads = self.pings()
        self.assertEqual(len(set(payloads)), 3)
        self.keeper.ponged(payloads[1])
        self.successResultOf(waiting[0])
        self.successResultOf(waiting[1])
        self.assertNoResult(waiting[2])
        self.keeper.ponged(payloads[0])
        self.assertNoResult(waiting[2])
        self.keeper.ponged(payloads[2])
        self.successResultOf(waiting[2])

    def test_unasked(self) -> None:
        """Pongs that nobody asked for mean nothing."""
        waiting = self.keeper.ping()
        for payload in (b"", b"\0" * 8, b"hello"):
            self.keeper.ponged(payload)
        self.assertNoResult(waiting)
        self.keeper.stop()
        self.failureResultOf(waiting, ConnectionClosed)

    def test_bounded(self) -> None:
        """A peer that answers none does not make them pile up."""
        waiting = [self.keeper.ping() for _ in range(3)]
        self.failureResultOf(self.keeper.ping(), WsappError)
        self.advance(0)
        self.keeper.ponged(self.pings()[0])
        waiting.append(self.keeper.ping())
        self.successResultOf(waiting[0])
        self.keeper.stop()
        for one in waiting[1:]:
            self.failureResultOf(one, ConnectionClosed)

    def test_hixie(self) -> None:
        """An error that says so."""
        self.begin(HixieSender())
        self.failureResultOf(self.keeper.ping(), UnsupportedByVersion)
