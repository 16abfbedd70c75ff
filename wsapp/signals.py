"""What signals do to a server that runs under ``twistd``.

SIGTERM and SIGINT stop in order, and the process exits with 0; a second one does not wait for
anybody; a third kills.  SIGHUP reads certificates and keys again, and opens log files again; SIGUSR2
replaces the workers.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

from wsapp.notify import Notifier

__all__ = ["Signalled", "Signals"]

_log = Logger()


class Signalled(Protocol):
    """Whom signals are for: a server, or the master of several."""

    def hurry(self) -> None:
        """Stop without waiting for anybody."""

    def renewCertificates(self) -> None:
        """Read certificates and keys again."""

    def replaceWorkers(self) -> None:
        """Put new workers in the places of the old ones."""


class Signals:
    """The handlers of one process.

    Twisted's own would end the process by the signal, with a status that is not 0.

    :param notifier: Is told when certificates are being read again.
    :param worker: Whether there is a master, which gets those that a terminal sends to all.
    :param reopen: What else SIGHUP does.
    """

    def __init__(
        self,
        reactor: Any,
        server: Signalled,
        notifier: Notifier,
        worker: bool = False,
        reopen: Callable[[], object] = lambda: None,
    ) -> None:
        self._reactor = reactor
        self._server = server
        self._notifier = notifier
        self._worker = worker
        self._reopen = reopen
        self._asked = 0

    def install(self) -> None:
        """Take the signals over; to be called once the reactor runs."""
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            self._handle(name, self._end)
        self._handle("SIGHUP", self._renew)
        self._handle("SIGUSR2", self._replace)
        if self._worker:
            for name in ("SIGINT", "SIGHUP", "SIGUSR2"):
                self._handle(name, signal.SIG_IGN)

    def _handle(self, name: str, handler: Any) -> None:
        number = getattr(signal, name, None)  # not every system has every one
        if number is not None:
            signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1
        name = signal.Signals(number).name
        if self._asked == 1:
            self._reactor.callFromThread(self._stop, name)
        else:
            signal.signal(number, signal.SIG_DFL)
            self._reactor.callFromThread(self._hurry, name)

    def _stop(self, name: str) -> None:
        _log.info("{signal}: stopping", signal=name)
        with contextlib.suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()

    def _hurry(self, name: str) -> None:
        _log.info("{signal} again: ending at once", signal=name)
        self._server.hurry()

    def _renew(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reload)

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            self._reopen()
            self._server.renewCertificates()
        finally:
            self._notifier.ready()

    def _replace(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._server.replaceWorkers)
