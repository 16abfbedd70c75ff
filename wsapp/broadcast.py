"""Groups, users, presence and history, over a broker.

A broker carries messages between nodes; here is who on this node gets them.  A message is encoded
once for each wire form among its receivers, not once for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.app import App
from wsapp.brokers import Broker, Channel, Dismissal, Keep, Member, Publication
from wsapp.catchingup import CatchingUp
from wsapp.client import Client
from wsapp.errors import BrokerUnavailable, HistoryGone, Superseded, WsappError
from wsapp.line import Line
from wsapp.receivers import Receivers, together
from wsapp.waiter import quiet

__all__ = ["Audience", "Broadcast"]

log = Logger()


class _Clients(Collection[Client]):
    """Those who are connected: cheap to count, and may come and go while somebody iterates."""

    def __init__(self, clients: Collection[Client]) -> None:
        self._clients = clients

    def __len__(self) -> int:
        return len(self._clients)

    def __iter__(self) -> Iterator[Client]:
        return iter(tuple(self._clients))

    def __contains__(self, client: object) -> bool:
        return client in self._clients

    def __repr__(self) -> str:
        return f"<{len(self)} clients>"


class Audience:
    """The clients of one application on this node; what ``App`` and ``Client`` know as their rooms.

    :param limit: Bytes of live messages that may wait for one joining client's history.
    :param line: Where messages wait that are sent while a join or leave is under way at the broker;
        audiences of one broker share one.
    """

    def __init__(self, app: App, broker: Broker, limit: int, line: Line | None = None) -> None:
        self._app = app
        self._broker = broker
        self._limit = limit
        self._line = line or Line(broker.metrics)
        # Of each client; most are in none.
        self._groups: dict[Client, dict[str, None] | None] = {}
        self._channels: dict[Channel, Receivers] = {}
        self._all = self._channel("all", "")
        self._everybody = self._receiversOf(self._all)
        self._present = _Clients(self._groups.keys())

    # What the server tells

    def start(self) -> Deferred[None]:
        """Begin to receive what goes to all clients."""
        return self._everybody.subscribe()

    def add(self, client: Client) -> None:
        """A client has come."""
        self._groups[client] = None
        self._everybody.put(client)
        if client.user is not None:
            receivers = self._receiversOf(self._channel("user", client.user))
            receivers.put(client)
            _log(receivers.subscribe())

    def remove(self, client: Client) -> None:
        """A client has gone: nothing is sent to it any more."""
        client.depart()
        if client not in self._groups:
            return
        for name in list(self._groups[client] or ()):
            _log(self.leave(client, name))
        del self._groups[client]
        self._everybody.clients.pop(client, None)
        if client.user is not None:
            _log(self._receiversOf(self._channel("user", client.user)).drop(client))

    def deliver(self, channel: Channel, item: Publication | Dismissal) -> None:
        """Give the clients of this node what was published."""
        receivers = self._channels.get(channel)
        if receivers is None or receivers.ending:
            return
        if isinstance(item, Dismissal):
            for client in list(receivers.clients):
                client.close(item.code, item.reason)
            return
        message, exclude = item.message, item.exclude
        encoded: dict[object, bytes] = {}
        for client, late in list(receivers.clients.items()):
            if late is not None:
                if late.holding:
                    self._hold(receivers, client, late, item)
                    continue
                if late.covers(item):
                    continue
                receivers.put(client)
            if client.id not in exclude:
                client.deliver(message, encoded)

    def _hold(self, receivers: Receivers, client: Client, late: CatchingUp, item: Publication) -> None:
        """Keep a live message for a client that is still to be sent the history."""
        if late.hold(item):
            self._send(receivers, client, late)
        else:
            self._overrun(receivers, client, late)

    def _overrun(self, receivers: Receivers, client: Client, late: CatchingUp) -> None:
        receivers.put(client)
        receivers.caughtUp(late)
        client.overrun()

    def _send(self, receivers: Receivers, client: Client, late: CatchingUp) -> None:
        """Send a joining client the history and what came meanwhile, once nothing is missing."""
        publications = late.ready()
        if publications is not None:
            for publication in publications:
                if client.id not in publication.exclude:
                    client.deliver(publication.message, {})
            receivers.caughtUp(late)

    # Rooms

    @property
    def clients(self) -> Collection[Client]:
        """Those who are connected."""
        return self._present

    def groupsOf(self, client: Client) -> frozenset[str]:
        """The names of the groups that a client is in."""
        return frozenset(self._groups.get(client) or ())

    def join(self, client: Client, name: str, history: int, info: Any) -> Deferred[None]:
        """See :meth:`wsapp.Client.join`."""
        self._app.reaching()
        if client not in self._groups:  # gone already
            return succeed(None)
        groups = self._groups[client]
        if groups is None:
            groups = self._groups[client] = {}
        channel = self._channel("group", name)
        member = Member(client.id, client.user, info)
        receivers = self._receiversOf(channel)
        known, catchUp = name in groups, None
        if not known:
            groups[name] = None
            late = None
            if history > 0 and self._app.historySize > 0:
                late = CatchingUp(self._limit, receivers.subscribed)
                catchUp = self._catchUp(receivers, client, late, min(history, self._app.historySize))
            receivers.put(client, late)
        return quiet(receivers.enter(member, known, catchUp), Superseded)

    def _catchUp(
        self, receivers: Receivers, client: Client, late: CatchingUp, most: int
    ) -> Callable[[Failure | None], Deferred[Any]]:
        """What is to be done for it once the channel is subscribed to, or cannot be."""

        def given(result: Any) -> Any:
            late.asked = None
            if not late.holding:  # it has left
                return None
            if late.remember([] if isinstance(result, Failure) else result):
                self._send(receivers, client, late)
            else:
                self._overrun(receivers, client, late)
            return result

        def ask(reason: Failure | None) -> Deferred[Any]:
            if not late.holding:
                return succeed(None)
            asked = self._broker.history(receivers.channel, most) if reason is None else fail(reason)
            late.asked = asked
            return asked.addBoth(given)

        return ask

    def leave(self, client: Client, name: str) -> Deferred[None]:
        """See :meth:`wsapp.Client.leave`."""
        groups = self._groups.get(client)
        if groups is None or name not in groups:
            return succeed(None)
        del groups[name]
        return quiet(self._receiversOf(self._channel("group", name)).leave(client), Superseded)

    def sendToGroup(self, name: str, message: str | bytes, exclude: frozenset[str]) -> Deferred[None]:
        """See :meth:`wsapp.Group.send`."""
        channel = self._channel("group", name)
        published = self._publish(channel, message, exclude, self._keep())
        return quiet(published.addCallback(lambda _: self._reached(channel)), BrokerUnavailable)

    def _reached(self, channel: Channel) -> Deferred[None] | None:
        """Wait until those who are sent the history first have what was just published too."""
        receivers = self._channels.get(channel)
        return receivers.whenAllCaughtUp() if receivers is not None else None

    def sendToUser(self, name: str, message: str | bytes) -> Deferred[None]:
        """See :meth:`wsapp.User.send`."""
        return quiet(
            self._publish(self._channel("user", name), message, frozenset(), None), BrokerUnavailable
        )

    def sendToAll(self, message: str | bytes, exclude: frozenset[str]) -> Deferred[None]:
        """See :meth:`wsapp.App.broadcast`."""
        return quiet(self._publish(self._all, message, exclude, None), BrokerUnavailable)

    def dismissUser(self, name: str, code: int, reason: str) -> Deferred[None]:
        """See :meth:`wsapp.User.close`."""
        channel = self._channel("user", name)
        dismissed = self._put(channel, reason, lambda: self._broker.dismiss(channel, Dismissal(code, reason)))
        return quiet(dismissed, BrokerUnavailable)

    def members(self, name: str) -> Deferred[list[Member]]:
        """See :meth:`wsapp.Group.members`."""
        channel = self._channel("group", name)
        return self._after(channel, lambda: self._broker.members(channel))

    def history(
        self, name: str, limit: int | None, since: tuple[str, int] | None
    ) -> Deferred[list[Publication]]:
        """See :meth:`wsapp.Group.history`."""
        channel = self._channel("group", name)
        if since is not None:
            if self._app.historySize <= 0:
                return fail(HistoryGone(f"{self._app.name} keeps no history"))
            missed = self._after(channel, lambda: self._broker.since(channel, *since))
            return missed if limit is None else missed.addCallback(lambda found: found[: max(0, limit)])
        most = self._app.historySize if limit is None else min(limit, self._app.historySize)
        return self._after(channel, lambda: self._broker.history(channel, most))

    def count(self, name: str) -> int:
        """How many clients of this node are in a group."""
        receivers = self._channels.get(self._channel("group", name))
        return len(receivers.clients) if receivers is not None else 0

    # How

    def _channel(self, kind: str, name: str) -> Channel:
        return Channel(self._app.name, kind, name)

    def _keep(self) -> Keep | None:
        app = self._app
        return Keep(app.historySize, app.historyBytes, app.historySeconds) if app.historySize > 0 else None

    def _receiversOf(self, channel: Channel) -> Receivers:
        receivers = self._channels.get(channel)
        if receivers is None:

            def forget(idle: Receivers) -> None:
                if not idle.clients and channel.kind != "all" and self._channels.get(channel) is idle:
                    del self._channels[channel]

            receivers = self._channels[channel] = Receivers(self._broker, channel, forget)
        return receivers

    def _after(self, channel: Channel, call: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """Ask once this node's own joins of the channel have taken effect."""
        receivers = self._channels.get(channel)
        if receivers is None or receivers.free:
            return call()
        return self._line.ask(receivers.do, call)

    def _publish(
        self, channel: Channel, message: str | bytes, exclude: frozenset[str], keep: Keep | None
    ) -> Deferred[None]:
        return self._put(channel, message, lambda: self._broker.publish(channel, message, exclude, keep))

    def _put(
        self, channel: Channel, message: str | bytes, publish: Callable[[], Deferred[None]]
    ) -> Deferred[None]:
        receivers = self._channels.get(channel)
        if receivers is None or receivers.free:
            return publish()
        return self._line.put(message, receivers.do, publish)


