"""Tests of `wsapp.commands`: the command line."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import io
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from wsapp.commands import main, parser


class ArgumentTests(SynchronousTestCase):
    """What may be said."""

    def test_connect(self) -> None:
        """All that there is."""
        read = parser().parse_args(
            ["connect", "ws://h/", "-H", "A: b:c", "-H", "D:e", "-s", "x", "-s", "y", "--max-message", "1m"]
        )
        self.assertEqual(read.header, [("A", "b:c"), ("D", "e")])
        self.assertEqual((read.subprotocol, read.max_message, read.timeout), (["x", "y"], 1 << 20, 30))

    def wrong(self, *arguments: str) -> str:
        """:return: What is said of a command line that is none."""
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            error = self.assertRaises(SystemExit, main, arguments)
        self.assertEqual(error.code, 2, arguments)
        self.assertNotIn("Traceback", err.getvalue())
        return err.getvalue()

    def test_wrong(self) -> None:
        """One line that says what, and status 2; secrets are not shown."""
        self.wrong()
        self.wrong("dance")
        self.wrong("connect")
        for arguments, word in (
            (["http://h/"], "must be like ws://"),
            (["ws://h/", "-H", "nothing"], "Name: value"),
            (["ws://h/", "-H", "Host: x"], "belongs to the handshake"),
            (["ws://h/", "--protocol", "9"], "not a version"),
            (["ws://h/", "-s", "a b"], "not a subprotocol"),
            (["ws://h/", "--timeout", "-1"], "not a time"),
            (["ws://h/", "--timeout", "99999"], "not from"),
            (["ws://h/", "--ca", "/nonexistent/file"], "No such file"),
            (["ws://h/", "--ca", __file__], "must be PEM"),
            (["ws://h/", "--proxy", "socks5://h"], "no HTTP proxy"),
        ):
            self.assertIn(word, self.wrong("connect", *arguments))
        self.assertNotIn("secret", self.wrong("connect", "ws://u:secret@h:0/"))
        self.assertNotIn("secret", self.wrong("connect", "ws://h/", "-H", "A\x01: secret"))
        for option, value in (
            ("--clients", "10001"),
            ("--clients", "0"),
            ("--seconds", "601"),
            ("--size", "17m"),
        ):
            self.wrong("load", "ws://localhost/", option, value)

    def test_secrets(self) -> None:
        """No error shows a password, wherever the mistake is."""
        for arguments in (["wss:/u:secret@h/"], ["ws://h/", "ws://u:secret@h/"], ["u:secret@h"]):
            self.assertNotIn("secret", self.wrong("connect", *arguments))

    def test_noProxy(self) -> None:
        """An empty one is none, whatever the environment says."""
        for arguments, proxy in (([], True), (["--proxy", ""], None), (["--proxy", "http://p"], "http://p")):
            with mock.patch("twisted.internet.task.react", side_effect=SystemExit) as react:
                self.assertRaises(SystemExit, main, ["connect", "ws://h/", *arguments])
            self.assertEqual(react.call_args.args[1][1]["proxy"], proxy)

    def test_help(self) -> None:
        """Each command's, with its exit status."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            error = self.assertRaises(SystemExit, main, ["--help"])
        self.assertEqual(error.code, 0)
        for word in ("connect", "new", "load", "exit status"):
            self.assertIn(word, out.getvalue())
