"""The room for Autobahn: `python room_autobahn.py 8080`."""

import sys

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from twisted.internet import endpoints, reactor


class RoomProtocol(WebSocketServerProtocol):
    name = None

    def onConnect(self, request):
        if "name" not in request.params:
            raise ConnectionDeny(403, "say who you are")
        self.name = request.params["name"][0]

    def onOpen(self):
        self.factory.clients.add(self)

    def onMessage(self, payload, isBinary):
        if isBinary:
            return
        text = payload.decode("utf-8")
        if text == "bye":
            self.sendClose(1000, "goodbye")
        else:
            self.factory.tell(f"{self.name}: {text}")

    def onClose(self, wasClean, code, reason):
        if self in self.factory.clients:
            self.factory.clients.discard(self)
            self.factory.tell(f"{self.name} left")


class RoomFactory(WebSocketServerFactory):
    protocol = RoomProtocol

    def __init__(self):
        super().__init__()
        self.clients = set()
        self.setProtocolOptions(
            maxMessagePayloadSize=65536,
            autoPingInterval=20,
            autoPingTimeout=20,
            allowedOrigins=["https://example.com:443"],
        )

    def tell(self, text):
        prepared = self.prepareMessage(text.encode("utf-8"))
        for client in self.clients:
            client.sendPreparedMessage(prepared)


endpoint = f"tcp:{sys.argv[1]}:interface=127.0.0.1"
endpoints.serverFromString(reactor, endpoint).listen(RoomFactory())
reactor.run()
