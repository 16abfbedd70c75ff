"""Tests of `wsapp.brokers.redis.presence`: the broker is told how it is, not how it came to that."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.connections import FakeConnection
from tests.brokers.suite import LOBBY
from wsapp.brokers import Member
from wsapp.brokers.redis.names import Names
from wsapp.brokers.redis.presence import MOST, Presence
from wsapp.brokers.redis.requests import Requests
from wsapp.errors import BrokerUnavailable, Superseded

ANN = Member("ann", None)


class PresenceTests(SynchronousTestCase):
    """A node's members, and a broker that is there at times."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.requests = Requests(self.clock, 15.0, lambda trouble: None, lambda reason: None)
        self.presence = Presence(self.clock, Names("test", 0), self.requests, 15.0, lambda note: None)
        self.connection = FakeConnection()

    def connect(self) -> None:
        """There is a connection, a new one."""
        self.requests.down()
        self.connection = FakeConnection()
        self.requests.up(self.connection)

    def open(self) -> int:
        """:return: How many requests wait for an answer."""
        return len(self.requests._open)

    def nothingLeft(self) -> None:
        """Assert that nothing waits any more."""
        self.assertEqual((self.open(), self.presence._tellings), (0, {}))

    def test_cameAndWent(self) -> None:
        """Who came and went while the broker was away was never there, and both Deferreds fire."""
        for _ in range(100):
            came, went = self.presence.enter(LOBBY, ANN), self.presence.leave(LOBBY, "ann")
            self.successResultOf(came)
            self.successResultOf(went)
        self.nothingLeft()
        self.connect()
        self.assertEqual(self.connection.asked, [])

    def test_onlyTheLast(self) -> None:
        """Of what changed while the broker was away it is told the last; the Deferreds of all fire then."""
        self.connect()
        entered = self.presence.enter(LOBBY, ANN)
        self.connection.answer(1)
        self.successResultOf(entered)
        self.requests.down()
        waiting = []
        for number in range(5):
            waiting.append(self.presence.leave(LOBBY, "ann"))
            waiting.append(self.presence.enter(LOBBY, Member("ann", None, number)))
        self.assertEqual(self.open(), 1)
        self.connect()
        self.assertEqual(self.connection.names, ["enter"])
        self.assertTrue(self.connection.asked[0][1][2].endswith(b"4]"))
        for one in waiting:
            self.assertNoResult(one)
        self.connection.answer(1)
        for one in waiting:
            self.successResultOf(one)
        self.nothingLeft()

    def test_tooMany(self) -> None:
        """Not more than a few calls wait for one member: the first of more are superseded."""
        joined = [self.presence.enter(LOBBY, Member("ann", None, number)) for number in range(MOST + 2)]
        for one in joined[:2]:
            self.failureResultOf(one, Superseded)
        self.connect()
        self.connection.answer(1)
        for one in joined[2:]:
            self.successResultOf(one)
        self.nothingLeft()

    def test_perhapsKnown(self) -> None:
        """What was sent and not answered when the connection was lost has to be taken back."""
        self.connect()
        entered = self.presence.enter(LOBBY, ANN)
        self.requests.down()
        left = self.presence.leave(LOBBY, "ann")
        self.assertNoResult(entered)
        self.connect()
        self.assertEqual(set(self.connection.names), {"leave"})
        self.connection.answer(*[1] * len(self.connection.asked))
        self.successResultOf(entered)
        self.successResultOf(left)
        self.nothingLeft()

    def test_inOrderOnOneConnection(self) -> None:
        """With a connection each change goes out at once, so that a question behind it knows of it; up to a
        point, where the broker does not answer."""
        self.connect()
        first = self.presence.enter(LOBBY, ANN)
        self.presence.leave(LOBBY, "ann")
        self.presence.members(LOBBY).addErrback(lambda _: None)
        self.assertEqual(self.connection.names, ["enter", "leave", "members"])
        self.connection.answer(1)
        self.successResultOf(first)
        for _ in range(100):
            self.presence.enter(LOBBY, ANN).addErrback(lambda failure: failure.trap(Superseded))
            self.presence.leave(LOBBY, "ann").addErrback(lambda failure: failure.trap(Superseded))
        last = self.presence.enter(LOBBY, ANN)
        self.assertEqual(len(self.connection.asked), MOST + 2)
        self.connection.answer(1, [], *[1] * (MOST - 1))
        self.assertEqual(self.connection.names[-1], "enter")
        self.assertNoResult(last)
        while self.open():
            self.connection.answer(1)
        self.successResultOf(last)
        self.nothingLeft()

    def test_refused(self) -> None:
        """What was refused fails, is not taken for known, and is asked again with the next change."""
        self.connect()
        entered = self.presence.enter(LOBBY, ANN)
        self.connection.answer(ValueError("ERR no"))
        self.failureResultOf(entered, BrokerUnavailable)
        self.requests.down()
        self.presence.leave(LOBBY, "ann")
        again = self.presence.enter(LOBBY, ANN)
        self.connect()
        self.assertEqual(self.connection.names, ["enter"])
        self.connection.answer(1)
        self.successResultOf(again)
        self.nothingLeft()
        left = self.presence.leave(LOBBY, "ann")
        self.connection.answer(ValueError("ERR no"))
        self.failureResultOf(left, BrokerUnavailable)
        self.nothingLeft()

    def test_leaseOver(self) -> None:
        """Where the lease has run out, all are told anew, once each, as another incarnation's."""
        self.connect()
        bob = Member("bob", None)
        for member in (ANN, bob):
            told = self.presence.enter(LOBBY, member)
            self.connection.answer(1)
            self.successResultOf(told)
        self.connection.asked.clear()
        changed = [self.presence.enter(LOBBY, one._replace(info=1)) for one in (ANN, bob)]
        self.connection.answer(0, 0)
        self.assertEqual(self.connection.names, ["enter", "enter", "renew"])
        for one in changed:
            self.assertNoResult(one)
        self.connection.answer(1)
        self.assertEqual(self.connection.names[3:], ["enter", "enter"])
        incarnations = {words[0] for _, words in self.connection.asked[2:]}
        self.assertEqual(incarnations, {self.presence._incarnation})
        self.connection.answer(1, 1)
        for one in changed:
            self.successResultOf(one)
        self.nothingLeft()

    def test_leaseOverAndRefused(self) -> None:
        """Where there cannot be another, whoever waits is told so, and nothing is kept of who has gone."""
        self.connect()
        entered = self.presence.enter(LOBBY, ANN)
        self.connection.answer(0, ValueError("ERR no"))
        self.failureResultOf(entered, BrokerUnavailable)
        again = self.presence.enter(LOBBY, ANN)
        self.connection.answer(0)
        left = self.presence.leave(LOBBY, "ann")
        self.connection.answer(ValueError("ERR no"))
        self.assertEqual(self.connection.names, ["enter", "renew", "enter", "renew", "leave"])
        self.connection.answer(1)
        self.successResultOf(again)
        self.successResultOf(left)
        self.nothingLeft()
