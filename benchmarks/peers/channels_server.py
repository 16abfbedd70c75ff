"""Django's Channels over channels_redis, under uvicorn on uvloop."""

# mypy: disable-error-code="import-not-found, import-untyped, misc, untyped-decorator"

from __future__ import annotations

from typing import Any

import django
from django.conf import settings

from benchmarks.peers.setting import NodeSetting, serveASGI

LAYERS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}


def application(setting: NodeSetting) -> Any:
    """What is served: one group with everybody in it."""
    # redis-py would take no more than 100.
    host = {"address": setting.broker, "max_connections": 5000}
    layer = {"BACKEND": LAYERS[setting.layer], "CONFIG": {"hosts": [host]}}
    settings.configure(CHANNEL_LAYERS={"default": layer}, SECRET_KEY="not one", USE_TZ=True)
    django.setup()
    # These read the settings when they are imported.
    from channels.generic.websocket import AsyncWebsocketConsumer

    class Fanout(AsyncWebsocketConsumer):
        """Sends each message to everybody."""

        async def connect(self) -> None:
            await self.channel_layer.group_add("everybody", self.channel_name)
            await self.accept()

        async def disconnect(self, code: int) -> None:
            await self.channel_layer.group_discard("everybody", self.channel_name)

        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
            await self.channel_layer.group_send("everybody", {"type": "told", "text": text_data})

        async def told(self, event: dict[str, str]) -> None:
            """It was published, here or elsewhere."""
            await self.send(text_data=event["text"])

    return Fanout.as_asgi()


if __name__ == "__main__":
    read = NodeSetting.read()
    serveASGI(application(read), read)
