"""Who of this node is where: told to the broker, and again whenever it may have forgotten.

What a node tells counts as long as its lease, on the broker's clock, which it renews.  A node that is killed
is listed no more once that has run out; one that was only away tells everything anew, as another incarnation.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from wsapp.brokers import Channel, Member
from wsapp.brokers.redis.names import Names, memberFrom, shown
from wsapp.brokers.redis.requests import Requests
from wsapp.brokers.redis.scripts import ENTER, FAREWELL, LEAVE, MEMBERS, RENEW
from wsapp.errors import Superseded
from wsapp.waiter import Waiters

__all__ = ["Presence"]

#: Of one member, how many changes may be on their way at once, and how many calls may wait for the next.
MOST = 16

#: Seconds until a node that has died is cleared away further, where one step was not enough.
AGAIN = 0.1


def _overtaken() -> Superseded:
    return Superseded(f"{MOST} later ones of the same client wait for the broker")


class _Telling:
    """A member of whom the broker is still to be told something: whether it is here is looked up when it is.

    :ivar before: What the broker was told last, before all this.
    :ivar due: The request that has not been sent yet.
    :ivar sent: How many have, and are not answered.
    :ivar unsure: Whether any was: the broker may know of it.
    :ivar waiters: Who waits for the next to be sent, and answered.
    """

    __slots__ = ("before", "due", "sent", "unsure", "waiters")

    def __init__(self, before: Member | None) -> None:
        self.before = before
        self.due: Deferred[Any] | None = None
        self.sent = 0
        self.unsure = False
        self.waiters = Waiters(MOST, _overtaken)


class Presence:
    """This node's members, and the question for all nodes'.

    :param lease: Seconds after which a node that does not renew is listed no more; it renews three times
        in them.
    :param note: Called with what a person should know of.
    """

    def __init__(
        self, clock: IReactorTime, names: Names, requests: Requests, lease: float, note: Callable[[str], None]
    ) -> None:
        self._clock = clock
        self._names = names
        self._requests = requests
        self._lease = lease
        self._note = note
        self._incarnation = secrets.token_hex(6).encode()
        self._own: dict[Channel, dict[str, Member]] = {}
        self._tellings: dict[tuple[Channel, str], _Telling] = {}
        self._connection: Any = None
        self._timer: IDelayedCall | None = None
        self._beginning = False
        self._waiting: list[Deferred[Any]] = []

    def enter(self, channel: Channel, member: Member) -> Deferred[None]:
        """Fires once all nodes' :meth:`members` have it."""
        own = self._own.setdefault(channel, {})
        before = own.get(member.id)
        own[member.id] = member
        return self._tell(channel, member.id, before)

    def leave(self, channel: Channel, identity: str) -> Deferred[None]:
        """The other way round."""
        own = self._own.get(channel, {})
        before = own.pop(identity, None)
        if before is None:
            return succeed(None)  # of this node there is none by that id
        if not own:
            del self._own[channel]
        return self._tell(channel, identity, before)

    def _tell(self, channel: Channel, identity: str, before: Member | None) -> Deferred[None]:
        """Fires once the broker knows how it is now, or was later."""
        telling = self._tellings.setdefault((channel, identity), _Telling(before))
        if telling.due is not None and not telling.unsure and self._now(channel, identity) is telling.before:
            # It came and went (or the other way round) before anybody was told.
            self._tellings.pop((channel, identity))
            telling.due.cancel()
            telling.waiters.fire(None)
            return succeed(None)
        told = telling.waiters.add()
        self._goOn(channel, identity, telling)
        return told

    def _goOn(self, channel: Channel, identity: str, telling: _Telling) -> None:
        """Have the broker told, unless that is under way already."""
        if telling.due is not None or telling.sent >= MOST:
            return
        covered = Waiters(MOST, _overtaken)
        incarnation: bytes | None = None  # that was told

        def words() -> list[Any]:
            nonlocal incarnation
            if incarnation is None:
                telling.due = None
                telling.sent += 1
                telling.unsure = True
            incarnation = self._incarnation
            covered.take(telling.waiters)
            return self._words(channel, identity)

        def answered(result: Any) -> None:
            if isinstance(result, Failure) and result.check(CancelledError):
                return
            telling.sent -= 1
            if isinstance(result, Failure) or result:
                self._told(channel, identity, telling, covered, result)
                return
            # Whoever hears of it first begins anew; then this is told once more.
            begun = self._anew() if incarnation == self._incarnation else self._whenBegun()
            telling.waiters.take(covered)
            begun.addCallbacks(
                lambda _: self._told(channel, identity, telling, Waiters(MOST, _overtaken), None),
                lambda failure: self._told(channel, identity, telling, telling.waiters, failure),
            )

        request = self._requests.insist(words)
        if incarnation is None:
            telling.due = request
        request.addBoth(answered)

    def _told(
        self, channel: Channel, identity: str, telling: _Telling, covered: Waiters, result: Any
    ) -> None:
        failed = isinstance(result, Failure)
        over = not (telling.due or telling.sent) and (covered is telling.waiters or not telling.waiters)
        # What was refused must not be taken for something that the broker knows.
        if over and not (failed and self._now(channel, identity)):
            self._tellings.pop((channel, identity), None)
        covered.fire(result if failed else None)
        if telling.waiters:
            self._goOn(channel, identity, telling)

    def _now(self, channel: Channel, identity: str) -> Member | None:
        return self._own.get(channel, {}).get(identity)

    def _words(self, channel: Channel, identity: str) -> list[Any]:
        """Whether it is here is looked up when it is told: what was told before it may have been refused."""
        member = self._now(channel, identity)
        members, mine = self._names.members(channel), self._names.list + self._incarnation
        written = identity.encode("utf-8", "surrogatepass")
        if member is None:
            return LEAVE.words([members, mine], [self._incarnation, written])
        return ENTER.words(
            [members, self._names.nodes, self._names.turn, mine], [self._incarnation, written, shown(member)]
        )

    def members(self, channel: Channel) -> Deferred[list[Member]]:
        """Those of all nodes, as they came."""

        def read(result: list[bytes]) -> list[Member]:
            members = []
            found = zip(result[::3], result[1::3], result[2::3], strict=True)
            for _, name, told in sorted(found, key=lambda one: int(one[0])):
                try:
                    members.append(memberFrom(name, told))
                except ValueError as error:
                    self._note(str(error))
            return members

        return self._requests.ask(MEMBERS, [self._names.members(channel), self._names.nodes]).addCallback(
            read
        )

    # The lease

    def _renewal(self, begins: bool) -> list[Any]:
        milliseconds = int(self._lease * 1000)
        return RENEW.words(
            [self._names.nodes, self._names.turn],
            [self._incarnation, milliseconds, int(begins), self._names.list],
        )

    @inlineCallbacks
    def prepare(self, connection: Any) -> Any:
        """A connection is made: make sure of the lease before anything else is asked on it."""
        renewed = yield connection.execute_command(*self._renewal(False))
        if not renewed:
            self._incarnation = secrets.token_hex(6).encode()
            yield connection.execute_command(*self._renewal(True))
            self._announce()

    def up(self, connection: Any) -> None:
        """There is a connection."""
        self._connection = connection
        self._schedule()

    def down(self) -> None:
        """There is none any more."""
        self._connection = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _schedule(self, result: int = 1) -> None:
        """Renew in time, or soon, where ``renew.lua`` has more to do."""
        due = self._lease / 3
        self._timer = self._clock.callLater(min(AGAIN, due) if result == 2 else due, self._renew)

    def _renew(self) -> None:
        connection = self._connection

        def renewed(result: int) -> None:
            if connection is self._connection:
                if not result:
                    self._anew().addErrback(lambda _: None)
                self._schedule(result)

        def refused(_: Failure) -> None:
            if connection is self._connection:
                self._schedule()

        connection.execute_command(*self._renewal(False)).addCallbacks(renewed, refused)

    def _anew(self) -> Deferred[Any]:
        """The lease has run out, or is forgotten; fires once there is another."""
        if not self._beginning:
            self._beginning = True
            self._incarnation = secrets.token_hex(6).encode()
            self._requests.insist(lambda: self._renewal(True)).addBoth(self._begun)
        return self._whenBegun()

    def _whenBegun(self) -> Deferred[Any]:
        if not self._beginning:
            return succeed(None)
        waiter: Deferred[Any] = Deferred()
        self._waiting.append(waiter)
        return waiter

    def _begun(self, result: Any) -> None:
        self._beginning = False
        waiting, self._waiting = self._waiting, []
        if not isinstance(result, Failure):
            self._announce()
        for waiter in waiting:
            waiter.callback(result)

    def _announce(self) -> None:
        for channel, own in self._own.items():
            for identity in own:
                telling = self._tellings.setdefault((channel, identity), _Telling(None))
                telling.before, telling.unsure = (
                    None,
                    telling.sent > 0,
                )  # of this incarnation nothing is known
                self._goOn(channel, identity, telling)

    @inlineCallbacks
    def farewell(self) -> Any:
        """This node goes."""
        self._own.clear()
        connection = self._connection
        self.down()
        if connection is not None:
            yield connection.execute_command(*FAREWELL.words([self._names.nodes], [self._incarnation]))
