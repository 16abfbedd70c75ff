"""Clients of ours in memory and virtual time, and whom they talk to: our own server, or the test itself."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

import wsapp
from wsapp.app import App
from wsapp.limits import Limits
from wsapp.memory import MemoryTransport
from wsapp.outgoing.conversation import ClientConnection
from wsapp.service import Server
from wsapp.wire.handshake import keyDigest
from wsapp.wire.selection import HybiReceiver, HybiSender

__all__ = ["ClientCase", "Line", "Way"]

SEGMENT = 64 * 1024


class Line:
    """One TCP connection of a client's.

    :ivar transport: The client's end.
    """

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.transport = MemoryTransport("192.0.2.1")
        self.gone = False
        self.unread = bytearray()
        self.sender = HybiSender()
        self.receiver = HybiReceiver(Limits(maxMessage=1 << 40))
        protocol.makeConnection(self.transport)

    def give(self, data: bytes) -> None:
        """The server sends; it waits while the client does not read."""
        self.unread += data
        while self.unread and self.transport.reading and not self.gone:
            piece = bytes(self.unread[:SEGMENT])
            del self.unread[:SEGMENT]
            self.protocol.dataReceived(piece)

    def lose(self, reason: type[Exception] = ConnectionDone) -> None:
        """The connection ends."""
        if not self.gone:
            self.gone = True
            self.protocol.connectionLost(Failure(reason()))

    # Where a test is the server

    def accept(self, *fields: str, behind: bytes = b"") -> None:
        """Answer the request with a 101."""
        request = self.transport.take().decode("latin-1")
        key = next(
            line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key:")
        )
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {keyDigest(key.encode())}",
            *fields,
        ]
        self.give("\r\n".join([*lines, "", ""]).encode() + behind)

    def say(self, *messages: str | bytes) -> None:
        """Send messages."""
        self.give(b"".join(map(self.sender.encode, messages)))

    @property
    def heard(self) -> list[Any]:
        """What the client has sent since."""
        self.receiver.receive(self.transport.take())
        events: list[Any] = []
        while not self.receiver.hungry:
            events += self.receiver.next(100, 1 << 40)
        return events


@implementer(IStreamClientEndpoint)
class Way:
    """Leads to whoever the test is.

    :ivar lines: The connections made, in order.
    :ivar answers: What the next attempts come to: an exception, or a Deferred to wait for; then success.
    """

    def __init__(self, made: Callable[[Line], None] | None = None) -> None:
        self.lines: list[Line] = []
        self.answers: list[Exception | Deferred[Any]] = []
        self.attempts = 0
        self._made = made

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            failed: Deferred[Any] = Deferred()
            failed.errback(answer)
            return failed
        return (answer or succeed(None)).addCallback(lambda _: self._connected(protocolFactory))

    def _connected(self, factory: IProtocolFactory) -> Any:
        from twisted.internet.address import IPv4Address

        protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 80))
        line = Line(protocol)
        self.lines.append(line)
        if self._made is not None:
            self._made(line)
        return protocol

    @property
    def line(self) -> Line:
        """The last one."""
        return self.lines[-1]


class Bridge:
    """A client's connection to our own server."""

    def __init__(self, line: Line, connection: Any) -> None:
        self.line = line
        self.connection = connection
        self.server = MemoryTransport()
        self.unread = bytearray()
        self.over = False
        connection.makeConnection(self.server)

    def pump(self) -> bool:
        """Carry what is there; whether there was anything."""
        if self.over:
            return False
        client, server = self.line.transport, self.server
        out, back = client.take(), server.take()
        self.unread += out
        moved = bool(out or back)
        while self.unread and server.reading:
            self.connection.dataReceived(bytes(self.unread[:SEGMENT]))
            del self.unread[:SEGMENT]
            moved = True
        before = len(self.line.unread)
        self.line.give(back)
        moved = moved or len(self.line.unread) != before
        if not moved and not client.written and not server.written and (client.ended or server.ended):
            self.over = True
            aborted = "abort" in (client.ended, server.ended)
            self.connection.connectionLost(Failure(ConnectionAborted() if aborted else ConnectionDone()))
            self.line.lose(ConnectionLost if aborted else ConnectionDone)
            return True
        return moved


class ClientCase(SynchronousTestCase):
    """Tests of clients."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.way = Way()
        self.bridges: list[Bridge] = []

    def serve(self, app: App, **options: Any) -> None:
        """Have our own server at the other end."""
        server = Server(self.clock, {"app": app}, wallClock=self.clock.seconds, **options)
        factory = server.factory()
        server.startService()
        self.clock.advance(0)

        def made(line: Line) -> None:
            self.bridges.append(Bridge(line, factory.buildProtocol(line.transport.getPeer())))

        self.way = Way(made)

    def settle(self) -> None:
        """Carry bytes until all is quiet."""
        self.clock.advance(0)
        while sum(bridge.pump() for bridge in self.bridges):
            self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        """Let time pass, with all its consequences in time."""
        self.settle()
        end = self.clock.seconds() + seconds
        while (
            due := min((call.getTime() for call in self.clock.getDelayedCalls()), default=math.inf)
        ) <= end:
            self.clock.advance(max(0.0, due - self.clock.seconds()))
            self.settle()
        self.clock.advance(max(0.0, end - self.clock.seconds()))
        self.settle()

    def dial(
        self, hooks: object = None, url: str = "ws://example.com/", **options: Any
    ) -> Deferred[ClientConnection]:
        """Begin to connect."""
        dialed = wsapp.connect(url, hooks, endpoint=self.way, reactor=self.clock, **options)
        self.settle()
        return dialed

    def open(
        self, hooks: object = None, *fields: str, behind: bytes = b"", **options: Any
    ) -> ClientConnection:
        """A connection to the test."""
        dialed = self.dial(hooks, **options)
        self.way.line.accept(*fields, behind=behind)
        return self.successResultOf(dialed)

    def run_(self, coroutine: Any) -> Deferred[Any]:
        """Run a coroutine as far as it goes."""
        running = ensureDeferred(coroutine)
        self.settle()
        return running
