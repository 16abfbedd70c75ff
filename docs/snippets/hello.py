# mypy: allow-untyped-defs
"""A room with a page: `twistd -n wsapp --port tcp:8080 --app hello.py:Hello`."""

from pathlib import Path

from wsapp import App
from wsapp.web import StaticFolder


class Hello(App):
    """What one says, all hear."""

    def resource(self):
        return StaticFolder(Path(__file__).with_name("pages"))

    def onConnect(self, client):
        client.join("lobby")

    async def onMessage(self, client, message):
        await self.group("lobby").send(f"{client.id}: {message}")

    def onDisconnect(self, client, reason):
        self.broadcast(f"{client.id} left ({reason.code})")
