"""Runs the tests that examples/ has of its own."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib.util
import sys
import unittest
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

EXAMPLES = Path(__file__).parent.parent / "examples"


class ExampleTests(SynchronousTestCase):
    """The examples do what their tests say."""

    def passes(self, name: str, *needs: str) -> None:
        """Run one example's own tests: all pass, and there are some.

        :param needs: What it imports that is no dependency of wsapp.
        """
        path = EXAMPLES / f"test_{name}.py"
        if not path.is_file():
            raise SkipTest(f"{path} is not here: these tests were copied without the project")
        for need in needs:
            if importlib.util.find_spec(need) is None:
                raise SkipTest(f"{need} is not installed")
        # As from within the folder, as their docstrings say to run them.
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        self.addCleanup(sys.modules.pop, name, None)  # names as common as these are not kept
        spec.loader.exec_module(module)
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
        self.assertEqual([text for _, text in result.failures + result.errors], [])
        self.assertEqual(result.skipped, [])
        self.assertGreaterEqual(result.testsRun, 3)

    def test_hello(self) -> None:
        """hello.py, the application of README."""
        self.passes("hello")

    def test_whiteboard(self) -> None:
        """whiteboard.py"""
        self.passes("whiteboard")

    def test_cursors(self) -> None:
        """cursors.py"""
        self.passes("cursors")

    def test_ticker(self) -> None:
        """ticker.py"""
        self.passes("ticker")

    def test_rpc(self) -> None:
        """rpc.py"""
        self.passes("rpc", "pjrpc")

    def test_upload(self) -> None:
        """upload.py"""
        self.passes("upload")

    def test_terminal(self) -> None:
        """terminal.py"""
        if sys.platform == "win32":
            raise SkipTest("Windows has no pseudo-terminals")
        self.passes("terminal")