def _log(deferred: Deferred[Any]) -> None:
    """Nobody waits for this: let a failure be one line of the log."""

    def failed(failure: Failure) -> None:
        log.error("the broker: {error}", error=failure.value)

    deferred.addErrback(failed)


class Broadcast:
    """The broadcast service of one node: the audiences of its applications, and the broker.

    :param limit: See :class:`Audience`.
    """

    def __init__(self, broker: Broker, limit: int) -> None:
        self._broker = broker
        self._limit = limit
        self._line = Line(broker.metrics)
        self._audiences: dict[str, Audience] = {}

    def audience(self, app: App, limit: int | None = None) -> Audience:
        """The audience of an application.

        :param limit: See :class:`Audience`; None: the same as for others.
        :raises WsappError: Another application has the same name.
        """
        if app.name in self._audiences:
            raise WsappError(f"two applications are called {app.name!r}")
        made = self._audiences[app.name] = Audience(app, self._broker, limit or self._limit, self._line)
        return made

    def start(self) -> Deferred[None]:
        """Connect to the broker and begin to receive.

        Where the broker cannot be reached for now, that comes later: what is this node's own works without.
        """

        def subscribe(_: object) -> Deferred[None] | None:
            subscribed = together(*[audience.start() for audience in self._audiences.values()])
            if self._broker.reachable:
                return subscribed
            _log(subscribed)
            return None

        return self._broker.start(self._deliver).addCallback(subscribe)

    def stop(self) -> Deferred[None]:
        """Part from the broker."""
        return self._broker.stop()

    def _deliver(self, channel: Channel, item: Publication | Dismissal) -> None:
        audience = self._audiences.get(channel.app)
        if audience is not None:
            audience.deliver(channel, item)
