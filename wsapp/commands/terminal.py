"""What is written to a terminal, and what to a pipe.  Imports nothing of wsapp."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import TextIO

__all__ = ["Screen", "harmless"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "grey": "90"}


def harmless(text: str) -> str:
    """Text from outside as a terminal may be given it: control characters are shown, not obeyed."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class Screen:
    """One output.

    :param stream: None where the process was given none: nothing is written then.
    :ivar terminal: Whether a person sees it: only there are colours and moving things.
    :ivar failure: Why it could not be written to; nothing is from then on.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.terminal = stream is not None and stream.isatty()
        self.failure: OSError | None = None
        self._temporary = False
        if isinstance(stream, io.TextIOWrapper):
            # Messages are UTF-8, and go on as that; a terminal is shown escapes for what it does not have.
            stream.reconfigure(encoding=None if self.terminal else "utf-8", errors="backslashreplace")

    def write(self, text: str) -> None:
        """Write text as it is, at once."""
        if self._stream is None or self.failure is not None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            self.failure = error
            _discard(self._stream)

    def coloured(self, text: str, colour: str) -> str:
        """The text, in a colour where there are any."""
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.terminal else text

    def line(self, text: str, colour: str = "") -> None:
        """Write a line, in place of what is there for a moment."""
        self.clear()
        self.write((self.coloured(text, colour) if colour else text) + "\n")

    def moment(self, text: str) -> None:
        """Show something until the next line; nothing where nobody would see it."""
        if self.terminal:
            self.write(f"\r\x1b[K{text}")
            self._temporary = True

    def clear(self) -> None:
        """Take away what is there for a moment."""
        if self._temporary:
            self.write("\r\x1b[K")
            self._temporary = False


def _discard(stream: TextIO) -> None:
    """Have what is in its buffer yet go nowhere: Python would complain at exit that it cannot be written."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
