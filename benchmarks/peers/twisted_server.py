"""Twisted's own ``twisted.web.websocket``. It has no permessage-deflate."""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

from twisted.python.failure import Failure
from twisted.web.server import Request, Site
from twisted.web.websocket import WebSocketResource, WebSocketTransport

from benchmarks.peers.listening import serve
from benchmarks.peers.setting import Setting

setting = Setting.read()
everybody: set[Conversation] = set()


class Conversation:
    """One connection."""

    transport: WebSocketTransport

    @classmethod
    def buildProtocol(cls, request: Request) -> Conversation:
        """:return: What talks with one more client."""
        return cls()

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        """The handshake begins."""
        self.transport = transport

    def negotiationFinished(self) -> None:
        """One more."""
        everybody.add(self)

    def textMessageReceived(self, message: str) -> None:
        """A message has come."""
        if setting.broadcast:
            for each in everybody:
                each.transport.sendTextMessage(message)
        else:
            self.transport.sendTextMessage(message)

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """No job sends binary."""

    def pongReceived(self, payload: bytes) -> None:
        """Nothing is pinged."""

    def connectionLost(self, reason: Failure) -> None:
        """One less."""
        everybody.discard(self)


def main() -> None:
    """Serve."""
    resource = WebSocketResource(Conversation)
    resource.isLeaf = True
    serve(setting, Site(resource))


if __name__ == "__main__":
    main()
