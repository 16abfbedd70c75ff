"""The socket below a transport, for those who ask. May import ``flow``."""

from __future__ import annotations

__all__ = ["Handled"]

import os
import socket as sockets
from typing import Any, cast

from wsapp.loop.flow import Flow


class _Handle(sockets.socket):
    """Another descriptor of a transport's socket: uvloop's own must never be closed by anybody else."""

    transport: Handled | None = None

    def close(self) -> None:
        """End the connection, which is what closing its socket means."""
        transport, self.transport = self.transport, None
        if transport is not None and transport.connected:
            transport._stream.abort()
        super().close()


class Handled(Flow):
    """A transport that lets people at its socket (:class:`~twisted.internet.interfaces.ISystemHandle`)."""

    __slots__ = ()

    _socket: _Handle | None = None

    @property
    def socket(self) -> sockets.socket:
        """The socket below, as another descriptor of it; closing it ends the connection.

        :raises AttributeError: the connection has ended
        """
        if self.disconnected:
            raise AttributeError("socket")
        if self._socket is None:
            option = self._option()
            handle = _Handle(option.family, option.type, option.proto, os.dup(option.fileno()))
            handle.transport = self
            self._socket = handle
        return self._socket

    def getHandle(self) -> Any:
        """The socket below; of a connection that speaks TLS, pyOpenSSL's connection."""
        return self.socket

    def fileno(self) -> int:
        """The socket's file descriptor, or -1 when the connection has ended."""
        return -1 if self.disconnected else cast(int, self._option().fileno())

    def _option(self) -> Any:
        """uvloop's stand-in for the socket: it sets and gets options."""
        return self._stream.get_extra_info("socket")

    def _closeHandle(self) -> None:
        if self._socket is not None:
            self._socket.close()
