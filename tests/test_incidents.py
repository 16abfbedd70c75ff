"""Tests of `wsapp.incidents`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import fail
from twisted.internet.task import Clock
from twisted.logger import Logger, formatEvent
from twisted.python.failure import Failure

from tests.peers import Recorder, ServedCase, World, opening
from wsapp.incidents import MOST, PERIOD, TRACEBACKS, Incidents
from wsapp.wheel import Wheel

FULL = [f"somebody did {number}" for number in range(MOST)]


class IncidentTests(ServedCase):
    """How many lines of a kind there are."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.incidents = Incidents(self.clock.seconds, Wheel(self.clock))

    def note(self, count: int, kind: str = "deeds") -> None:
        for number in range(count):
            self.incidents.note(kind, "somebody did {number}", number=number)

    def test_few(self) -> None:
        """As many as may be are all logged; no timer runs and no line follows."""
        self.note(MOST)
        self.assertEqual(self.lines(), FULL)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.incidents.flush()
        self.clock.advance(3 * PERIOD)
        self.assertEqual(len(self.lines()), MOST)

    def test_many(self) -> None:
        """The others are counted, and one line says so when the period is over."""
        self.note(MOST + 5000)
        self.assertEqual(self.lines(), FULL)
        self.clock.advance(PERIOD + 0.25)
        self.assertEqual(self.lines()[MOST:], ["5000 more deeds in 60 s, of which no line was written"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_again(self) -> None:
        """The next period has as many again."""
        self.note(MOST + 1)
        self.clock.advance(PERIOD + 0.25)
        self.note(MOST + 1)
        self.assertEqual(len(self.lines()), 2 * MOST + 1)
        self.clock.advance(PERIOD + 0.25)
        self.assertEqual(len(self.lines()), 2 * MOST + 2)

    def test_printable(self) -> None:
        """What would break the line, or steer a terminal, is escaped; letters of all languages are not."""
        what = "é€ \r\n\x1b[2J\0\x85\u2028\ud800"
        self.incidents.note("deeds", "said {what} {count:.1f}", what=what, count=1)
        self.assertEqual(self.lines(), [r"said é€ \r\n\x1b[2J\x00\x85\u2028\ud800 1.0"])

    def test_failures(self) -> None:
        """Of each kind of exception the first few have their tracebacks, and the others are counted."""
        log = Logger(namespace="wsapp.app.chat")
        for number in range(60):
            error = ValueError("x") if number < 50 else KeyError("y")
            self.incidents.failed("mistakes", Failure(error), log, "mistake {number}", number=number)
        self.assertEqual(
            self.lines(), [f"mistake {number}" for number in (0, 1, 2, 3, 4, 50, 51, 52, 53, 54)]
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), TRACEBACKS)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), TRACEBACKS)
        self.assertEqual({event["log_namespace"] for event in self.logged}, {"wsapp.app.chat"})
        self.clock.advance(PERIOD + 0.25)
        self.assertEqual(
            self.lines()[10:],
            [
                "45 more mistakes with ValueError in 60 s, of which no line was written",
                "5 more mistakes with KeyError in 60 s, of which no line was written",
            ],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow(self) -> None:
        """A few in each period are never left out."""
        for _ in range(5):
            self.note(MOST)
            self.clock.advance(PERIOD)
        self.assertEqual(self.lines(), FULL * 5)

    def test_periodIsOver(self) -> None:
        """What comes at the period's very end, before the coarse timer's tick, belongs to the next."""
        self.clock.advance(0.1)
        self.note(MOST + 1)
        self.clock.rightNow += PERIOD
        self.note(1)
        self.assertEqual(
            self.lines()[MOST:], ["1 more deeds in 60 s, of which no line was written", "somebody did 0"]
        )
        self.clock.advance(1)
        self.assertEqual(len(self.lines()), MOST + 2)

    def test_kinds(self) -> None:
        """One kind does not take another's place."""
        self.note(1000)
        self.note(1, "misdeeds")
        self.assertEqual(self.lines(), [*FULL, "somebody did 0"])

    def test_flush(self) -> None:
        """A server that stops says what was left out at once."""
        self.note(MOST + 3)
        self.clock.advance(7)
        self.incidents.flush()
        self.assertEqual(self.lines()[MOST:], ["3 more deeds in 7 s, of which no line was written"])
        self.clock.advance(2 * PERIOD)
        self.assertEqual(len(self.lines()), MOST + 1)


class ServedTests(ServedCase):
    """What a peer can make a whole server log."""

    def test_refused(self) -> None:
        """A thousand bad requests cost twenty lines and one, and are all counted."""
        world = World()
        for _ in range(1000):
            world.peer().feed(b"BAD\r\n\r\n")
        self.assertEqual(len(self.lines()), MOST)
        world.advance(PERIOD + 1)
        self.assertEqual(
            self.lines()[MOST:],
            ["980 more requests refused with 400 in 60 s, of which no line was written"],
        )
        self.assertEqual(world.terms.metrics.refused[400], 1000)

    def test_otherStatus(self) -> None:
        """Who is refused for another cause still has a line."""
        world = World()
        for _ in range(100):
            world.peer().feed(b"BAD\r\n\r\n")
        world.peer().feed(opening("RFC 6455", "Origin: http://evil.example"))
        self.assertIn("403", self.lines()[MOST])
        self.assertEqual(len(self.lines()), MOST + 1)

    def test_violations(self) -> None:
        """So it is with clients that break the protocol."""
        world = World()
        for _ in range(100):
            world.open().feed(b"\xff\x80\x00\x00\x00\x00")
        self.assertEqual(len(self.lines()), MOST)
        world.advance(PERIOD + 1)
        self.assertEqual(
            self.lines()[MOST:], ["80 more clients closed with 1002 in 60 s, of which no line was written"]
        )

    def failing(self, lines: int, left: str, **hooks: Callable[..., Any]) -> list[str]:
        """Serve somebody whose hooks fail to sixty clients.

        :return: The lines that have a traceback.
        """
        del self.logged[:]
        world = World(Recorder(**hooks))
        for _ in range(60):
            peer = world.peer()
            peer.feed(opening())
            peer.send("a")
            peer.close()
            peer.lose()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), TRACEBACKS)
        failures = [event for event in self.logged if "log_failure" in event]
        world.advance(PERIOD + 1)
        self.assertIn(f"55 more failures of {left} with ZeroDivisionError in 60 s", "\n".join(self.lines()))
        self.assertLess(len(self.lines()), lines)
        return [formatEvent(event) for event in failures]

    def test_hooks(self) -> None:
        """So it is with what goes wrong in an application, which says whose message it was."""

        def atOnce(*_: object) -> None:
            raise ZeroDivisionError

        def later(*_: object) -> Any:
            return fail(ZeroDivisionError())

        for way in (atOnce, later):
            for hook in ("onConnect", "onMessage", "onDisconnect"):
                for line in self.failing(TRACEBACKS + 2, "a hook of app", **{hook: way}):
                    self.assertRegex(
                        line, r"^a hook of app failed for client [\w-]{22} at 198\.51\.100\.7 \(RFC 6455\)$"
                    )
            worse = self.failing(TRACEBACKS + 2, "onError of app", onMessage=way, onError=way)
            self.assertRegex(worse[0], r"^onError of app failed for client [\w-]{22} at 198\.51\.100\.7 ")
            for line in self.failing(TRACEBACKS + MOST + 3, "onHandshake of app", onHandshake=way):
                self.assertEqual(line, "onHandshake of app failed for 198.51.100.7 (RFC 6455)")

    def test_stop(self) -> None:
        """A server that stops has said all."""
        world = World(Recorder())
        for _ in range(MOST + 2):
            world.peer().feed(b"BAD\r\n\r\n")
        world.server.stopService()
        world.advance(10)
        self.assertIn("2 more requests refused with 400", self.lines()[-1])
