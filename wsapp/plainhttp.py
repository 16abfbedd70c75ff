"""The plain HTTP phase: one request, handed bytes and all to a ``twisted.web`` site.

Every request gets a channel of its own, fed exactly that request; what comes behind it stays with
us until the response has ended.  So a connection that has served plain requests can still become
a WebSocket, and only public parts of Twisted are touched.  A body in very many chunks is handed over a little
in each turn of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.server import Site
from zope.interface import directlyProvides, implementer, providedBy

from wsapp.errors import HandshakeError
from wsapp.fairness import MUCH, Fairness
from wsapp.limits import Limits
from wsapp.outlet import PIECE, Outlet
from wsapp.transports import StreamTransport
from wsapp.wire.http import BodyReader, RequestHead

__all__ = ["PlainHTTP"]

#: Lines between chunks that are read in one turn: with Twisted's reading of them, half a millisecond.
_LINES = 64


@implementer(IPushProducer)
class _ChannelTransport:
    """The transport as a channel sees it: the real one, but for who reads from it and who closes it."""

    def __init__(
        self, transport: StreamTransport, closing: Callable[[], None], moved: Callable[[bool], None]
    ) -> None:
        self._transport = transport
        self._closing = closing
        self.held = False  # reading stays paused, whatever the channel wants
        self.disconnecting = False  # Twisted's line receivers look at it, though no interface has it
        self.outlet = Outlet(transport, moved)
        directlyProvides(self, providedBy(transport))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """The channel answers."""
        self.outlet.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """The channel answers."""
        self.outlet.write(b"".join(data))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """The channel wants to know when to pause."""
        self.outlet.producer = producer
        self._transport.registerProducer(self.outlet, streaming)

    def unregisterProducer(self) -> None:
        """The channel has no more to say; what it has said may still have to leave."""
        self.outlet.orphan()

    def pauseProducing(self) -> None:
        """The channel wants no more for now."""
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The channel takes more."""
        if not self.held:
            self._transport.resumeProducing()

    def stopProducing(self) -> None:
        """The channel gives up."""
        self.loseConnection()

    def loseConnection(self) -> None:
        """The channel wants the connection to end behind its response."""
        self.disconnecting = True
        self._closing()


# How far it is.
_SERVING, _ANSWERED, _OVER = range(3)


