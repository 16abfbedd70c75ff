"""Tests of `wsapp.catchingup`: the history, then what came live, nothing missing and nothing twice."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsapp.brokers import Publication
from wsapp.catchingup import CatchingUp


class CatchingUpTests(SynchronousTestCase):
    """A client that is still to be sent the history."""

    def test_catchingUp(self) -> None:
        """Of the history and what came live all is sent once, in order, as soon as nothing is missing."""
        history = [Publication(str(offset), "1", offset) for offset in (5, 6, 7)]
        for held, sent, covered in (
            ([], "567", 7),  # nothing came: what is not newer than the history is left out
            ([6, 7], "567", 0),
            ([7, 8], "5678", 0),
            ([8], "5678", 0),
            ([2, 3, 4, 5, 6, 7], "234567", 0),  # more than the history has
            ([6], None, 0),  # 7 is on its way
            ([2, 3], None, 0),
        ):
            late = CatchingUp(10_000)
            for offset in held:
                self.assertTrue(late.hold(Publication(str(offset), "1", offset)))
            self.assertIsNone(late.ready())
            late.remember(history)
            ready = late.ready()
            self.assertEqual(ready and "".join(str(one.message) for one in ready), sent, held)
            self.assertTrue(covered or not late.covers(history[-1]))
            self.assertEqual(late.covers(Publication("", "1", covered)), covered > 0)
            self.assertFalse(late.covers(Publication("", "1", 8)))
            self.assertFalse(late.covers(Publication("", "2", 7)))

    def test_forgotten(self) -> None:
        """Where the broker has forgotten meanwhile, what came live before is sent first, nothing twice."""
        old = [Publication(str(offset), "1", offset, time=1.0) for offset in (5, 6)]
        new = [Publication(f"new {offset}", "2", offset, time=2.0) for offset in (1, 2)]
        for held, history, sent in ((old, new, old + new), (new, old, old + new), (old, [], old)):
            late = CatchingUp(10_000)
            for one in held:
                self.assertTrue(late.hold(one))
            late.remember(history)
            self.assertEqual(late.ready(), sent)
            for one in history:
                self.assertTrue(late.covers(one))
            self.assertFalse(late.covers(Publication("", "1", 0)))

    def test_catchingUpLater(self) -> None:
        """What is missing is waited for: until it has come, or the broker has begun another epoch."""
        for end in (Publication("7", "1", 7), Publication("8", "1", 8), Publication("1", "2", 1)):
            late = CatchingUp(10_000)
            late.hold(Publication("5", "1", 5))
            late.remember([Publication("4", "1", 4), Publication("7", "1", 7)])
            self.assertIsNone(late.ready())
            late.hold(Publication("not kept"))
            self.assertIsNone(late.ready())
            late.hold(end)
            ready = late.ready() or []
            self.assertEqual([one.message for one in ready], ["4", "5", "not kept", end.message])

    def test_restarted(self) -> None:
        """The broker goes on in another epoch, after a restart: all comes once, in order."""
        items = [Publication(str(n), "1" if n < 4 else "2", n) for n in range(1, 7)]
        for come in range(len(items) + 1):
            for start in range(come + 1):
                late = CatchingUp(10_000)
                for one in items[start:come]:
                    late.hold(one)
                late.remember(items[: max(5, start)])
                sent: list[Publication] = []
                for live in [None, *items[come:]]:
                    if live is not None and not late.holding:
                        sent += [] if late.covers(live) else [live]
                    elif live is not None:
                        late.hold(live)
                    if late.holding and (ready := late.ready()) is not None:
                        sent, late.holding = list(ready), False
                self.assertEqual(sent, items, (start, come))

    def test_catchingUpAcrossEpochs(self) -> None:
        """Where the broker has lost its memory meanwhile, both are sent."""
        late = CatchingUp(10_000)
        late.hold(Publication("b", "2", 1))
        late.remember([Publication("a", "1", 9)])
        self.assertEqual([one.message for one in late.ready() or []], ["a", "b"])

    def test_behind(self) -> None:
        """On a node that followed the channel already, what comes live may be older than the history: it is
        left out, whether it has come before or comes after, and takes no room."""
        history = [Publication(str(offset), "1", offset) for offset in (15, 16, 17)]
        for held, sent, covered in (
            ([1, 2, 3], "151617", 17),  # nothing that is newer has come: as if nothing had
            ([13, 14, 15], None, 0),  # 17 is on its way
            ([13, 14, 15, 16, 17, 18], "15161718", 0),
            ([17], "151617", 0),
            ([], "151617", 17),
        ):
            late = CatchingUp(10_000, follows=True)
            for offset in held:
                self.assertTrue(late.hold(Publication(str(offset), "1", offset)))
            late.remember(history)
            ready = late.ready()
            self.assertEqual(ready and "".join(str(one.message) for one in ready), sent, held)
            self.assertEqual(late.covers(Publication("", "1", covered)), covered > 0)
            # None of these takes room.
            for offset in range(1, 15):
                self.assertTrue(late.hold(Publication("x" * 9000, "1", offset)))
            self.assertEqual(late.ready(), ready)

    def test_behindAndForgotten(self) -> None:
        """What is of another epoch, or not kept, is not older."""
        late = CatchingUp(10_000, follows=True)
        old, unkept = Publication("5", "1", 5, time=1.0), Publication("unkept")
        new = [Publication("new", "2", 9, time=2.0)]
        for one in (unkept, old, unkept):
            late.hold(one)
        late.remember(new)
        self.assertEqual(late.ready(), [unkept, old, unkept, *new])

    def test_behindByTooMuch(self) -> None:
        """Of more than may wait there, the first are left to the history; where it does not have them, it is
        too much, as it is where they are kept in none."""
        history = [Publication(str(offset), "1", offset) for offset in (8, 9)]
        for last, enough in ((9, True), (16, True), (17, False)):  # seven of them may wait
            late = CatchingUp(7 * 400, follows=True)
            for offset in range(1, last + 1):
                self.assertTrue(late.hold(Publication("x" * 336, "1", offset)))
            self.assertEqual(late.remember(history), enough)
            if enough:
                self.assertEqual([one.offset for one in late.ready() or []], list(range(8, last + 1)))
        wrongs: list[list[Publication]] = [[], [Publication("", "2", 99)]]
        for wrong in wrongs:
            late = CatchingUp(300, follows=True)
            self.assertTrue(late.hold(Publication("x" * 336, "1", 5)))
            self.assertFalse(late.remember(wrong))
        late = CatchingUp(300, follows=True)
        self.assertFalse(late.hold(Publication("x" * 336)))
        late = CatchingUp(300)
        self.assertFalse(late.hold(Publication("x" * 336, "1", 5)))
