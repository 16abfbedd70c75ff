"""Tests of `wsapp.brokers.redis.following` and `.followed`: what is delivered, in whatever order it comes."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.brokers.suite import LOBBY
from wsapp.brokers import Channel, Dismissal, Publication
from wsapp.brokers.redis.followed import PUBLISHERS, RECENT, Recent
from wsapp.brokers.redis.following import Following
from wsapp.brokers.redis.health import Health
from wsapp.brokers.redis.names import Names, pack
from wsapp.metrics import BrokerMetrics

NOBODY: frozenset[str] = frozenset()

#: Epochs of one stream: of a start of the server, the next one, and another that was loaded from the same.
FIRST, SECOND, OTHER = "e.1-a", "e.2-b", "e.2-c"


class Connection:
    """For pub/sub."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    def put(self, *words: Any) -> None:
        """Nobody answers."""
        self.sent.append(words)


class Questions:
    """In place of ``Requests``: the test answers.

    :ivar asked: What has no answer yet: epoch and offset of the follower, and the Deferred.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, Deferred[Any]]] = []

    def insist(self, words: Callable[[], list[Any]]) -> Deferred[Any]:
        """Ask."""
        answer: Deferred[Any] = Deferred()
        epoch, offset = words()[-4:-2]
        self.asked.append((epoch, offset, answer))
        return answer


class Case(SynchronousTestCase):
    """One channel, followed from offset 0 of the first epoch on."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.metrics = BrokerMetrics()
        self.questions = Questions()
        self.delivered: list[Any] = []
        self.lines: list[str] = []
        self.numbers = 0

        @implementer(ILogObserver)
        def note(event: Any) -> None:
            self.lines.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        names = Names("p", 0)
        self.name = names.news(LOBBY)
        health = Health("there", self.metrics)
        requests: Any = self.questions
        self.following = Following(self.clock, names, requests, self.deliver, health, self.metrics, 300.0)
        self.following.up(Connection())
        self.following.subscribe(LOBBY)
        self.confirm()
        self.answer(FIRST, 0)

    def deliver(self, _: Channel, item: Publication | Dismissal) -> None:
        """As the broadcast service is told."""
        assert isinstance(item, Publication)
        self.delivered.append(item.message)

    def notice(self, epoch: str, offset: int, before: int | None = None) -> bytes:
        """A publication whose message is its place."""
        self.numbers += 1
        head = f"{epoch} {offset} {offset - 1 if before is None else before} 1000 me {self.numbers}\n"
        return head.encode() + pack(f"{epoch} {offset}", NOBODY, True)[0]

    def tell(self, epoch: str, offset: int, before: int | None = None) -> None:
        """By pub/sub."""
        self.following.heard(b"message", self.name, self.notice(epoch, offset, before))

    def confirm(self) -> None:
        """The subscription."""
        self.following.heard(b"subscribe", self.name, 1)

    def reconnect(self, since: float = 0.0) -> None:
        """The connection for pub/sub is lost, and there is another."""
        self.following.down(since)
        self.following.up(Connection())
        self.confirm()

    def answer(self, epoch: str, last: int, *notices: bytes) -> None:
        """Answer the oldest question."""
        self.questions.asked.pop(0)[2].callback([epoch.encode(), last, *notices])

    def reached(self, epoch: str, offset: int) -> Deferred[None]:
        """What waits for a place that is not there yet."""
        waiter = self.following.reached(LOBBY, epoch, offset)
        assert waiter is not None
        return waiter