class PlainHTTP:
    """One plain request and its response.

    :param ended: Called once the response has ended and the connection is to stay: with bytes, and where in
        them what came behind the request begins.
    :param patience: Called with True wherever the peer has moved, by :data:`~wsapp.outlet.PIECE` of its
        body or of the response, and must move again; with False where it is not the peer who is waited for.
    :param refused: Called where the body cannot be read or is too large.
    :param told: Called once the response has ended, or its peer has gone amid it: with its status, and the
        bytes of both bodies, in and out.
    :raises HandshakeError: The same, where the head says so already.
    """

    def __init__(
        self,
        transport: StreamTransport,
        site: Site,
        limits: Limits,
        fairness: Fairness,
        head: RequestHead,
        ended: Callable[[bytes, int], None],
        patience: Callable[[bool], None],
        refused: Callable[[HandshakeError], None],
        told: Callable[[int, int, int], None],
    ) -> None:
        self._body = BodyReader(head, limits)
        self._head = head
        self._fairness = fairness
        self._ended = ended
        self._patience = patience
        self._refused = refused
        self._told = told
        self._size = 0  # bytes of the body
        self._data = b""
        self._start = 0  # of what is not handed over of it
        self._later = False  # the rest of the body waits for another turn
        self._came = 0  # bytes of the body since the peer was last found to move
        self._feeding = False
        self._state = _SERVING
        self._stopping = False
        self._transport = transport
        self._seen = _ChannelTransport(transport, self._close, self._moved)
        self._request: Any = None
        self._channel: Any = site.buildProtocol(transport.getPeer())

    def begin(self, data: bytes, start: int) -> None:
        """Hand the request over.

        :param data: Bytes of which those from *start* on came behind its head.
        """
        make = self._channel.requestFactory

        def watched(*arguments: Any, **keywords: Any) -> Any:
            self._request = request = make(*arguments, **keywords)
            request.notifyFinish().addBoth(self._over)
            return request

        directlyProvides(watched, providedBy(make))
        self._channel.requestFactory = watched
        # Its own time-out would let a body drip in for ever, and logs each peer that it ends.
        self._channel.timeOut = None
        self._channel.makeConnection(self._seen)
        self._feed(self._head.raw)
        if not self._body.done and self._state == _SERVING:
            self._patience(True)
        self._data, self._start = data, start
        self._take()

    def receive(self, data: bytes) -> None:
        """Bytes have come: of the body, or of what is behind it."""
        if self._state == _OVER:
            return
        self._data = self._data[self._start :] + data
        self._start = 0
        if len(data) >= MUCH and self._fairness.enough():
            self._wait()
        elif not self._later:
            self._take()

    def _take(self) -> None:
        """Hand over what is here of the body, or as much of it as one turn allows."""
        if self._state == _SERVING and not self._body.done:
            start = self._start
            try:
                self._start = self._body.receive(self._data, start, _LINES)
            except HandshakeError as error:
                self._refuse(error)
                return
            if self._start > start:
                self._arrived(self._start - start)
                self._feed(self._data[start : self._start])
        if self._state == _ANSWERED:
            self._leave()
        elif self._state == _SERVING:
            if self._start == len(self._data):
                self._data, self._start = b"", 0
                self._hold(False)
            elif self._body.done:
                self._hold(True)
            else:
                self._wait()

    def _wait(self) -> None:
        """The peer has had what it gets in this turn."""
        self._hold(True)
        if not self._later:
            self._later = True
            self._fairness.add(self._again)

    def _again(self) -> None:
        self._later = False
        self._take()

    def _hold(self, on: bool) -> None:
        """Have reading pause, or go on."""
        if on is not self._seen.held:
            self._seen.held = on
            if on:
                self._transport.pauseProducing()
            else:
                self._transport.resumeProducing()

    def _arrived(self, size: int) -> None:
        """So much of the body has come."""
        self._size += size
        self._came += size
        if self._body.done:
            self._patience(self._seen.outlet.full)
        elif self._came >= PIECE:
            self._came = 0
            self._patience(True)

    def _moved(self, waiting: bool) -> None:
        """The peer has taken something of the response, or does not; *waiting* is whether it should."""
        if self._state != _OVER or waiting:
            self._patience(waiting or not self._body.done)

    def _refuse(self, error: HandshakeError) -> None:
        """The body cannot be read."""
        if self._request is not None and self._request.startedWriting:
            self._close()  # an error behind the beginning of a response would be taken for a part of it
        else:
            self._part()
            self._refused(error)

    def lost(self, reason: Failure) -> None:
        """The connection has ended."""
        self._state = _OVER
        self._free(reason)

    def stop(self) -> None:
        """The server stops: this response is the last."""
        self._stopping = True
        if self._state == _ANSWERED:
            self._close()

    def _feed(self, data: bytes) -> None:
        self._feeding = True
        self._channel.dataReceived(data)
        self._feeding = False

    def _over(self, result: object) -> None:
        """The response has ended, or never will."""
        request = self._request
        whole = not isinstance(result, Failure)
        if whole or request.startedWriting:  # else it was answered with an error, or not at all
            self._told(int(request.code), self._size, int(request.sentLength))
        if whole:
            self._finished()

    def _finished(self) -> None:
        """The response has ended: later than its request, or while that is still being handed over."""
        if self._state == _SERVING:
            self._state = _ANSWERED
            if not self._feeding:
                self._leave()

    def _leave(self) -> None:
        if self._stopping or not self._body.done:
            # Answered before its end, a request's body must not be read as the next request.
            self._close()
        elif self._seen.outlet.full:
            # Or a peer that asks and asks and reads nothing would have all its answers kept here.
            self._transport.pauseProducing()
            self._seen.outlet.whenEmpty(self._leave)
        else:
            data = self._data
            self._part()
            self._transport.resumeProducing()
            self._ended(data, self._start)

    def _close(self) -> None:
        if self._state != _OVER:
            self._state = _OVER
            self._data = b""
            self._transport.resumeProducing()  # or the peer's end would not be seen
            self._patience(True)
            self._seen.outlet.whenEmpty(self._hangUp)

    def _hangUp(self) -> None:
        self._transport.unregisterProducer()
        self._transport.loseConnection()
        self._patience(True)

    def _part(self) -> None:
        """Take leave of the channel, whose timers end with it."""
        self._state = _OVER
        self._transport.unregisterProducer()
        self._free(Failure(ConnectionDone()))

    def _free(self, reason: Failure) -> None:
        """Part from channel and request: a body is freed at once, and not when Python looks for circles."""
        self._channel.connectionLost(reason)
        self._channel = self._request = None
        self._data = b""
