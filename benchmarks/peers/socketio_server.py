"""python-socketio with its Redis manager, under uvicorn on uvloop."""

# mypy: disable-error-code="import-not-found, import-untyped, misc, untyped-decorator"

from __future__ import annotations

from typing import Any

import socketio

from benchmarks.peers.setting import NodeSetting, serveASGI


def application(setting: NodeSetting) -> Any:
    """What is served: one room with everybody in it."""
    server = socketio.AsyncServer(
        async_mode="asgi",
        client_manager=socketio.AsyncRedisManager(setting.broker),
        transports=["websocket"],
        cors_allowed_origins="*",
    )

    @server.event
    async def connect(identity: str, environment: object) -> None:
        await server.enter_room(identity, "everybody")

    @server.event
    async def m(identity: str, text: str) -> None:
        await server.emit("m", text, room="everybody")

    return socketio.ASGIApp(server)


if __name__ == "__main__":
    read = NodeSetting.read()
    serveASGI(application(read), read)
