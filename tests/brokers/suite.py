"""The suite that every broker must pass, as a mixin for a test case."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from wsapp.brokers import Broker, Channel, Dismissal, Keep, Member, Publication
from wsapp.errors import HistoryGone

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as Base
else:
    Base = object

__all__ = ["BrokerSuite"]

LOBBY = Channel("chat", "group", "lobby")
#: Channels that differ from LOBBY in one thing each.
OTHERS = [
    Channel("game", "group", "lobby"),
    Channel("chat", "user", "lobby"),
    Channel("chat", "group", "Lobby"),
    Channel("chat", "group", ""),
    Channel("chat", "group", "l:o/b b\ny\x00*ü😀"),
    Channel("chat", "all", ""),
]
KEEP = Keep(3, 1000, 60.0)
NOBODY: frozenset[str] = frozenset()


class BrokerSuite(Base):
    """What a broker promises, as :class:`wsapp.brokers.Broker` says.

    A test case that mixes this in says how a broker is made and how time passes.

    :cvar pace: What times of waiting are multiplied with, where time really passes.
    """

    pace = 1.0

    def makeBroker(self) -> Broker:
        """:return: A new broker, which has not begun; its time is virtual or may really pass."""
        raise NotImplementedError

    def passTime(self, seconds: float) -> None:
        """Let time pass for the broker."""
        raise NotImplementedError

    def seconds(self) -> float:
        """:return: The broker's time since the epoch."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.delivered: list[tuple[Channel, Any]] = []
        self.broker = self.makeBroker()
        self.done(self.broker.start(lambda channel, item: self.delivered.append((channel, item))))
        self.addCleanup(self.end)

    def end(self) -> None:
        """Stop the broker."""
        self.done(self.broker.stop())

    def done(self, deferred: Deferred[Any]) -> Any:
        """:return: What it fires with, within a second."""
        results: list[Any] = []
        deferred.addCallback(results.append)
        self.passTime(0)
        for _ in range(20):
            if results:
                break
            self.passTime(0.05)
        if not results:
            self.successResultOf(deferred)
        return results[0]

    def publish(self, message: str | bytes, channel: Channel = LOBBY, keep: Keep | None = None) -> None:
        """Publish, and wait until that is done."""
        self.done(self.broker.publish(channel, message, NOBODY, keep))

    @property
    def messages(self) -> list[Any]:
        """The messages that were delivered."""
        return [item.message for _, item in self.delivered if isinstance(item, Publication)]

    # Publications

    def test_delivered(self) -> None:
        """Who has subscribed is given text as text and bytes as bytes, with whom to leave out and when."""
        self.done(self.broker.subscribe(LOBBY))
        exclude = frozenset(["a", "b"])
        for message in ("text", "Grüße 😀\x00", "", b"\x00\xff", b""):
            self.done(self.broker.publish(LOBBY, message, exclude, None))
        self.assertEqual(self.messages, ["text", "Grüße 😀\x00", "", b"\x00\xff", b""])
        for channel, item in self.delivered:
            self.assertEqual(channel, LOBBY)
            self.assertIs(type(channel), Channel)
            self.assertEqual(item.exclude, exclude)
            self.assertIsInstance(item.exclude, frozenset)
            self.assertEqual(item.offset, 0)
            self.assertLess(abs(item.time - self.seconds()), 2)

    def test_deliveredBeforeTheDeferredFires(self) -> None:
        """Once publish() or dismiss() is done, this node's own clients have it."""
        self.done(self.broker.subscribe(LOBBY))
        counts: list[int] = []
        for deferred in (
            self.broker.publish(LOBBY, "1", NOBODY, KEEP),
            self.broker.publish(LOBBY, "2", NOBODY, None),
            self.broker.dismiss(LOBBY, Dismissal(4000, "out")),
        ):
            deferred.addCallback(lambda _: counts.append(len(self.delivered)))
            self.done(deferred)
        self.assertEqual(len(counts), 3)
        for number, count in enumerate(counts, 1):
            self.assertGreaterEqual(count, number)

    def test_inOrder(self) -> None:
        """Publications and dismissals of one node keep the order of its calls, waited for or not."""
        self.done(self.broker.subscribe(LOBBY))
        for number in range(30):
            self.broker.publish(LOBBY, str(number), NOBODY, KEEP if number % 2 else None)
            if number % 10 == 5:
                self.broker.dismiss(LOBBY, Dismissal(4000 + number, "out"))
        self.passTime(1)
        expected: list[Any] = []
        for number in range(30):
            expected.append(str(number))
            if number % 10 == 5:
                expected.append(Dismissal(4000 + number, "out"))
        found = [item if isinstance(item, Dismissal) else item.message for _, item in self.delivered]
        self.assertEqual(found, expected)

    def test_notSubscribed(self) -> None:
        """Nothing comes before subscribing, from channels of any other name, or after unsubscribing."""
        self.publish("before", keep=KEEP)
        self.done(self.broker.subscribe(LOBBY))
        for channel in OTHERS:
            self.publish("elsewhere", channel)
        self.publish("now")
        self.done(self.broker.unsubscribe(LOBBY))
        self.publish("after")
        self.done(self.broker.dismiss(LOBBY, Dismissal(4000, "out")))
        self.assertEqual(self.messages, ["now"])
        self.assertEqual(len(self.delivered), 1)

    def test_nothingAfterUnsubscribing(self) -> None:
        """Once unsubscribing is done nothing more comes, not even what was on its way."""
        self.done(self.broker.subscribe(LOBBY))
        for number in range(10):
            self.broker.publish(LOBBY, str(number), NOBODY, None)
        self.done(self.broker.unsubscribe(LOBBY))
        count = len(self.delivered)
        self.passTime(1)
        self.assertEqual(len(self.delivered), count)

    def test_everyName(self) -> None:
        """Channels of every name are told apart, and their names come back as they were."""
        for channel in OTHERS:
            self.done(self.broker.subscribe(channel))
        for channel in OTHERS:
            self.publish(repr(channel), channel, KEEP)
        self.assertEqual([channel for channel, _ in self.delivered], OTHERS)
        self.assertEqual(self.messages, [repr(channel) for channel in OTHERS])
        for channel in OTHERS:
            self.assertEqual(
                [one.message for one in self.done(self.broker.history(channel, 9))], [repr(channel)]
            )

    def test_subscribedTwice(self) -> None:
        """Subscribing twice is subscribing once, and so is unsubscribing."""
        self.done(self.broker.subscribe(LOBBY))
        self.done(self.broker.subscribe(LOBBY))
        self.publish("once")
        self.assertEqual(self.messages, ["once"])
        self.done(self.broker.unsubscribe(LOBBY))
        self.done(self.broker.unsubscribe(LOBBY))
        self.publish("never")
        self.assertEqual(self.messages, ["once"])

    def test_unsubscribedAtOnce(self) -> None:
        """Subscribing may be taken back before it is done; nothing comes then, until it is done anew."""
        begun, ended = self.broker.subscribe(LOBBY), self.broker.unsubscribe(LOBBY)
        self.done(begun)
        self.done(ended)
        self.publish("never")
        self.assertEqual(self.messages, [])
        self.done(self.broker.subscribe(LOBBY))
        self.publish("once")
        self.assertEqual(self.messages, ["once"])

    # History

    def test_remembered(self) -> None:
        """The last ones that were to be kept, oldest first, as they were published, subscribed or not."""
        self.done(self.broker.publish(LOBBY, "1", frozenset(["a"]), KEEP))
        self.done(self.broker.subscribe(LOBBY))
        self.publish(b"2", keep=KEEP)
        self.publish("not kept")
        self.publish("3", keep=KEEP)
        history = self.done(self.broker.history(LOBBY, 9))
        self.assertEqual([one.message for one in history], ["1", b"2", "3"])
        self.assertEqual(history[0].exclude, frozenset(["a"]))
        self.assertEqual(history[1:], [item for _, item in self.delivered if item.offset])

    def test_offsets(self) -> None:
        """Offsets grow, and with the epoch they name one publication."""
        self.done(self.broker.subscribe(LOBBY))
        for number in range(5):
            self.publish(str(number), keep=KEEP)
        places = [(item.epoch, item.offset) for _, item in self.delivered]
        self.assertEqual(len({epoch for epoch, _ in places}), 1)
        offsets = [offset for _, offset in places]
        self.assertEqual(offsets, sorted(set(offsets)))
        self.assertGreater(offsets[0], 0)

    def test_limit(self) -> None:
        """No more than are asked for, the last ones; none for none or less, or where there are none."""
        for number in range(3):
            self.publish(str(number), keep=KEEP)
        for limit, expected in ((2, ["1", "2"]), (1, ["2"]), (3, ["0", "1", "2"]), (0, []), (-1, [])):
            history = self.done(self.broker.history(LOBBY, limit))
            self.assertEqual([one.message for one in history], expected)
        for channel in OTHERS:
            self.assertEqual(self.done(self.broker.history(channel, 9)), [])

    def test_boundedByCount(self) -> None:
        """Not more messages than Keep says."""
        for number in range(10):
            self.publish(str(number), keep=KEEP)
        history = self.done(self.broker.history(LOBBY, 99))
        self.assertEqual([one.message for one in history], ["7", "8", "9"])

    def test_boundedByBytes(self) -> None:
        """Not more bytes than Keep says, of text as UTF-8; one that is too large alone is not kept."""
        keep = Keep(100, 10, 60.0)
        for message in ("aaaa", b"bbbb", "üüü"):
            self.publish(message, keep=keep)
        self.assertEqual([one.message for one in self.done(self.broker.history(LOBBY, 99))], [b"bbbb", "üüü"])
        self.publish("😀😀😀", keep=keep)
        self.assertEqual(self.done(self.broker.history(LOBBY, 99)), [])

    def test_boundedByTime(self) -> None:
        """Nothing is remembered for longer than Keep says, and what comes after is no repetition."""
        keep = KEEP._replace(seconds=KEEP.seconds * self.pace)
        self.publish("old", keep=keep)
        first = self.done(self.broker.history(LOBBY, 1))[0]
        self.passTime(40 * self.pace)
        self.publish("young", keep=keep)
        self.passTime(21 * self.pace)
        self.assertEqual([one.message for one in self.done(self.broker.history(LOBBY, 99))], ["young"])
        self.passTime(200 * self.pace)
        self.assertEqual(self.done(self.broker.history(LOBBY, 99)), [])
        for _ in range(3):
            self.publish("new", keep=keep)
        for later in self.done(self.broker.history(LOBBY, 99)):
            self.assertTrue(later.epoch != first.epoch or later.offset > first.offset + 1)

    def missed(self, since: Publication) -> list[Any] | None:
        """:return: The messages published after one; None where they are not all there."""
        found: list[Any] = []

        def gone(failure: Failure) -> None:
            failure.trap(HistoryGone)
            self.assertNotEqual(str(failure.value), "")

        asked = self.broker.since(LOBBY, since.epoch, since.offset)
        self.done(asked.addCallbacks(lambda result: found.append(result), gone))
        return [one.message for one in found[0]] if found else None

    def test_since(self) -> None:
        """Exactly what was published after a place, in order; nothing after the last."""
        for number in range(3):
            self.publish(str(number), keep=KEEP)
        history = self.done(self.broker.history(LOBBY, 9))
        self.assertEqual([self.missed(one) for one in history], [["1", "2"], ["2"], []])
        self.done(self.broker.publish(LOBBY, b"3", frozenset(["a"]), KEEP))
        (found,) = self.done(self.broker.since(LOBBY, history[2].epoch, history[2].offset))
        self.assertEqual((found.message, found.exclude), (b"3", frozenset(["a"])))
        self.assertEqual([found], self.done(self.broker.history(LOBBY, 1)))

    def test_sinceMany(self) -> None:
        """However many that are."""
        keep = Keep(500, 10**6, KEEP.seconds)
        for number in range(300):
            self.broker.publish(LOBBY, str(number), NOBODY, keep)
        self.passTime(1)
        history = self.done(self.broker.history(LOBBY, 500))
        self.assertEqual(self.missed(history[0]), [str(number) for number in range(1, 300)])
        self.assertEqual(self.missed(history[200]), [str(number) for number in range(201, 300)])

    def test_sinceWhatIsTrimmed(self) -> None:
        """The place itself need not be kept; what came right after it must be, by count, bytes and age."""
        self.publish("0", keep=KEEP)
        (first,) = self.done(self.broker.history(LOBBY, 9))
        for number in range(1, 4):
            self.publish(str(number), keep=KEEP)
        self.assertEqual(self.missed(first), ["1", "2", "3"])
        self.publish("4", keep=KEEP)
        self.assertIsNone(self.missed(first))
        last = self.done(self.broker.history(LOBBY, 1))[0]
        self.publish("x" * 400, keep=KEEP)
        self.assertEqual(self.missed(last), ["x" * 400])
        self.publish("y" * 400, keep=KEEP)
        self.publish("z" * 400, keep=KEEP)
        self.assertIsNone(self.missed(last))

    def test_sinceTooLongAgo(self) -> None:
        """What is too old is not there any more; what came after that is."""
        keep = KEEP._replace(seconds=KEEP.seconds * self.pace)
        self.publish("0", keep=keep)
        first = self.done(self.broker.history(LOBBY, 1))[0]
        self.publish("1", keep=keep)
        second = self.done(self.broker.history(LOBBY, 1))[0]
        self.passTime(40 * self.pace)
        self.publish("2", keep=keep)
        self.passTime(21 * self.pace)
        self.assertIsNone(self.missed(first))
        self.assertEqual(self.missed(second), ["2"])
        self.passTime(200 * self.pace)
        self.assertIsNone(self.missed(second))

    def test_sinceElsewhere(self) -> None:
        """A place of another epoch, of another channel, or one that was never given out is no place."""
        self.publish("0", keep=KEEP)
        self.publish("1", keep=KEEP)
        first, second = self.done(self.broker.history(LOBBY, 9))
        for epoch in ("", "other", first.epoch + "0", "\ud800 \x00\r\n"):
            self.assertIsNone(self.missed(first._replace(epoch=epoch)))
        for offset in (second.offset + 1, 2**53 + 1, 10**400, -1, -(10**400)):
            self.assertIsNone(self.missed(first._replace(offset=offset)))
        for channel in OTHERS:
            self.publish("elsewhere", channel, KEEP)
        self.assertEqual(self.missed(first), ["1"])
        self.done(
            self.broker.since(OTHERS[0], first.epoch, 0).addErrback(lambda failure: failure.trap(HistoryGone))
        )

    # Members

    def test_members(self) -> None:
        """Who has entered is listed in the order of coming, with user and info, until leaving."""
        ann = Member("1", "ann", {"name": "Ann", "likes": ["tea", 1, None, True, 0.5]})
        bob, eve = Member("2", None), Member("3", "eve", "ü")
        for member in (ann, bob, eve):
            self.done(self.broker.enter(LOBBY, member))
        self.assertEqual(self.done(self.broker.members(LOBBY)), [ann, bob, eve])
        self.assertIs(type(self.done(self.broker.members(LOBBY))[0]), Member)
        self.done(self.broker.leave(LOBBY, "2"))
        self.assertEqual(self.done(self.broker.members(LOBBY)), [ann, eve])
        self.done(self.broker.leave(LOBBY, "1"))
        self.done(self.broker.leave(LOBBY, "3"))
        self.assertEqual(self.done(self.broker.members(LOBBY)), [])

    def test_enteredAgain(self) -> None:
        """Entering again changes what is shown, not the place."""
        self.done(self.broker.enter(LOBBY, Member("1", None, "a")))
        self.done(self.broker.enter(LOBBY, Member("2", None, "b")))
        self.done(self.broker.enter(LOBBY, Member("1", "ann", "c")))
        self.assertEqual(
            self.done(self.broker.members(LOBBY)), [Member("1", "ann", "c"), Member("2", None, "b")]
        )

    def test_membersElsewhere(self) -> None:
        """Each channel has its own."""
        self.done(self.broker.enter(LOBBY, Member("1", None)))
        for channel in OTHERS:
            self.assertEqual(self.done(self.broker.members(channel)), [])
            self.done(self.broker.leave(channel, "1"))
        self.done(self.broker.leave(LOBBY, "unknown"))
        self.assertEqual(len(self.done(self.broker.members(LOBBY))), 1)

    def test_listIsACopy(self) -> None:
        """What one does to a list that was given changes nothing."""
        self.publish("1", keep=KEEP)
        self.done(self.broker.enter(LOBBY, Member("1", None)))
        self.done(self.broker.members(LOBBY)).clear()
        self.done(self.broker.history(LOBBY, 9)).clear()
        self.assertEqual(len(self.done(self.broker.members(LOBBY))), 1)
        self.assertEqual(len(self.done(self.broker.history(LOBBY, 9))), 1)

    # The end

    def test_stopped(self) -> None:
        """Nothing is delivered after the end, and publishing does not break."""
        self.done(self.broker.subscribe(LOBBY))
        self.done(self.broker.stop())
        self.broker.publish(LOBBY, "late", NOBODY, KEEP).addErrback(lambda _: None)
        self.broker.dismiss(LOBBY, Dismissal(4000, "late")).addErrback(lambda _: None)
        self.passTime(1)
        self.assertEqual(self.delivered, [])
