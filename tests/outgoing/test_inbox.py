"""Tests of `wsapp.outgoing.inbox`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from wsapp.errors import ConnectionClosed
from wsapp.limits import Limits
from wsapp.outgoing.inbox import Inbox


class InboxTests(SynchronousTestCase):
    """A few messages, and those who wait."""

    def setUp(self) -> None:
        self.inbox = Inbox(Limits(maxQueue=3, maxMessage=100))

    def test_reader(self) -> None:
        """A message goes to who waits for it, and takes no room."""
        for message in ("one", b"two"):
            waiting = self.inbox.get()
            self.assertNoResult(waiting)
            self.assertIsNone(self.inbox.put(message))
            self.assertEqual(self.successResultOf(waiting), message)
        self.assertFalse(self.inbox.waiting)

    def test_full(self) -> None:
        """By number, or by bytes; taking one makes room."""
        self.assertEqual([self.inbox.put(text) for text in "ab"], [None, None])
        room = self.inbox.put("c")
        assert room is not None
        self.assertNoResult(room)
        self.assertEqual(self.inbox.take(), "a")
        self.successResultOf(room)
        self.inbox.take()
        room = self.inbox.put("x" * 100)
        assert room is not None
        self.inbox.take()
        self.assertNoResult(room)
        self.inbox.take()
        self.successResultOf(room)

    def test_severalWait(self) -> None:
        """Of two who bring messages, as after a reconnection, both are told in turn."""
        for text in "ab":
            self.inbox.put(text)
        rooms = [self.inbox.put("c"), self.inbox.put("d")]
        self.inbox.take()
        self.assertEqual([room.called for room in rooms if room], [False, False])
        self.inbox.take()
        self.assertEqual([room.called for room in rooms if room], [True, True])

    def test_cancelledRoom(self) -> None:
        """Who brings them may give up."""
        for text in "ab":
            self.inbox.put(text)
        room = self.inbox.put("c")
        assert room is not None
        room.cancel()
        self.failureResultOf(room, CancelledError)
        self.assertEqual(self.inbox.take(), "a")

    def test_end(self) -> None:
        """What has come can be taken; then the end is told, each time."""
        self.inbox.put("a")
        self.inbox.end(ConnectionClosed("over", 1001))
        self.assertEqual(self.successResultOf(self.inbox.get()), "a")
        for _ in range(2):
            self.assertEqual(self.failureResultOf(self.inbox.get(), ConnectionClosed).value.code, 1001)

    def test_endWhileWaiting(self) -> None:
        """Who waits is told."""
        waiting = self.inbox.get()
        self.inbox.end(ConnectionClosed("over"))
        self.failureResultOf(waiting, ConnectionClosed)

    def test_cancelledReader(self) -> None:
        """No message is lost, and another may wait."""
        waiting = self.inbox.get()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.inbox.put("a")
        self.assertEqual(self.successResultOf(self.inbox.get()), "a")

    def test_oneReader(self) -> None:
        """Two would take each other's."""
        self.inbox.get()
        self.assertRaises(RuntimeError, self.inbox.get)
