"""Tests of `wsapp.commands.terminal`."""

from __future__ import annotations

import errno
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

    def test_failure(self) -> None:
        """What cannot be written is no exception; nothing is written any more."""

        class Full(io.StringIO):
            def flush(self) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

        stream = Full()
        screen = Screen(stream)
        self.assertIsNone(screen.failure)
        for text in "ab":
            screen.line(text)
            assert screen.failure is not None
            self.assertEqual(screen.failure.errno, errno.ENOSPC)
        self.assertEqual(stream.getvalue(), "a\n")

    def test_none(self) -> None:
        """A process need not have an output."""
        screen = Screen(None)
        screen.moment("50 %")
        screen.line("done")
        self.assertEqual((screen.terminal, screen.failure), (False, None))

    def test_encoding(self) -> None:
        """Whatever the locale: UTF-8 to a pipe, and escapes for what a terminal does not have."""

        class Seen(io.TextIOWrapper):
            def isatty(self) -> bool:
                return True

        for kind, written in ((io.TextIOWrapper, "grün\n".encode()), (Seen, b"gr\\xfcn\n")):
            stream = kind(io.BytesIO(), encoding="ascii", newline="\n")
            Screen(stream).line("grün")
            self.assertEqual(stream.buffer.getvalue(), written)  # type: ignore[attr-defined]

    def test_harmless(self) -> None:
        """What a server sends does not steer the terminal."""
        self.assertEqual(harmless("grün\tund\n€ 😀"), "grün\tund\n€ 😀")
        for text in ("\x1b[2J", "\x9b2J", "a\rb", "\x07", "\x00", "\u202etxt", "\ud800"):
            shown = harmless(text)
            self.assertTrue(shown.isascii() and shown.isprintable(), shown)
