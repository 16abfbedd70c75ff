"""A server with an admin port, in memory and virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from typing import Any

from tests.peers import KEY, Peer, World
from wsapp.admin.gate import Gate
from wsapp.admin.node import Node
from wsapp.admin.service import adminServer
from wsapp.memory import MemoryTransport, SecureMemoryTransport

__all__ = ["HOST", "TOKEN", "AdminWorld"]

TOKEN = "a token for tests, which is long enough"
HOST = "localhost:9000"


class AdminWorld:
    """One server, and its admin port on the loopback interface.

    :ivar world: The server.
    """

    def __init__(self, world: World, hosts: tuple[str, ...] = (), loopback: bool = True) -> None:
        self.world = world
        self.clock = world.clock
        self.node = Node(world.server)
        self.gate = Gate(TOKEN, self.clock.seconds, self.clock.seconds)
        self.admin = adminServer(self.clock, self.node, [], self.gate, hosts)
        self.admin.terms.wallClock = self.clock.seconds
        self.factory: Any = self.admin.factory()
        self.factory.listener.loopback = loopback
        self.admin.startService()

    def peer(self, secure: bool = False) -> Peer:
        """Somebody connects."""
        world: Any = self
        return Peer(world, SecureMemoryTransport("127.0.0.1") if secure else MemoryTransport("127.0.0.1"))

    def ask(
        self,
        target: str,
        *lines: str,
        method: str = "GET",
        host: str = HOST,
        body: str = "",
        secure: bool = False,
    ) -> tuple[int, dict[str, str], str]:
        """One plain request.

        :return: Status, headers by small name, body.
        """
        peer = self.peer(secure)
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        peer.feed("\r\n".join([*head, "", body]).encode())
        for _ in range(5):
            self.clock.advance(0)
        answer, _, content = peer.take().partition(b"\r\n\r\n")
        first, *others = answer.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in others)}
        return int(first.split()[1]), headers, content.decode()

    def login(self, token: str = TOKEN, **more: Any) -> tuple[int, dict[str, str], str]:
        """Show the token, as the page does."""
        return self.ask("/login", f"Origin: http://{HOST}", method="POST", body=token, **more)

    def cookie(self) -> str:
        """The cookie of who has shown the token."""
        return self.login()[1]["set-cookie"].partition(";")[0]

    def open(self, *lines: str, host: str = HOST, origin: str | None = f"http://{HOST}") -> tuple[Peer, int]:
        """Open the console's WebSocket.

        :return: The peer, and the status of the answer.
        """
        peer = self.peer()
        said = [
            "GET / HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {KEY}",
            "Sec-WebSocket-Version: 13",
            *([f"Origin: {origin}"] if origin else []),
            *lines,
        ]
        peer.feed("\r\n".join([*said, "", ""]).encode())
        answer, _, rest = peer.take().partition(b"\r\n\r\n")
        peer.receiver.receive(rest)
        return peer, int(answer.split()[1])

    def page(self) -> Peer:
        """A page of the console that is let in."""
        peer, status = self.open(f"Cookie: {self.cookie()}")
        assert status == 101, status
        return peer

    def said(self, peer: Peer) -> list[Any]:
        """What a page was sent."""
        for _ in range(5):
            self.clock.advance(0)
        return [json.loads(event) if isinstance(event, str) else event for event in peer.events()]

    def answer(self, peer: Peer, **question: Any) -> Any:
        """What a page is answered."""
        self.said(peer)
        peer.send(json.dumps({"id": 7, **question}))
        (answer,) = [one for one in self.said(peer) if not isinstance(one, dict) or "id" in one]
        return answer
