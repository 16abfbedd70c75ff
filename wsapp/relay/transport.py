"""A client's connection whose other end a sibling holds, as a transport."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IPushProducer, IReactorTime, ISSLTransport, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.relay.channel import DATA, END, HALF, NO, YES, Channel

__all__ = ["Relayed", "SecureRelayed"]


@implementer(ITransport, IPushProducer)
class Relayed:
    """One client's.

    :param peer: The client's address; empty for a UNIX socket's.
    :param certificate: What the client has proved to hold (pyOpenSSL's ``X509``), or None.
    """

    __slots__ = (
        "_aborted",
        "_answered",
        "_certificate",
        "_channel",
        "_clock",
        "_ended",
        "_ending",
        "_peer",
        "_producer",
        "_protocol",
        "_pumping",
        "_reading",
        "_unread",
    )

    def __init__(self, channel: Channel, clock: IReactorTime, peer: str, certificate: Any) -> None:
        self._channel = channel
        self._clock = clock
        self._peer = peer
        self._certificate = certificate
        self._protocol: IProtocol | None = None
        self._producer: IPushProducer | None = None
        self._unread = bytearray()
        self._reading = True
        self._pumping = False
        self._answered = False
        self._aborted = False
        self._ending = False  # from this side
        self._ended: type[Exception] | None = None  # how, once all that came is read

    def begin(self, protocol: IProtocol) -> None:
        """This is whose it is."""
        self._protocol = protocol
        protocol.makeConnection(self)

    def accept(self) -> None:
        """The client is served here; before this is said it has not been here."""
        self._answered = True
        self._channel.say(YES)

    # What the channel tells

    def connected(self) -> None:
        """It was before."""

    def heard(self, kind: bytes, payload: bytes) -> None:
        """The sibling says something."""
        if kind == DATA:
            self._unread += payload
            self._pump()
        elif kind == END:
            self._ended = self._ended or ConnectionDone
        else:
            self._channel.abort()  # no sibling of ours

    def moved(self) -> None:
        """What has waited here has left."""
        if self._producer is not None:
            self._producer.resumeProducing()

    def gone(self) -> None:
        """The channel has ended: so has the client's connection, or the sibling."""
        if self._aborted:
            self._unread.clear()
            self._ended = ConnectionAborted
        elif self._ended is None:
            self._ended = ConnectionLost
        self._tell()

    # What has come

    def _pump(self) -> None:
        """Hand over what has come, while that is wanted."""
        protocol = self._protocol
        if self._pumping or protocol is None:
            return
        self._pumping = True
        while self._unread and self._reading and not self._aborted:
            data = bytes(self._unread)
            self._unread.clear()
            protocol.dataReceived(data)
            self._channel.took(len(data))
        self._pumping = False
        self._tell()

    def _tell(self) -> None:
        """Tell of the end, behind all that has come before."""
        protocol = self._protocol
        if protocol is None or not self._channel.closed or self._unread or self._pumping:
            return
        self._protocol = self._producer = None
        protocol.connectionLost(Failure((self._ended or ConnectionLost)()))

    # ITransport

    def write(self, data: bytes) -> None:
        """Send; the answer to the handshake the client has had from the sibling."""
        if self._answered and not self._ending:
            self._channel.send(data)
            if self._channel.full and self._producer is not None:
                self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        """Send."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """End, once all is sent; of who was not accepted: decline."""
        if not self._ending:
            self._ending = True
            self._channel.finish(END if self._answered else NO, close=not self._answered)

    def loseWriteConnection(self) -> None:
        """End one direction, once all is sent."""
        if self._answered and not self._ending:
            self._channel.finish(HALF)
        else:
            self.loseConnection()

    def abortConnection(self) -> None:
        """End now."""
        self._aborted = self._ending = True
        if self._channel.closed:  # its end has not been told, behind what was not read
            self._clock.callLater(0, self.gone)
        else:
            self._channel.abort()

    def getPeer(self) -> Any:
        """The client's address; nobody asks for the port."""
        if not self._peer:
            return UNIXAddress(None)
        return (IPv6Address if ":" in self._peer else IPv4Address)("TCP", self._peer, 0)

    def getHost(self) -> Any:
        """Where it was accepted, the sibling knows."""
        return UNIXAddress(None)

    # Flow

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Whom to ask to pause."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Nobody any more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Hand over nothing for now."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Hand over what has come; not amid whatever asks for it."""
        if not self._reading:
            self._reading = True
            self._clock.callLater(0, self._pump)

    def stopProducing(self) -> None:
        """Hand over nothing ever again."""
        self.loseConnection()


@implementer(ISSLTransport)
class SecureRelayed(Relayed):
    """One client's that speaks TLS with the sibling."""

    __slots__ = ()

    def getPeerCertificate(self) -> Any:
        """See ``certificate``."""
        return self._certificate

    # Who provides ISSLTransport provides ITCPTransport; the socket is the sibling's affair.

    def getTcpNoDelay(self) -> bool:
        """It is on."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """It is on."""

    def getTcpKeepAlive(self) -> bool:
        """It is on."""
        return True

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """It is on."""
