"""``wsapp new``: a small application, its test and a README, which run at once."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

__all__ = ["files", "new"]

APP = '''\
"""{Name}: what one client says, all hear."""

from wsapp import App


class {Name}(App):
    def onConnect(self, client):
        client.join("everybody")

    async def onMessage(self, client, message):
        await self.group("everybody").send(message)
'''

TEST = '''\
"""Tests of {name}: clients in memory, no sockets."""

from twisted.trial import unittest

import wsapp.testing

import {name}


class {Name}Tests(unittest.SynchronousTestCase):
    def test_allHear(self):
        server = wsapp.testing.TestServer({name}.{Name}())
        ann, bob = server.connect(), server.connect()
        ann.send("hello")
        self.assertEqual((ann.receive(), bob.receive()), ("hello", "hello"))
        server.stop()
'''

README = """\
{Name}
{line}

What one client says, all hear.

Serve it::

    twistd -n wsapp --port tcp:8080 --app {name}.py:{Name}

Talk to it, from two terminals::

    wsapp connect ws://localhost:8080/

Test it::

    python -m twisted.trial test_{name}
"""


def files(name: str) -> dict[str, str]:
    """What is written, by file name.

    :raises ValueError: The name cannot be a module's.
    """
    if not re.fullmatch("[a-z][a-z0-9_]{0,49}", name) or keyword.iskeyword(name) or name in ("wsapp", "test"):
        raise ValueError(f"{name!r} cannot be the name: small letters, digits and underscores, as in chat_2")
    # One that is there already would be found in its place, or take it: trial needs some itself.
    if name in sys.stdlib_module_names or _isInstalled(name):
        raise ValueError(f"{name!r} is a module that Python has already: take another name")
    title = "".join(part.capitalize() for part in name.split("_")) or name
    values = {"name": name, "Name": title, "line": "=" * len(title)}
    return {
        f"{name}.py": APP.format(**values),
        f"test_{name}.py": TEST.format(**values),
        "README.rst": README.format(**values),
    }


def _isInstalled(name: str) -> bool:
    """Whether there is a module of that name, wherever this is run: folders here are none."""
    here = Path().resolve()
    paths = [path for path in sys.path if path and Path(path).resolve() != here]
    return PathFinder.find_spec(name, paths) is not None


def new(name: str) -> int:
    """Write them into a new folder.

    :return: The exit status.
    """
    try:
        written = files(name)
    except ValueError as error:
        print(f"wsapp: {error}", file=sys.stderr)
        return 2
    folder = Path(name)
    try:
        folder.mkdir()
        for file, text in written.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"wsapp: {folder} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{folder}: {', '.join(written)}. Next:\n\n  cd {folder}\n  python -m twisted.trial test_{name}")
    title = next(iter(written)).removesuffix(".py")
    print(f"  twistd -n wsapp --port tcp:8080 --app {title}.py:{_class(written)}")
    return 0


def _class(written: dict[str, str]) -> str:
    found = re.search(r"^class (\w+)", next(iter(written.values())), re.MULTILINE)
    assert found is not None
    return found[1]
