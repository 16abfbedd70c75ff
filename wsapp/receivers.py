"""Who on this node gets what is published on one channel, and in which order the broker is asked.

Part of :mod:`wsapp.broadcast`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, fail, maybeDeferred, succeed
from twisted.python.failure import Failure

from wsapp.brokers import Broker, Channel, Member
from wsapp.catchingup import CatchingUp
from wsapp.client import Client
from wsapp.errors import Superseded
from wsapp.waiter import Waiters

__all__ = ["Receivers", "together"]

#: How many joins and leaves of one client may wait for the broker: more mean that the first were overtaken.
MOST = 16


def together(*waited: Deferred[Any]) -> Deferred[None]:
    """Fires once all have; fails, once all have fired, with the first one's failure."""

    def outcome(results: list[tuple[bool, Any]]) -> Any:
        return next((failure for good, failure in results if not good), None)

    return DeferredList(waited, consumeErrors=True).addCallback(outcome)


class _Change:
    """A client that has joined or left while nothing could be told: the last that it did is what counts.

    :ivar known: Whether it was in before: the broker may list it.
    :ivar member: How to list it; None: not any more.
    :ivar history: Asks for the history it joined with; called with the reason where it could not join.
    """

    __slots__ = ("history", "known", "member", "waiters")

    def __init__(self, known: bool) -> None:
        self.known = known
        self.member: Member | None = None
        self.history: Callable[[Failure | None], Deferred[Any]] | None = None
        self.waiters = Waiters(MOST, lambda: Superseded(f"{MOST} later ones of the same client wait"))


