"""File descriptors over UNIX connections, which libuv's streams know nothing of.

Sending: the descriptor goes with the first byte written after it, past uvloop, once uvloop has nothing left
to send. Receiving: a protocol that takes descriptors gets Twisted's own UNIX transport from the start, for
what arrives with the bytes would be lost otherwise. May import ``sending`` and ``transports``.
"""

from __future__ import annotations

__all__ = ["DescriptorPassing", "handOver"]

import os
import socket
from typing import Any

from twisted.internet import interfaces, main, unix
from twisted.internet.error import FileDescriptorOverrun
from twisted.python.failure import Failure
from zope.interface import classImplements, implementer

from wsapp.loop.sending import writer
from wsapp.loop.transports import StreamTransport, drop


@implementer(interfaces.IUNIXTransport)
class DescriptorPassing(StreamTransport):
    """A UNIX transport that can send file descriptors."""

    __slots__ = ()

    # Present once a descriptor is to be sent.
    _descriptors: list[int]
    _bytes: list[bytes]

    def sendFileDescriptor(self, descriptor: int) -> None:
        """Send a copy of a descriptor, with the next byte that is written.

        The caller keeps it open until then. A turn that sends more descriptors than bytes ends the
        connection with :class:`~twisted.internet.error.FileDescriptorOverrun`.
        """
        if not self.connected or self._writeEnded:
            return
        if "_descriptors" not in self.__dict__:
            self._descriptors = []
            self._bytes = []
        if not self._descriptors:
            self._write = self._keep
            self._loop.call_soon(self._whenDrained, self._sendDescriptors)
        self._descriptors.append(descriptor)

    def _keep(self, data: bytes) -> None:
        self._bytes.append(bytes(data))

    def _sendDescriptors(self) -> None:
        if not self.connected:
            return
        data = b"".join(self._bytes)
        skt = self.socket
        sent = 0
        try:
            while self._descriptors:
                if sent == len(data):
                    self._end(Failure(FileDescriptorOverrun()))
                    return
                socket.send_fds(skt, [data[sent : sent + 1]], self._descriptors[:1])
                del self._descriptors[0]
                sent += 1
        except BlockingIOError:
            self._bytes = [data[sent:]]
            self._loop.add_writer(skt.fileno(), self._sendMore)
            if not self._full:
                self.pause_writing()
            return
        except OSError:
            self._end(Failure(main.CONNECTION_LOST))
            return
        self._bytes = []
        self._write = writer(self._stream)
        self._write(data[sent:])
        if self.disconnecting and self.producer is None:
            self._stream.close()

    def _sendMore(self) -> None:
        self._loop.remove_writer(self.socket.fileno())
        self._guarded(self._sendDescriptors)
        if (
            self.connected
            and self._full
            and not self._descriptors
            and not self._stream.get_write_buffer_size()
        ):
            self.resume_writing()

    def _end(self, reason: Failure) -> None:
        self._reason = reason
        self._write = drop
        self._stream.abort()

    def _lose(self, reason: Failure) -> None:
        if self.__dict__.get("_descriptors"):
            self._loop.remove_writer(self.socket.fileno())
        super()._lose(reason)

    def _producerBusy(self) -> bool:
        return bool(self.__dict__.get("_descriptors")) or super()._producerBusy()

    def getTcpNoDelay(self) -> bool:
        """False: for callers that think that every connection is TCP."""
        return False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing: for callers that think that every connection is TCP."""

    def getTcpKeepAlive(self) -> bool:
        """False: the kernel knows when the other process ends."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nothing: for callers that think that every connection is TCP."""


# For callers that look for an interface before they call, as for Twisted's own UNIX transports; of a UNIX
# address ITCPTransport knows nothing, which is why the type checker is not told.
classImplements(DescriptorPassing, interfaces.ITLSTransport)


def handOver(transport: Any, protocol: Any, sessionno: int | None) -> None:
    """Give a connection from which nothing has been read yet to Twisted's own UNIX transport.

    :param sessionno: the number of an accepted connection, None for one that we made
    """
    skt = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, os.dup(transport.fileno()))
    origin = transport._origin
    if sessionno is not None:
        server: Any = unix.Server(skt, protocol, skt.getpeername(), origin, sessionno, transport.reactor)
        protocol.makeConnection(server)
        return
    client: Any = unix.Client.__new__(unix.Client)
    unix._SendmsgMixin.__init__(client)
    client._commonConnection.__init__(client, skt, protocol, transport.reactor)
    client.connector, client.realAddress = origin, transport.getPeer().name
    client.addr = client.realAddress
    client.connected = 1
    client.logstr = f"{client._getLogPrefix(protocol)},client"
    origin.transport = client
    client.startReading()
    protocol.makeConnection(client)
