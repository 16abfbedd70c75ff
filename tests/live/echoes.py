"""A WebSocket server that is not ours, for our client: ``python echoes.py KIND PORT [CERTIFICATE KEY]``.

What it does with a message depends on the path: ``/`` sends it back; ``/fragments`` sends it back in
three frames with a ping amid them; ``/drop`` ends the connection without a word; ``/close`` closes with
4321; ``/refuse`` refuses the handshake.  Imports nothing of wsapp.
"""

# The peers' packages are there for live tests only.
# mypy: ignore-errors

from __future__ import annotations

import asyncio
import ssl
import sys
from http import HTTPStatus

#: What is agreed to as subprotocol, where it is offered.
SUBPROTOCOL = "second"


def thirds(message):
    """A message in three pieces."""
    step = max(1, len(message) // 3)
    return [message[:step], message[step : 2 * step], message[2 * step :]]


def websocketsServer(port, tls, compression):
    """The ``websockets`` package."""
    from websockets.asyncio.server import serve

    async def handle(connection):
        async for message in connection:
            path = connection.request.path
            if path == "/fragments":

                async def pieces(message=message):
                    for piece in thirds(message):
                        yield piece
                        await connection.ping()

                await connection.send(pieces())
            elif path == "/drop":
                connection.transport.abort()
            elif path == "/close":
                await connection.close(4321, "because")
            else:
                await connection.send(message)

    def check(connection, request):
        if request.path == "/refuse":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "who are you\n")
        return None

    return serve(
        handle,
        "127.0.0.1",
        port,
        ssl=tls,
        process_request=check,
        select_subprotocol=lambda connection, offered: SUBPROTOCOL if SUBPROTOCOL in offered else None,
        compression="deflate" if compression else None,
        max_size=None,
    )


async def aiohttpServer(port, tls, compression):
    """``aiohttp``; it cannot send fragments."""
    from aiohttp import web

    async def handle(request):
        if request.path == "/refuse":
            return web.Response(status=401, text="who are you\n")
        socket = web.WebSocketResponse(protocols=[SUBPROTOCOL], compress=compression, max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            if request.path == "/drop":
                request.transport.abort()
            elif request.path == "/close":
                await socket.close(code=4321, message=b"because")
            elif isinstance(message.data, str):
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()


async def autobahnServer(port, tls, compression):
    """Autobahn on asyncio."""
    from autobahn.asyncio.websocket import WebSocketServerFactory, WebSocketServerProtocol
    from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
    from autobahn.websocket.types import ConnectionDeny

    class Echo(WebSocketServerProtocol):
        def onConnect(self, request):
            self.path = request.path
            if request.path == "/refuse":
                raise ConnectionDeny(401, "who are you")
            return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

        def onMessage(self, payload, isBinary):
            if self.path == "/fragments":
                self.beginMessage(isBinary)
                for piece in thirds(payload):
                    self.sendMessageFrame(piece)
                    self.sendPing(b"amid")
                self.endMessage()
            elif self.path == "/drop":
                self.transport.abort()
            elif self.path == "/close":
                self.sendClose(4321, "because")
            else:
                self.sendMessage(payload, isBinary)

    def accept(offers):
        for offer in offers:
            if compression and isinstance(offer, PerMessageDeflateOffer):
                return PerMessageDeflateOfferAccept(offer)
        return None

    factory = WebSocketServerFactory()
    factory.protocol = Echo
    factory.setProtocolOptions(perMessageCompressionAccept=accept)
    await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port, ssl=tls)


async def main(kind, port, *files):
    """Serve for ever."""
    tls = None
    if files:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*files)
    made = {"websockets": websocketsServer, "aiohttp": aiohttpServer, "autobahn": autobahnServer}[kind]
    await made(int(port), tls, True)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
