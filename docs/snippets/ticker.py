"""Something that happens by the clock."""

from twisted.internet.task import LoopingCall

from wsapp import App, Client


class Ticker(App):
    """Counts aloud, for everybody."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.seconds = seconds
        self.count = 0

    def onStart(self) -> None:
        self.loop = LoopingCall(self.tick)
        self.loop.clock = self.reactor  # a Clock under wsapp.testing
        self.loop.start(self.seconds, now=False)

    def onStop(self) -> None:
        self.loop.stop()

    def tick(self) -> None:
        self.count += 1
        self.broadcast(str(self.count))

    async def onMessage(self, client: Client, message: str) -> None:
        if message == "how far away am I?":
            client.send(f"{await client.ping():.3f} s")
