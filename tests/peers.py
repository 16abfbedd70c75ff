"""A server in memory and virtual time, and peers of every version that say what they like, byte by byte."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any, cast

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from wsapp.app import App
from wsapp.client import Client, Disconnection
from wsapp.connection import Connection
from wsapp.limits import Limits
from wsapp.memory import MemoryTransport, SecureMemoryTransport
from wsapp.service import Server
from wsapp.wire.events import Close, Event
from wsapp.wire.hixie import HixieReceiver, HixieSender
from wsapp.wire.selection import HybiReceiver, HybiSender
from wsapp.wire.versions import Receiver, Sender

__all__ = [
    "DIGEST",
    "KEY",
    "NEVER",
    "NUMBERS",
    "Pages",
    "Peer",
    "Recorder",
    "ServedCase",
    "World",
    "head",
    "opening",
]

#: What a peer's versions are called here: ``client.version`` as a key, ``Sec-WebSocket-Version`` as value.
NUMBERS: dict[str, int | None] = {
    "RFC 6455": 13,
    "hybi-08": 8,
    "hybi-07": 7,
    "hixie-76": None,
    "hixie-75": None,
}

KEY = base64.b64encode(b"0123456789abcdef").decode()
KEY3 = b"^n:ds[4U"
#: The answer to the three keys (draft-hixie-thewebsocketprotocol-76 1.2).
DIGEST = b"fQJ,fN/4F4!~K~MH"

#: Limits under which no timer of the server's own gets in the way.
NEVER = float("inf")


def head(*lines: str, target: str = "/", method: str = "GET", host: str = "test.example") -> bytes:
    """A request head."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode("latin-1")


def opening(version: str = "RFC 6455", *lines: str, target: str = "/") -> bytes:
    """A whole opening handshake of that version."""
    number = NUMBERS[version]
    upgrade = ("Upgrade: WebSocket", "Connection: Upgrade")
    if number is not None:
        return head(
            *upgrade,
            f"Sec-WebSocket-Key: {KEY}",
            f"Sec-WebSocket-Version: {number}",
            *lines,
            target=target,
        )
    origin = "Origin: http://test.example"
    if version == "hixie-75":
        return head(*upgrade, origin, *lines, target=target)
    keys = (
        "Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8",
        "Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0",
    )
    return head(*upgrade, origin, *keys, *lines, target=target) + b"Tm[K T2u"


class Recorder(App):
    """Writes down what it is told; ``does`` says what else its hooks do.

    :ivar told: ``("connect",)``, ``("message", "hi")``, ``("disconnect", 1000, "", True)``...
    :ivar does: Hooks by name, called after the writing down, with the hook's arguments.
    """

    def __init__(self, **does: Callable[..., Any]) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.does = does
        self.known: list[Client] = []

    def _do(self, hook: str, *arguments: Any) -> Any:
        does = self.does.get(hook)
        return does(*arguments) if does is not None else None

    def onHandshake(self, request: Any) -> Any:
        return self._do("onHandshake", request)

    def onConnect(self, client: Client) -> Any:
        self.known.append(client)
        self.told.append(("connect",))
        return self._do("onConnect", client)

    def onMessage(self, client: Client, message: Any) -> Any:
        self.told.append(("message", message))
        return self._do("onMessage", client, message)

    def onDisconnect(self, client: Client, reason: Disconnection) -> Any:
        self.told.append(("disconnect", *reason))
        return self._do("onDisconnect", client, reason)

    def onError(self, client: Client, failure: Failure) -> Any:
        self.told.append(("error", failure.type))
        if "onError" in self.does:
            return self._do("onError", client, failure)
        return super().onError(client, failure)

    @property
    def messages(self) -> list[Any]:
        """The messages that it was told of."""
        return [entry[1] for entry in self.told if entry[0] == "message"]

    @property
    def ends(self) -> list[tuple[Any, ...]]:
        """What it was told of clients that went."""
        return [entry[1:] for entry in self.told if entry[0] == "disconnect"]


