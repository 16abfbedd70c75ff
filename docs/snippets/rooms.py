"""Rooms with presence and history, and messages to one user."""

from wsapp import App, Client, Disconnection


class Rooms(App):
    """`ws://host/rooms?room=kitchen`"""

    historySize = 50  # messages that each group keeps
    historySeconds = 86400.0  # and for a day

    async def onConnect(self, client: Client) -> None:
        room = client.request.query.get("room", ["lobby"])[0]
        client.data = room
        # The last ten things said come first; what is said from now on follows, none missing or twice.
        await client.join(room, history=10, info={"device": client.request.headers.get("User-Agent")})
        people = [member.user or "somebody" for member in await self.group(room).members()]
        client.send(f"here: {', '.join(sorted(people))}")
        # A group of its own, which is joined without history: comings and goings need not be kept.
        await client.join(f"{room} door")
        await self.group(f"{room} door").send(f"{client.user} is here", exclude=[client])

    async def onMessage(self, client: Client, message: str) -> None:
        if message.startswith("@"):
            name, _, text = message[1:].partition(" ")
            await self.user(name).send(f"{client.user}, to you alone: {text}")
        else:
            await self.group(client.data).send(f"{client.user}: {message}")

    async def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        await self.group(f"{client.data} door").send(f"{client.user} is gone")
