"""Whether a peer is still there: pings after silence, and what an application pings itself.

RFC 6455 5.5.2 and 5.5.3.  Any input is a sign of life.  For versions without pings silence alone
must do.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from wsapp.errors import ConnectionClosed, UnsupportedByVersion, WsappError
from wsapp.limits import Limits
from wsapp.sendqueue import SendQueue
from wsapp.waiter import Waiter, failed
from wsapp.wheel import Timed, Wheel
from wsapp.wire.versions import Sender

__all__ = ["KeepAlive", "Watched"]

# When it was heard that has not been since our ping.
_NEVER = float("-inf")


class Watched(Protocol):
    """Whom a peer is watched for."""

    def suspended(self) -> bool:
        """Whether reading is paused for the application's sake, so that silence means nothing."""

    def vanished(self, why: str) -> None:
        """The peer is gone: *why* says what was missed.  Told once."""


class _Nobody(Watched):
    """For whom a peer is watched that is gone."""

    def suspended(self) -> bool:
        return True

    def vanished(self, why: str) -> None:
        return


_NOBODY = _Nobody()


class KeepAlive(Timed):
    """Watches over one peer, until :meth:`stop`.

    :param wheel: Its time is precise enough but for round trips.
    """

    __slots__ = (
        "_answerBy",
        "_heard",
        "_limits",
        "_pings",
        "_queue",
        "_sender",
        "_sent",
        "_watched",
        "_wheel",
    )

    def __init__(
        self, watched: Watched, limits: Limits, wheel: Wheel, sender: Sender, queue: SendQueue
    ) -> None:
        super().__init__()
        self._watched = watched
        self._limits = limits
        self._wheel = wheel
        self._sender = sender
        self._queue = queue
        self._sent = 0
        self._answerBy = 0.0  # until then an automatic ping may be unanswered
        self._pings: dict[bytes, tuple[Waiter[float], float]] | None = None  # most never send one
        wheel.add(self, self._patience)
        self._heard = wheel.now

    @property
    def _patience(self) -> float:
        return self._limits.pingInterval if self._sender.hasPing else self._limits.idleTimeout

    def heard(self) -> None:
        """The peer has sent something."""
        self._heard = self._wheel.now

    def rest(self) -> None:
        """The connection is being closed, which has a time of its own: watch no more, ping no more."""
        self.cancel()

    def stop(self) -> None:
        """The connection has ended."""
        self.rest()
        self._watched = _NOBODY
        if self._pings is not None:
            pings, self._pings = self._pings, None
            for waiter, _ in pings.values():
                waiter.fail(ConnectionClosed("the connection ended before the pong came"))

    def ping(self) -> Deferred[float]:
        """See :meth:`wsapp.Client.ping`."""
        if not self._sender.hasPing:
            return failed(UnsupportedByVersion("a hixie client knows no ping"))
        if self._pings is None:
            self._pings = {}
        if len(self._pings) >= self._limits.maxPings:
            return failed(WsappError(f"{len(self._pings)} pings are unanswered: wait for one of them"))
        self._sent += 1
        payload = self._sent.to_bytes(8, "big")
        waiter: Waiter[float] = Waiter()
        self._pings[payload] = (waiter, self._wheel.seconds())
        self._queue.write(self._sender.ping(payload))
        return waiter

    def ponged(self, payload: bytes) -> None:
        """A pong has come: it answers the ping of the same payload and those before it."""
        pings = self._pings
        if pings is None or payload not in pings:
            return  # of an automatic ping, or unasked
        now = self._wheel.seconds()
        while payload in pings:
            waiter, sent = pings.pop(next(iter(pings)))
            waiter.callback(now - sent)

    def call(self) -> None:
        """The peer may have been silent for long, or for too long."""
        if self._heard != _NEVER:
            self._look()
        elif self._watched.suspended():
            self._wheel.add(self, self._limits.pingTimeout)
        elif (left := self._answerBy - self._wheel.now) > 0:
            self._wheel.add(self, left)
        else:
            self._watched.vanished(f"no answer to a ping for {self._limits.pingTimeout:g} s")

    def _look(self) -> None:
        if self._watched.suspended():
            self.heard()
            self._wheel.add(self, self._patience)
            return
        # What was heard came after the tick that was noted: only from the next one on is silence certain.
        silence = self._wheel.now - self._wheel.tickAfter(self._heard)
        if silence < self._patience:
            self._wheel.add(self, self._patience - silence)
        elif self._sender.hasPing:
            self._queue.write(self._sender.ping(b""))
            self._heard = _NEVER
            limits = self._limits
            self._answerBy = self._wheel.now + limits.pingTimeout
            # Once it has been answered there may be silence again, and that is not to last longer either.
            self._wheel.add(self, min(limits.pingTimeout, limits.pingInterval))
        else:
            self._watched.vanished(f"silent for {self._limits.idleTimeout:g} s")
