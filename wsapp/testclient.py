"""What a test holds of one client of a server in memory: see :mod:`wsapp.testing`."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.error import ConnectionLost

from wsapp.client import Client
from wsapp.errors import WsappError
from wsapp.limits import Limits
from wsapp.memory import MemoryTransport
from wsapp.wire.asking import framing
from wsapp.wire.deflate import Compression, agreed
from wsapp.wire.events import Close, Ping, Pong, Violation
from wsapp.wire.headers import Headers
from wsapp.wire.versions import RFC_6455

__all__ = ["NothingReceived", "TestClient"]

_MANY = 1 << 40


class _Server(Protocol):
    """What a client needs of its server."""

    def feed(self, client: TestClient, data: bytes) -> None: ...

    def end(self, client: TestClient, reason: Exception) -> None: ...

    def advance(self, seconds: float) -> None: ...


class NothingReceived(WsappError, AssertionError):
    """There is no message to receive."""


class TestClient:
    """A client in memory, made by :meth:`TestServer.connect`.

    :ivar subprotocol: What the server agreed to, or None.
    :ivar headers: The header fields of the server's 101.
    :ivar client: The application's own object for it; None where it was turned away by a close code,
        or was gone before ``connect`` could return.
    :ivar transport: The server's end of the connection: ``transport.reading`` tells whether the server
        takes input, ``transport.written`` is what a client that does not read has not taken.
    """

    __test__ = False

    def __init__(self, server: _Server, transport: MemoryTransport, headers: Headers, client: Client | None):
        self._server = server
        self.transport = transport
        self.headers = headers
        self.subprotocol = headers.get("Sec-WebSocket-Protocol")
        self.client = client
        #: Whether pings and a Close are answered at once, as browsers do.
        self.answers = True
        #: Whether it reads; False for a slow consumer, whose transport fills up.
        self.reads = True
        try:
            deflation = agreed(", ".join(headers.getAll("Sec-WebSocket-Extensions")), Compression.TAKEOVER)
        except ValueError as error:
            raise AssertionError(f"the server broke the protocol: {error}") from None
        self._receiver, self._sender = framing(
            RFC_6455, deflation, Limits(maxMessage=_MANY, maxFragments=_MANY)
        )
        self._messages: list[str | bytes] = []
        self._pings: list[bytes] = []
        self._closed: tuple[int, str] | None = None
        self._said = False
        self._gone = False

    # What a client does

    def send(self, message: str | bytes) -> None:
        """Send a message: ``str`` as text, ``bytes`` as binary.

        :raises WsappError: The connection has ended.
        """
        self.sendRaw(self._sender.encode(message))

    def sendRaw(self, data: bytes) -> None:
        """Send bytes as they are, such as a broken frame; they wait while the server does not read.

        :raises WsappError: The connection has ended.
        """
        if self._gone:
            raise WsappError(f"the connection has ended{self._ending()}")
        self._server.feed(self, data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; the server's answer is then in :attr:`closed`.

        :param code: 1005 for a Close that says none.
        """
        self._sayClose(code, reason)
        self._read()

    def _sayClose(self, code: int, reason: str) -> None:
        self._said = True
        self.sendRaw(self._sender.close(code, reason))

    def drop(self) -> None:
        """Let the connection die, without a closing handshake."""
        self._server.end(self, ConnectionLost())

    # What it has been sent

    @property
    def messages(self) -> list[str | bytes]:
        """All messages that have come and were not received yet; they are received by this."""
        self._read()
        messages, self._messages = self._messages, []
        return messages

    def receive(self) -> str | bytes:
        """The next message.

        :raises NothingReceived: There is none.
        """
        self._read()
        if not self._messages:
            raise NothingReceived(f"no message has come{self._ending()}")
        return self._messages.pop(0)

    @property
    def pings(self) -> list[bytes]:
        """The payloads of all pings that have come."""
        self._read()
        return self._pings

    @property
    def closed(self) -> tuple[int, str] | None:
        """The code and reason of the server's Close; 1006 where it ended without one; None: it is open."""
        self._read()
        if self._closed is None and (self._gone or self.transport.ended):
            return 1006, ""
        return self._closed

    def _ending(self) -> str:
        if self._closed is not None:
            return f"; the server has closed with {self._closed}"
        return "; the connection is gone" if self._gone else ""

    def _read(self) -> None:
        self._server.advance(0)

    def absorb(self) -> None:
        """Called as time passes: take what has come."""
        if not self.reads:
            return
        self._receiver.receive(self.transport.take())
        while not self._receiver.hungry:
            for event in self._receiver.next(1000, _MANY):
                if isinstance(event, Ping):
                    self._pings.append(event.payload)
                    if self.answers and not self._gone:
                        self.sendRaw(self._sender.pong(event.payload))
                elif isinstance(event, Close):
                    self._closed = (event.code, event.reason)
                    if self.answers and not self._said and not self._gone:
                        self._sayClose(event.code, "")
                elif isinstance(event, Violation):
                    raise AssertionError(f"the server broke the protocol: {event.reason}")
                elif not isinstance(event, Pong):
                    self._messages.append(event)

    @property
    def gone(self) -> bool:
        """Whether the connection has ended."""
        return self._gone

    def ended(self) -> None:
        """Called by the server's end."""
        self._gone = True

    def __repr__(self) -> str:
        return f"<TestClient {self.client!r}{self._ending()}>"
