"""``Place``: one of the N workers, kept alive: who serves now, who is to take over, who is leaving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from wsapp.workers.process import Watcher, WorkerProcess

__all__ = ["FIRST", "LOOPING", "MOST", "PATIENCE", "STEADY", "Place"]

_log = Logger()

#: Seconds of service after which a worker's end says nothing about the next one.
STEADY = 10.0

#: Seconds until a worker that did not last is started again; doubled each time, up to :data:`MOST`.
FIRST = 0.5
MOST = 30.0

#: After so many in a row that did not last, somebody else is to serve the sockets.
LOOPING = 3

#: Seconds that a worker which is to take over may take to start.
PATIENCE = 60.0


class Place(Watcher):
    """One place.

    :param index: Which one; the first is 0.
    :param spawn: Starts a process for it.
    :param changed: Called when something has become of its workers.
    :param grace: Seconds after which a worker that is leaving is not waited for any more.
    :ivar current: Who serves, or is to as soon as it is ready; None between two.
    :ivar coming: Who is to take over.
    :ivar leaving: Who has been told to end, and has not.
    :ivar failures: How many in a row did not last.
    :ivar everReady: Whether one was ever ready.
    """

    def __init__(
        self,
        reactor: Any,
        index: int,
        spawn: Callable[[Place], WorkerProcess],
        changed: Callable[[], None],
        grace: float,
    ) -> None:
        self.index = index
        self.current: WorkerProcess | None = None
        self.coming: WorkerProcess | None = None
        self.leaving: list[WorkerProcess] = []
        self.failures = 0
        self.everReady = False
        self._reactor = reactor
        self._spawn = spawn
        self._changed = changed
        self._grace = grace
        self._stopping = False
        self._later: list[Any] = []  # calls that are due: the next start, or that one has lasted
        self._patience: Any = None
        self._replaced: Deferred[bool] | None = None
        self._left: tuple[WorkerProcess, Any] | None = None

    @property
    def processes(self) -> list[WorkerProcess]:
        """All that have not ended."""
        return [one for one in (self.current, self.coming, *self.leaving) if one is not None]

    @property
    def ready(self) -> bool:
        """Whether somebody serves it."""
        return self.current is not None and self.current.since is not None

    @property
    def looping(self) -> bool:
        """Whether its workers do not last: somebody else is to serve its sockets meanwhile."""
        return self.failures >= LOOPING

    def start(self) -> None:
        """Start a worker."""
        self._forget()
        try:
            self.current = self._spawn(self)
        except OSError as error:
            self._failed(f"worker {self.index + 1} cannot be started ({error.strerror or error})")
            self._changed()

    def replace(self) -> Deferred[bool]:
        """Start another worker, and have the one that serves leave once that is ready.

        :return: Fires once it has left or has taken too long for that, with True; with False where the new
            one did not start: the old one goes on.
        """
        self._replaced = Deferred()
        replaced = self._replaced
        try:
            self.coming = self._spawn(self)
        except OSError as error:
            self._notReplaced(f"it cannot be started: {error.strerror or error}")
        else:
            self._patience = self._reactor.callLater(PATIENCE, self._tooSlow)
        return replaced

    def _tooSlow(self) -> None:
        self._patience = None
        if self.coming is not None:
            self.coming.kill()

    def _notReplaced(self, why: str) -> None:
        _log.error("the new worker {number} did not start ({why})", number=self.index + 1, why=why)
        self._isReplaced(False)
        if self.current is None and not self._later and not self._stopping:
            self.start()

    def _isReplaced(self, done: bool) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._left is not None:
            timer = self._left[1]
            self._left = None
            if timer.active():
                timer.cancel()
        if self._replaced is not None:
            replaced, self._replaced = self._replaced, None
            replaced.callback(done)

    # Watcher

    def isReady(self, process: WorkerProcess) -> None:
        """One of its processes serves."""
        _log.info("{worker} is ready", worker=process)
        self.everReady = True
        if process is self.coming:
            self.coming = None
            self._forget()
            old, self.current = self.current, process
            if old is None:
                self._isReplaced(True)
            else:
                self.leaving.append(old)
                self._left = (old, self._reactor.callLater(self._grace, self._waitNoMore))
                old.retire()
        self._later.append(self._reactor.callLater(STEADY, self._lasts, process))
        self._changed()

    def _waitNoMore(self) -> None:
        assert self._left is not None
        _log.warn(
            "{worker} was told to end {seconds:g} s ago, and is not waited for any more",
            worker=self._left[0],
            seconds=self._grace,
        )
        self._isReplaced(True)

    def _lasts(self, process: WorkerProcess) -> None:
        self._forget()
        if process is self.current:
            self.failures = 0
            self._changed()

    def hasEnded(self, process: WorkerProcess, how: str) -> None:
        """One of its processes has ended."""
        if process in self.leaving:
            self.leaving.remove(process)
            _log.info("{worker} {how}, as it was told", worker=process, how=how)
            if self._left is not None and self._left[0] is process:
                self._isReplaced(True)
        elif process is self.coming:
            self.coming = None
            if self._stopping:
                self._isReplaced(False)
            else:
                self._notReplaced(f"{process} {how}")
        elif process is self.current:
            self.current = None
            if not self._stopping:
                lasted = process.since is not None and self._reactor.seconds() - process.since >= STEADY
                if lasted:
                    self.failures = 0
                self._failed(f"{process} {how}", lasted)
        self._changed()

    def _failed(self, what: str, lasted: bool = False) -> None:
        """Start again, at once after one that has lasted."""
        self._forget()
        self.current = None
        if not lasted:
            self.failures += 1
        wait = min(MOST, FIRST * 2 ** min(self.failures - 1, 16)) if self.failures else 0.0
        if self.coming is not None:
            _log.error("{what}; the one that was to replace it takes its place", what=what)
            return
        _log.error("{what}; starting another one in {wait:g} s", what=what, wait=wait)
        self._later.append(self._reactor.callLater(wait, self.start))

    def stop(self) -> None:
        """Have all of them end, and start no more."""
        self._stopping = True
        self._forget()
        for process in self.processes:
            if not process.leaving:
                process.stop()

    def _forget(self) -> None:
        later, self._later = self._later, []
        for call in later:
            if call.active():
                call.cancel()