class ReadingTests(Case):
    """What is read."""

    def test_confirmedWhileReading(self) -> None:
        """A subscription confirmed while something is read makes one more page due: the answer is older."""
        self.tell(FIRST, 1)
        self.reconnect()
        self.reconnect()  # and 2 was published between these two
        self.assertEqual(len(self.questions.asked), 1)
        self.answer(FIRST, 1)
        self.assertEqual(len(self.questions.asked), 1)
        self.assertEqual(self.metrics.behind, 1)
        self.answer(FIRST, 2, self.notice(FIRST, 2))
        self.assertEqual(self.delivered, ["e.1-a 1", "e.1-a 2"])
        self.assertEqual((self.questions.asked, self.metrics.behind, self.metrics.lost), ([], 0, 0))

    def test_nothingLeft(self) -> None:
        """Where nothing is left of what was published, that is said and counted."""
        self.reconnect()
        self.answer(FIRST, 7)
        self.assertEqual((self.metrics.lost, self.questions.asked), (1, []))
        self.assertEqual(len(self.lines), 1)
        self.tell(FIRST, 8)
        self.assertEqual(self.delivered, ["e.1-a 8"])
        # What was acknowledged of it is waited for as ever.
        waiter = self.reached(FIRST, 9)
        self.tell(FIRST, 9)
        self.assertTrue(waiter.called)


class RestartTests(Case):
    """The server is started again, with what it had then or before."""

    def test_nothingMissing(self) -> None:
        """The next epoch goes on where the last one ended, and nothing is read or missing."""
        self.tell(FIRST, 1)
        self.tell(SECOND, 2)
        self.assertEqual(self.delivered, ["e.1-a 1", "e.2-b 2"])
        self.assertEqual((self.questions.asked, self.metrics.lost), ([], 0))

    def test_page(self) -> None:
        """A page may have the end of one and the beginning of the next."""
        self.tell(FIRST, 1)
        self.reconnect()
        self.assertEqual(self.questions.asked[0][:2], (FIRST, 1))
        self.answer(SECOND, 4, *(self.notice(*place) for place in ((FIRST, 2), (SECOND, 3), (SECOND, 4))))
        self.assertEqual(self.delivered, ["e.1-a 1", "e.1-a 2", "e.2-b 3", "e.2-b 4"])
        self.assertEqual((self.questions.asked, self.metrics.lost), ([], 0))

    def test_undone(self) -> None:
        """The server has lost the last ones: what comes then is delivered, with a line."""
        for offset in (1, 2, 3):
            self.tell(FIRST, offset)
        self.tell(SECOND, 2)
        self.assertEqual(len(self.delivered), 3)
        self.answer(SECOND, 2, self.notice(SECOND, 2))
        self.assertEqual(self.delivered[3:], ["e.2-b 2"])
        self.assertEqual(self.metrics.lost, 1)
        self.assertEqual(len(self.lines), 1)

    def test_undoneTwice(self) -> None:
        """It comes back from the same data once more: the same offsets are others."""
        for epoch in (SECOND, OTHER):
            for offset in (1, 2):
                notice = self.notice(epoch, offset)
                self.following.heard(b"message", self.name, notice)
                if self.questions.asked:
                    self.answer(epoch, offset, notice)
        self.assertEqual(self.delivered, ["e.2-b 1", "e.2-b 2", "e.2-c 1", "e.2-c 2"])
        self.assertEqual(self.metrics.lost, 1)

    def test_older(self) -> None:
        """It knows less than was heard already: nothing is delivered again, and the place is kept."""
        self.tell(SECOND, 1)
        self.tell(SECOND, 2)
        self.reconnect()
        self.answer(FIRST, 0)
        self.reconnect()
        self.assertEqual(self.questions.asked[0][:2], (SECOND, 2))
        self.answer(OTHER, 1, self.notice(OTHER, 1))
        self.assertEqual(self.delivered, ["e.2-b 1", "e.2-b 2", "e.2-c 1"])


