"""Trying out what endpoints would listen on, before a server starts: nothing is left of it.

What can be known without harm is found out here, so that a person is told at once, in one line.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import stat
from collections.abc import Callable
from typing import Any

__all__ = ["Held", "Rehearsal"]


class Held(contextlib.ExitStack):
    """What is bound by a rehearsal of several endpoints, so that no two can have the same port."""

    def __init__(self) -> None:
        super().__init__()
        self._paths: set[str] = set()

    def takePath(self, path: str) -> None:
        """Keep the path of a UNIX socket.

        :raises OSError: Another endpoint has it.
        """
        path = os.path.realpath(path)
        if path in self._paths:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._paths.add(path)
        self.callback(self._paths.discard, path)


class Rehearsal:
    """A reactor that only tries whether it could listen.

    :param held: Keeps what was bound.
    """

    def __init__(self, reactor: Any, contexts: Callable[[Any], Any], held: Held | None = None) -> None:
        self._reactor = reactor
        self._contexts = contexts
        self._held = held or Held()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> None:
        """Bind the port."""
        family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        trial = self._held.enter_context(socket.socket(family, socket.SOCK_STREAM))
        if os.name == "posix":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((interface, port))
        trial.listen(1)  # or another could still bind it

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> None:
        """The same, once the context can be made."""
        self._contexts(contextFactory)
        self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = False
    ) -> None:
        """Look whether the path is free, or left behind, and a socket can be made in its folder."""
        if not address:
            raise OSError(errno.EINVAL, "it names no path: it must be like unix:/run/wsapp.sock")
        folder = os.path.dirname(os.path.abspath(address))
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {folder}")
        there = os.path.exists(address)
        if there and not stat.S_ISSOCK(os.stat(address).st_mode):
            raise FileExistsError(errno.EEXIST, f"{address} is there, and is not a socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            try:
                trial.connect(address)
            except (ConnectionRefusedError, FileNotFoundError):
                pass
            except OSError as error:
                if error.errno is None:  # Python's own, which has not asked the system
                    length = len(os.fsencode(address))
                    raise OSError(
                        errno.ENAMETOOLONG,
                        f"its path has {length} bytes, too many for a UNIX socket: choose a shorter one",
                    ) from None
                raise
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        if there and not (wantPID and os.path.islink(f"{address}.lock")):
            # Twisted removes only what its lock says that a dead process of its own has left.
            raise FileExistsError(
                errno.EEXIST, f"{address} was left behind, and nobody listens there: remove it"
            )
        _tryToBind(address)
        self._held.takePath(address)

    def adoptStreamPort(self, descriptor: int, *more: Any) -> None:
        """Whoever handed it to us has bound it."""


def _tryToBind(address: str) -> None:
    """Make a socket beside this one, and remove it.

    :raises OSError: This process may not, or there can be none in this folder.
    """
    folder, name = os.path.split(address)
    beside = os.path.join(folder, secrets.token_hex(8)[: len(os.fsencode(name))])  # no longer than it
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.bind(beside)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:  # such a short name is there already
                return
            raise OSError(
                error.errno, f"no socket can be made in {folder or os.curdir}: {error.strerror}"
            ) from None
        os.remove(beside)
