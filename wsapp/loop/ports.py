"""Listening ports: bound and named by Twisted's own classes, accepted from by uvloop in compiled code.

May import ``flavours``.
"""

from __future__ import annotations

__all__ = ["Adopted", "HandedUNIXPort", "TCPPort", "UNIXPort"]

import os
import socket
from dataclasses import dataclass
from resource import RLIMIT_NOFILE, getrlimit
from typing import TYPE_CHECKING, Any, cast

from twisted.internet import tcp, unix
from twisted.logger import Logger
from twisted.python import log

from wsapp.loop.flavours import TCPServer, UNIXServer

if TYPE_CHECKING:
    from wsapp.loop.reactor import UvloopReactor

_SPARE = 32
"""When fewer file descriptors than this are free (an eighth of a low limit), ports stop accepting: the
application needs some, too."""

_LAST = 4
"""With fewer than this, a port does not even try."""

_COUNTED = 128
"""How many free descriptors are counted one by one; of more, an estimate will do."""

_QUIET = 60.0
"""Seconds in which a port says only once that it has paused."""

_PAUSE = 1.0
"""Seconds until a port that has paused looks again."""

_LOOK = 0.25
"""Seconds between two looks of a port that accepts: others may take the last descriptor, and then libuv
accepts whoever comes and closes the connection without a word to anybody."""

_log = Logger()


