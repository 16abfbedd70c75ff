"""Tests of `wsapp.appplugin`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import wsapp
from wsapp.appplugin import AppPlugin, IAppPlugin


class AppPluginTests(SynchronousTestCase):
    """What registers an application."""

    def test_provides(self) -> None:
        """It is a Twisted plugin, and has a name, a line, and where the class is."""
        plugin = AppPlugin("game", "a game", "more.games:Game")
        self.assertTrue(verifyObject(IPlugin, plugin))
        self.assertTrue(verifyObject(IAppPlugin, plugin))
        self.assertEqual(
            (plugin.name, plugin.description, plugin.target), ("game", "a game", "more.games:Game")
        )

    def test_importsLittle(self) -> None:
        """Every twistd loads it: it brings nothing else of wsapp, nor of twisted.internet."""
        code = (
            "import sys, wsapp.appplugin; names = ('wsapp', 'twisted.internet', 'twisted.web'); "
            "print(*sorted(name for name in sys.modules if name.startswith(names)))"
        )
        path = str(Path(wsapp.__file__).parent.parent)
        found = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(found.stdout.split(), ["wsapp", "wsapp.appplugin"])
