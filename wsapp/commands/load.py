"""``wsapp load``: how fast a server echoes, within bounds."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections import deque
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, ensureDeferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from wsapp.client import Disconnection
from wsapp.commands.histogram import Histogram, duration
from wsapp.commands.terminal import Screen, harmless
from wsapp.errors import ConnectFailed
from wsapp.outgoing import dial
from wsapp.outgoing.conversation import ClientConnection
from wsapp.outgoing.dialing import Dialing
from wsapp.wire.url import parseURL

__all__ = ["Run", "isOwn", "load"]

#: Connections that are made at once.
_TOGETHER = 50
#: Seconds without any answer after which, at the end, none is expected any more.
_PATIENCE = 5
#: The exit status, as shells have it of what SIGINT ends.
_INTERRUPTED = 128 + 2
#: Messages of one client that may be on their way, where a rate is kept.
_IN_FLIGHT = 100


def isOwn(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    if host in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(reactor: Any, read: argparse.Namespace, options: dict[str, Any]) -> Deferred[None]:
    """Measure.

    :return: Fails with SystemExit.
    """
    working = ensureDeferred(_load(reactor, read, options))
    finished: Deferred[None] = Deferred()

    def done(result: Any) -> Any:
        finished.callback(None)
        return result

    def interrupted() -> Deferred[None] | None:
        if not finished.called:  # Ctrl-C
            working.cancel()
        return finished

    reactor.addSystemEventTrigger("before", "shutdown", interrupted)
    return working.addBoth(done)


async def _load(reactor: Any, read: argparse.Namespace, options: dict[str, Any]) -> None:
    out, err = Screen(sys.stdout), Screen(sys.stderr)
    target = parseURL(read.url)
    host = target.host
    if isOwn(host):
        if read.proxy is None:  # whose loopback it would be is another question
            options = {**options, "proxy": None}
    elif not (target.socket or (read.host or "").lower() == host):
        err.line(f"wsapp: {host} is another machine: to load it, say so by --host {host}", "red")
        raise SystemExit(2)
    run = Run(reactor, int(read.size), read.rate)
    clients = int(read.clients)
    err.moment(f"connecting {clients} clients")
    if not await run.connect(Dialing(read.url, **options), clients, read.timeout):
        err.line(f"wsapp: {harmless(run.trouble or '')}", "red")
        raise SystemExit(_INTERRUPTED if run.interrupted else 3)
    bar = LoopingCall(lambda: err.moment(run.progress(read.seconds)))
    bar.clock = reactor
    run.begin()
    watching: Deferred[Any] | None = bar.start(0.2) if err.terminal else None
    try:
        await deferLater(reactor, read.seconds, lambda: None)
        run.end()
        await run.answered()
    except CancelledError:
        run.end()
        run.interrupted = True
    if watching is not None:
        bar.stop()
        err.clear()
    for line in run.report():
        out.line(line)
    if out.failure is not None and not isinstance(out.failure, BrokenPipeError):
        run.trouble = f"the output cannot be written: {out.failure.strerror}"
    if run.trouble is not None:
        err.line(f"wsapp: {harmless(run.trouble)}", "red")
    await run.close()
    if run.interrupted:
        raise SystemExit(_INTERRUPTED)
    raise SystemExit(0 if run.times.count and run.trouble is None else 1)


class _Client:
    """The hooks of one connection."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.connection: ClientConnection | None = None
        self.sent: deque[float] = deque()  # when each message on its way was to leave

    def onConnect(self, connection: ClientConnection) -> None:
        self.connection = connection

    def onMessage(self, connection: ClientConnection, message: str | bytes) -> None:
        self._run.came(self, message)

    def onDisconnect(self, connection: ClientConnection, reason: Disconnection) -> None:
        self._run.gone(reason)

    def send(self, due: float, message: str) -> None:
        """Send the message, which was due then."""
        self.sent.append(due)
        assert self.connection is not None
        self.connection.send(message)