class Pages(Resource):
    """A site that says what it was asked, at once or later.

    :ivar waiting: Requests for ``/wait``, which are not answered until somebody does.
    :ivar asked: Each request's method, path and body.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Request] = []
        self.asked: list[tuple[bytes, bytes, bytes]] = []

    def render(self, request: Request) -> Any:
        content = request.content
        body = content.read() if content is not None else b""
        self.asked.append((request.method, request.path, body))
        if request.path.startswith(b"/wait"):
            self.waiting.append(request)
            return NOT_DONE_YET
        if request.path.startswith(b"/big"):
            return b"x" * int(request.path[4:])
        text = b"%s %s %s" % (request.method, request.path, body)
        if request.path.startswith(b"/stream"):
            for piece in (text, b" and", b" more"):
                request.write(piece)
            request.finish()
            return NOT_DONE_YET
        return text


class Peer:
    """The other end of one connection.

    :ivar transport: The server's end.
    """

    def __init__(self, world: World, transport: MemoryTransport) -> None:
        self._world = world
        self.transport = transport
        self.gone = False
        self.sender: Sender = HybiSender(masked=True)
        self.receiver: Receiver = HybiReceiver(Limits(maxMessage=1 << 40), masked=False)
        connection = world.factory.buildProtocol(transport.getPeer())
        self.connection: Connection = connection
        connection.makeConnection(transport)

    def feed(self, data: bytes) -> None:
        """Send bytes in one piece; the turn of the reactor that brings them then ends."""
        self.connection.dataReceived(data)
        self._world.clock.advance(0)

    def drip(self, data: bytes) -> None:
        """Send bytes one at a time."""
        for byte in data:
            self.connection.dataReceived(bytes([byte]))
        self._world.clock.advance(0)

    def send(self, *messages: str | bytes) -> None:
        """Send messages in one piece."""
        self.feed(b"".join(self.sender.encode(message) for message in messages))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a Close."""
        self.feed(self.sender.close(code, reason))

    def take(self) -> bytes:
        """What the server has sent."""
        return self.transport.take()

    def events(self) -> list[Event]:
        """What the server has sent up to the end of this turn of its reactor, as frames."""
        self._world.clock.advance(0)
        self.receiver.receive(self.take())
        events: list[Event] = []
        while not self.receiver.hungry:
            events += self.receiver.next(1000, 1 << 40)
        return events

    def lose(self, reason: Exception | None = None) -> None:
        """The connection ends."""
        if not self.gone:
            self.gone = True
            self.connection.connectionLost(Failure(reason or ConnectionDone()))
            self._world.clock.advance(0)

    def reset(self) -> None:
        """It ends by a reset."""
        self.lose(ConnectionLost())

    def settle(self) -> None:
        """Where the server has ended the connection and all is sent, it is over."""
        ended = self.transport.ended
        if ended == "abort":
            self.lose(ConnectionAborted())
        elif ended in ("lose", "half") and not self.transport.written:
            self.lose(ConnectionDone())


class World:
    """One server and its time.

    :param app: Served at ``/``.
    :param options: As for :class:`wsapp.service.Server`; ``limits`` as keyword arguments of `Limits`.
    """

    def __init__(self, app: App | None = None, limits: dict[str, Any] | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.app = app if app is not None else Recorder()
        options.setdefault("wallClock", self.clock.seconds)
        options.setdefault("stopwatch", self.clock.seconds)
        self.pages = Pages()
        options.setdefault("site", Site(self.pages, reactor=self.clock))
        self.server = Server(self.clock, {"app": self.app}, limits=Limits(**(limits or {})), **options)
        self.terms = self.server.terms
        self.factory = self.server.factory()
        self.server.startService()
        self.clock.advance(0)
        self.peers: list[Peer] = []

    def peer(self, address: str = "198.51.100.7", bufferSize: int = 64 * 1024, secure: bool = False) -> Peer:
        """Somebody connects, and says nothing yet."""
        transport = SecureMemoryTransport(address) if secure else MemoryTransport(address, bufferSize)
        peer = Peer(self, transport)
        self.peers.append(peer)
        return peer

    def open(
        self, version: str = "RFC 6455", *lines: str, target: str = "/", bufferSize: int = 64 * 1024
    ) -> Peer:
        """Somebody connects and opens a WebSocket."""
        peer = self.peer(bufferSize=bufferSize)
        peer.feed(opening(version, *lines, target=target))
        answer, _, rest = peer.take().partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        number = NUMBERS[version]
        if number is None:
            closes = version == "hixie-76"
            assert rest[: 16 if closes else 0] == (DIGEST if closes else b"")
            rest = rest[16:] if closes else rest
            peer.sender, peer.receiver = HixieSender(closes), HixieReceiver(Limits(), closes)
        else:
            peer.sender = HybiSender(number, masked=True)
            peer.receiver = HybiReceiver(Limits(maxMessage=1 << 40), number, masked=False)
        peer.receiver.receive(rest)
        return peer

    def advance(self, seconds: float, settle: bool = True) -> None:
        """Let time pass, in small steps, and connections that the server ends be over."""
        left = seconds
        while left > 0:
            self.clock.advance(min(left, 0.25))
            left -= 0.25
            if settle:
                self.settle()
        self.clock.advance(0)
        if settle:
            self.settle()

    def settle(self) -> None:
        """Let connections that the server has ended be over."""
        for peer in self.peers:
            peer.settle()

    def nothingLeft(self, case: SynchronousTestCase) -> None:
        """Assert that nothing of any connection is left."""
        self.advance(0.5)
        case.assertEqual(list(self.factory.listener.connections), [])
        case.assertEqual(self.terms.admission.total, 0)
        case.assertEqual(self.terms.admission.byAddress, {})
        case.assertEqual(list(self.app.clients), [])
        # The site writes the date for its log each second, as long as the server runs.
        calls = [str(call) for call in self.clock.getDelayedCalls()]
        case.assertEqual([call for call in calls if "LogDateTime" not in call], [])


class ServedCase(SynchronousTestCase):
    """A case that looks at what is logged."""

    def setUp(self) -> None:
        self.logged: list[LogEvent] = []
        observer = cast(ILogObserver, self.logged.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def lines(self) -> list[str]:
        """What wsapp logged, formatted."""
        return [
            formatEvent(event)
            for event in self.logged
            if str(event.get("log_namespace", "")).startswith("wsapp")
        ]

    def codes(self, events: Iterable[Event]) -> list[int]:
        """The codes of the Closes among events."""
        return [event.code for event in events if isinstance(event, Close)]
