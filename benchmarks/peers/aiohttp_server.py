"""aiohttp, on uvloop."""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from benchmarks.peers.setting import BACKLOG, HOST, MAX_MESSAGE, Setting, runOnUvloop

everybody: set[web.WebSocketResponse] = set()


async def serve(setting: Setting) -> None:
    """Serve until the process is ended."""

    async def converse(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(compress=setting.deflate, max_msg_size=MAX_MESSAGE)
        await connection.prepare(request)
        everybody.add(connection)
        try:
            async for message in connection:
                if message.type is not WSMsgType.TEXT:
                    continue
                if setting.broadcast:
                    for each in list(everybody):
                        await each.send_str(message.data)
                else:
                    await connection.send_str(message.data)
        finally:
            everybody.discard(connection)
        return connection

    application = web.Application()
    application.router.add_get("/", converse)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, setting.port, backlog=BACKLOG, ssl_context=setting.context()).start()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    runOnUvloop(serve(Setting.read()))
