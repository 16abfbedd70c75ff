"""Where log lines go under ``twistd``: as text or as JSON, each subsystem from a level of its own.

twistd makes its observer itself, unless its application has one as a component; that is how these come
in.  Imports nothing of wsapp.
"""

# Twisted's services have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    InvalidLogLevelError,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    textFileLogObserver,
)

__all__ = ["LogFile", "Observed", "asJSON", "levels", "observerOf", "tracebackOf", "valuesOf"]

_log = Logger()

#: What an event has beside its own values.
_INNER = ("log_", "isError", "system", "format")


class LogFile:
    """A file that lines are added to, and that may be moved away meanwhile.

    :param name: Its path, or ``-`` for the standard output.
    :raises OSError: It cannot be opened.
    """

    def __init__(self, name: str) -> None:
        self.name = name if name == "-" else os.path.abspath(name)  # a daemon goes elsewhere
        self._output = sys.stdout  # as it is now: twistd puts its own log in this place
        self._descriptor = self._open()
        self._failed = False

    def _open(self) -> int:
        if self.name == "-":
            return -1
        return os.open(self.name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o640)

    def write(self, text: str) -> None:
        """Add a line; where that fails (the disk is full) it is lost, and the first time that is said."""
        try:
            if self.name == "-":
                self._output.write(text)
            else:
                # At once and whole: several processes may add to one file.
                os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
            self._failed = False
        except (OSError, ValueError) as error:
            if not self._failed:
                self._failed = True
                _log.error("{name} cannot be written: {error}", name=self.name, error=error)

    def flush(self) -> None:
        """Let what was written leave; into a file it has already."""
        if self.name == "-":
            self._output.flush()

    def reopen(self) -> None:
        """Go on in a new file of the same name: the old one was moved away.

        Where there can be none the old one is kept, with one log line.
        """
        if self.name == "-":
            return
        try:
            opened = self._open()
        except OSError as error:
            _log.error("kept the old {name}: {error}", name=self.name, error=error)
            return
        os.close(self._descriptor)
        self._descriptor = opened


def asJSON(event: LogEvent) -> str:
    """One event as one line: an object with ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``,
    ``traceback`` where there is one, and in ``values`` what the message is made of."""
    time = datetime.fromtimestamp(event.get("log_time", 0.0), timezone.utc)
    said: dict[str, Any] = {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": getattr(event.get("log_level"), "name", "info"),
        "logger": event.get("log_namespace") or "",
        "message": event["log_message"] if "log_message" in event else formatEvent(event),
    }
    if (traceback := tracebackOf(event)) is not None:
        said["traceback"] = traceback
    if values := valuesOf(event):
        said["values"] = values
    return json.dumps(said, ensure_ascii=False) + "\n"


def tracebackOf(event: LogEvent) -> str | None:
    """The traceback of an event's failure, if it has one."""
    failure = event.get("log_failure")
    if failure is None:
        told: str | None = event.get("log_traceback")  # of another process, as is log_message
        return told
    try:
        return str(failure.getTraceback())
    except Exception:
        return "(it cannot be shown)"


def valuesOf(event: LogEvent) -> dict[str, Any]:
    """What an event's message is made of, as plain values."""
    if not event.get("log_format"):
        return {}
    return {
        name: value if isinstance(value, (int, float, bool)) else str(value)
        for name, value in event.items()
        if not name.startswith(_INNER)
        and name not in ("time", "message")
        and isinstance(value, (str, int, float, bool, Exception))
    }


def levels(words: Iterable[str]) -> Mapping[str, Any]:
    """What ``--log-level`` was given: by a logger's name, empty for all others, the least level to log.

    :raises ValueError: A level that there is not.
    """
    found = {}
    for word in words:
        name, equals, level = word.rpartition("=")
        try:
            found[name] = LogLevel.levelWithName(level)
        except InvalidLogLevelError:
            known = ", ".join(one.name for one in LogLevel.iterconstants())
            raise ValueError(
                f"{word!r} names no level: it must be {known}, or such as wsapp.listening=debug"
            ) from None
        if equals and not name:
            raise ValueError(
                f"{word!r} names no logger before the =: it must be such as wsapp.listening=debug"
            )
    return found


def observerOf(file: Any, json: bool, least: Mapping[str, Any]) -> ILogObserver:
    """An observer.

    :param file: A :class:`LogFile`.
    :param json: Whether it writes JSON (see :func:`asJSON`), or text as twistd does.
    :param least: See :func:`levels`; whatever is not named is logged from ``info``.
    """
    observer: Any = FileLogObserver(file, asJSON) if json else textFileLogObserver(file)
    predicate = LogLevelFilterPredicate(least.get("", LogLevel.info))
    for name, level in least.items():
        if name:
            predicate.setLogLevelForNamespace(name, level)
    filtered: ILogObserver = FilteringLogObserver(observer, [predicate])
    return filtered


class Observed(MultiService):
    """A service whose application logs to an observer.

    :param observer: twistd uses no other then.
    """

    def __init__(self, service: IService, observer: ILogObserver) -> None:
        super().__init__()
        self._observer = observer
        service.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """This is twistd's application."""
        super().setServiceParent(parent)
        parent.setComponent(ILogObserver, self._observer)
