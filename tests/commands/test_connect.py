"""Tests of `wsapp.commands.connect`, in virtual time; processes are in :mod:`tests.live.test_commands`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import Any
from unittest import mock

from twisted.internet.task import Clock

from tests.commands.test_terminal import Terminal
from tests.outgoing.world import ClientCase
from wsapp.commands.connect import Talk, lines
from wsapp.commands.terminal import Screen
from wsapp.wire.events import Close


class Broken(io.StringIO):
    """An output that cannot be written to."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


class Reactor(Clock):
    """Time, and calls from the one thread that there is."""

    def callFromThread(self, call: Callable[..., object], *arguments: object) -> None:
        call(*arguments)

    def addSystemEventTrigger(self, *arguments: object) -> None:
        """The process does not stop."""


class TalkCase(ClientCase):
    """A conversation with the test."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Reactor()
        self.err = io.StringIO()

    def talk(self, out: io.StringIO, given: Any = None) -> Talk:
        """Begin one, and read its input to the end.

        :param given: What there is as standard input.
        """
        talk = Talk(self.clock, Screen(out), Screen(self.err), False, 1)
        self.connection = self.open(talk)
        with mock.patch("wsapp.commands.connect.threading.Thread") as thread, mock.patch("sys.stdin", given):
            talk.begin(self.connection, False)
            made = thread.call_args.kwargs
            made["target"](*made["args"])
        self.settle()
        return talk

    def end(self, talk: Talk, code: int = 1000) -> int:
        """The server closes.

        :return: The exit status.
        """
        self.way.line.give(self.way.line.sender.close(code, ""))
        self.settle()
        self.way.line.lose()
        return talk.ended(self.successResultOf(self.connection.whenClosed()))


class OutputTests(TalkCase):
    """Messages that cannot be shown."""

    def test_brokenPipe(self) -> None:
        """Who read them has had enough: it ends in order, and quietly."""
        talk = self.talk(Broken(BrokenPipeError(errno.EPIPE, "Broken pipe")))
        self.way.line.say("a", "b")
        self.assertEqual(self.way.line.heard, [Close(1000, "")])
        self.assertEqual((self.end(talk), self.err.getvalue()), (0, ""))

    def test_full(self) -> None:
        """One line says why, and the status is no good one."""
        talk = self.talk(Broken(OSError(errno.ENOSPC, "No space left on device")))
        self.way.line.say("a", "b")
        self.assertEqual(self.way.line.heard, [Close(1000, "")])
        self.assertEqual(self.end(talk), 1)
        self.assertEqual(
            self.err.getvalue(), "wsapp: the output cannot be written: No space left on device\n"
        )


class InputTests(TalkCase):
    """Input that cannot be read."""

    def test_none(self) -> None:
        """A process need not have any: that is an empty one."""
        talk = self.talk(io.StringIO())
        self.advance(2)
        self.assertEqual(self.way.line.heard, [Close(1000, "")])
        self.assertEqual((self.end(talk), self.err.getvalue()), (0, ""))

    def test_unreadable(self) -> None:
        """It ends, with an error."""
        given = mock.Mock()
        given.fileno.side_effect = OSError(errno.EBADF, "Bad file descriptor")
        talk = self.talk(io.StringIO(), given)
        self.assertEqual(self.way.line.heard, [Close(1000, "")])
        self.assertEqual(self.end(talk), 1)
        self.assertEqual(self.err.getvalue(), "wsapp: the input cannot be read: Bad file descriptor\n")

    def test_closing(self) -> None:
        """Where a line cannot be sent any more, that is said once, and no other is read."""
        ours, theirs = os.pipe()
        os.write(theirs, b"a\nb\nc\n")
        os.close(theirs)
        given = mock.Mock()
        given.fileno.return_value = ours
        self.addCleanup(os.close, ours)
        taken = []

        def call(reactor: Any, send: Any, text: str) -> Any:
            taken.append(text)
            if text == "b":
                self.way.line.give(self.way.line.sender.close(4000, ""))
            return self.successResultOf(send(text))

        with mock.patch("wsapp.commands.connect.blockingCallFromThread", call):
            talk = self.talk(io.StringIO(), given)
        self.assertEqual(taken, ["a", "b"])
        self.assertEqual(self.err.getvalue(), "wsapp: the connection is closing\n")
        self.way.line.lose()
        self.assertEqual(talk.ended(self.successResultOf(self.connection.whenClosed())), 1)

    def test_fault(self) -> None:
        """A fault of our own ends it too, and can be seen."""
        given = mock.Mock()
        given.fileno.side_effect = ZeroDivisionError
        talk = self.talk(io.StringIO(), given)
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.lose()
        closed = self.successResultOf(self.connection.whenClosed())
        self.assertRaises(ZeroDivisionError, talk.ended, closed)

    def test_surrogates(self) -> None:
        """What a person types and UTF-8 cannot say is told, and no more."""
        talk = self.talk(Terminal())
        talk.command("\udcff")
        self.assertIn("surrogates not allowed", self.err.getvalue())

    def test_lines(self) -> None:
        """However they come; the last one may have no end."""
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        with open(theirs, "wb") as file:
            file.write(b"one\n\ntwo\nlast")
        self.assertEqual(list(lines(ours)), [b"one", b"", b"two", b"last"])
