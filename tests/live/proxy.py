"""A TCP proxy of the test's own: a network that can be cut, and one that swallows everything.

Imports nothing of wsapp.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading

__all__ = ["Proxy"]

_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Carries each connection to a port of the loopback, until told otherwise.

    :param target: The port.
    :ivar port: Its own.
    :ivar made: How many connections it has carried.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.made = 0
        self._lock = threading.Lock()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._over = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Reset all connections, on both sides."""
        with self._lock:
            for one in list(self._pairs):
                self._end(one)

    def swallow(self) -> None:
        """Carry nothing from now on, and tell nobody; new connections are made, as far as anybody can see."""
        self._open.clear()

    def heal(self) -> None:
        """Carry again, what has waited too."""
        self._open.set()

    def close(self) -> None:
        """End."""
        self._over.set()
        self._open.set()
        self._thread.join(10)
        self.cut()
        self._listener.close()

    def _end(self, one: socket.socket, reset: bool = True) -> None:
        other = self._pairs.pop(one, None)
        if other is not None:
            self._pairs.pop(other, None)
            for end in (one, other):
                if reset:
                    with contextlib.suppress(OSError):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.close()

    def _run(self) -> None:
        self._listener.settimeout(0.05)
        while not self._over.is_set():
            self._open.wait()
            with contextlib.suppress(TimeoutError, OSError):
                client, _ = self._listener.accept()
                self._connect(client)
            with self._lock:
                self._carry()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            client.close()
            return
        self.made += 1
        with self._lock:
            self._pairs[client] = server
            self._pairs[server] = client

    def _carry(self) -> None:
        """What there is, without waiting."""
        if not self._pairs:
            return
        with selectors.DefaultSelector() as selector:
            for one in self._pairs:
                selector.register(one, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(0.01)]
        for one in [one for one in self._pairs if one in ready]:
            other = self._pairs.get(one)
            if other is None:
                continue
            try:
                if data := one.recv(65536):
                    other.sendall(data)
                else:
                    self._end(one, reset=False)
            except OSError:
                self._end(one)
