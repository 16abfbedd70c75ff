"""An application in a package of its own."""

from wsapp import App, Client


class Rota(App):
    """Whose turn it is.

    :param people: Names with spaces between them.
    :param start: Who of them begins, from 0.
    """

    def __init__(self, people: str = "ann bob", start: int = 0) -> None:
        self.people = people.split()
        self.turn = start % len(self.people)

    def onConnect(self, client: Client) -> None:
        client.send(self.people[self.turn])

    async def onMessage(self, client: Client, message: str) -> None:
        self.turn = (self.turn + 1) % len(self.people)
        await self.broadcast(self.people[self.turn])
