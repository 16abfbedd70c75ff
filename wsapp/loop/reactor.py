"""The reactor: Twisted's asyncio reactor on a uvloop loop, with stream transports of its own.

Timers, threads, UDP, descriptors and stopping are the asyncio reactor's. May import every other module
here.
"""

from __future__ import annotations

__all__ = ["UvloopReactor", "install"]

import socket
from asyncio import AbstractEventLoop, set_event_loop
from functools import partial
from typing import Any

from twisted.internet import error, interfaces
from twisted.internet._signals import SignalHandling, _MultiSignalHandling
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.internet.main import CONNECTION_LOST, installReactor
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.loop import newLoop
from wsapp.loop.addresses import inet, unix
from wsapp.loop.adopting import adopt
from wsapp.loop.connectors import TCPConnector, UNIXConnector
from wsapp.loop.flavours import TCPServer, UNIXServer
from wsapp.loop.ports import Adopted, HandedUNIXPort, TCPPort, UNIXPort
from wsapp.loop.processes import ChildSignals
from wsapp.loop.reading import Share
from wsapp.loop.tls import wrapped
from wsapp.loop.transports import StreamTransport


@implementer(
    interfaces.IReactorTCP,
    interfaces.IReactorSSL,
    interfaces.IReactorUNIX,
    interfaces.IReactorSocket,
)
class UvloopReactor(AsyncioSelectorReactor):
    """A reactor for people who have many connections or much to say.

    :ivar loop: the event loop; asyncio's tasks can be run on it
    :ivar streams: the connections that are open
    :ivar ports: the stream ports that accept
    :ivar share: how much of a turn is spent on peers that send much
    :ivar twistedTLS: whether connections that begin from now on speak TLS by Twisted's own means
    :cvar keepsPaths: the path of a UNIX socket that was handed over stays as it is
    """

    twistedTLS = False
    keepsPaths = True

    def __init__(self, loop: AbstractEventLoop | None = None) -> None:
        """
        :param loop: a uvloop loop that does not run, or None for a new one
        :raises ImportError: no loop was given, and uvloop is not to be had
        """
        self.loop = newLoop() if loop is None else loop
        self.streams: set[StreamTransport] = set()
        self.ports: set[Any] = set()
        self.share = Share(self.loop)
        super().__init__(self.loop)
        self.loop.set_exception_handler(partial(_loopFailed, self.loop.get_exception_handler()))

    # Streams

    def listenTCP(self, port: Any, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        listening = TCPPort(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0
    ) -> Any:
        listening: Any = UNIXPort(address, factory, backlog, mode, self, wantPID)
        listening.startListening()
        return listening

    def connectTCP(
        self, host: Any, port: Any, factory: Any, timeout: Any = 30, bindAddress: Any = None
    ) -> Any:
        connector = TCPConnector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def connectUNIX(self, address: Any, factory: Any, timeout: Any = 30, checkPID: Any = 0) -> Any:
        connect: Any = UNIXConnector
        connector = connect(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    def listenSSL(
        self, port: Any, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        listening = self.listenTCP(port, self.secured(contextFactory, factory), backlog, interface)
        listening._type = "TLS"
        return listening

    def secured(self, contextFactory: Any, factory: Any) -> Any:
        """A factory for servers that speak TLS, for any port."""
        return wrapped(contextFactory, False, factory, self.twistedTLS)

    def connectSSL(
        self,
        host: Any,
        port: Any,
        factory: Any,
        contextFactory: Any,
        timeout: Any = 30,
        bindAddress: Any = None,
    ) -> Any:
        secured = wrapped(contextFactory, True, factory, self.twistedTLS)
        return self.connectTCP(host, port, secured, timeout, bindAddress)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: Any, factory: Any) -> Any:
        self._mustBeStream(addressFamily)
        make: Any
        family: tuple[Any, ...]
        if addressFamily == socket.AF_UNIX:
            make, family = HandedUNIXPort, ()
        else:
            make, family = TCPPort, (addressFamily,)
        listening = make._fromListeningDescriptor(self, fileDescriptor, *family, factory)
        # Listening again sets it anew: what who handed it over wanted, 50 is not; the kernel has a bound.
        listening.backlog = socket.SOMAXCONN
        listening.startListening()
        return listening

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: Any, factory: Any) -> Any:
        """Take over a connected socket; its protocol hears of it in the loop's next turn.

        :returns: the transport, or None when the factory wants no protocol for it
        """
        self._mustBeStream(addressFamily)
        skt = socket.fromfd(fileDescriptor, addressFamily, socket.SOCK_STREAM)
        host = skt.getsockname()
        overUNIX = addressFamily == socket.AF_UNIX
        protocol = factory.buildProtocol(unix(host) if overUNIX else inet(skt.getpeername()))
        if protocol is None:
            skt.close()
            return None
        transport: StreamTransport
        if overUNIX:
            transport = UNIXServer(Adopted(self, protocol, host), 0)
        else:
            transport = TCPServer(Adopted(self, protocol, host[1]), skt.getpeername()[1])
        adopt(self.loop, transport, skt)
        return transport

    def _mustBeStream(self, addressFamily: Any) -> None:
        if addressFamily not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(addressFamily)

    # Everything that is open

    def iterate(self, timeout: float = 0) -> None:
        """Run for so many seconds, and at least until the loop has looked at every descriptor once."""
        # The asyncio reactor takes 10 ms for that, which is most of the time that trial needs for a test.
        self.loop.call_later(timeout + 0.001, self.loop.stop)
        self.loop.run_forever()

    def getReaders(self) -> list[Any]:
        reading = (stream for stream in self.streams if stream.isReading())
        return [*super().getReaders(), *self.ports, *reading]  # type: ignore[no-untyped-call]

    def removeAll(self) -> list[Any]:
        """Stop reading from everything, as every reactor does for trial and when it stops.

        :returns: what was read from or written to; whoever calls ends it with ``connectionLost``
        """
        busy: list[Any] = [stream for stream in self.streams if stream.isReading() or stream.isWriting()]
        busy += self.ports
        for thing in busy:
            thing.stopReading()
        return [*super().removeAll(), *busy]  # type: ignore[no-untyped-call]

    def disconnectAll(self) -> None:
        """End every connection, also those that are paused, of which Twisted's own reactors say nothing."""
        super().disconnectAll()
        for stream in list(self.streams):
            stream.connectionLost(Failure(CONNECTION_LOST))

    # Children

    def _signalsFactory(self) -> SignalHandling:
        return _MultiSignalHandling((ReactorBase._signalsFactory(self), ChildSignals(self.loop)))


def _loopFailed(before: Any, loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """What uvloop caught: a protocol's exception goes to Twisted's log, the rest where it went before."""
    transport, exception = context.get("protocol"), context.get("exception")
    if isinstance(transport, StreamTransport) and exception is not None:
        transport._report(Failure(exception))
    elif before is not None:
        before(loop, context)
    else:
        loop.default_exception_handler(context)


def install(loop: AbstractEventLoop | None = None) -> None:
    """See :func:`wsapp.loop.install`. It is here as well because Twisted looks for it beside the class.

    :param loop: a uvloop loop, or None for a new one
    """
    if loop is None:
        loop = newLoop()
    installReactor(UvloopReactor(loop))
    set_event_loop(loop)
