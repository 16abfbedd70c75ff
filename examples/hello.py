"""The application of README: `twistd -n wsapp --app examples/hello.py:Hello`."""
# mypy: allow-untyped-defs

from wsapp import App


class Hello(App):
    """What one says, all hear."""

    def onConnect(self, client):
        client.join("lobby")

    async def onMessage(self, client, message):
        await self.group("lobby").send(f"{client.id}: {message}")

    def onDisconnect(self, client, reason):
        self.broadcast(f"{client.id} left ({reason.code})")
