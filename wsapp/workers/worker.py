"""The program that a worker is: ``twistd`` itself, under a master's orders.

What a worker is told, a line each: ``also`` and ``without`` (a place: serve its sockets too, or no more),
``renew`` (read certificates again), ``retire`` (others have your sockets: end, but serve who has come),
``stop``, ``hurry``.  A line with ``ask`` is a question, see :mod:`wsapp.workers.answers`.  When there is
nobody any more to tell it anything, it stops.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import ILogObserver, LogEvent, Logger
from zope.interface import implementer

from wsapp.workers.adopting import Inheriting
from wsapp.workers.inheritance import Inheritance
from wsapp.workers.messages import Lines, flatten, line, message
from wsapp.workers.saying import say

__all__ = ["Obedience", "Served", "main", "observer"]

_log = Logger()


class Served(Protocol):
    """The server, as orders concern it."""

    started: Deferred[None]

    def hurry(self) -> None:
        """Stop without waiting for anybody."""

    def renewCertificates(self) -> None:
        """Read them again."""

    def retire(self) -> Deferred[Any]:
        """Take nobody any more, fire once nobody is arriving."""


@implementer(IReadDescriptor)
class Obedience:
    """Does what the master says.

    :param left: What the master has left.
    :param ports: How each ``--port`` listens.
    :param reopen: What ``renew`` does too.
    :param answers: Who is given questions; None: nobody asks.
    """

    def __init__(
        self,
        reactor: Any,
        server: Served,
        left: Inheritance,
        ports: Sequence[Inheriting],
        reopen: Callable[[], object] = lambda: None,
        answers: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        self._reactor = reactor
        self._server = server
        self._left = left
        self._ports = ports
        self._reopen = reopen
        self._answers = answers
        self._lines = Lines()
        self._closed = False

    def begin(self) -> None:
        """Listen to the master, and say when clients are served."""
        os.set_blocking(self._left.control, False)
        self._reactor.addReader(self)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._close)
        self._server.started.addCallback(self._isReady)

    def _isReady(self, result: Any) -> Any:
        say(self._left.status, line(ready=True))
        return result

    # IReadDescriptor

    def fileno(self) -> int:
        """What the master writes to."""
        return self._left.control

    def logPrefix(self) -> str:
        """For the reactor's own complaints."""
        return "the master's orders"

    def doRead(self) -> None:
        """There is an order, or nobody to give one."""
        try:
            data = os.read(self._left.control, 65536)
        except BlockingIOError:
            return
        if not data:
            self._reactor.removeReader(self)
            _log.warn("the master is gone: stopping")
            if self._left.siblings is not None:
                self._reactor.addSystemEventTrigger("after", "shutdown", _leave, self._left.siblings[0])
            self._stop()
            return
        for each in self._lines.receive(data):
            self.obey(message(each))

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""

    # Orders

    def obey(self, said: dict[str, Any]) -> None:
        """One order; one that nobody knows is none (a newer wsapp may have replaced the old one's files)."""
        if "ask" in said:
            if self._answers is not None:
                self._answers(said)
            return
        do = said.get("do")
        if do == "also":
            for port in self._ports:
                port.also(said["place"])
        elif do == "without":
            for port in self._ports:
                port.without(said["place"])
        elif do == "renew":
            self._reopen()
            self._server.renewCertificates()
        elif do == "retire":
            _log.info("another worker has taken over: stopping")
            self._close()
            self._server.retire().addCallback(lambda _: self._stop())
        elif do == "stop":
            self._stop()
        elif do == "hurry":
            self._server.hurry()

    def _stop(self) -> None:
        with contextlib.suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()

    def _close(self) -> None:
        """Let go of the sockets, or connections would be made that nobody takes."""
        if not self._closed:
            self._closed = True
            for port in self._ports:
                port.close()


def _leave(folder: str) -> None:
    """Remove the folder, which the master would have: the last worker succeeds."""
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def observer() -> ILogObserver:
    """What ``twistd --logger`` asks for: entries go to the master, as they are."""
    current = Inheritance.current
    assert current is not None, "this process is no worker"
    status = current.status

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        say(status, line(log=flatten(event)))

    made: ILogObserver = observe
    return made


def main() -> None:
    """Be a worker: the command line is twistd's."""
    # Meant for the master; ours are set once the reactor runs.
    for name in ("SIGINT", "SIGHUP", "SIGUSR2"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    left = Inheritance.current = Inheritance.take(os.environ)
    if left.activated:
        # Before Twisted looks; it wants as many names as descriptors (sd_listen_fds(3)).
        names = os.environ.get("LISTEN_FDNAMES", "").split(":")[: left.activated]
        names += ["unknown"] * (left.activated - len(names))
        os.environ.update(
            LISTEN_PID=str(os.getpid()),
            LISTEN_FDS=str(left.activated),
            LISTEN_FDNAMES=":".join(name or "unknown" for name in names),
        )
    from twisted.scripts import twistd

    sys.argv[0] = "twistd"
    twistd.run()