class Receivers:
    """The clients of this node that one channel goes to, and what the broker is asked for the channel.

    While subscribing or unsubscribing is under way, the rest waits: of each client only what it did
    last, then whatever else was asked, in order.  So what is kept is in proportion to who is there.

    :param idle: Called when nothing waits any more.
    :ivar subscribed: Whether the broker gives us what is published.
    :ivar ending: Whether that is being given up: what still comes is for nobody, least of all for who
        joins now and would miss what is published before it is subscribed to anew.
    """

    __slots__ = (
        "_ahead",
        "_asked",
        "_broker",
        "_catching",
        "_changes",
        "_idle",
        "_running",
        "_subscribers",
        "_under",
        "_waiting",
        "_wanted",
        "channel",
        "clients",
        "ending",
        "subscribed",
    )

    def __init__(self, broker: Broker, channel: Channel, idle: Callable[[Receivers], None]) -> None:
        self.clients: dict[Client, CatchingUp | None] = {}
        self.subscribed = False
        self.ending = False
        self._broker = broker
        self.channel = channel
        self._idle = idle
        self._catching: dict[CatchingUp, None] = {}
        self._changes: dict[str, _Change] = {}
        self._waiting: deque[tuple[Callable[[], Deferred[Any]], Deferred[Any]]] = deque()
        self._subscribers: list[Deferred[None]] = []
        self._asked = False  # to subscribe, and not to unsubscribe since
        self._under = 0  # so many answers to these are to come
        self._wanted = False
        self._ahead = 0  # so many were asked for before that was wanted
        self._running = False

    # The clients

    def put(self, client: Client, late: CatchingUp | None = None) -> None:
        """One more, or one that need not wait for the history any more."""
        self.clients[client] = late
        if late is not None:
            self._catching[late] = None

    def caughtUp(self, late: CatchingUp) -> None:
        """A client need not be waited for any more."""
        self._catching.pop(late, None)
        late.end()

    def whenAllCaughtUp(self) -> Deferred[None] | None:
        """Fires once all messages that are held now have been sent; None where there are none."""
        return together(*[late.whenEnded() for late in self._catching]) if self._catching else None

    def enter(
        self, member: Member, known: bool, history: Callable[[Failure | None], Deferred[Any]] | None
    ) -> Deferred[None]:
        """Have a client listed that was :meth:`put`.

        :param known: Whether it was there before.
        :param history: Called when it is subscribed to, or with the reason why it cannot be.
        :return: Fires once it is listed, and what *history* gives has fired; or when it has left before.
        """
        self._want()
        return self._change(member.id, member, known, history)

    def leave(self, client: Client) -> Deferred[None]:
        """Have it listed no more, and :meth:`drop` it."""
        left = self._change(client.id, None, True, None)
        dropped = self.drop(client)
        return left if dropped.called and not isinstance(dropped.result, Failure) else together(left, dropped)

    def drop(self, client: Client) -> Deferred[None]:
        """One less; without any the channel is not subscribed to.

        :return: Fires once that is done, where it has to be.
        """
        late = self.clients.pop(client, None)
        if late is not None:
            self.caughtUp(late)
        return succeed(None) if self.clients else self._unsubscribe()

    # The broker

    def subscribe(self) -> Deferred[None]:
        """Have the channel subscribed to.

        :return: Fires once it is; at once where that has been asked for already.
        """
        if not self._want():
            return succeed(None)
        subscribed: Deferred[None] = Deferred()
        self._subscribers.append(subscribed)
        self._run()
        return subscribed

    @property
    def free(self) -> bool:
        """Whether what the broker is asked for the channel goes there at once."""
        return not (self._waiting or self._under or self._running)

    def do(self, call: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """Ask for anything else."""
        if self.free:
            return call()
        outcome: Deferred[Any] = Deferred()
        self._waiting.append((call, outcome))
        self._run()
        return outcome

    # How

    def _want(self) -> bool:
        """:return: Whether that is news."""
        if self._wanted or self.subscribed or (self._under and not self.ending):
            return False
        self._wanted = True
        self._ahead = len(self._waiting)
        return True

    def _change(
        self,
        identity: str,
        member: Member | None,
        known: bool,
        history: Callable[[Failure | None], Deferred[Any]] | None,
    ) -> Deferred[None]:
        change = self._changes.get(identity)
        if change is None:
            change = self._changes[identity] = _Change(known)
        change.member = member
        change.history = None if member is None else history or change.history
        if member is None and not change.known:  # it came and went, and nobody has heard of it
            del self._changes[identity]
            change.waiters.fire(None)
            return succeed(None)
        changed = change.waiters.add()
        self._run()
        return changed

    def _run(self) -> None:
        """Ask the broker for whatever is to be asked, as far as that goes."""
        if self._running:
            return
        self._running = True
        while not self._under:
            if self._wanted and not self._ahead:
                self._subscribe()
            elif self._changes and not self._wanted:
                identity = next(iter(self._changes))
                self._tell(identity, self._changes.pop(identity))
            elif self._waiting:
                self._ahead = max(0, self._ahead - 1)
                call, outcome = self._waiting.popleft()
                if not outcome.called:  # cancelled meanwhile
                    maybeDeferred(call).addBoth(outcome.callback)
            else:
                break
        self._running = False
        if not self._under:
            self._idle(self)

    def _tell(self, identity: str, change: _Change) -> None:
        if change.member is None:
            told = maybeDeferred(self._broker.leave, self.channel, identity)
        else:
            told = maybeDeferred(self._broker.enter, self.channel, change.member)
        if change.history is not None:
            told = together(maybeDeferred(change.history, None), told)
        told.addBoth(change.waiters.fire)

    def _subscribe(self) -> None:
        self._wanted = False
        self._asked = True
        self._under += 1
        maybeDeferred(self._broker.subscribe, self.channel).addBoth(self._hasSubscribed)

    def _hasSubscribed(self, result: Any) -> None:
        self._under -= 1
        subscribers, self._subscribers = self._subscribers, []
        if not isinstance(result, Failure):
            self.subscribed = not self.ending
            result = None
        elif not self.ending:
            # Who could not join is not listed.  The next one to join, or the same once more, asks again.
            for identity, change in list(self._changes.items()):
                if change.member is not None:
                    if change.known:
                        self._changes[identity] = _Change(True)  # as one that has left
                    else:
                        del self._changes[identity]
                    given = change.history(result) if change.history is not None else fail(result)
                    given.addBoth(change.waiters.fire)
        for one in subscribers:
            one.callback(result)
        self._run()

    def _unsubscribe(self) -> Deferred[None]:
        self._wanted = False
        subscribers, self._subscribers = self._subscribers, []
        for one in subscribers:
            one.callback(None)
        if not self._asked:
            self._run()
            return succeed(None)
        self._asked = self.subscribed = False  # even if it fails: the next one to come asks again
        self.ending = True
        self._under += 1
        return maybeDeferred(self._broker.unsubscribe, self.channel).addBoth(self._hasUnsubscribed)

    def _hasUnsubscribed(self, result: Any) -> Any:
        self._under -= 1
        self.ending = False
        self._run()
        return result
