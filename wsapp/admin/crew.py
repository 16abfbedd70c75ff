"""The workers of one server as one source: what a master's health, metrics and console ask.

A worker keeps its numbers when its process is replaced.  What it has counted in all is what its processes
have, those that are gone included by the last that they told: when they ended in order that is all, else
what they had when they were last asked.  So counts never go down, and Prometheus sees no restart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.admin.asking import Asker, Unanswered
from wsapp.admin.labelled import Labelled
from wsapp.admin.several import Several, together
from wsapp.admin.snapshot import Snapshot, blank, ended, isSound, summed
from wsapp.admin.source import Source

__all__ = ["Crew", "Process"]

_log = Logger()


class Process(Protocol):
    """A worker's process: see :class:`~wsapp.workers.process.WorkerProcess`."""

    number: int
    since: float | None
    leaving: bool
    over: bool
    asker: Asker
    farewell: dict[str, Any] | None
    whenReady: Callable[[], None]

    @property
    def pid(self) -> int | None: ...


class _Member:
    """One process, and the last that it told."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.last: Snapshot | None = None

    def keep(self, snapshots: Any) -> None:
        """It has told.

        :raises Unanswered: That is nothing that can be shown.
        """
        if not isSound(snapshots) or len(snapshots) != 1:
            raise Unanswered("it tells what is not understood here: it has another release of wsapp")
        self.last = snapshots[0]


class _Worker:
    """One worker: those of its processes that there are, and what remains of others."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.members: list[_Member] = []
        self.remains: Snapshot = {}

    def prune(self) -> None:
        """Let go of those that have ended."""
        for member in self.members:
            farewell = member.process.farewell
            last = farewell if isSound([farewell]) else member.last
            if member.process.over and last is not None:
                self.remains = summed([one for one in (self.remains, ended(last)) if one])
        self.members = [member for member in self.members if not member.process.over]

    @property
    def answering(self) -> list[_Member]:
        """Those that can be asked."""
        return [one for one in self.members if one.process.since is not None and not one.process.over]

    @property
    def current(self) -> _Member | None:
        """The one that serves."""
        serving = [one for one in self.answering if not one.process.leaving]
        return serving[-1] if serving else None

    def snapshot(self, now: float) -> Snapshot:
        """How it stands, as far as it is known."""
        self.prune()
        current = self.current
        worker, state = str(self.number), "starting"
        if current is None:
            if self.members and all(one.process.leaving for one in self.members):
                state = "stopping"
        elif current.last is None or current.process.asker.silent:
            state = "silent"
        else:
            state = current.last["state"]
        known = [one for one in (self.remains, *(member.last for member in self.members)) if one]
        if not known:
            return {**blank(worker, state, now), "pid": current.process.pid if current else 0}
        total = summed(known)
        total.update(worker=worker, state=state, pid=current.process.pid if current else 0)
        if current is None or current.last is None:
            total["broker"] = {**total["broker"], "state": "unknown"}
        else:
            total.update(since=current.last["since"], time=current.last["time"])
            total["broker"] = {**total["broker"], "state": current.last["broker"]["state"]}
        return total


class Crew(Several):
    """The workers of one master.

    :param count: How many there are.
    :param wallClock: The time in seconds since the epoch.
    """

    def __init__(self, count: int, wallClock: Callable[[], float]) -> None:
        self._wallClock = wallClock
        self._workers = {number: _Worker(number) for number in range(1, count + 1)}
        self._draining = False

    # As the master tells

    def begins(self, process: Process) -> None:
        """A process was started."""
        worker = self._workers[process.number]
        worker.prune()
        worker.members.append(_Member(process))
        process.whenReady = lambda: self._isReady(process)

    def _isReady(self, process: Process) -> None:
        if self._draining:  # it has taken the place of one that was
            process.asker.drain(0).addErrback(_cannot, process)

    # As a source

    def sources(self) -> Mapping[str, Source]:
        """All processes that can be asked, those that are leaving too: they have clients still."""
        found: dict[str, Source] = {}
        for number, worker in self._workers.items():
            for member in worker.answering:
                process = member.process
                name = f"worker {number}" + (f" (process {process.pid})" if process.leaving else "")
                found[name] = Labelled(process.asker, name, node=False)
        return found

    @inlineCallbacks
    def ready(self) -> Any:
        """Where at least one worker serves, and all of those that do are ready themselves.

        One that is being started again is no reason against it: who connects meanwhile is taken by it, or
        by another one.  One that does not answer is.
        """
        serving = {
            number: worker.current for number, worker in self._workers.items() if worker.current is not None
        }
        if not serving:
            states = {worker.snapshot(0.0)["state"] for worker in self._workers.values()}
            return "stopping" if "stopping" in states else "starting"
        if self._draining:
            return "draining"
        asked = {number: member.process.asker.ready() for number, member in serving.items()}
        results = yield together(asked)
        for number, result in results.items():
            if isinstance(result, Failure):
                return result.getErrorMessage()
            if result:
                return f"worker {number}: {result}"
        return ""

    @inlineCallbacks
    def snapshots(self) -> Any:
        """One of each worker; of one that does not answer what it last told, as ``silent``."""
        members = [member for worker in self._workers.values() for member in worker.answering]
        yield together(
            {member: member.process.asker.snapshots().addCallback(member.keep) for member in members}
        )
        return [worker.snapshot(self._wallClock()) for worker in self._workers.values()]

    def drain(self, seconds: float) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`; who takes a worker's place is drained too."""
        self._draining = True
        return super().drain(seconds)

    def resume(self) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        self._draining = False
        return super().resume()


def _cannot(failure: Failure, process: Process) -> None:
    _log.error("worker {number} is not drained: {error}", number=process.number, error=failure.value)
