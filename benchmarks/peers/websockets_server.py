"""websockets, its asyncio server, on uvloop."""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import asyncio

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.peers.setting import BACKLOG, HOST, MAX_MESSAGE, Setting, runOnUvloop

everybody: set[ServerConnection] = set()


async def echo(connection: ServerConnection) -> None:
    """Send each message back."""
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


async def fanout(connection: ServerConnection) -> None:
    """Send each message to everybody."""
    everybody.add(connection)
    try:
        async for message in connection:
            broadcast(everybody, message)
    except ConnectionClosed:
        pass
    finally:
        everybody.discard(connection)


async def main(setting: Setting) -> None:
    """Serve."""
    async with serve(
        fanout if setting.broadcast else echo,
        HOST,
        setting.port,
        compression="deflate" if setting.deflate else None,
        max_size=MAX_MESSAGE,
        backlog=BACKLOG,
        ssl=setting.context(),
    ):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    runOnUvloop(main(Setting.read()))