class Run:
    """One measurement.

    :param size: Bytes of a message.
    :param rate: Messages a second, of all clients; None: each sends when its last has come back.
    :ivar trouble: What went wrong first.
    :ivar interrupted: Whether it was ended before its time.
    """

    def __init__(self, reactor: Any, size: int, rate: float | None) -> None:
        self._reactor = reactor
        self._message = ("wsapp load " * (size // 11 + 1))[:size]
        self._rate = rate
        self._clients: list[_Client] = []
        self._running = False
        self._began = self._ended = self._heard = 0.0
        self._due = 0
        self._turn = 0
        self._ticking: LoopingCall | None = None
        self.late = 0
        self.times = Histogram()
        self.trouble: str | None = None
        self.interrupted = False

    async def connect(self, dialing: Dialing, clients: int, timeout: float) -> bool:
        """Connect them, some at a time.

        :return: Whether all are there.
        """
        terms = dialing.terms(self._reactor)
        left = iter(range(clients))

        async def some() -> None:
            for _ in left:
                client = _Client(self)
                self._clients.append(client)
                connecting = dial(dialing, client, self._reactor, terms, timeout, lambda: None)
                await connecting.addErrback(self._failed)
                if self.trouble is not None:
                    return

        all_ = [Deferred.fromCoroutine(some()) for _ in range(min(clients, _TOGETHER))]
        for _, result in await DeferredList(all_, consumeErrors=True):
            if isinstance(result, Failure):
                result.raiseException()
        return self.trouble is None

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            self.interrupted = True
            self.trouble = "interrupted"
            return
        failure.trap(ConnectFailed)
        self.trouble = self.trouble or failure.getErrorMessage()

    def begin(self) -> None:
        """Send."""
        self._running = True
        self._began = self._reactor.seconds()
        if self._rate is None:
            for client in self._clients:
                client.send(self._began, self._message)
        else:
            self._ticking = LoopingCall(self._tick)
            self._ticking.clock = self._reactor
            self._ticking.start(0.005)

    def _tick(self) -> None:
        """Send what is due: its time counts from then, however late this is."""
        assert self._rate is not None
        now = self._reactor.seconds()
        while self._running and (due := self._began + self._due / self._rate) <= now:
            self._due += 1
            self._turn = (self._turn + 1) % len(self._clients)
            client = self._clients[self._turn]
            if len(client.sent) < _IN_FLIGHT:
                client.send(due, self._message)
            else:
                self.late += 1

    def came(self, client: _Client, message: str | bytes) -> None:
        """A message has come back."""
        if not self._running:
            if client.sent:
                client.sent.popleft()
                self._heard = self._reactor.seconds()
            return
        if message != self._message or not client.sent:
            self.trouble = (
                self.trouble or "the server does not send messages back as they are: it cannot be measured"
            )
            self._running = False
            return
        now = self._reactor.seconds()
        self.times.add(now - client.sent.popleft())
        if self._rate is None:
            client.send(now, self._message)

    def gone(self, reason: Disconnection) -> None:
        """A connection has ended."""
        if self._running:
            self.trouble = (
                self.trouble or f"the server has closed a connection: {reason.code} {reason.reason}".rstrip()
            )

    def end(self) -> None:
        """Send no more."""
        self._running = False
        self._ended = self._reactor.seconds()
        if self._ticking is not None and self._ticking.running:
            self._ticking.stop()

    async def answered(self) -> None:
        """Wait for the answers that are on their way: a server that gives none does not echo."""
        self._heard = self._ended
        while waiting := sum(bool(client.sent) for client in self._clients):
            if self.trouble is not None:
                return
            if self._reactor.seconds() - self._heard >= _PATIENCE:
                self.trouble = f"{waiting:,} of {len(self._clients):,} clients have got no answer any more"
                return
            await deferLater(self._reactor, 0.05, lambda: None)

    async def close(self) -> None:
        """Close all connections."""
        await DeferredList(
            [client.connection.close() for client in self._clients if client.connection is not None],
            consumeErrors=True,
        )

    def progress(self, seconds: float) -> str:
        """How far it is."""
        passed = min(seconds, self._reactor.seconds() - self._began)
        done = int(passed / seconds * 30)
        return (
            f"[{'#' * done}{'.' * (30 - done)}] {passed:.0f} of {seconds:g} s, {self.times.count:,} messages"
        )

    def report(self) -> list[str]:
        """What was measured."""
        times = self.times
        seconds = max(self._ended - self._began, 1e-9)
        lines = [
            f"{len(self._clients)} clients, {len(self._message)} bytes, {seconds:.3g} s: "
            f"{times.count:,} messages, {times.count / seconds:,.0f} a second"
        ]
        if self.late:
            lines.append(
                f"{self.late:,} were due and not sent: {_IN_FLIGHT} of their client's were on their way"
            )
        if times.count:
            middle = ", ".join(
                f"{percent:g} % {duration(times.percentile(percent))}" for percent in (50, 90, 99, 99.9)
            )
            lines.append(
                f"there and back: least {duration(times.least)}, mean {duration(times.total / times.count)}, "
                f"{middle}, most {duration(times.most)}"
            )
            lines += times.bars()
        return lines
