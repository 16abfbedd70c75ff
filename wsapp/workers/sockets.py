"""The listening sockets of all workers, which the master makes and keeps.

A TCP port has one socket for each worker (``SO_REUSEPORT``): the kernel spreads connections over them, and
what waits in one when its worker dies is taken by the next one.  UNIX sockets, and those that systemd hands
over, are shared.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Sequence
from typing import Any

from twisted.python.lockfile import FilesystemLock

from wsapp.listening import Endpoint

__all__ = ["Sockets"]


class Sockets:
    """Those of one server.

    :param endpoints: Its ports.
    :param places: How many workers.
    :ivar opened: The sockets by place, by endpoint, and by the times that the endpoint listens.
    :ivar activated: Copies of the descriptors that systemd has handed over, by their number.
    """

    def __init__(self, reactor: Any, endpoints: Sequence[Endpoint], places: int) -> None:
        self._reactor = reactor
        self._endpoints = endpoints
        self._places = places
        self._held = contextlib.ExitStack()
        self.opened: list[list[list[socket.socket]]] = []
        self.activated: dict[int, socket.socket] = {}

    def open(self) -> None:
        """Bind and listen.

        :raises BadEndpoint: One of them cannot be listened on; then none is.
        """
        with contextlib.ExitStack() as held:
            made = []
            for endpoint in self._endpoints:
                binding = _Binding(self._reactor, self._places, held, self.activated)
                endpoint.listenBy(binding)
                made.append(binding.calls)
            self.opened = [
                [[call[place] for call in calls] for calls in made] for place in range(self._places)
            ]
            self._held = held.pop_all()

    def close(self) -> None:
        """Let go of them: once no worker has them either, they refuse."""
        self._held.close()


class _Binding:
    """A reactor, as endpoints see it, that binds and listens but accepts nobody.

    :ivar calls: For each time that the endpoint listens, the sockets by place.
    """

    def __init__(
        self, reactor: Any, places: int, held: contextlib.ExitStack, activated: dict[int, socket.socket]
    ) -> None:
        self._reactor = reactor
        self._places = places
        self._held = held
        self._activated = activated
        self.calls: list[list[socket.socket]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def _shared(self, made: socket.socket) -> None:
        made.setblocking(False)
        self.calls.append([made] * self._places)

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> None:
        """One socket for each worker, on the same port."""
        family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        several = self._places > 1 and hasattr(socket, "SO_REUSEPORT")
        made: list[socket.socket] = []
        for _ in range(self._places if several else 1):
            one = self._held.enter_context(socket.socket(family, socket.SOCK_STREAM))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if several:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind((interface, port))
            port = one.getsockname()[1]  # the first may have let the system choose
            one.setblocking(False)
            made.append(one)
        for one in made:
            # Only now, that nobody connects to some while others cannot be bound.  Adopted ports, which these
            # become, have this backlog too.
            one.listen(socket.SOMAXCONN)
        self.calls.append(made if several else made * self._places)

    def listenSSL(
        self, port: int, factory: object, contextFactory: object, backlog: int = 50, interface: str = ""
    ) -> None:
        """The same: workers speak TLS."""
        self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self,
        address: str,
        factory: object,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: object = False,
    ) -> None:
        """One socket for all.  What another process has left behind is removed, as Twisted does."""
        path = os.path.abspath(address)
        if wantPID:
            lock = FilesystemLock(os.fsencode(path) + b".lock")
            if not lock.lock():
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            self._held.callback(lock.unlock)
            if not lock.clean:
                with contextlib.suppress(OSError):
                    if stat.S_ISSOCK(os.stat(path).st_mode):
                        os.remove(path)
        made = self._held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        made.bind(address)
        self._held.callback(_remove, path, os.stat(path))
        os.chmod(path, mode)
        made.listen(socket.SOMAXCONN)
        self._shared(made)

    def adoptStreamPort(self, descriptor: int, family: int, factory: object) -> None:
        """A copy of it, for Twisted's endpoint closes what it was given."""
        made = self._held.enter_context(socket.socket(fileno=os.dup(descriptor)))
        self._activated[descriptor] = made
        self._shared(made)


def _remove(path: str, as_: os.stat_result) -> None:
    """Remove our socket; one that somebody has put in its place meanwhile stays."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.stat(path), as_):
            os.remove(path)
