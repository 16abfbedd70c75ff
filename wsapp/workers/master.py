"""``Master``: the service of a process that supervises workers and does nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger

from wsapp.listening import Endpoint
from wsapp.workers.inheritance import SYSTEMD, Inheritance
from wsapp.workers.meeting import Meeting
from wsapp.workers.place import Place
from wsapp.workers.process import Launch, WorkerProcess
from wsapp.workers.sockets import Sockets

__all__ = ["HURRY", "MARGIN", "Companion", "Master", "NoWorker"]

_log = Logger()

#: Seconds beyond those that it is allowed, until a worker that leaves is not waited for by the next ones.
MARGIN = 30.0

#: Seconds until those that are told to hurry are killed.
HURRY = 5.0


class NoWorker(Exception):
    """None of the workers could start."""


class Companion(Protocol):
    """What has to run beside the workers: the embedded broker."""

    @property
    def url(self) -> str:
        """For the workers' ``--broker``."""

    def start(self) -> Deferred[None]:
        """:return: Fires once it can be used."""

    def retire(self) -> None:
        """It will be stopped: should it end before, none is started in its place."""

    def stop(self) -> Deferred[None]:
        """:return: Fires once it has ended."""


class Master(Service):
    """Supervises the workers of one server.

    :param endpoints: Where they listen.
    :param count: How many workers there are to be.
    :param launch: How one is started.
    :param grace: Seconds that a worker may take to end, by its own rules.
    :param broker: What is started before them and stopped after them.
    :param begins: Called with each process that is started.
    :param meeting: Where they find each other; None: they do not.
    :ivar started: Fires once a worker is ready; fails with :exc:`NoWorker` where each has failed before one
        was.
    """

    def __init__(
        self,
        reactor: Any,
        endpoints: Sequence[Endpoint],
        count: int,
        launch: Launch,
        grace: float,
        broker: Companion | None = None,
        begins: Callable[[WorkerProcess], None] = lambda _: None,
        meeting: Meeting | None = None,
    ) -> None:
        self._reactor = reactor
        self._sockets = Sockets(reactor, endpoints, count)
        self._launch = launch
        self._broker = broker
        self._begins = begins
        self._meeting = meeting
        self._names: dict[WorkerProcess, str] = {}
        self._opened = False
        self._hurried = False
        self._replacing = False
        self._ended: Deferred[None] | None = None
        self._idle = -1
        self.places = [
            Place(reactor, index, self._spawn, self._changed, grace + MARGIN) for index in range(count)
        ]
        self.started: Deferred[None] = Deferred()

    # IService

    def privilegedStartService(self) -> None:
        """Bind, while low ports are still allowed.

        :raises BadEndpoint: A port cannot be listened on.
        """
        self._sockets.open()
        self._opened = True

    def startService(self) -> None:
        """Start the workers, once what they need is there."""
        if not self._opened:
            self.privilegedStartService()
        Service.startService(self)
        self._idle = os.open(os.devnull, os.O_RDWR)
        if self._meeting is not None:
            self._meeting.open()  # only now, that privileges are given up: it is the workers' user's
        if self._broker is None:
            self._startWorkers(None)
        else:
            self._broker.start().addCallbacks(self._startWorkers, self._cannotStart)

    def _startWorkers(self, _: None) -> None:
        if self.running:
            _log.info("starting {count} workers", count=len(self.places))
            for place in self.places:
                place.start()

    def _cannotStart(self, failure: Any) -> None:
        if self.running and not self.started.called:
            _log.error("{error}: the server cannot start", error=failure.value)
            self.started.errback(failure)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Have all workers end in order, and end what they needed; waits for all."""
        if not self.running:
            return
        Service.stopService(self)
        self._ended = Deferred()
        if self._broker is not None:
            self._broker.retire()
        for place in self.places:
            place.stop()
        # Theirs are still open until they have read that: who connects now is closed with the others.
        self._sockets.close()
        self._changed()
        yield self._ended
        if self._broker is not None:
            yield self._broker.stop()
        if self._meeting is not None:
            self._meeting.close()
        os.close(self._idle)

    # Signals

    def hurry(self) -> None:
        """Have the workers not wait for anybody any more."""
        if self._hurried:
            return
        self._hurried = True
        for process in self._processes():
            process.tell("hurry")
        self._reactor.callLater(HURRY, self._kill)

    def _kill(self) -> None:
        for process in self._processes():
            process.kill()

    def renewCertificates(self) -> None:
        """Have all workers read keys and certificates again."""
        for process in self._processes():
            process.tell("renew")

    def replaceWorkers(self) -> None:
        """Put a new worker in each one's place, one after the other."""
        if self._replacing:
            _log.info("the workers are being replaced already")
        elif self.running:
            self._replacing = True
            self._replaceAll()

    @inlineCallbacks
    def _replaceAll(self) -> Any:
        _log.info("replacing {count} workers", count=len(self.places))
        for place in self.places:
            done = yield place.replace()
            if not self.running:
                break
            if not done:
                _log.error("kept the old workers from number {number} on", number=place.index + 1)
                break
        else:
            _log.info("all workers are replaced")
        self._replacing = False

    # Places

    def _processes(self) -> list[WorkerProcess]:
        return [process for place in self.places for process in place.processes]

    def _spawn(self, place: Place) -> WorkerProcess:
        """Start a worker: its descriptors are those that systemd would give, two pipes, and all sockets."""
        activated = self._sockets.activated
        last = max(activated, default=SYSTEMD - 1)
        there = {0: self._idle}
        for number in range(SYSTEMD, last + 1):
            found = activated.get(number)
            there[number] = self._idle if found is None else found.fileno()
        control, status = last + 1, last + 2
        numbers: dict[int, int] = {}  # in the worker, by ours
        for one in (one for ofPlace in self._sockets.opened for port in ofPlace for one in port):
            numbers.setdefault(one.fileno(), status + 1 + len(numbers))
        there.update((theirs, ours) for ours, theirs in numbers.items())
        left = Inheritance(
            place.index + 1,
            control,
            status,
            [
                [[numbers[one.fileno()] for one in port] for port in ofPlace]
                for ofPlace in self._sockets.opened
            ],
            last + 1 - SYSTEMD,
            self._broker.url if self._broker is not None else None,
            list(sys.path),
            self._meeting.place(place.index + 1) if self._meeting is not None else None,
        )
        process = WorkerProcess(left.number, control, status, place, self._reactor)
        self._launch(self._reactor, process, left, there)
        self._begins(process)
        if left.siblings is not None:
            self._names[process] = left.siblings[-1]
        _log.info("started {worker}", worker=process)
        return process

    def _changed(self) -> None:
        """Something has become of a worker."""
        if self._meeting is not None:
            running = self._processes()
            self._names = {one: name for one, name in self._names.items() if one in running}
            self._meeting.sweep(self._names.values())
        if self._ended is not None:
            if not self._ended.called and not self._processes():
                self._ended.callback(None)
            return
        if not self.started.called:
            if any(place.ready for place in self.places):
                self.started.callback(None)
            elif all(place.failures for place in self.places):
                _log.error("no worker could start: the server cannot start")
                self.started.errback(NoWorker("no worker could start"))
        self._arrange()

    def _arrange(self) -> None:
        """Have somebody serve the sockets of those that do not last: whoever serves the fewest."""
        serves: dict[int, set[int]] = {place.index: set() for place in self.places if self._steady(place)}
        if not serves:
            return
        orphans = {place.index for place in self.places if place.looping}
        for helper in serves:
            current = self.places[helper].current
            assert current is not None
            serves[helper] = set(current.serves & orphans)
            orphans -= serves[helper]
        for orphan in sorted(orphans):
            helper = min(serves, key=lambda index: len(serves[index]))
            serves[helper].add(orphan)
        for helper, others in serves.items():
            current = self.places[helper].current
            assert current is not None
            current.serve(frozenset(others))

    def _steady(self, place: Place) -> bool:
        return place.ready and not place.looping
