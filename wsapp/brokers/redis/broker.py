"""``RedisBroker``: the nodes of one service, on any machines, over one Redis or Valkey."""

from __future__ import annotations

import secrets
from typing import Any

from twisted.internet.defer import Deferred, fail, gatherResults, inlineCallbacks

from wsapp.brokers import Channel, Deliver, Dismissal, Keep, Member, Publication
from wsapp.brokers.redis.address import Address
from wsapp.brokers.redis.following import Following
from wsapp.brokers.redis.health import Health, Refused
from wsapp.brokers.redis.link import Link
from wsapp.brokers.redis.names import Names, pack, parse
from wsapp.brokers.redis.outbox import Outbox
from wsapp.brokers.redis.presence import Presence
from wsapp.brokers.redis.requests import Requests
from wsapp.brokers.redis.scripts import HELLO, HISTORY, MISSED, load
from wsapp.errors import BrokerUnavailable, HistoryGone
from wsapp.metrics import BrokerMetrics

__all__ = ["AWAY", "RedisBroker"]

#: What each channel keeps for nodes that were away, whether or not the application keeps a history.
AWAY = Keep(131_072, 16 * 1024 * 1024, 300.0)

#: The oldest release that has what the scripts need (XTRIM and XREVRANGE as they use them).
OLDEST = (6, 2)


