"""Tests of `wsapp.admin.asking` and `wsapp.admin.answering`: questions to another process."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.admin import answering
from wsapp.admin.answering import Answerer
from wsapp.admin.asking import MOST_WAITING, PATIENCE, SLOWNESS, Asker, Unanswered
from wsapp.admin.source import Unknown


class There:
    """A source that notes what it is asked, and answers with *result*."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.result: Any = None

    def __getattr__(self, name: str) -> Any:
        def asked(*arguments: Any) -> Any:
            self.asked.append((name, *arguments))
            return self.result if isinstance(self.result, Deferred) else succeed(self.result)

        return asked


class AskingTests(SynchronousTestCase):
    """Both ends, with what goes between in between."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[dict[str, Any]] = []
        self.asker = Asker(self.clock, "worker 2", self.sent.append)
        self.there = There()
        self.answerer = Answerer(self.there)

    def carry(self) -> None:
        """Let questions be answered."""
        while self.sent:
            self.carryOne()

    def test_all(self) -> None:
        """Whatever a source can be asked gets there, and its result back."""
        asker = self.asker
        everything: list[tuple[Deferred[Any], tuple[Any, ...]]] = [
            (asker.ready(), ("ready",)),
            (asker.snapshots(), ("snapshots",)),
            (asker.clients({"app": "x"}), ("clients", {"app": "x"})),
            (asker.client("id"), ("client", "id")),
            (asker.groups({}), ("groups", {})),
            (asker.close("id", 1001, "bye"), ("close", "id", 1001, "bye")),
            (asker.announce("app", "hi"), ("announce", "app", "hi")),
            (asker.drain(2.5), ("drain", 2.5)),
            (asker.drain(2), ("drain", 2)),
            (asker.resume(), ("resume",)),
        ]
        for number, (asked, what) in enumerate(everything):
            self.assertNoResult(asked)
            self.there.result = {"number": number}
            self.carryOne()
            self.assertEqual(self.successResultOf(asked), {"number": number})
            self.assertEqual(self.there.asked[-1], what)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def carryOne(self) -> None:
        """Let one question be answered."""
        question = json.loads(json.dumps(self.sent.pop(0)))
        self.answerer.answer(question, lambda text: self.asker.answered(json.loads(text)))

    def test_unknown(self) -> None:
        """What cannot be is said as it is there."""
        self.there.result = fail(Unknown("no such client"))
        asked = self.asker.client("x")
        self.carry()
        self.assertEqual(str(self.failureResultOf(asked, Unknown).value), "no such client")

    def test_broken(self) -> None:
        """What goes wrong there is in its log, and said here without what it was."""
        self.there.result = fail(KeyError("secret"))
        asked = self.asker.snapshots()
        self.carry()
        self.assertEqual(
            str(self.failureResultOf(asked, Unanswered).value),
            "worker 2 could not do it: its log says why",
        )
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_nonsense(self) -> None:
        """What nobody asks is answered too: another release may ask it."""
        for question in (
            {"ask": 1, "what": "explode", "arguments": []},
            {"ask": 1, "what": "_ask", "arguments": []},
            {"ask": 1, "what": ["close"], "arguments": []},
            {"ask": 1, "what": "close", "arguments": ["x"]},
            {"ask": 1, "what": "close", "arguments": ["x", "y", "z"]},
            {"ask": 1, "what": "drain"},
        ):
            said: list[str] = []
            self.answerer.answer(question, said.append)
            answer = json.loads(said[0])
            self.assertEqual(answer["answer"], 1)
            self.assertIn("another release", answer["unknown"])
        self.assertEqual(self.there.asked, [])

    def test_large(self) -> None:
        """More than one may say is not said."""
        self.patch(answering, "MOST_ANSWER", 100)
        self.there.result = "x" * 100
        asked = self.asker.client("x")
        self.carry()
        self.assertIn("narrow the filter", str(self.failureResultOf(asked, Unanswered).value))

    def test_busy(self) -> None:
        """Only so many are answered at once, whoever asks."""
        self.there.result = Deferred()
        said: list[str] = []
        for number in range(MOST_WAITING + 1):
            self.answerer.answer({"ask": number, "what": "ready", "arguments": []}, said.append)
        self.assertIn("too much", said.pop())
        self.assertEqual(json.loads(said[7]), {"answer": 7, "busy": True})
        del said[:]
        self.there.result.callback(None)
        self.assertEqual(json.loads(said[7]), {"answer": 7, "result": None})
        self.answerer.answer({"ask": 0, "what": "ready", "arguments": []}, said.append)
        self.assertIn("result", said[-1])

    def test_slow(self) -> None:
        """Who says that it works on it has more time; not without end."""
        self.there.result = Deferred()
        asked = self.asker.snapshots()
        self.carry()
        self.clock.advance(SLOWNESS - 0.1)
        self.assertNoResult(asked)
        self.there.result.callback([1])
        self.assertEqual(self.successResultOf(asked), [1])
        self.there.result = Deferred()
        asked = self.asker.snapshots()
        self.carry()
        self.clock.advance(SLOWNESS)
        self.failureResultOf(asked, Unanswered)
        self.asker.answered({"answer": 2, "busy": True})
        self.assertTrue(self.asker.silent)
        self.there.result.callback([1])
        self.assertFalse(self.asker.silent)

    def test_late(self) -> None:
        """Who is late once is not waited for, and asked nothing, until that answer has come."""
        asked = self.asker.ready()
        self.clock.advance(PATIENCE)
        self.assertEqual(
            str(self.failureResultOf(asked, Unanswered).value), "worker 2 has not answered in time"
        )
        self.assertTrue(self.asker.silent)
        for _ in range(3):
            self.clock.advance(1000)
            self.assertIn("does not answer", str(self.failureResultOf(self.asker.ready(), Unanswered).value))
        self.assertEqual(len(self.sent), 1)
        self.there.result = ""
        self.carry()
        self.assertFalse(self.asker.silent)
        again = self.asker.ready()
        self.carry()
        self.assertEqual(self.successResultOf(again), "")

    def test_forget(self) -> None:
        """Where questions may be lost, it is asked again after a while."""
        asker = Asker(self.clock, "node a", self.sent.append, 2.0, forget=10.0)
        asked = asker.ready()
        self.clock.advance(2)
        self.failureResultOf(asked, Unanswered)
        self.clock.advance(9.9)
        self.assertTrue(asker.silent)
        self.clock.advance(0.2)
        self.assertFalse(asker.silent)
        self.assertNoResult(asker.ready())
        self.assertEqual(len(self.sent), 2)

    def test_unsaid(self) -> None:
        """What cannot even be asked fails at once, and is not waited for."""

        def refuse(question: object) -> None:
            raise Unanswered("there is no way to it")

        asker = Asker(self.clock, "node a", refuse)
        self.assertIn("no way", str(self.failureResultOf(asker.ready(), Unanswered).value))
        self.assertEqual((asker.silent, self.clock.getDelayedCalls()), (False, []))

    def test_bounded(self) -> None:
        """Only so many wait for an answer at once."""
        asked = [self.asker.ready() for _ in range(MOST_WAITING)]
        self.failureResultOf(self.asker.ready(), Unanswered)
        self.assertEqual(len(self.sent), MOST_WAITING)
        self.carry()
        self.successResultOf(asked[-1])

    def test_end(self) -> None:
        """Who ends amid a question has it fail, and those after it; what comes then is nothing."""
        asked = self.asker.ready()
        self.asker.end("has ended")
        for one in (asked, self.asker.ready()):
            self.assertEqual(str(self.failureResultOf(one, Unanswered).value), "worker 2 has ended")
        self.carry()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.asker.silent)

    def test_odd(self) -> None:
        """Answers to nothing that was asked."""
        asked = self.asker.ready()
        for said in (
            {},
            {"answer": 7, "busy": True},
            {"answer": 7, "result": 1},
            {"answer": "1"},
            {"answer": None},
            {"answer": [1]},
        ):
            self.asker.answered(said)
        self.assertNoResult(asked)
        self.asker.answered({"answer": 1})
        self.failureResultOf(asked, Unanswered)
