"""Much to send, to clients of any speed."""

from twisted.internet.interfaces import IReactorTime

from wsapp import App, Client


class Feed(App):
    """Sends as many megabytes as it is asked for, and never has more than a few waiting."""

    reactor: IReactorTime

    async def onMessage(self, client: Client, message: str) -> None:
        piece = b"\0" * 65536
        for _ in range(16 * int(message)):
            if not client.send(piece):
                return  # closing or gone
            await client.drained()


class Scores(App):
    """The newest score to everybody; who is behind misses some rather than being closed."""

    def show(self, score: str) -> None:
        for client in list(self.clients):
            if client.bufferedAmount < 65536:
                client.send(score)
