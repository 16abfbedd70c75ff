"""A ``twistd`` process that serves wsapp, started, watched and judged from outside.

Imports nothing of wsapp but its place: the process is the one that a person starts.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import wsapp

__all__ = ["LIMIT", "Server", "environment", "freePort", "script", "waitFor"]

#: How long anything may take before a test gives it up; far longer than it ever takes.
LIMIT = 30.0

#: What no log may hold, whatever came from outside.
BAD = re.compile(r"Traceback|Unhandled|#critical|#error|Error in|Warning:|never retrieved|never awaited")


#: Runs a command with a descriptor as systemd's socket activation hands it over (sd_listen_fds(3)).
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.argv[2], sys.argv[2:])
"""


def waitFor(what: str, found: Callable[[], object], limit: float = LIMIT) -> None:
    """Ask until something is so.

    :param what: What is waited for, for the message.
    :param found: Anything true ends the waiting.
    :param limit: Seconds.
    :raises AssertionError: It was not so in time.
    """
    end = time.monotonic() + limit
    while not found():
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit:g} s in vain for {what}")
        time.sleep(0.02)


def freePort() -> int:
    """:return: A TCP port of the loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def script(name: str) -> str:
    """:return: The path of a script that the tests' own Python has installed, ``twistd`` for one."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def environment() -> dict[str, str]:
    """:return: This process's environment, such that a child imports the very wsapp that the tests import."""
    root = str(Path(wsapp.__file__).parents[1])
    result = dict(os.environ, PYTHONUNBUFFERED="1")
    # The server is to be as a person starts it: only the tests' own warnings are errors.
    for name in ("PYTHONPATH", "PYTHONWARNINGS"):
        result.pop(name, None)
    if root not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        result["PYTHONPATH"] = root
    return result


class Server:
    """One ``twistd wsapp`` process.

    :param folder: Its own, empty: working folder, log and pid file are there.
    :param options: Those of ``wsapp`` (not of twistd).
    :param daemon: Without ``-n``: it forks to the background, and its pid file is the way to it.
    """

    def __init__(self, folder: Path, options: Sequence[str], *, daemon: bool = False) -> None:
        self.folder = folder
        self.options = tuple(options)
        self.daemon = daemon
        self.logFile = folder / "log"
        self.pidFile = folder / "pid"
        self.process: subprocess.Popen[bytes] | None = None
        #: A socket that listens already, which the process gets as systemd gives it.
        self.handed: socket.socket | None = None
        #: More options, of twistd itself.
        self.twistd: tuple[str, ...] = ()
        #: A part of the lines in the log that the test means to cause, where they would be a complaint.
        self.meant = ""

    @property
    def command(self) -> list[str]:
        """The whole command line."""
        how = ["--logfile", str(self.logFile)] if self.daemon else ["-n"]
        return [script("twistd"), *how, *self.twistd, "--pidfile", str(self.pidFile), "wsapp", *self.options]

    @property
    def log(self) -> str:
        """All that it has logged and printed so far."""
        return self.logFile.read_text(encoding="utf-8") if self.logFile.exists() else ""

    @property
    def pid(self) -> int:
        """The process that serves."""
        return int(self.pidFile.read_text()) if self.daemon else self._started.pid

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "the server was not started"
        return self.process

    def launch(self) -> None:
        """Start the process, and wait for nothing."""
        with self.logFile.open("ab") as output:
            inherit = [] if self.handed is None else [self.handed.fileno()]
            self.process = subprocess.Popen(
                [sys.executable, "-c", AS_SYSTEMD, *map(str, inherit), *self.command]
                if inherit
                else self.command,
                pass_fds=inherit,
                cwd=self.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> Server:
        """Start it, and wait till its log says of each port that it listens.

        :raises AssertionError: It ended before, or did not come up in time; the message has the log.
        """
        seen = len(self.listening())
        wanted = seen + max(1, sum(option == "--port" for option in self.options))
        self.launch()
        if self.daemon:
            status = self._started.wait(LIMIT)
            assert status == 0, f"twistd did not go to the background: {status}\n{self.log}"
        try:
            waitFor(
                "the server's addresses in its log", lambda: len(self.listening()) >= wanted or self._over()
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None
        assert not self._over(), f"the server ended at once: {self._started.returncode}\n{self.log}"
        return self

    def _over(self) -> bool:
        return not self.daemon and self._started.poll() is not None

    def listening(self) -> list[str]:
        """:return: The addresses to open, as the log gives them, in order."""
        return ADDRESS.findall(self.log)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(self.pid, number)

    def stop(self, limit: float = LIMIT) -> int:
        """End it with SIGTERM, as an operator does.

        :return: The exit status (of a daemon 0, as nobody can ask for it).
        :raises AssertionError: It did not end in time.
        """
        pid = self.pid
        os.kill(pid, signal.SIGTERM)
        return self.ended(pid, limit)

    def ended(self, pid: int, limit: float = LIMIT) -> int:
        """Wait for the end of the process.

        :return: The exit status, as :meth:`stop` gives it.
        :raises AssertionError: It did not end in time; the message has the log.
        """
        try:
            if self.daemon:
                waitFor("the daemon's end", lambda: not alive(pid), limit)
                return 0
            return self._started.wait(limit)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            raise AssertionError(f"{error}\n{self.log}") from None

    def kill(self) -> None:
        """End it, however it is; for cleaning up.  One that has ended already is left alone."""
        if self.daemon:
            if self.pidFile.exists() and alive(self.pid):
                os.kill(self.pid, signal.SIGKILL)
        elif self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait(LIMIT)

    def complaints(self) -> list[str]:
        """:return: The lines of the log that should not be there."""
        bad = [line for line in self.log.splitlines() if BAD.search(line)]
        return [line for line in bad if not (self.meant and self.meant in line)]


#: A line that tells a person what to open.
ADDRESS = re.compile(r"\blistening on (?:\S+: open )?(\S+)$", re.MULTILINE)


def alive(pid: int) -> bool:
    """:return: Whether there is such a process (one that has ended but is not yet reaped does not count)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    # A daemon's parent is init, which in a container may never reap it.
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


assert sys.platform != "win32", "the live tests speak POSIX"
