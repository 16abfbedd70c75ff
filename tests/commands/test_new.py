"""Tests of `wsapp.commands.new`; that what it writes runs is shown in :mod:`tests.live.test_commands`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import io
import os
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

import wsapp.testing  # noqa: F401 (what is written imports it, and must not import another one)
from wsapp.commands.new import files, new


class NewTests(SynchronousTestCase):
    """A folder with three files."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)

    def run_(self, name: str) -> tuple[int, str, str]:
        """Status, output and errors."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = new(name)
        return status, out.getvalue(), err.getvalue()

    def test_written(self) -> None:
        """And what to do with them."""
        status, out, err = self.run_("my_chat")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(sorted(path.name for path in Path("my_chat").iterdir()), sorted(files("my_chat")))
        self.assertIn("--app my_chat.py:MyChat", out)
        self.assertIn("class MyChat(App)", Path("my_chat/my_chat.py").read_text())
        self.assertLessEqual(len(Path("my_chat/my_chat.py").read_text().splitlines()), 11)

    def test_there(self) -> None:
        """Nothing is written over."""
        Path("chat").mkdir()
        Path("chat/chat.py").write_text("mine")
        status, _, err = self.run_("chat")
        self.assertEqual((status, err), (1, "wsapp: chat cannot be written: File exists\n"))
        self.assertEqual(Path("chat/chat.py").read_text(), "mine")

    def test_clash(self) -> None:
        """Whatever the application is called, its test is one, and of it."""
        for name in ("test_server", "synchronous_test_case", "app", "testing", "unit_test"):
            self.assertEqual(self.run_(name)[0], 0, name)
            made: dict[str, Any] = {"__name__": f"test_{name}"}
            with mock.patch("sys.path", [str(Path(name)), *sys.path]), mock.patch.dict("sys.modules"):
                exec((Path(name) / f"test_{name}.py").read_text(), made)
            cases = [one for one in made.values() if isinstance(one, type)]
            self.assertEqual(len(cases), 1, name)
            result = unittest.TestResult()
            cases[0]("test_allHear").run(result)
            self.assertTrue(result.testsRun == 1 and result.wasSuccessful(), (name, result.errors))

    def test_names(self) -> None:
        """What cannot be a module's name, or is another's."""
        for name in (
            "",
            "../x",
            "a-b",
            "Chat",
            "1a",
            "class",
            "json",
            "twisted",
            "zope",
            "idna",
            "attr",
            "hyperlink",
            "constantly",
            "wsapp",
            "test",
            "a" * 51,
            "ä",
            "a\n",
        ):
            status, _, err = self.run_(name)
            self.assertEqual(status, 2, name)
            self.assertIn(repr(name), err)
        self.assertEqual(list(Path().iterdir()), [])
