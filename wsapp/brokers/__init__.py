"""What a broker is: how a published message gets to every node, and who is where.

A broker knows channels, not clients or applications: the broadcast service of each node
subscribes to the channels that its own clients need.  ``MemoryBroker`` serves one process; others
span several.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from wsapp.metrics import BrokerMetrics

__all__ = ["Broker", "Channel", "Deliver", "Dismissal", "Keep", "Member", "Publication"]


class Channel(NamedTuple):
    """Where something is published.

    :ivar app: The application's name.
    :ivar kind: ``group``, ``user``, or ``all`` for every client of the application.
    :ivar name: Of the group or user; empty for ``all``.
    """

    app: str
    kind: str
    name: str


class Keep(NamedTuple):
    """How much a channel remembers.

    :ivar messages: So many, at most.
    :ivar size: Bytes of them, at most.
    :ivar seconds: How long.
    """

    messages: int
    size: int
    seconds: float


class Publication(NamedTuple):
    """A message as it was published.

    :ivar epoch: Which history the offset counts in; a broker that has lost or dropped its memory of the
        channel starts another, so that epoch and offset together name one publication for good.
    :ivar offset: The message's place in its channel's history, from 1; 0 where none is kept.
    :ivar time: When, in seconds since the epoch, by the broker's clock.
    :ivar exclude: Ids of clients that are not to be sent it.
    """

    message: str | bytes
    epoch: str = ""
    offset: int = 0
    time: float = 0.0
    exclude: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Bytes of the message; of text as UTF-8."""
        message = self.message
        return len(message if isinstance(message, bytes) or message.isascii() else message.encode())


class Dismissal(NamedTuple):
    """An order to close the clients of a channel."""

    code: int
    reason: str


class Member(NamedTuple):
    """Somebody in a group, on whatever node.

    :ivar id: The client's.
    :ivar user: Whom ``onHandshake`` took the client for.
    :ivar info: What ``join(info=...)`` chose to show; plain JSON values.
    """

    id: str
    user: str | None
    info: Any = None


Deliver = Callable[[Channel, Publication | Dismissal], None]


class Broker(Protocol):
    """Gets what is published on one node to all of them.

    Everything that is asked for returns a Deferred, which fails with a
    :exc:`~wsapp.errors.WsappError` that says why where it could not be done.

    :ivar metrics: What an operator may want to know of it.
    """

    @property
    def metrics(self) -> BrokerMetrics: ...

    @property
    def reachable(self) -> bool:
        """Whether it can be used now.

        Where it cannot, what it is asked for waits until it can, or fails; a server need not wait for
        that to take clients.
        """

    def start(self, deliver: Deliver) -> Deferred[None]:
        """Begin; from now on call *deliver* for whatever is published on a subscribed channel.

        Fires once it can be used, or it is known that it cannot for now.
        """

    def stop(self) -> Deferred[None]:
        """End, once what was published has gone out."""

    def subscribe(self, channel: Channel) -> Deferred[None]:
        """Fires once nothing published on the channel will be missed any more."""

    def unsubscribe(self, channel: Channel) -> Deferred[None]:
        """Take it back; fires once nothing more of the channel will be delivered.

        May be called before subscribing is done, whose Deferred then fires all the same.
        """

    def publish(
        self, channel: Channel, message: str | bytes, exclude: frozenset[str], keep: Keep | None
    ) -> Deferred[None]:
        """Deliver a message to every node that has subscribed.

        All nodes are given a channel's publications in one order, in which those of one node keep
        the order of its calls.  The Deferred fires after this node's own *deliver* was called.

        :param keep: How much of it to remember, or None for not at all.
        :return: Fails with :exc:`~wsapp.errors.OutboxFull` where too many wait already; then the message is
            sent nowhere.
        """

    def dismiss(self, channel: Channel, dismissal: Dismissal) -> Deferred[None]:
        """Deliver an order to close, in the same order as messages."""

    def history(self, channel: Channel, limit: int) -> Deferred[list[Publication]]:
        """The last publications that are kept, oldest first.

        They may have some that are still on their way to *deliver* on this node.
        """

    def since(self, channel: Channel, epoch: str, offset: int) -> Deferred[list[Publication]]:
        """All that was to be kept and came after that place, oldest first; nothing where it is the last.

        :return: Fails with :exc:`~wsapp.errors.HistoryGone` where something of that is not kept any more,
            or the place is of another epoch, or was never given out.
        """

    def enter(self, channel: Channel, member: Member) -> Deferred[None]:
        """List a member of a group; an entry with the same id is replaced."""

    def leave(self, channel: Channel, identity: str) -> Deferred[None]:
        """Take a member off the list."""

    def members(self, channel: Channel) -> Deferred[list[Member]]:
        """Everybody on the list, in the order they came."""
