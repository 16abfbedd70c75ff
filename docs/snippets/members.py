"""Only people who have logged in to the website, for as long as their token is good."""

from wsapp import App, Client, Request
from wsapp.authentication import authenticate
from wsapp.tokens import Keys


class Members(App):
    """`--app members.py:Members:keys=/etc/members/keys`"""

    def __init__(self, keys: str) -> None:
        self.keys = Keys.fromFile(keys)

    def onHandshake(self, request: Request) -> None:
        """`new WebSocket(url, ["members", "token." + token])`"""
        authenticate(request, self.keys, self.name)

    def onConnect(self, client: Client) -> None:
        client.send(f"hello, {client.user}")

    async def onMessage(self, client: Client, message: str) -> None:
        if message == "log me out everywhere" and client.user is not None:
            await self.user(client.user).close(4403, "logged out")
