"""Tests of `wsapp.closing`: the table, exhaustively."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import itertools
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from wsapp.closing import CLIENT_TABLE, TABLE, Action, Happening, State

BEGINNINGS = (State.OPEN, State.OPEN_BARE)


def walk(state: State, happenings: tuple[Happening, ...]) -> Iterator[tuple[State, Happening, Action]]:
    """All that is done when these happen, one after the other, with the state that it leads to."""
    for happening in happenings:
        step = TABLE.get((state, happening))
        if step is not None:
            state, actions = step
            for action in actions:
                yield state, happening, action


class TableTests(SynchronousTestCase):
    """Each state, each happening."""

    # What stands for nothing, and why that is right.
    NOTHING = frozenset(
        [
            # nothing of it can come before hooks have been waited for
            (State.OPEN, Happening.TURN),
            (State.OPEN, Happening.TIMEOUT),  # no close timer runs
            (State.OPEN_BARE, Happening.PEER_CLOSE),  # there is none
            (State.OPEN_BARE, Happening.TURN),
            (State.OPEN_BARE, Happening.TIMEOUT),
            (State.ANSWERING, Happening.PEER_CLOSE),  # the first is the last
            (State.CLOSING, Happening.CLOSE),  # it is said once
            (State.CLOSING, Happening.TURN),
            (State.DISCARDING, Happening.CLOSE),
            (State.DISCARDING, Happening.FAIL),
            (State.DISCARDING, Happening.PEER_CLOSE),
            (State.DISCARDING, Happening.TURN),
            (State.CLOSED, Happening.CLOSE),
            (State.CLOSED, Happening.FAIL),
            (State.CLOSED, Happening.PEER_CLOSE),
            (State.CLOSED, Happening.TURN),
            *((State.LOST, happening) for happening in Happening),
        ]
    )

    def test_complete(self) -> None:
        """Each pair stands in the table or means nothing, and none does both."""
        pairs = set(itertools.product(State, Happening))
        self.assertEqual(set(TABLE) | self.NOTHING, pairs)
        self.assertEqual(set(TABLE) & self.NOTHING, set())

    def test_end(self) -> None:
        """From every state the connection's end leads to LOST, and says so."""
        for state in State:
            if state is not State.LOST:
                self.assertEqual(TABLE[state, Happening.END], (State.LOST, (Action.FINISH,)))

    def test_everyStateIsReached(self) -> None:
        """No state stands there for nothing."""
        reached = {state for state, _ in TABLE.values()} | set(BEGINNINGS)
        self.assertEqual(reached, set(State))


class WalkTests(SynchronousTestCase):
    """All sequences of up to six happenings, from both beginnings."""

    LONGEST = 6

    def walks(self) -> Iterator[tuple[State, tuple[Happening, ...]]]:
        """Where each begins, and what happens."""
        for beginning in BEGINNINGS:
            for length in range(1, self.LONGEST + 1):
                for happenings in itertools.product(Happening, repeat=length):
                    yield beginning, happenings

    def test_properties(self) -> None:
        """What holds on every path.

        Our Close is said at most once, by no version that has none, and nothing is done after FINISH,
        which comes exactly where the connection ended.  Once closing has begun a timer runs, and
        after it has run out the connection has been aborted or our Close was said and the timer runs
        again.  Our direction ends only after our Close, where there is one.
        """
        for beginning, happenings in self.walks():
            actions = [action for _, _, action in walk(beginning, happenings)]
            path = (beginning, happenings, actions)
            self.assertLessEqual(actions.count(Action.SAY), 1, path)
            if beginning is State.OPEN_BARE:
                self.assertNotIn(Action.SAY, actions, path)
            self.assertEqual(actions.count(Action.FINISH), int(Happening.END in happenings), path)
            if Action.FINISH in actions:
                self.assertIs(actions[-1], Action.FINISH, path)
            for last in (Action.HANG_UP, Action.HALF_CLOSE):
                if last in actions and beginning is State.OPEN:
                    self.assertIn(Action.SAY, actions[: actions.index(last)], path)
                self.assertLessEqual(actions.count(last), 1, path)

    def test_boundedByTimeAlone(self) -> None:
        """Whatever has happened, once it is not open a close timer runs, and at most two bring the end."""
        for beginning, happenings in self.walks():
            state, running = beginning, False
            for happening in happenings:
                if happening is Happening.TIMEOUT and not running:
                    break  # no timer runs: that cannot happen
                step = TABLE.get((state, happening))
                if step is not None:
                    state, actions = step
                    if happening is Happening.TIMEOUT:
                        running = False
                    running = running or Action.WAIT in actions
                    ended = Action.ABORT in actions or state is State.LOST
                    if state not in BEGINNINGS and not ended:
                        self.assertTrue(running, (beginning, happenings, state))
                    if ended:
                        break
            if state not in (*BEGINNINGS, State.LOST):
                rest = [action for _, _, action in walk(state, (Happening.TIMEOUT,) * 2)]
                self.assertIn(Action.ABORT, rest, (beginning, happenings))

    def test_failureDiscards(self) -> None:
        """After a failure, our Close said or not, no path leads back to where messages are taken."""
        for state in State:
            step = TABLE.get((state, Happening.FAIL))
            if step is not None:
                self.assertIn(step[0], (State.DISCARDING, State.CLOSED))
        for (state, _), (to, _) in TABLE.items():
            if state in (State.DISCARDING, State.CLOSED):
                self.assertIn(to, (State.CLOSED, State.LOST))


class ClientTableTests(SynchronousTestCase):
    """What a client does otherwise."""

    def test_serverHangsUp(self) -> None:
        """A client never ends the connection of a closing handshake, unless the server takes too long."""
        self.assertEqual(set(CLIENT_TABLE), set(TABLE))
        for pair, (after, actions) in CLIENT_TABLE.items():
            state, theirs = TABLE[pair]
            self.assertEqual(after, state)
            if pair[0] is State.OPEN_BARE:
                self.assertEqual(actions, theirs)
            else:
                self.assertNotIn(Action.HANG_UP, actions)
                self.assertEqual(
                    [one.name.replace("LET_GO", "HANG_UP") for one in actions], [one.name for one in theirs]
                )

    def test_servers(self) -> None:
        """A server does not wait."""
        for _, actions in TABLE.values():
            self.assertNotIn(Action.LET_GO, actions)
