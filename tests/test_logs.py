"""Tests of `wsapp.logs`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.application.service import Application, MultiService
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import ServedCase
from wsapp.logs import LogFile, Observed, asJSON, levels, observerOf


def event(**more: Any) -> dict[str, Any]:
    """An event as a Logger makes it."""
    return {
        "log_time": 0.5,
        "log_level": LogLevel.info,
        "log_namespace": "wsapp.x",
        "log_format": "{app}: {count} more",
        "app": "chat",
        "count": 3,
        **more,
    }


class JSONTests(SynchronousTestCase):
    """Events as JSON."""

    def test_fields(self) -> None:
        """When, how bad, from where, what; and what that is made of."""
        line = asJSON(event(log_source=self, log_logger=object(), odd=object()))
        self.assertTrue(line.endswith("}\n"))
        self.assertEqual(
            json.loads(line),
            {
                "time": "1970-01-01T00:00:00.500Z",
                "level": "info",
                "logger": "wsapp.x",
                "message": "chat: 3 more",
                "values": {"app": "chat", "count": 3},
            },
        )

    def test_oneLine(self) -> None:
        """Nothing that came from outside begins a line of its own."""
        line = asJSON(event(app="x\n{}\r\u0085\x00"))
        self.assertEqual(line.count("\n"), 1)
        self.assertEqual(json.loads(line)["values"]["app"], "x\n{}\r\u0085\x00")

    def test_failure(self) -> None:
        """With its traceback; one that cannot be shown is no error."""
        try:
            raise ZeroDivisionError("by nothing")
        except ZeroDivisionError:
            failure = Failure()
        said = json.loads(asJSON(event(log_failure=failure, log_level=LogLevel.critical)))
        self.assertIn("by nothing", said["traceback"])
        self.assertEqual(said["level"], "critical")
        said = json.loads(asJSON(event(log_failure=object())))
        self.assertEqual(said["traceback"], "(it cannot be shown)")

    def test_legacy(self) -> None:
        """An event of twisted.python.log's, which has no format."""
        said = json.loads(
            asJSON({"log_time": 0.0, "log_text": "(TCP Port 1 Closed)", "log_format": "{log_text}"})
        )
        self.assertEqual(
            (said["message"], said["level"], said["logger"]), ("(TCP Port 1 Closed)", "info", "")
        )
        self.assertEqual(json.loads(asJSON({}))["message"], "")


class LevelTests(SynchronousTestCase):
    """--log-level."""

    def test_levels(self) -> None:
        """For all, and for some."""
        self.assertEqual(
            levels(["warn", "wsapp.listening=debug"]), {"": LogLevel.warn, "wsapp.listening": LogLevel.debug}
        )

    def test_wrong(self) -> None:
        """What names no level, or no logger."""
        for word in ("loud", "wsapp=loud", "=info", "wsapp="):
            self.assertIn(repr(word), str(self.assertRaises(ValueError, levels, [word])))

    def test_least(self) -> None:
        """What is below is not written: for each logger the level of the longest name that it is under."""
        out = io.StringIO()
        observer = observerOf(out, False, levels(["error", "wsapp.a=debug", "wsapp.a.b=warn"]))
        for name in ("other", "wsapp.a", "wsapp.a.b", "wsapp.a.c"):
            for level in (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error):
                Logger(name, observer=observer).emit(level, f"{name}/{level.name}")
        found = [line.rpartition(" ")[2] for line in out.getvalue().splitlines()]
        self.assertEqual(
            found,
            ["other/error"]
            + [f"wsapp.a/{level}" for level in ("debug", "info", "warn", "error")]
            + ["wsapp.a.b/warn", "wsapp.a.b/error"]
            + [f"wsapp.a.c/{level}" for level in ("debug", "info", "warn", "error")],
        )

    def test_default(self) -> None:
        """Without any: from info, as JSON where that is asked for."""
        out = io.StringIO()
        logger = Logger("x", observer=observerOf(out, True, {}))
        logger.debug("no")
        logger.info("yes")
        self.assertEqual([json.loads(line)["message"] for line in out.getvalue().splitlines()], ["yes"])


class FileTests(ServedCase):
    """Log files."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.path = self.folder / "log"

    def file(self) -> LogFile:
        """The file."""
        file = LogFile(str(self.path))
        self.addCleanup(lambda: os.close(file._descriptor))
        return file

    def test_moved(self) -> None:
        """Moved away, what is written goes to the old file until it is reopened; nothing is overwritten."""
        self.path.write_text("before\n")
        file = self.file()
        file.write("one\n")
        moved = self.path.rename(self.folder / "old")
        file.write("two\n")
        file.reopen()
        file.write("three ☃\udc80\n")
        self.assertEqual(moved.read_text(), "before\none\ntwo\n")
        self.assertEqual(self.path.read_text(encoding="utf-8"), "three ☃\\udc80\n")

    def test_elsewhere(self) -> None:
        """A process that goes to another folder, as a daemon does, still reopens the same file."""
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        file = LogFile("log")
        self.addCleanup(lambda: os.close(file._descriptor))
        os.chdir("/")
        file.reopen()
        self.assertEqual(file.name, str(self.folder / "log"))

    def test_cannotReopen(self) -> None:
        """The old file is kept, with one line that says why."""
        file = self.file()
        self.path.unlink()
        self.path.mkdir()
        file.reopen()
        file.write("still\n")
        self.assertEqual(len(self.lines()), 1)
        self.assertIn("kept the old", self.lines()[0])

    def test_full(self) -> None:
        """A line that cannot be written is lost, which is said once; the server goes on."""
        file = self.file()
        with mock.patch.object(os, "write", side_effect=OSError(28, "no space")):
            file.write("x")
            file.write("y")
        file.write("z\n")
        self.assertEqual(
            [line.partition("cannot be written: ")[2] for line in self.lines()], ["[Errno 28] no space"]
        )
        self.assertEqual(self.path.read_text(), "z\n")

    def test_output(self) -> None:
        """- is the standard output as it was when it was opened; it is not reopened."""
        with mock.patch.object(sys, "stdout", io.StringIO()) as out:
            file = LogFile("-")
            file.write("x\n")
            file.reopen()
        file.write("y\n")
        file.flush()
        self.assertEqual(out.getvalue(), "x\ny\n")

    def test_cannotOpen(self) -> None:
        """Who asks for it is told."""
        self.assertRaises(OSError, LogFile, str(self.folder / "no" / "log"))


class ObservedTests(SynchronousTestCase):
    """How twistd finds the observer."""

    def test_component(self) -> None:
        """As its application's; the service runs as ever."""
        service = MultiService()
        observer: Any = observerOf(io.StringIO(), False, {})
        observed = Observed(service, observer)
        application = Application("test")
        observed.setServiceParent(application)
        self.assertIs(application.getComponent(ILogObserver), observer)
        observed.privilegedStartService()
        observed.startService()
        self.assertTrue(service.running)
        self.successResultOf(observed.stopService())
        self.assertFalse(service.running)
