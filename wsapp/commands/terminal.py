"""What is written to a terminal, and what to a pipe.  Imports nothing of wsapp."""

from __future__ import annotations

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

    :ivar terminal: Whether a person sees it: only there are colours and moving things.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.terminal = stream.isatty()
        self._temporary = False

    def coloured(self, text: str, colour: str) -> str:
        """The text, in a colour where there are any."""
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.terminal else text

    def line(self, text: str, colour: str = "") -> None:
        """Write a line, in place of what is there for a moment."""
        self.clear()
        self._stream.write((self.coloured(text, colour) if colour else text) + "\n")
        self._stream.flush()

    def moment(self, text: str) -> None:
        """Show something until the next line; nothing where nobody would see it."""
        if self.terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._temporary = True

    def clear(self) -> None:
        """Take away what is there for a moment."""
        if self._temporary:
            self._stream.write("\r\x1b[K")
            self._temporary = False
