"""Clients that send faster than they may, on a whole server: `wsapp.pace` in `wsapp.websocket`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.peers import NEVER, NUMBERS, Peer, Recorder, ServedCase, World
from wsapp import pace
from wsapp.wire.codes import onTheWire
from wsapp.wire.events import Close, Pong


class RateCase(ServedCase):
    """A server with rates."""

    def begin(self, app: Recorder | None = None, **limits: Any) -> Peer:
        """A server with these limits, and a peer on it."""
        self.app = app or Recorder()
        self.world = World(self.app, limits=limits)
        self.metrics = self.world.terms.metrics
        return self.world.open()


class CloseTests(RateCase):
    """By default that is the end."""

    def test_everyVersion(self) -> None:
        """What was within the rate is delivered, then 1008, or what the version has for it."""
        for version, number in NUMBERS.items():
            self.begin(messageRate=2, rateBurst=2)
            peer = self.world.open(version)
            peer.send(*"abcdefgh")
            self.assertEqual(self.app.messages, list("abcd"), version)
            if number is not None:
                self.assertEqual(
                    peer.events(), [Close(onTheWire(number, 1008), "too many messages per second")]
                )
            self.assertIsNotNone(peer.transport.ended)
            self.world.advance(6)
            self.assertEqual(self.app.ends, [(1008, "too many messages per second", False)])
            self.assertEqual((self.metrics.tooFast, self.metrics.slowed), (1, 0))
            self.assertIn("too many messages per second", self.lines()[-1])

    def test_pings(self) -> None:
        """A flood of pings is one too."""
        peer = self.begin(messageRate=10, rateBurst=1)
        peer.feed(b"".join(peer.sender.ping(b"%d" % n) for n in range(1000)))
        found = peer.events()
        self.assertEqual(found[:10], [Pong(b"%d" % n) for n in range(10)])
        self.assertEqual(found[10:], [Close(1008, "too many messages per second")])

    def test_discarded(self) -> None:
        """So is one of frames that hixie has discarded."""
        for unit in (b"\x01\xff", b"\x80\x00"):
            self.begin(messageRate=2, rateBurst=2)
            peer = self.world.open("hixie-75")
            peer.feed(unit * 4)
            self.assertIsNone(peer.transport.ended)
            peer.feed(unit)
            self.assertIsNotNone(peer.transport.ended)
            self.world.advance(6)
            self.assertEqual(self.app.ends, [(1008, "too many messages per second", False)])

    def test_bytes(self) -> None:
        """As is one long message after the other."""
        peer = self.begin(byteRate=10_000, rateBurst=1, maxMessage=10_000)
        for _ in range(3):
            peer.send(b"x" * 9000)
        self.assertEqual(self.codes(peer.events()), [1008])
        self.assertEqual(self.metrics.tooFast, 1)

    def test_within(self) -> None:
        """The rate itself can be kept up for ever."""
        peer = self.begin(messageRate=4, rateBurst=1)
        for _ in range(400):
            peer.send("x")
            self.world.advance(0.25)
        self.assertEqual((len(self.app.messages), peer.transport.ended), (400, None))

    def test_coarseTimeAtRest(self) -> None:
        """Nor does it matter that the coarse clock stands still where nothing is timed."""
        peer = self.begin(messageRate=4, rateBurst=1, pingInterval=NEVER)
        for _ in range(40):
            peer.send("x")
            self.world.clock.advance(0.25)
        self.assertEqual((len(self.app.messages), peer.transport.ended), (40, None))

    def test_others(self) -> None:
        """One client's rate is its own."""
        peer = self.begin(messageRate=1, rateBurst=2)
        other = self.world.open()
        peer.send("a", "b", "c")
        other.send("d", "e")
        self.assertEqual(self.app.messages, ["a", "b", "d", "e"])
        self.assertEqual((self.codes(peer.events()), self.codes(other.events())), ([1008], []))

    def test_off(self) -> None:
        """By default the framing machine itself is what is read by: nothing is counted."""

        def counted(*arguments: object) -> None:
            raise AssertionError("this client is counted")

        self.patch(pace, "Paced", counted)
        peer = self.begin()
        peer.send(*["x"] * 5000)
        self.assertEqual(len(self.app.messages), 5000)

    def test_ofOneApplication(self) -> None:
        """An application has its own."""
        app = Recorder()
        app.limits = {"messageRate": 1, "rateBurst": 2}
        peer = self.begin(app)
        peer.send("a", "b", "c")
        self.assertEqual(self.codes(peer.events()), [1008])


