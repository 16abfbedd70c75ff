"""``WorkerProcess``: one worker, as its master sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger, globalLogPublisher
from twisted.python.failure import Failure

from wsapp.admin.asking import Asker
from wsapp.workers.inheritance import VARIABLE, Inheritance
from wsapp.workers.messages import Lines, Parts, line, message, restore

__all__ = ["MOST_PARTS", "Launch", "Watcher", "WorkerProcess", "ended"]

_log = Logger()

#: Characters of one answer.
MOST_PARTS = 4 * 1024 * 1024

#: The program.  The path first: what the master could import its workers can.
_PROGRAM = (
    "import json, os, sys\n"
    f"sys.path[:] = json.loads(os.environ[{VARIABLE!r}])['path']\n"
    "from wsapp.workers.worker import main\n"
    "main()"
)


@dataclass(frozen=True)
class Launch:
    """What all workers are started with.

    :ivar python: The interpreter.
    :ivar arguments: Of ``twistd``, from its options to the last one of ``wsapp``.
    :ivar folder: The working folder; None for the master's.
    :ivar environment: The master's own, as it is then.
    """

    python: str
    arguments: tuple[str, ...]
    folder: str | None
    environment: Mapping[str, str]

    def __call__(
        self, reactor: Any, process: WorkerProcess, left: Inheritance, descriptors: Mapping[int, int]
    ) -> Any:
        """Start one.

        :param descriptors: The master's descriptors by their numbers in the worker, but for its first three.
        :return: An ``IProcessTransport``.
        :raises OSError: It cannot be started.
        """
        channels: dict[int, int | str] = {1: "r", 2: "r", left.control: "w", left.status: "r"}
        return reactor.spawnProcess(
            process,
            self.python,
            [self.python, "-c", _PROGRAM, *self.arguments],
            env={**self.environment, VARIABLE: left.encode()},
            path=self.folder,
            childFDs={**descriptors, **channels},
        )


class Watcher(Protocol):
    """Who is told what becomes of a worker."""

    def isReady(self, process: WorkerProcess) -> None:
        """It serves."""

    def hasEnded(self, process: WorkerProcess, how: str) -> None:
        """It has ended, and all it had to say is said.

        :param how: In words.
        """


class WorkerProcess(ProcessProtocol):
    """One process, from its start to its end.

    :param number: Of its place; the first is 1.
    :param status: The descriptor by which it speaks.
    :ivar since: When it became ready, on the reactor's clock; None before.
    :ivar serves: The places whose sockets it serves beside its own.
    :ivar leaving: Whether it has been told to end.
    :ivar over: Whether it has ended.
    :ivar asker: Asks it how it stands; it answers once it is ready, where there is an ``--admin``.
    :ivar farewell: The last that it told of how it stands, when it ended in order.
    :ivar whenReady: Called when it is ready.
    """

    def __init__(self, number: int, control: int, status: int, watcher: Watcher, reactor: Any) -> None:
        self.number = number
        self.since: float | None = None
        self.serves: frozenset[int] = frozenset()
        self.leaving = False
        self._control = control
        self._status = status
        self._watcher = watcher
        self._reactor = reactor
        self._lines: dict[int, Lines] = {}
        self._parts = Parts(MOST_PARTS)
        self.over = False
        self.asker = Asker(reactor, f"worker {number}", self._ask)
        self.farewell: dict[str, Any] | None = None
        self.whenReady: Callable[[], None] = lambda: None

    def __str__(self) -> str:
        return f"worker {self.number}" + (f" (process {self.pid})" if self.pid else "")

    @property
    def pid(self) -> int | None:
        """Its number for the system."""
        pid: int | None = getattr(self.transport, "pid", None)
        return pid

    # What is said to it

    def tell(self, do: str, **more: object) -> None:
        """Have it do something: see :mod:`wsapp.workers.worker`."""
        self._write(line(do=do, **more))

    def _ask(self, question: dict[str, Any]) -> None:
        self._write(line(**question))

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        if transport is not None:
            # Nothing happens where it has ended: its end is told of.
            transport.writeToChild(self._control, data)

    def retire(self) -> None:
        """Have it end, now that another one serves its sockets."""
        self.leaving = True
        self.tell("retire")

    def stop(self) -> None:
        """Have it end in order."""
        self.leaving = True
        self.tell("stop")

    def kill(self) -> None:
        """End it, whatever it does."""
        self.leaving = True
        transport: Any = self.transport
        try:
            transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def serve(self, places: frozenset[int]) -> None:
        """Have it serve the sockets of these places too, and of no others."""
        for place in sorted(places - self.serves):
            _log.info("{worker} serves the sockets of worker {other} too", worker=self, other=place + 1)
            self.tell("also", place=place)
        for place in sorted(self.serves - places):
            self.tell("without", place=place)
        self.serves = places

    # What it says

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It says something, or something in it does."""
        for each in self._lines.setdefault(childFD, Lines()).receive(data):
            self._said(childFD, each)

    def childConnectionLost(self, childFD: int) -> None:
        """It says no more this way."""
        if childFD in self._lines:
            for each in self._lines[childFD].end():
                self._said(childFD, each)

    def _said(self, where: int, data: bytes) -> None:
        if where != self._status:
            # Before there is a log, and from below it: the interpreter's last words, an extension's print.
            _log.info("worker {number}: {text}", number=self.number, text=data.decode("utf-8", "replace"))
            return
        said = message(data)
        if "log" in said:
            globalLogPublisher(restore(said["log"], f"worker {self.number}"))
        elif "part" in said:
            if (text := self._parts.add(said)) is not None:
                self.asker.answered(message(text.encode()))
        elif said.get("ready"):
            self.since = self._reactor.seconds()
            self._watcher.isReady(self)
            self.whenReady()
        elif isinstance(said.get("farewell"), dict):
            self.farewell = said["farewell"]

    def processEnded(self, reason: Failure) -> None:
        """It has ended."""
        self.over = True
        self.asker.end("has ended")
        self._watcher.hasEnded(self, ended(reason))


def ended(reason: Failure) -> str:
    """How a process has ended, in words."""
    number = getattr(reason.value, "signal", None)
    if number:
        return f"was killed by signal {number}"
    return f"ended with status {getattr(reason.value, 'exitCode', None)}"