class RedisBroker:
    """See :class:`wsapp.brokers.Broker` for what it promises, and ``docs/howto/scaling.rst`` for its limits.

    :param address: Where Redis is.
    :param prefix: What all keys and channels begin with.
    :param lease: Seconds after which a node that was killed is listed no more.
    :param patience: Seconds that the broker may leave something unanswered.
    :param outboxMessages: Messages that may wait for the broker to acknowledge them.
    :param outboxBytes: Bytes that may.
    :param away: What is kept of each channel for nodes that were away.
    :param purpose: What the log says behind its address, where a process has several.
    """

    def __init__(
        self,
        reactor: Any,
        address: Address,
        prefix: str = "wsapp",
        *,
        lease: float = 15.0,
        patience: float = 15.0,
        outboxMessages: int = 20_000,
        outboxBytes: int = 32 * 1024 * 1024,
        away: Keep = AWAY,
        purpose: str = "",
    ) -> None:
        self.metrics = BrokerMetrics(reactor.seconds)
        self.metrics.state = "down"
        self._reactor = reactor
        self._address = address
        self._away = away
        self._names = Names(prefix, address.database)
        self._publisher = secrets.token_hex(6).encode()
        self._epoch: str | None = None
        self._runs: dict[str, str] = {}  # which start of which server each connection leads to
        self._deliver: Deliver | None = None
        self._health = Health(f"{address}{purpose}", self.metrics)
        self._requests = Requests(reactor, patience, self._refusal, self._restart)
        self._outbox = Outbox(
            reactor,
            self._publisher,
            outboxMessages,
            outboxBytes,
            self.metrics,
            self._refusal,
            self._restart,
            self._health.note,
        )
        self._presence = Presence(reactor, self._names, self._requests, lease, self._health.note)
        self._following = Following(
            reactor,
            self._names,
            self._requests,
            self._delivered,
            self._health,
            self.metrics,
            away.seconds,
        )
        self._commands = Link(
            reactor,
            address,
            self._health,
            "commands",
            self._hello,
            self._commandsUp,
            self._commandsDown,
            patience,
        )
        self._news = Link(
            reactor,
            address,
            self._health,
            "news",
            self._listen,
            self._newsUp,
            self._newsDown,
            patience,
            self._following.heard,
        )

    @property
    def reachable(self) -> bool:
        """Whether it can be used now."""
        return (
            self._commands.connection is not None
            and self._news.connection is not None
            and self._runs["commands"] == self._runs["news"]
        )

    # Its life

    def start(self, deliver: Deliver) -> Deferred[None]:
        """Begin; fires once it is connected, or the first attempt has failed: it goes on trying then."""
        self._deliver = deliver
        both = gatherResults([self._commands.start(), self._news.start()])
        return both.addCallback(lambda _: None)

    @inlineCallbacks
    def stop(self) -> Any:
        """End, once what was published has gone out; an unreachable broker is not waited for."""
        if self._deliver is None:
            return
        if self.reachable:
            emptied = self._outbox.whenEmpty()
            emptied.addTimeout(5.0, self._reactor)
            yield emptied.addErrback(lambda _: None)
        self._deliver = None
        gone = self._presence.farewell().addTimeout(2.0, self._reactor)
        yield gone.addErrback(lambda _: None)
        if left := self._outbox.stop():
            self._health.note(
                f"{left} messages that it has not acknowledged are given up, for the service stops"
            )
        self._following.stop()
        self._requests.stop()
        yield gatherResults([self._commands.stop(), self._news.stop()])

    @inlineCallbacks
    def _hello(self, connection: Any) -> Any:
        """Find out who is there, and which memory it has."""
        facts = yield self._facts(connection, "commands")
        mode = facts.get("redis_mode") or facts.get("server_mode") or "standalone"
        if mode != "standalone":
            raise Refused(
                f"it is a Redis {mode.capitalize()}, which is not supported: give a plain server's address"
            )
        version = facts.get("redis_version", "")
        if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
            raise Refused(f"it is Redis {version}, and 6.2 or later is needed")
        yield load(connection)
        told = [secrets.token_hex(4), self._runs["commands"], secrets.token_hex(4), self._names.trial]
        epoch = (yield connection.execute_command(*HELLO.words([self._names.origin], told))).decode()
        if self._epoch not in (None, epoch):
            self.metrics.epochs += 1
            self._health.note("it has forgotten everything: histories and offsets begin anew")
        self._epoch = epoch
        yield self._presence.prepare(connection)

    @inlineCallbacks
    def _listen(self, connection: Any) -> Any:
        yield self._facts(connection, "news")
        yield connection.tryListening(self._names.trial)

    @inlineCallbacks
    def _facts(self, connection: Any, which: str) -> Any:
        told = yield connection.execute_command("INFO", "server")
        facts = dict(line.split(":", 1) for line in told.decode().splitlines() if ":" in line)
        self._runs[which] = facts.get("run_id", "")
        return facts

    def _meet(self, other: Link) -> None:
        """A connection is made: its address may lead elsewhere than when the other one was."""
        if other.connection is not None and self._runs["commands"] != self._runs["news"]:
            other.restart("its address leads to another server now")

    def _commandsUp(self) -> None:
        self._meet(self._news)
        connection = self._commands.connection
        self._health.good("commands", self.reachable)
        self._presence.up(connection)
        self._requests.up(connection)
        self._flush()

    def _commandsDown(self) -> None:
        self._presence.down()
        self._requests.down()
        self._outbox.down()

    def _newsUp(self) -> None:
        self._meet(self._commands)
        self._health.good("news", self.reachable)
        self._following.up(self._news.connection)
        self._flush()

    def _newsDown(self) -> None:
        self._following.down(self._news.answered)
        # What goes out has to come back before its Deferred fires: no more than a window is to wait for that.
        self._outbox.hold()

    def _flush(self) -> None:
        if self.reachable:
            self._outbox.up(self._commands.connection)

    def _refusal(self, reason: str | None) -> None:
        if reason is None:
            self._health.good("answers", self.reachable)
        else:
            self._health.trouble("answers", reason)

    def _restart(self, reason: str) -> None:
        self._commands.restart(reason)

    def _delivered(self, channel: Channel, item: Publication | Dismissal) -> None:
        if self._deliver is not None:
            self._deliver(channel, item)

    # What it is asked for

    def subscribe(self, channel: Channel) -> Deferred[None]:
        """Waits as long as the broker cannot be reached."""
        return self._following.subscribe(channel)

    def unsubscribe(self, channel: Channel) -> Deferred[None]:
        """At once."""
        return self._following.unsubscribe(channel)

    def publish(
        self, channel: Channel, message: str | bytes, exclude: frozenset[str], keep: Keep | None
    ) -> Deferred[None]:
        """Fires once the broker has acknowledged it and it was delivered here.

        Fails with :exc:`~wsapp.errors.OutboxFull` where too much waits for that.
        """
        return self._put(channel, message, exclude, keep)

    def dismiss(self, channel: Channel, dismissal: Dismissal) -> Deferred[None]:
        """As :meth:`publish`."""
        return self._put(channel, dismissal, frozenset(), None)

    def _put(
        self, channel: Channel, item: str | bytes | Dismissal, exclude: frozenset[str], keep: Keep | None
    ) -> Deferred[None]:
        if self._deliver is None:
            return fail(BrokerUnavailable("the broker was not started, or has been stopped"))
        payload, size = pack(item, exclude, keep is not None)
        names, away = self._names, self._away
        kept = keep or Keep(0, 0, 0.0)
        arguments = [
            size if keep is not None else -1,
            *(kept.messages, kept.size, int(kept.seconds * 1000)),
            *(away.messages, away.size, int(away.seconds * 1000)),
        ]
        keys = [names.stream(channel), names.place(channel), names.sequence(self._publisher), names.origin]
        sent = self._outbox.put(keys, names.news(channel), payload, arguments)
        return sent.addCallback(lambda place: self._following.reached(channel, *place))

    def history(self, channel: Channel, limit: int) -> Deferred[list[Publication]]:
        """The broker's."""
        keys = [self._names.stream(channel), self._names.place(channel)]
        return self._requests.ask(HISTORY, keys, max(0, limit)).addCallback(self._publications)

    def since(self, channel: Channel, epoch: str, offset: int) -> Deferred[list[Publication]]:
        """The broker's."""

        def read(result: list[bytes] | None) -> list[Publication]:
            if result is None:
                raise HistoryGone(f"what came after offset {offset} of that epoch is not kept")
            return self._publications(result)

        keys = [self._names.stream(channel), self._names.place(channel)]
        # An offset is a double to the broker: whatever is too high for one was never given out.
        place = [epoch.encode("utf-8", "surrogatepass"), max(-1, min(offset, 2**53))]
        return self._requests.ask(MISSED, keys, *place).addCallback(read)

    def _publications(self, notices: list[bytes]) -> list[Publication]:
        items = []
        for one in notices:
            try:
                items.append(parse(one).item)
            except ValueError as error:
                self._health.note(str(error))
        return [item for item in items if isinstance(item, Publication)]

    def enter(self, channel: Channel, member: Member) -> Deferred[None]:
        """Waits as long as the broker cannot be reached."""
        return self._presence.enter(channel, member)

    def leave(self, channel: Channel, identity: str) -> Deferred[None]:
        """Waits as long as the broker cannot be reached."""
        return self._presence.leave(channel, identity)

    def members(self, channel: Channel) -> Deferred[list[Member]]:
        """Those of all nodes whose lease has not run out."""
        return self._presence.members(channel)
