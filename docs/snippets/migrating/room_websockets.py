"""The room for websockets: `python room_websockets.py 8080`."""

import asyncio
import sys
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import broadcast, serve

clients = set()


def nameIn(request):
    return parse_qs(urlsplit(request.path).query).get("name", [""])[0]


def check(connection, request):
    if not nameIn(request):
        return connection.respond(403, "say who you are\n")


async def room(connection):
    name = nameIn(connection.request)
    clients.add(connection)
    try:
        async for message in connection:
            if isinstance(message, bytes):
                continue
            if message == "bye":
                await connection.close(1000, "goodbye")
            else:
                broadcast(clients, f"{name}: {message}")
    finally:
        clients.discard(connection)
        broadcast(clients, f"{name} left")


async def main():
    async with serve(
        room,
        "127.0.0.1",
        int(sys.argv[1]),
        process_request=check,
        max_size=65536,
        origins=["https://example.com", None],
    ) as server:
        await server.serve_forever()


asyncio.run(main())
