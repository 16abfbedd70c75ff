"""What master and workers say to each other: lines of JSON, through pipes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from twisted.logger import LogLevel, formatEvent

from wsapp.logs import tracebackOf, valuesOf

__all__ = ["Lines", "Parts", "cut", "flatten", "line", "message", "restore"]

#: Characters of one log entry that are handed on: of its message and of its traceback each, and of the
#: values that the message is made of.
MOST_TEXT = 32 * 1024
MOST_VALUES = 8 * 1024

#: Bytes of a line; of what has no end within that, pieces are made.  JSON makes six bytes of a character at
#: most, or twelve.
MOST_LINE = 1024 * 1024


#: What these mean in entries of the old style is known to its observers.
_OLD = ("failure", "why")


def line(**said: Any) -> bytes:
    """One message, as it is written."""
    return json.dumps(said).encode("ascii") + b"\n"


def message(data: bytes) -> dict[str, Any]:
    """One message, as it was written; empty where it cannot be read (its writer was killed amid it)."""
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


class Lines:
    """Makes lines of pieces, and bounds what waits for its line's end."""

    def __init__(self, most: int = MOST_LINE) -> None:
        self._most = most
        self._waiting = b""

    def receive(self, data: bytes) -> Iterator[bytes]:
        """:return: The lines that are complete now, without their ends."""
        *whole, self._waiting = (self._waiting + data).split(b"\n")
        yield from whole
        if len(self._waiting) > self._most:
            yield from self.end()

    def end(self) -> Iterator[bytes]:
        """:return: What is left, if anything."""
        left, self._waiting = self._waiting, b""
        if left:
            yield left


def cut(text: str, size: int) -> Iterator[bytes]:
    """Long ASCII text as messages of *size* bytes at most, of which others may come between.

    They have ``part``, and the last one has ``last`` too.
    """
    room = (size - len(line(part="", last=True))) // 2  # every character may need a backslash
    for start in range(0, max(1, len(text)), room):
        last = start + room >= len(text)
        yield line(part=text[start : start + room], **({"last": True} if last else {}))


class Parts:
    """Puts such text together again, and bounds what waits for its last part.

    :param most: Characters; of a text that has more nothing is left.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[str] = []
        self._size = 0

    def add(self, said: dict[str, Any]) -> str | None:
        """:return: The text, where this was its last part."""
        part = str(said["part"])
        self._size += len(part)
        if self._size <= self._most:
            self._parts.append(part)
        else:
            self._parts.clear()
        if not said.get("last"):
            return None
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        return text


def flatten(event: dict[str, Any]) -> dict[str, Any]:
    """A log entry as plain values: when, how bad, from where, its text, its traceback, its values."""
    traceback = tracebackOf(event)
    values, room = {}, MOST_VALUES
    for name, value in valuesOf(event).items():
        room -= len(name) + len(str(value))
        if room >= 0 and name not in _OLD:
            values[name] = value
    level = event.get("log_level", LogLevel.critical if "log_failure" in event else LogLevel.info)
    return {
        "time": event.get("log_time"),
        "level": getattr(level, "name", "info"),
        "namespace": str(event.get("log_namespace", "-")),
        "message": formatEvent(event)[:MOST_TEXT],
        "traceback": None if traceback is None else traceback[:MOST_TEXT],
        "values": values,
    }


def restore(entry: dict[str, Any], who: str) -> dict[str, Any]:
    """A log entry again, for this process's own observers.

    :param who: What stands before its namespace: ``worker 2``.
    """
    level = LogLevel.lookupByName(entry["level"])
    message, traceback = entry["message"], entry["traceback"]
    return {
        **entry["values"],
        "log_format": "{log_text}",
        "log_text": "\n".join(part for part in (message, traceback) if part),
        "log_message": message,  # see wsapp.logs
        "log_traceback": traceback,
        "log_time": entry["time"],
        "log_level": level,
        "log_namespace": entry["namespace"],
        "log_system": f"{who}: {entry['namespace']}#{level.name}",
    }
