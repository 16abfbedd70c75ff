"""Test applications under ``trial``: clients in memory, virtual time, no sockets.

::

    from twisted.trial.unittest import SynchronousTestCase
    from wsapp.testing import TestServer

    class ChatTests(SynchronousTestCase):
        def test_heardByAll(self):
            server = TestServer(Chat())
            ann, bob = server.connect(), server.connect()
            ann.send("hello")
            self.assertEqual(bob.receive(), "hello")

What is between the application and these clients is what is there in earnest: the same
connections, handshakes, frames, limits and timeouts, over a transport that is a list.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from wsapp.app import App
from wsapp.errors import WsappError
from wsapp.memory import MemoryTransport, SecureMemoryTransport
from wsapp.request import Request
from wsapp.service import Server
from wsapp.testclient import NothingReceived, TestClient
from wsapp.wire.headers import Headers

__all__ = ["NothingReceived", "Rejected", "TestClient", "TestServer"]

#: What the server reads at once, in bytes, as from a real transport.
SEGMENT = 64 * 1024


class Rejected(WsappError):
    """The opening handshake was answered with an error.

    :ivar status: The HTTP status.
    :ivar headers: The response's header fields.
    :ivar body: Its body.
    """

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(
            f"the handshake was answered with {status}: {body.decode('utf-8', 'replace').strip()}"
        )
        self.status = status
        self.headers = headers
        self.body = body


class TestServer:
    """A server in memory.

    :param apps: The application, or several by name.
    :param options: As for :class:`wsapp.Server`: ``limits=Limits(...)``, ``origins=...`` and so on.
    :param clock: The virtual time, where several servers share it; else it gets one of its own.
    :ivar clock: The virtual time; also the application's ``reactor``.
    :ivar server: The :class:`wsapp.Server` itself.
    """

    __test__ = False

    def __init__(self, apps: App | Mapping[str, App], clock: Clock | None = None, **options: Any) -> None:
        if isinstance(apps, App):
            apps = {apps.name or type(apps).__name__.lower(): apps}
        self.clock = clock or Clock()
        self._apps = dict(apps)
        options.setdefault("wallClock", self.clock.seconds)
        options.setdefault("stopwatch", self.clock.seconds)
        self.server = Server(self.clock, apps, **options)
        self._factory = self.server.factory()
        self._clients: dict[TestClient, Any] = {}
        self._unread: dict[TestClient, bytearray] = {}
        self._failures: list[Failure] = []
        self.server.started.addErrback(self._failures.append)
        self.server.startService()
        self.advance(0)
        if self._failures:
            self._failures[0].raiseException()

    def connect(
        self,
        path: str = "/",
        subprotocols: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        user: str | None = None,
        peer: str = "198.51.100.7",
        secure: bool = False,
        certificate: Any = None,
        patience: float = 0,
    ) -> TestClient:
        """Connect a client.

        :param headers: More headers for its request, or others instead of the usual ones; with a
            ``Sec-WebSocket-Extensions`` of ``permessage-deflate`` it speaks that, if the server agrees.
        :param user: Take the client for this user, once ``onHandshake`` has let it in.
        :param peer: Its IPv4 address.
        :param secure: As if by TLS.
        :param certificate: And by a client that holds this certificate (pyOpenSSL's ``X509``).
        :param patience: Seconds to let pass for an ``onHandshake`` that takes its time.
        :raises Rejected: The handshake was refused.
        :raises WsappError: It was not answered in that time; the client has given up.
        """
        fields = {
            "Host": "test.example",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        if subprotocols:
            fields["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
        fields.update(headers or {})
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        transport = SecureMemoryTransport(peer, certificate) if secure else MemoryTransport(peer)
        connection: Any = self._factory.buildProtocol(transport.getPeer())
        connection.makeConnection(transport)
        known = {client.id for app in self._apps.values() for client in app.clients}
        if not transport.reading:  # the server has not started
            self.advance(patience)
            patience = 0
        if transport.reading:
            with self._identifying(user):
                connection.dataReceived("\r\n".join(lines).encode("utf-8"))
        self.advance(patience)
        return self._opened(connection, transport, known)

    @contextmanager
    def _identifying(self, user: str | None) -> Iterator[None]:
        """Have each application's ``onHandshake`` end with saying who the user is."""
        if user is None:
            yield
            return

        def identifying(original: Callable[[Request], Any]) -> Callable[[Request], Awaitable[None]]:
            async def onHandshake(request: Request) -> None:
                outcome = original(request)
                if isinstance(outcome, Awaitable):
                    await outcome
                request.user = user

            return onHandshake

        before = [(vars(app), dict(vars(app))) for app in self._apps.values()]
        for app in self._apps.values():
            vars(app)["onHandshake"] = identifying(app.onHandshake)
        try:
            yield
        finally:
            for now, then in before:
                if "onHandshake" in then:
                    now["onHandshake"] = then["onHandshake"]
                else:
                    del now["onHandshake"]

    def _opened(self, connection: Any, transport: MemoryTransport, known: set[str]) -> TestClient:
        data = transport.take()
        head, _, rest = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = Headers(
            [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        )
        if not status.startswith("HTTP/1.1 101"):
            connection.connectionLost(Failure(ConnectionDone()))
            if not status:
                raise WsappError(
                    "the handshake was not answered: onHandshake (or onStart) waits for something that "
                    "needs connect(patience=SECONDS), or does not come"
                )
            raise Rejected(int(status.split()[1]), fields, rest)
        new = [client for app in self._apps.values() for client in app.clients if client.id not in known]
        made = TestClient(self, transport, fields, new[0] if new else None)
        self._clients[made] = connection
        self._unread[made] = bytearray()
        transport.written[:0] = rest
        return made

    def advance(self, seconds: float) -> None:
        """Let time pass, from one call that is due to the next, so that each has its consequences in time."""
        self._settle()
        clock = self.clock
        end = clock.seconds() + seconds
        while True:
            due = min((call.getTime() for call in clock.getDelayedCalls()), default=math.inf)
            if due > end:
                break
            clock.advance(max(0.0, due - clock.seconds()))
            self._settle()
        clock.advance(max(0.0, end - clock.seconds()))
        self._settle()

    def stop(self) -> None:
        """Stop the server: clients are closed with 1001, and the last hooks run.

        Stopping once more does nothing.

        :raises WsappError: It has not stopped, since a hook waits for something that does not come.
        """
        if not self.server.running:
            return
        ends: list[object] = []
        self.server.stopService().addBoth(ends.append)
        self.advance(self.server.terms.limits.closeTimeout + 3)
        if not ends:
            raise WsappError("the server has not stopped: onStop waits for something")
        if isinstance(ends[0], Failure):
            ends[0].raiseException()

    # What its clients call

    def feed(self, client: TestClient, data: bytes) -> None:
        """Give the server what a client sends, once it reads."""
        if client in self._clients:
            self._unread[client] += data
            self._pass(client)

    def _pass(self, client: TestClient) -> bool:
        """Pass on what a client has sent, in pieces as TCP would; whether there was anything to."""
        passed = False
        while (unread := self._unread.get(client)) and client.transport.reading:
            piece = bytes(unread[:SEGMENT])
            del unread[:SEGMENT]
            self._clients[client].dataReceived(piece)
            self.clock.advance(0)
            passed = True
        return passed

    def end(self, client: TestClient, reason: Exception) -> None:
        """A connection has ended."""
        connection = self._clients.pop(client, None)
        self._unread.pop(client, None)
        client.ended()
        if connection is not None:
            connection.connectionLost(Failure(reason))
            self.clock.advance(0)

    def _settle(self) -> None:
        """Let the clients read, and end the connections that the server has ended, until all is quiet."""
        busy = True
        while busy:
            busy = False
            for client in list(self._clients):
                transport = client.transport
                busy |= bool(transport.written) and client.reads
                client.absorb()
                busy |= self._pass(client)
                if client in self._clients and self._hasEnded(client):
                    aborted = transport.ended == "abort"
                    self.end(client, ConnectionAborted() if aborted else ConnectionDone())
                    busy = True

    def _hasEnded(self, client: TestClient) -> bool:
        """Whether the connection is over, as the client sees it."""
        ended = client.transport.ended
        if ended == "half" and not client.answers:
            return False  # whose end is the client's to give, and it gives none
        return ended == "abort" or bool(ended and not client.transport.written)
