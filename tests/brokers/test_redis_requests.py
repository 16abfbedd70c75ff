"""Tests of `wsapp.brokers.redis.requests`: asked in order, and again where a connection was lost."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.connections import FakeConnection
from wsapp.brokers.redis import requests
from wsapp.brokers.redis.requests import Requests
from wsapp.brokers.redis.scripts import HISTORY, MEMBERS
from wsapp.errors import BrokerUnavailable


class RequestsTests(SynchronousTestCase):
    """What waits, and how much of it may."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.requests = Requests(self.clock, 15.0, lambda trouble: None, lambda reason: None)

    def insist(self, number: int) -> Deferred[Any]:
        """Something that one does not give up."""
        return self.requests.insist(lambda: MEMBERS.words([], [number]))

    def test_inOrderAndAgain(self) -> None:
        """What has no answer is asked on the next connection, in order."""
        first, second = self.insist(1), self.requests.ask(HISTORY, [], 2)
        connection = FakeConnection()
        self.requests.up(connection)
        third = self.insist(3)
        self.assertEqual(connection.asked, [("members", [1]), ("history", [2]), ("members", [3])])
        connection.answer("one")
        self.assertEqual(self.successResultOf(first), "one")
        self.requests.down()
        connection = FakeConnection()
        self.requests.up(connection)
        self.assertEqual(connection.asked, [("history", [2]), ("members", [3])])
        connection.answer("two", "three")
        self.assertEqual([self.successResultOf(one) for one in (second, third)], ["two", "three"])

    def test_onlyQuestionsCount(self) -> None:
        """However much is insisted on, so many questions may wait beside; when they do not, others may."""
        self.patch(requests, "MOST", 100)
        for number in range(200):
            self.insist(number)
        asked = [self.requests.ask(HISTORY, [], 1) for _ in range(101)]
        self.assertNoResult(asked[-2])
        self.assertIn("100", str(self.failureResultOf(asked.pop(), BrokerUnavailable).value))
        self.clock.advance(15)
        for one in asked:
            self.failureResultOf(one, BrokerUnavailable)
        self.assertNoResult(self.requests.ask(HISTORY, [], 1))

    def test_cancelled(self) -> None:
        """What was cancelled is not asked any more, and its answer is nobody's."""
        first, second = self.insist(1), self.insist(2)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        connection = FakeConnection()
        self.requests.up(connection)
        self.assertEqual(connection.asked, [("members", [2])])
        second.cancel()
        self.failureResultOf(second, CancelledError)
        connection.answer("two")
