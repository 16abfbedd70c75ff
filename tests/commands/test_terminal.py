"""Tests of `wsapp.commands.terminal`."""

from __future__ import annotations

import io

from tests.wire.case import Case
from wsapp.commands.terminal import Screen, harmless


class Terminal(io.StringIO):
    """An output that a person sees."""

    def isatty(self) -> bool:
        return True


class ScreenTests(Case):
    """Colours and moving things are for people."""

    def test_pipe(self) -> None:
        """Plain lines, and nothing for a moment."""
        stream = io.StringIO()
        screen = Screen(stream)
        screen.moment("50 %")
        screen.line("done", "green")
        self.assertEqual(stream.getvalue(), "done\n")

    def test_terminal(self) -> None:
        """A line takes the place of what was there for a moment."""
        stream = Terminal()
        screen = Screen(stream)
        screen.moment("50 %")
        screen.line("done", "green")
        screen.line("plain")
        self.assertEqual(stream.getvalue(), "\r\x1b[K50 %\r\x1b[K\x1b[32mdone\x1b[0m\nplain\n")

    def test_harmless(self) -> None:
        """What a server sends does not steer the terminal."""
        self.assertEqual(harmless("grün\tund\n€ 😀"), "grün\tund\n€ 😀")
        for text in ("\x1b[2J", "\x9b2J", "a\rb", "\x07", "\x00", "\u202etxt", "\ud800"):
            shown = harmless(text)
            self.assertTrue(shown.isascii() and shown.isprintable(), shown)