class WaitingTests(Case):
    """Those who wait for what the broker has acknowledged."""

    def test_delivered(self) -> None:
        """They wait until it is delivered, or need not."""
        first, second = self.reached(FIRST, 1), self.reached(FIRST, 2)
        self.tell(FIRST, 1)
        self.assertEqual((first.called, second.called), (True, False))
        self.tell(FIRST, 2)
        self.assertTrue(second.called)
        self.assertIsNone(self.following.reached(LOBBY, FIRST, 2))
        self.assertIsNone(self.following.reached(LOBBY, "", 0))
        self.assertIsNone(self.following.reached(LOBBY._replace(name="other"), FIRST, 2))

    def test_newEpoch(self) -> None:
        """An acknowledgement may be here before the news of its epoch: it waits for that."""
        old, new = self.reached(FIRST, 1), self.reached("f.1-a", 1)
        self.tell("f.1-a", 1)
        self.assertTrue(old.called)  # lost
        self.assertTrue(new.called)
        self.assertEqual(self.questions.asked, [])

    def test_late(self) -> None:
        """One of an epoch that is over may be here after the news of the next: it holds up nobody."""
        self.tell("f.1-a", 1)
        self.assertIsNone(self.following.reached(LOBBY, FIRST, 1))
        waiter = self.reached("f.1-a", 2)
        self.tell("f.1-a", 2)
        self.assertTrue(waiter.called)

    def test_unknown(self) -> None:
        """So may one of an epoch of which nothing was heard; what is acknowledged next tells so."""
        lost = self.reached("x.1-a", 1)
        waiter = self.reached(FIRST, 1)
        self.assertTrue(lost.called)
        self.tell(FIRST, 1)
        self.assertTrue(waiter.called)

    def test_forgotten(self) -> None:
        """Acknowledged, but not heard, and then the broker comes back empty, or without it."""
        for epoch, offset in (("", 0), (FIRST, 0), ("x.1-a", 0)):
            self.following.down(0.0)
            waiters = [self.reached(FIRST, 1), self.reached(FIRST, 2)]
            self.following.up(Connection())
            self.confirm()
            self.assertFalse(any(waiter.called for waiter in waiters))
            self.answer(epoch, offset)
            self.assertTrue(all(waiter.called for waiter in waiters))

    def test_moreToRead(self) -> None:
        """They wait until all that the broker has is delivered."""
        self.following.down(0.0)
        waiter = self.reached(FIRST, 2)
        self.following.up(Connection())
        self.confirm()
        self.answer(FIRST, 2, self.notice(FIRST, 1))
        self.assertFalse(waiter.called)
        self.answer(FIRST, 2, self.notice(FIRST, 2))
        self.assertTrue(waiter.called)


class AwayTests(Case):
    """Nothing is heard for a while, and the broker has forgotten the channel when that is over."""

    def test_tooLong(self) -> None:
        """Longer than it keeps what is published: one line says so, and it is counted."""
        for epoch in ("", "f.1-a"):
            self.lines.clear()
            before = self.metrics.lost
            self.tell(FIRST, 1)
            self.clock.advance(400)
            self.reconnect(self.clock.seconds() - 301)
            self.answer(epoch, 0)
            self.assertEqual(self.metrics.lost, before + 1)
            self.assertEqual(len(self.lines), 1)
            self.assertIn("nothing was heard of it for 301 s", self.lines[0])

    def test_oneLine(self) -> None:
        """One for all channels, for there may be thousands."""
        other = LOBBY._replace(name="other")
        self.following.subscribe(other)
        name = Names("p", 0).news(other)
        self.following.heard(b"subscribe", name, 1)
        self.answer(FIRST, 3)
        self.following.down(self.clock.seconds())
        self.clock.advance(301)
        self.following.up(Connection())
        for one in (self.name, name):
            self.following.heard(b"subscribe", one, 1)
            self.answer("", 0)
        self.assertEqual((self.metrics.lost, len(self.lines)), (2, 1))

    def test_notTooLong(self) -> None:
        """Then nothing can have been forgotten that was not heard; nor where nothing was known before."""
        self.clock.advance(400)
        self.reconnect(self.clock.seconds() - 299)
        self.answer("", 0)
        self.reconnect(0.0)
        self.answer(FIRST, 0)
        self.assertEqual((self.metrics.lost, self.lines), (0, []))


class RecentTests(SynchronousTestCase):
    """What was delivered already."""

    def test_bounded(self) -> None:
        """The last numbers of the last publishers are known."""
        recent = Recent()
        self.assertFalse(recent.has(b"me", 0))
        self.assertTrue(recent.has(b"me", 0))
        for number in range(1, RECENT + 1):
            self.assertFalse(recent.has(b"me", number))
        self.assertTrue(recent.has(b"me", RECENT))
        self.assertFalse(recent.has(b"me", 0))
        for number in range(PUBLISHERS):
            recent.has(b"%d" % number, 1)
        self.assertFalse(recent.has(b"me", RECENT))
