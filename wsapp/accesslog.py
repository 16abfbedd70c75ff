"""The access log: one line for each client that is gone, and for each request that was refused or answered.

It has the address and no more of a person: no path, no query, no token, no name; a client's id is random.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Protocol

from wsapp.accounts import Access

__all__ = ["AccessLog"]


class Sink(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


def fields(access: Access) -> dict[str, Any]:
    """What a line says, in order; None for what there was not."""
    time = datetime.fromtimestamp(access.time, timezone.utc)
    return {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "peer": access.peer or "unix",
        "app": access.app or None,
        "version": access.version or None,
        "status": access.status,
        "seconds": round(access.seconds, 3),
        "messages_in": access.messagesIn,
        "messages_out": access.messagesOut,
        "bytes_in": access.bytesIn,
        "bytes_out": access.bytesOut,
        "code": access.code,
        "client": access.client or None,
    }


def _word(value: object) -> str:
    """A value of a line of ``name=value``: in quotes where it would not be one word."""
    if value is None:
        return "-"
    text = str(value)
    plain = text.isprintable() and not any(letter in ' "=' for letter in text)
    return text if plain else json.dumps(text)


class AccessLog:
    """Writes lines.

    :param json: JSON objects instead of ``name=value`` words.
    """

    def __init__(self, sink: Sink, json: bool = False) -> None:
        self._sink = sink
        self._json = json

    def write(self, access: Access) -> None:
        """One connection is over."""
        said = fields(access)
        if self._json:
            line = json.dumps(said)
        else:
            line = " ".join(f"{name}={_word(value)}" for name, value in said.items())
        self._sink.write(line + "\n")
        self._sink.flush()