class SlowTests(RateCase):
    """Or it has to wait."""

    def begin(self, app: Recorder | None = None, **limits: Any) -> Peer:
        return super().begin(app, ratePolicy="slow", **limits)

    def test_waits(self) -> None:
        """Reading pauses until there is room for more; nothing is lost, and nobody is closed."""
        peer = self.begin(messageRate=4, rateBurst=1)
        peer.send(*"abcdefgh")
        self.assertEqual((self.app.messages, peer.transport.reading), (list("abcd"), False))
        self.world.advance(0.25)
        self.assertEqual(self.app.messages, list("abcde"))
        self.world.advance(0.5)
        self.assertEqual((self.app.messages, peer.transport.reading), (list("abcdefg"), False))
        self.world.advance(1)
        self.assertEqual((self.app.messages, peer.transport.reading), (list("abcdefgh"), True))
        self.assertGreaterEqual(self.metrics.slowed, 4)
        self.assertEqual((peer.events(), self.metrics.tooFast, self.lines()), ([], 0, []))

    def test_pongTimerStandsStill(self) -> None:
        """Who is not read from cannot be heard: silence does not count, however long."""
        peer = self.begin(byteRate=1000, rateBurst=1, maxMessage=100_000, pingInterval=5, pingTimeout=5)
        peer.send(b"x" * 100_000, b"y" * 100_000)
        self.assertFalse(peer.transport.reading)
        self.world.advance(60)
        self.assertEqual((peer.transport.ended, peer.transport.reading), (None, False))
        self.world.advance(16)
        self.assertEqual((len(self.app.messages), peer.transport.reading), (2, True))
        self.world.advance(11)  # and now it does
        self.assertEqual(peer.transport.ended, "abort")

    def test_end(self) -> None:
        """Where the connection ends meanwhile, all that had been read is delivered."""
        peer = self.begin(messageRate=1, rateBurst=1)
        peer.send("a", "b", "c")
        self.assertEqual(self.app.messages, ["a"])
        peer.reset()
        self.assertEqual(self.app.messages, ["a", "b", "c"])
        self.assertEqual(self.app.ends, [(1006, "", False)])
        self.world.nothingLeft(self)

    def test_stop(self) -> None:
        """A stop does not wait for it, and loses nothing of what had been read."""
        peer = self.begin(messageRate=1, rateBurst=1)
        peer.send("a", "b", "c")
        stopped: list[object] = []
        self.world.server.stopService().addCallback(stopped.append)
        self.assertEqual(self.codes(peer.events()), [1001])
        self.world.advance(2)
        peer.close(1001)
        self.world.advance(1)
        self.assertEqual(self.app.messages, ["a", "b", "c"])
        self.assertEqual(self.app.ends, [(1001, "the server is stopping", True)])
        self.assertTrue(stopped)

    def test_close(self) -> None:
        """The peer's own Close comes in its turn."""
        peer = self.begin(messageRate=1, rateBurst=1)
        peer.feed(b"".join(map(peer.sender.encode, "ab")) + peer.sender.close(1000, ""))
        self.assertEqual(peer.events(), [])
        self.world.advance(2.5)
        self.assertEqual(self.codes(peer.events()), [1000])
        self.assertEqual(self.app.messages, ["a", "b"])

    def test_withSlowHook(self) -> None:
        """Together with a hook that takes its time: whichever is slower rules."""
        waiting: list[Deferred[None]] = []

        def onMessage(client: Any, message: Any) -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1]

        peer = self.begin(Recorder(onMessage=onMessage), messageRate=1, rateBurst=2)
        peer.send("a", "b", "c")
        self.assertEqual(self.app.messages, ["a"])
        self.world.advance(10)
        self.assertEqual(self.app.messages, ["a"])
        for expected in ("ab", "abc"):
            waiting[-1].callback(None)
            self.assertEqual(self.app.messages, list(expected))
        waiting[-1].callback(None)
        self.world.advance(1)
        self.assertTrue(peer.transport.reading)

    def test_memory(self) -> None:
        """What waits is never more than one read: a peer that sends on is not read from."""
        peer = self.begin(byteRate=1000, rateBurst=1, maxMessage=1000)
        peer.feed(peer.sender.encode(b"x" * 900) * 70)
        self.assertFalse(peer.transport.reading)
        before = len(self.app.messages)
        self.world.advance(30)
        self.assertEqual((len(self.app.messages), peer.transport.reading), (before, False))
        self.world.advance(40)
        self.assertEqual((len(self.app.messages), peer.transport.reading), (70, True))
