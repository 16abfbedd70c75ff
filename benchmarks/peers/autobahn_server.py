"""Autobahn, on Twisted."""

# mypy: allow-subclassing-any, allow-untyped-calls
# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

from collections.abc import Sequence

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept

from benchmarks.peers.listening import serve
from benchmarks.peers.setting import MAX_MESSAGE, Setting

everybody: set[WebSocketServerProtocol] = set()


class Echo(WebSocketServerProtocol):
    """Sends each message back."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """A message has come."""
        self.sendMessage(payload, isBinary)


class Fanout(WebSocketServerProtocol):
    """Sends each message to everybody, made ready once."""

    def onOpen(self) -> None:
        """One more."""
        everybody.add(self)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        """One less."""
        everybody.discard(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """A message has come."""
        prepared = self.factory.prepareMessage(payload, isBinary)
        for each in everybody:
            each.sendPreparedMessage(prepared)


def accept(offers: Sequence[object]) -> PerMessageDeflateOfferAccept | None:
    """Agree to permessage-deflate, which Autobahn does only where it is told to."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


def main(setting: Setting) -> None:
    """Serve."""
    factory = WebSocketServerFactory()
    factory.protocol = Fanout if setting.broadcast else Echo
    factory.setProtocolOptions(tcpNoDelay=True, maxMessagePayloadSize=MAX_MESSAGE)
    if setting.deflate:
        factory.setProtocolOptions(perMessageCompressionAccept=accept)
    serve(setting, factory)


if __name__ == "__main__":
    main(Setting.read())
