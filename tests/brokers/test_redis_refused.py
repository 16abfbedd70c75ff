"""Tests of `wsapp.brokers.redis.outbox` and `.requests` where the broker refuses: what waits, what is not."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.brokers.redis.health import Refused
from wsapp.brokers.redis.outbox import Outbox
from wsapp.brokers.redis.requests import Requests
from wsapp.errors import BrokerUnavailable
from wsapp.metrics import BrokerMetrics

_WRAPPED = "ERR Error running script (call to f_70afd0de): @user_script:81: @user_script: 81: "

#: What may be put right.
PASSING = [
    "OOM command not allowed when used memory > 'maxmemory'. script: on @user_script:81.",
    _WRAPPED + "-OOM command not allowed when used memory > 'maxmemory'.",
    "ERR ACL failure in script: User wsapp has no permissions to run the 'xadd' command script: on 81.",
    _WRAPPED + "The user executing the script can't run this command or subcommand",
]

#: What is another server's matter, perhaps.
ELSEWHERE = [
    "READONLY You can't write against a read only replica.",
    _WRAPPED + "-READONLY You can't write against a read only replica.",
]


class Connection:
    """For commands; the test answers."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []

    def execute_command(self, *_: Any) -> Deferred[Any]:
        """Ask."""
        self.asked.append(Deferred())
        return self.asked[-1]

    def refuse(self, text: str) -> None:
        """Answer the oldest with an error."""
        self.asked.pop(0).errback(Refused(text))


class RefusedTests(SynchronousTestCase):
    """The broker refuses."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = Connection()
        self.troubles: list[str | None] = []
        self.restarts: list[str] = []
        self.metrics = BrokerMetrics()
        self.outbox = Outbox(
            *(self.clock, b"me", 10, 1000, self.metrics),
            *(self.troubles.append, self.restarts.append, self.troubles.append),
        )
        self.requests = Requests(self.clock, 15.0, self.troubles.append, self.restarts.append)
        self.outbox.up(self.connection)
        self.requests.up(self.connection)

    def test_passing(self) -> None:
        """It waits, and goes out again; a person is told."""
        for text in PASSING:
            self.troubles.clear()
            results: list[Any] = []
            self.outbox.put([b"key"], b"news", b"x", []).addBoth(results.append)
            self.requests.insist(lambda: ["EVALSHA"]).addBoth(results.append)
            for _ in range(2):
                self.connection.refuse(text)
                self.assertEqual((results, self.metrics.outbox), ([], 1), text)
            self.assertEqual(len(self.troubles), 2)
            self.assertTrue(all(text in str(line) for line in self.troubles))
            self.clock.pump([1.0] * 5)
            self.assertEqual(len(self.connection.asked), 2)
            self.connection.asked.pop(0).callback([b"e", 1])
            self.connection.asked.pop(0).callback(1)
            self.assertEqual((len(results), self.metrics.outbox), (2, 0))
            self.assertEqual(self.restarts, [])

    def test_elsewhere(self) -> None:
        """It waits for another connection."""
        for text in ELSEWHERE:
            self.restarts.clear()
            results: list[Any] = []
            self.outbox.put([b"key"], b"news", b"x", []).addBoth(results.append)
            self.requests.insist(lambda: ["EVALSHA"]).addBoth(results.append)
            for _ in range(2):
                self.connection.refuse(text)
            self.assertEqual((results, self.metrics.outbox, len(self.restarts)), ([], 1, 2), text)
            self.connection = Connection()
            for part in (self.outbox, self.requests):
                part.down()
                part.up(self.connection)
            self.connection.asked.pop(0).callback([b"e", 1])
            self.connection.asked.pop(0).callback(1)
            self.assertEqual((len(results), self.metrics.outbox), (2, 0))

    def test_final(self) -> None:
        """What can never be done is given up, with the broker's words."""
        sent = self.outbox.put([b"key"], b"news", b"x", [])
        asked = self.requests.insist(lambda: ["EVALSHA"])
        for _ in range(2):
            self.connection.refuse("WRONGTYPE Operation against a key")
        for one in (sent, asked):
            self.assertIn("WRONGTYPE", str(self.failureResultOf(one, BrokerUnavailable).value))
        self.assertEqual(self.metrics.outbox, 0)
