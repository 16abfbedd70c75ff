"""Tests of `wsapp.workers.messages` and `wsapp.workers.inheritance`."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import os
from typing import Any

from twisted.logger import LogLevel, eventAsText, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsapp.logs import asJSON
from wsapp.workers.inheritance import VARIABLE, Inheritance
from wsapp.workers.messages import (
    MOST_LINE,
    MOST_TEXT,
    MOST_VALUES,
    Lines,
    Parts,
    cut,
    flatten,
    line,
    message,
    restore,
)


class LinesTests(SynchronousTestCase):
    """Lines of pieces."""

    def test_pieces(self) -> None:
        """However it is cut, the lines are the same."""
        data = b"one\n\ntwo\nthree"
        for size in range(1, len(data) + 1):
            lines = Lines()
            found = [each for at in range(0, len(data), size) for each in lines.receive(data[at : at + size])]
            self.assertEqual([b"one", b"", b"two"], found)
            self.assertEqual([b"three"], list(lines.end()))
            self.assertEqual([], list(lines.end()))

    def test_bound(self) -> None:
        """What never ends does not grow without bound."""
        lines = Lines(10)
        self.assertEqual([], list(lines.receive(b"x" * 10)))
        self.assertEqual([b"x" * 11], list(lines.receive(b"x")))
        self.assertEqual([b"y"], list(lines.receive(b"y\n")))


class PartTests(SynchronousTestCase):
    """Long texts in short messages."""

    def test_together(self) -> None:
        """They come together again; no message is longer than it may be, whatever is in it."""
        for text in ("", "x", "short", '"\\' * 1000, "x" * 5000, json.dumps({"a": "\u00e9\n" * 700})):
            for size in (64, 512, 4096):
                parts, found = Parts(10_000), []
                for each in cut(text, size):
                    self.assertLessEqual(len(each), size)
                    self.assertEqual((1, b"\n"), (each.count(b"\n"), each[-1:]))
                    found.append(parts.add(message(each)))
                self.assertEqual([None] * (len(found) - 1) + [text], found)

    def test_bound(self) -> None:
        """Of one that is too long nothing is left, and the next one is whole."""
        parts = Parts(100)
        found = [parts.add(message(each)) for text in ("x" * 101, "y" * 100) for each in cut(text, 64)]
        self.assertEqual(["", "y" * 100], [one for one in found if one is not None])
        self.assertEqual([], parts._parts)


class EntryTests(SynchronousTestCase):
    """Log entries that go to another process."""

    def passed(self, **event: Any) -> dict[str, Any]:
        """:return: An entry as it is there."""
        said = line(log=flatten({"log_time": 0.0, **event}))
        self.assertLess(len(said), MOST_LINE)
        self.assertEqual(1, said.count(b"\n"))
        return restore(message(said)["log"], "worker 3")

    def test_entry(self) -> None:
        """Text, time, level and origin; braces in what was formatted are not formatted again."""
        event = self.passed(
            log_format="hello {who}",
            who="{x}\n\u2713",
            log_level=LogLevel.warn,
            log_namespace="a.b",
            log_time=5.0,
        )
        self.assertEqual("hello {x}\n\u2713", formatEvent(event))
        self.assertEqual(
            (LogLevel.warn, "a.b", 5.0), tuple(event[f"log_{n}"] for n in ("level", "namespace", "time"))
        )
        self.assertIn("[worker 3: a.b#warn] hello", eventAsText(event))

    def test_failure(self) -> None:
        """A traceback goes along."""
        event = self.passed(
            log_format="oh", log_failure=Failure(KeyError("why")), log_level=LogLevel.critical
        )
        self.assertIn("KeyError", formatEvent(event))
        self.assertEqual(LogLevel.critical, event["log_level"])
        said = json.loads(asJSON(event))
        self.assertEqual("oh", said["message"])
        self.assertIn("KeyError", said["traceback"])

    def test_bare(self) -> None:
        """What says nothing of itself is an entry all the same; what fails without a level is critical."""
        self.assertEqual(LogLevel.info, self.passed(log_format="x")["log_level"])
        self.assertEqual(LogLevel.critical, self.passed(log_failure=Failure(KeyError()))["log_level"])

    def test_values(self) -> None:
        """What it is made of goes along, so that as JSON it is what it would be without workers."""
        event = {
            "log_format": "{app}: {count} of {system}, {failure}",
            "app": "chat",
            "count": 3,
            "system": "x",
            "failure": "y",
            "odd": object(),
            "log_level": LogLevel.warn,
            "log_namespace": "a.b",
            "log_time": 5.0,
        }
        passed = self.passed(**event)
        there = json.loads(asJSON(event))
        del there["values"]["failure"]  # which would be a Failure to others
        self.assertEqual(there, json.loads(asJSON(passed)))
        self.assertEqual({"app": "chat", "count": 3}, there["values"])

    def test_bound(self) -> None:
        """A very long one is cut, whatever its characters."""
        smile = "\U0001f600"
        trace = Failure(KeyError(smile * MOST_TEXT * 2))
        event = self.passed(
            log_format="{x}", x=smile * (MOST_TEXT + 1), y=smile * MOST_VALUES, log_failure=trace
        )
        self.assertEqual(MOST_TEXT, len(json.loads(asJSON(event))["message"]))
        self.assertEqual(MOST_TEXT * 2 + 1, len(formatEvent(event)))
        self.assertEqual([], [name for name in event if not name.startswith("log_")])
        event = self.passed(log_format="x", y=smile * (MOST_VALUES - 1))
        self.assertIn("y", event)

    def test_rubbish(self) -> None:
        """What cannot be read says nothing."""
        for data in (b"", b"{", b"[]", b"\xff"):
            self.assertEqual({}, message(data))


class InheritanceTests(SynchronousTestCase):
    """What a worker is given."""

    def test_take(self) -> None:
        """It comes as it went; neither variable nor descriptors go on to the worker's children."""
        ends = [*os.pipe(), *os.pipe()]
        for end in ends:
            self.addCleanup(os.close, end)
            os.set_inheritable(end, True)
        left = Inheritance(2, ends[0], ends[1], [[[ends[2]]], [[ends[3]]]], 0, "redis+unix:///x", ["a", "b"])
        environment = {VARIABLE: left.encode(), "A": "b"}
        self.assertEqual(left, Inheritance.take(environment))
        self.assertEqual({"A": "b"}, environment)
        self.assertEqual([False] * 4, [os.get_inheritable(end) for end in ends])
