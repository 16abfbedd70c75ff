"""Who of this node is where: told to the broker, and again whenever it may have forgotten.

What a node tells counts as long as its lease, on the broker's clock, which it renews.  A node that is killed
is listed no more once that has run out; one that was only away tells everything anew, as another incarnation.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from wsapp.brokers import Channel, Member
from wsapp.brokers.redis.names import Names, memberFrom, shown
from wsapp.brokers.redis.requests import Requests
from wsapp.brokers.redis.scripts import ENTER, FAREWELL, LEAVE, MEMBERS, RENEW

__all__ = ["Presence"]

#: Seconds until a node that has died is cleared away further, where one step was not enough.
AGAIN = 0.1


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
        self._connection: Any = None
        self._timer: IDelayedCall | None = None
        self._beginning = False
        self._waiting: list[Deferred[Any]] = []

    def enter(self, channel: Channel, member: Member) -> Deferred[None]:
        """Fires once all nodes' :meth:`members` have it."""
        self._own.setdefault(channel, {})[member.id] = member
        return self._tell(channel, member.id)

    def leave(self, channel: Channel, identity: str) -> Deferred[None]:
        """The other way round."""
        own = self._own.get(channel, {})
        if own.pop(identity, None) is None:
            return succeed(None)  # of this node there is none by that id
        if not own:
            del self._own[channel]
        return self._tell(channel, identity)

    def _tell(self, channel: Channel, identity: str) -> Deferred[None]:
        told = self._requests.insist(lambda: self._words(channel, identity))
        incarnation = self._incarnation

        def answered(result: int) -> Deferred[None] | None:
            if result:
                return None
            # Whoever hears of it first begins anew; then this is told once more.
            begun = self._anew() if incarnation == self._incarnation else self._whenBegun()
            return begun.addCallback(lambda _: self._tell(channel, identity))

        return told.addCallback(answered)

    def _words(self, channel: Channel, identity: str) -> list[Any]:
        """Whether it is here is looked up when it is told: what was told before it may have been refused."""
        member = self._own.get(channel, {}).get(identity)
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
                self._tell(channel, identity).addErrback(lambda _: None)

    @inlineCallbacks
    def farewell(self) -> Any:
        """This node goes."""
        self._own.clear()
        connection = self._connection
        self.down()
        if connection is not None:
            yield connection.execute_command(*FAREWELL.words([self._names.nodes], [self._incarnation]))
