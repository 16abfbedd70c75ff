"""The public names of wsapp, and what importing them brings."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import wsapp

PUBLIC = [
    "App",
    "AppPlugin",
    "Broker",
    "Client",
    "ClientConnection",
    "ConnectFailed",
    "ConnectionClosed",
    "Disconnection",
    "Group",
    "HandshakeRefused",
    "Limits",
    "Member",
    "Publication",
    "ReconnectingClient",
    "Reject",
    "Request",
    "Server",
    "UnsupportedByVersion",
    "User",
    "WsappError",
    "__version__",
    "accelerated",
    "connect",
]


#: What is public beside these, in modules of its own.
MODULES = {
    "wsapp.authentication": ["authenticate"],
    "wsapp.testing": ["NothingReceived", "Rejected", "TestClient", "TestServer"],
    "wsapp.tokens": ["LONGEST_LIFE", "MOST_SKEW", "BadToken", "Keys", "Token", "mint", "verify"],
}

API = Path(__file__).parent.parent / "docs" / "reference" / "api.rst"


def run(code: str) -> str:
    """:return: What Python code prints, in a process of its own that finds this wsapp."""
    path = Path(wsapp.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


class PublicTests(SynchronousTestCase):
    """What people import."""

    def test_names(self) -> None:
        """These names, each of them there, and no other."""
        self.assertEqual(sorted(wsapp.__all__), sorted(PUBLIC))
        self.assertEqual(dir(wsapp), sorted(PUBLIC))
        for name in PUBLIC:
            value = getattr(wsapp, name)
            self.assertIs(getattr(wsapp, name), value)
            if name != "__version__":
                self.assertEqual(getattr(value, "__name__", name), name)
                self.assertTrue(inspect.getdoc(value), name)

    def test_modules(self) -> None:
        """Those of the modules that applications import from."""
        for module, names in MODULES.items():
            self.assertEqual(sorted(importlib.import_module(module).__all__), sorted(names), module)

    def test_documented(self) -> None:
        """The reference has every public name, and none that its module does not give away."""
        if not API.is_file():
            raise SkipTest(f"{API} is not here: these tests were copied without the project")
        text = API.read_text(encoding="utf-8")
        shown = re.findall(r"^\.\. auto(?:class|function|exception|data):: (\S+)$", text, re.M)
        documented = set()
        for name in shown:
            home, _, short = name.rpartition(".")
            module = importlib.import_module(home or "wsapp")
            self.assertIn(short, module.__all__, name)
            if module is wsapp:
                documented.add(short)
        self.assertEqual(documented, set(PUBLIC) - {"__version__", "accelerated"})

    def test_unknown(self) -> None:
        """Another one is an AttributeError, as of any module."""
        error = str(self.assertRaises(AttributeError, getattr, wsapp, "Nothing"))
        self.assertIn("wsapp", error)
        self.assertIn("'Nothing'", error)

    def test_typeCheckersSeeTheSame(self) -> None:
        """What is imported for type checkers is what is loaded."""
        source = inspect.getsource(wsapp)
        for name, home in wsapp._HOMES.items():
            self.assertIn(f"    from {home} import {name} as {name}\n", source)
        self.assertEqual(source.count("    from "), len(wsapp._HOMES))

    def test_allEverywhere(self) -> None:
        """Every module says what is public in it, and has that."""
        for found in pkgutil.walk_packages(wsapp.__path__, "wsapp."):
            module = importlib.import_module(found.name)
            self.assertTrue(module.__doc__, found.name)
            for name in getattr(module, "__all__", ()):
                self.assertTrue(hasattr(module, name), f"{found.name}.{name}")


class ImportTests(SynchronousTestCase):
    """What importing brings with it."""

    def test_wireBringsNoTwisted(self) -> None:
        """``import wsapp.wire``, and all of its modules, bring no Twisted."""
        found = run(
            "import importlib, pkgutil, sys, wsapp, wsapp.wire\n"
            "for one in pkgutil.walk_packages(wsapp.wire.__path__, 'wsapp.wire.'):\n"
            "    importlib.import_module(one.name)\n"
            "print(*[name for name in sys.modules if name.split('.')[0] in ('twisted', 'zope', 'OpenSSL')])\n"
            "print('wsapp.wire.hybi' in sys.modules)"
        )
        self.assertEqual(found, "\nTrue\n")

    def test_noReactor(self) -> None:
        """No module of wsapp installs a reactor, nor does twistd's plugin."""
        found = run(
            "import importlib, pkgutil, sys, wsapp\n"
            "for one in pkgutil.walk_packages(wsapp.__path__, 'wsapp.'):\n"
            "    importlib.import_module(one.name)\n"
            "import twisted.plugins.wsapp_plugin\n"
            "from wsapp.tap import Options\n"
            "str(Options())\n"
            "print('twisted.internet.reactor' in sys.modules)"
        )
        self.assertEqual(found, "False\n")

    def test_listingBringsNoReactor(self) -> None:
        """``--list-apps`` does not either."""
        found = run(
            "import sys\n"
            "from wsapp.tap import Options\n"
            "try:\n    Options().parseOptions(['--list-apps'])\n"
            "finally:\n    print('twisted.internet.reactor' in sys.modules)"
        )
        self.assertIn("echo", found)
        self.assertTrue(found.endswith("False\n"), found)

    def test_pluginImportsNoApplication(self) -> None:
        """The plugin, which every twistd loads, brings neither applications nor the server."""
        found = run(
            "import sys, twisted.plugins.wsapp_plugin\n"
            "print(*sorted(name for name in sys.modules if name.startswith('wsapp')))"
        )
        self.assertEqual(found.split(), ["wsapp", "wsapp.appplugin"])
