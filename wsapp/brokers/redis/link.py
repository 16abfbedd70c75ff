"""A connection to the broker, made anew whenever it ends.

Of txredisapi only the protocol is used: its own reconnecting does not subscribe again, its TLS
verifies nothing, and what was under way when a connection ended is our business to repeat.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from wsapp.brokers.redis.address import Address
from wsapp.brokers.redis.health import Health, Refused, codeOf, explain

__all__ = ["Link", "backoff", "isLoss"]

#: Seconds between looks whether the broker still answers.
PULSE = 5.0

#: Seconds that a connection must have lasted for the next attempt to be made at once.
STEADY = 5.0


def backoff(attempt: int) -> float:
    """:return: Seconds until the next attempt: up to 5, with jitter, so that not all nodes come at once."""
    return float(min(5.0, 0.1 * 2 ** min(attempt, 10)) * random.uniform(0.5, 1))


@cache
def _protocol() -> type[Any]:
    # txredisapi imports a reactor at its top, which modules of wsapp do not.
    from txredisapi import RedisProtocol

    class Connection(RedisProtocol):  # type: ignore[misc]
        """One connection.

        :ivar ended: Called when it has.
        :ivar heard: Called with what comes on a pub/sub channel, and with confirmations.
        """

        ended: Callable[[BaseException | None], None]
        heard: Callable[[bytes, bytes, Any], None] | None = None
        _trial: Deferred[Any] | None = None
        _listens = False

        def dataReceived(self, data: bytes, unpause: bool = False) -> None:
            try:
                super().dataReceived(data, unpause)
            except Exception as error:  # what speaks there is not Redis
                self.reason: BaseException = error
                self.transport.abortConnection()

        def replyReceived(self, reply: Any) -> None:
            if not self._listens:
                super().replyReceived(reply)
            elif isinstance(reply, list) and len(reply) == 3:
                if self._trial is not None:
                    self._tried().callback(None)
                elif self.heard is not None:
                    self.heard(*reply)
            elif isinstance(reply, Exception) and self._isOfListening(reply):
                if self._trial is not None:
                    self._tried().errback(reply)
                else:
                    self.reason = reply
                    self.transport.abortConnection()
            else:
                super().replyReceived(reply)

        def _isOfListening(self, error: Exception) -> bool:
            # Confirmations and refusals of SUBSCRIBE are no answers that anything waits for.
            return not self.replyQueue.waiting or codeOf(error) == "NOPERM"

        def _tried(self) -> Deferred[Any]:
            trial, self._trial = self._trial, None
            assert trial is not None
            return trial

        def connectionLost(self, why: Failure) -> None:
            super().connectionLost(why)
            if self._trial is not None:
                self._tried().errback(why)
            self.ended(getattr(self, "reason", why.value))

        def _build_command(self, *words: Any, **_: Any) -> bytes:
            # As txredisapi's, in a third of the time: every message has two dozen words.
            parts = [b"*%d\r\n" % len(words)]
            for word in words:
                data = word if isinstance(word, bytes) else str(word).encode()
                parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
            return b"".join(parts)

        def put(self, *words: Any) -> None:
            """Send a command whose answers come to :attr:`heard`."""
            self._listens = True
            self.transport.write(self._build_command(*words))

        def tryListening(self, name: bytes) -> Deferred[Any]:
            """Subscribe to a channel, and take it back; fails where that is not allowed."""
            self._trial = Deferred()
            self.put("SUBSCRIBE", name)
            self.put("UNSUBSCRIBE", name)
            return self._trial

    return Connection


class Link:
    """Connects, prepares the connection, and does both again when it is lost.

    :param name: Which one it is, for :class:`Health`.
    :param prepare: Called with each new connection; the link is up once its Deferred fires.
    :param up: Called then.
    :param down: Called when a connection that was up is lost.
    :param patience: Seconds that the broker may leave something unanswered.
    :param heard: Makes it a connection for pub/sub: called with kind, channel and message.
    :ivar connection: The protocol while it is up, else None.
    :ivar answered: When it was sent what it has last answered, so that all is here that it had said before.
    """

    def __init__(
        self,
        reactor: Any,
        address: Address,
        health: Health,
        name: str,
        prepare: Callable[[Any], Deferred[Any]],
        up: Callable[[], None],
        down: Callable[[], None],
        patience: float,
        heard: Callable[[bytes, bytes, Any], None] | None = None,
    ) -> None:
        self.connection: Any = None
        self.answered = 0.0
        self._reactor = reactor
        self._endpoint = address.endpoint(reactor)
        self._health = health
        self._name = name
        self._prepare = prepare
        self._up = up
        self._down = down
        self._patience = patience
        self._heard = heard
        self._user, self._password, self._database = address.user, address.password, address.database
        self._running = False
        self._protocol: Any = None
        self._connecting: Deferred[Any] | None = None
        self._attempt = 0
        self._since = 0.0
        self._timer: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None
        self._first: Deferred[None] | None = None

    def start(self) -> Deferred[None]:
        """Begin.

        :return: Fires when the first attempt has succeeded or failed, or takes long.
        """
        self._running = True
        self._first = Deferred()
        first = self._first
        first.addTimeout(PULSE, self._reactor, lambda _result, _seconds: None)
        self._connect()
        return first

    def stop(self) -> Deferred[None]:
        """End; fires once the connection has."""
        self._running = False
        self._cancelTimer()
        if self._connecting is not None:
            self._connecting.cancel()
        self._hasTried()
        if self._protocol is None:
            return succeed(None)
        self._stopped = Deferred()
        self._protocol.transport.abortConnection()
        return self._stopped

    def restart(self, reason: str) -> None:
        """Give up the connection there is, for it cannot be used as it is."""
        if self._protocol is not None:
            self._protocol.reason = Refused(reason)
            self._protocol.transport.abortConnection()

    # Connecting

    def _connect(self) -> None:
        self._timer = None

        def made() -> Any:
            protocol = _protocol()(charset=None, convertNumbers=False)
            protocol.heard = self._heard
            return protocol

        factory = Factory.forProtocol(made)
        factory.noisy = False
        self._connecting = self._endpoint.connect(factory)
        self._connecting.addCallbacks(self._made, self._failed)

    def _failed(self, failure: Failure) -> None:
        self._connecting = None
        if self._running:
            self._health.trouble(self._name, explain(failure.value))
            self._again()

    def _made(self, protocol: Any) -> None:
        self._connecting = None
        self._protocol = protocol
        protocol.ended = self._ended
        prepared = self._prepared(protocol)
        prepared.addTimeout(self._patience, self._reactor, lambda _result, seconds: fail(_silent(seconds)))
        prepared.addCallbacks(self._ready, self._unfit, (protocol,), {}, (protocol,))

    @inlineCallbacks
    def _prepared(self, protocol: Any) -> Any:
        if self._password is not None:
            user = [] if self._user is None else [self._user]
            yield protocol.execute_command("AUTH", *user, self._password)
        if self._database:
            yield protocol.execute_command("SELECT", self._database)
        yield self._prepare(protocol)

    def _ready(self, _: object, protocol: Any) -> None:
        if self._protocol is not protocol or not self._running:
            return
        self._since = self.answered = self._reactor.seconds()
        self.connection = protocol
        self._timer = self._reactor.callLater(PULSE, self._pulse)
        self._up()
        self._hasTried()

    def _unfit(self, failure: Failure, protocol: Any) -> None:
        """It could not be prepared; the reason is known now, or comes with the connection's end."""
        if self._protocol is protocol:
            if not isLoss(failure.value):
                protocol.reason = failure.value
            protocol.transport.abortConnection()

    def _ended(self, error: BaseException | None) -> None:
        """The connection is there no more."""
        self._cancelTimer()
        self._protocol = None
        wasUp, self.connection = self.connection is not None, None
        if wasUp:
            self._down()
            if self._reactor.seconds() - self._since > STEADY:
                self._attempt = 0
        if not self._running:
            if self._stopped is not None:
                stopped, self._stopped = self._stopped, None
                stopped.callback(None)
            return
        self._health.trouble(self._name, explain(error))
        self._again()

    def _again(self) -> None:
        self._attempt += 1
        self._timer = self._reactor.callLater(backoff(self._attempt), self._connect)
        self._hasTried()

    def _hasTried(self) -> None:
        if self._first is not None:
            first, self._first = self._first, None
            first.callback(None)

    def _cancelTimer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    # Whether it still answers

    def _pulse(self) -> None:
        self._timer = self._reactor.callLater(self._patience, self._silence)
        answer = self.connection.execute_command("PING")
        answer.addBoth(self._beats, self.connection, self._reactor.seconds())

    def _beats(self, result: object, connection: Any, since: float) -> None:
        # That it refuses, for want of a disk perhaps, is an answer too.
        if self.connection is connection and not (isinstance(result, Failure) and isLoss(result.value)):
            self.answered = since
            self._cancelTimer()
            self._timer = self._reactor.callLater(PULSE, self._pulse)

    def _silence(self) -> None:
        self._timer = None
        self.restart(str(_silent(self._patience)))


def _silent(seconds: float) -> Exception:
    return Refused(f"it has not answered for {seconds:g} seconds")


def isLoss(error: BaseException | None) -> bool:
    """:return: Whether a command has no answer because its connection has ended."""
    from txredisapi import ConnectionError as Lost

    return isinstance(error, Lost)