def spare() -> int:
    """How many file descriptors a port leaves to the application."""
    return min(_SPARE, getrlimit(RLIMIT_NOFILE)[0] // 8)


def free(of: int, most: int) -> int:
    """How many file descriptors are free, found out by taking them for a moment.

    :param of: any open descriptor
    :param most: count no further than this
    """
    taken: list[int] = []
    try:
        while len(taken) < most:
            taken.append(os.dup(of))
    except OSError:
        pass
    for descriptor in taken:
        os.close(descriptor)
    return len(taken)


def acceptable(of: int) -> int:
    """How many connections may be accepted before somebody should ask again; none are, if it is not positive.

    :param of: any open descriptor
    """
    counted = free(of, _COUNTED)
    if counted == _COUNTED:
        try:
            # Half of what is free: the application may open files meanwhile.
            counted = max(counted, (getrlimit(RLIMIT_NOFILE)[0] - len(os.listdir("/dev/fd"))) // 2)
        except OSError:
            # No such directory here: asking more often is all that it costs.
            pass
    return counted - spare()


class _Listener(socket.socket):
    """The descriptor that uvloop accepts from. uvloop detaches it when it closes, asked to or not."""

    port: _Accepting | None = None

    def detach(self) -> int:
        port, self.port = self.port, None
        if port is not None:
            port.listenerFailed(self)
        return super().detach()


class _Accepting(tcp.Port):
    """A port that accepts by way of uvloop while it reads; binding, naming, closing are Twisted's.

    Accepting has its own copy of the descriptor, so that it can stop and start again while the port stays
    bound.
    """

    reactor: Any
    transport: Any
    _server: Any = None
    _listener: _Listener | None = None
    _again: Any = None
    _watch: Any = None
    _warned = 0.0
    _nextCount = 0

    def where(self) -> object:
        """The port's number or path, for people."""
        return self._realPortNumber

    def startReading(self) -> None:
        """Accept connections."""
        if self._server is not None:
            return
        listener = self._listener = _Listener(
            self.socket.family, self.socket.type, self.socket.proto, os.dup(self.socket.fileno())
        )
        listener.port = self
        backlog = socket.SOMAXCONN if self.backlog is None else self.backlog
        serving = self.reactor.loop.create_server(self._accepted, sock=listener, backlog=backlog)
        try:
            # It waits for nothing where it is given a socket; so ports can be opened before the reactor runs.
            serving.send(None)
        except StopIteration as done:
            self._server = done.value
        else:
            raise RuntimeError("uvloop's create_server waits for something even though it was given a socket")
        self.reactor.ports.add(self)
        self._look()

    def stopReading(self) -> None:
        """Accept no more, until :meth:`startReading`; connections queue in the kernel meanwhile."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        server, self._server = self._server, None
        self.reactor.ports.discard(self)
        if server is not None:
            assert self._listener is not None
            self._listener.port = None
            self._listener = None
            server.close()

    def _accepted(self) -> Any:
        """Make the transport for a connection that uvloop is about to accept."""
        number = self.sessionno
        self.sessionno = number + 1
        if number >= self._nextCount:
            more = acceptable(self.socket.fileno())
            self._nextCount = number + max(1, more)
            if more <= 0:
                # Not now: the listening handle is in use below us.
                self.reactor.loop.call_soon(self._pause)
        return self.transport(self, number)

    def _look(self) -> None:
        """Whoever took descriptors, do not run out of them while accepting."""
        if self._server is None:
            return
        if self._short(spare()):
            self._pause()
        else:
            # The loop's own: a listening port has nothing to do, as far as Twisted is concerned.
            self._watch = self.reactor.loop.call_later(_LOOK, self._look)

    def _short(self, enough: int) -> bool:
        """Whether fewer descriptors are free; with no connection open there is nothing to wait for, but for
        the last ones."""
        counted = free(self.socket.fileno(), enough)
        return counted < enough and (bool(self.reactor.streams) or counted < _LAST)

    def _pause(self) -> None:
        if self._server is None:
            return
        self._resumeLater()
        now = self.reactor.seconds()
        if now - self._warned < _QUIET and self._warned:
            return
        self._warned = now
        _log.warn(
            "{port} accepts no connections for now: fewer than {spare} of the {limit} file descriptors "
            "that this process may have are free. New connections wait. Raise the limit (ulimit -n, "
            "LimitNOFILE=).",
            port=self.where(),
            spare=spare(),
            limit=getrlimit(RLIMIT_NOFILE)[0],
        )

    def _resumeLater(self) -> None:
        self.stopReading()
        self.reactor.ports.add(self)
        self._again = self.reactor.callLater(_PAUSE, self._resume)

    def _resume(self) -> None:
        self._again = None
        if not self.connected or self.disconnecting:
            return
        if self._short(spare() + 4):  # a few more than it takes to pause
            self._resumeLater()
            return
        try:
            self.startReading()
        except OSError:
            self._resumeLater()

    def listenerFailed(self, listener: _Listener) -> None:
        """uvloop gave the listening descriptor up by itself (an error of accept, out of memory for one)."""
        if self._listener is not listener or not self.connected:
            return
        self._server = self._listener = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        _log.warn(
            "{port}: the system refused to accept a connection; trying again in {seconds} s",
            port=self.where(),
            seconds=_PAUSE,
        )
        self._again = self.reactor.callLater(_PAUSE, self._resume)


class TCPPort(_Accepting):
    """A listening TCP port."""

    transport = TCPServer


class UNIXPort(_Accepting, unix.Port):
    """A listening UNIX port."""

    transport: Any = UNIXServer

    def where(self) -> object:
        return os.fsdecode(cast(Any, self).getHost().name or b"")


class HandedUNIXPort(UNIXPort):
    """A UNIX port that somebody else has bound, systemd for one: its path stays theirs.

    Twisted would open the path to the world, and remove it in the end, so that the next process that is
    handed the socket could not be reached any more (twisted#10261).
    """

    def startListening(self) -> None:
        handed: Any = self._preexistingSocket
        serving: Any = self.factory
        self._preexistingSocket = None
        self._shouldShutdown = False  # that would end it for everybody who has it
        self.socket = handed
        self.fileno = handed.fileno  # type: ignore[method-assign]
        log.msg(f"{self._getLogPrefix(serving)} starting on {self.where()!r}")
        serving.doStart()
        self.connected = True
        self.startReading()

    def connectionLost(self, reason: Any) -> None:
        tcp.Port.connectionLost(self, reason)


@dataclass(slots=True)
class Adopted:
    """Where a connection comes from that was handed over ready made: its port and its factory in one."""

    reactor: UvloopReactor
    protocol: Any
    number: object
    connected: bool = True

    @property
    def factory(self) -> Adopted:
        return self

    def buildProtocol(self, address: object) -> Any:
        """The protocol that the real factory has made already."""
        return self.protocol

    def where(self) -> object:
        """The local port number or path, for people."""
        return self.number
