"""A reactor in virtual time whose processes are made of memory."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from wsapp.workers.inheritance import VARIABLE

__all__ = ["FakeProcess", "FakeReactor"]


class FakeProcess:
    """One process, as its protocol's transport.

    :ivar told: What the master has written: the orders.
    :ivar signals: What it was sent.
    """

    def __init__(self, reactor: FakeReactor, protocol: Any, command: Any, options: dict[str, Any]) -> None:
        self.pid = 1000 + len(reactor.spawned)
        self.command = command
        self.options = options
        self.told: list[dict[str, Any]] = []
        self.signals: list[str] = []
        self.over = False
        self.protocol = protocol
        self.left = json.loads(options["env"].get(VARIABLE, "null"))
        protocol.transport = self

    @property
    def orders(self) -> list[str]:
        """The orders alone."""
        return [each["do"] for each in self.told if "do" in each]

    @property
    def questions(self) -> list[dict[str, Any]]:
        """The questions alone."""
        return [each for each in self.told if "ask" in each]

    # IProcessTransport

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        """As the master does."""
        assert descriptor == self.left["control"]
        self.told += [json.loads(each) for each in data.splitlines()]

    def signalProcess(self, name: str) -> None:
        """As the master does."""
        if self.over:
            raise ProcessExitedAlready
        self.signals.append(name)

    # What it does

    def ready(self) -> None:
        """Say so."""
        self.protocol.childDataReceived(self.left["status"], b'{"ready": true}\n')

    def says(self, *lines: bytes) -> None:
        """Say something."""
        self.protocol.childDataReceived(self.left["status"], b"".join(lines))

    def end(self, status: int = 0, signal: int | None = None) -> None:
        """End."""
        self.over = True
        how = ProcessTerminated(status, signal) if status or signal else ProcessDone(0)
        self.protocol.processEnded(Failure(how))


class FakeReactor(Clock):
    """A clock that starts processes.

    :ivar spawned: All that were ever started, in order.
    :ivar broken: What starting one raises.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spawned: list[FakeProcess] = []
        self.broken: OSError | None = None

    def spawnProcess(self, protocol: Any, executable: str, args: Any = (), **options: Any) -> FakeProcess:
        """Start one."""
        if self.broken is not None:
            raise self.broken
        process = FakeProcess(self, protocol, (executable, list(args)), options)
        self.spawned.append(process)
        return process
