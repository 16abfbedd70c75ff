"""Everybody's cursor in everybody's window: `twistd -n wsapp --app examples/cursors.py:Cursors`.

A cursor moves sixty times a second, and what counts is where it is now.  So the server keeps each one's last
position, and says twenty times a second which have moved: one message to all, however often they did.
"""

from __future__ import annotations

import json
import secrets
from itertools import islice
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.web.resource import IResource

from wsapp import App, Client, Disconnection
from wsapp.web import StaticFolder

PAGES = Path(__file__).with_name("pages")

#: Positions run from 0 to this, whatever the size of anybody's window.
END = 10_000
LONGEST_NAME = 20


class Cursors(App):
    """Where everybody points.

    No state is kept but by who is there: a page repeats its position every few seconds, and forgets
    those that it has not heard of for longer.  So a newcomer soon sees all, on every node, and nobody
    stays who is gone, even where the news of it was lost.

    :param interval: Seconds between two messages.
    :param most: Cursors in one message; further ones have their turn in the next.
    """

    reactor: IReactorTime

    #: A client that reads slowly misses positions, which are soon old anyway, and is not closed for it.
    limits = {"maxMessage": 64, "messageRate": 60, "ratePolicy": "slow", "backlogPolicy": "drop"}

    def __init__(self, interval: float = 0.05, most: int = 100) -> None:
        super().__init__()
        self.interval = interval
        self.most = most
        self.moved: dict[str, dict[str, object]] = {}  # by client id, until it is told
        self.telling: IDelayedCall | None = None

    def resource(self) -> IResource:
        return StaticFolder(PAGES / "cursors", also={"base.css": PAGES / "base.css"})

    def onStop(self) -> None:
        if self.telling is not None:
            self.telling.cancel()

    def onConnect(self, client: Client) -> None:
        name = client.request.query.get("name", [""])[0]
        visible = "".join(character for character in name if character.isprintable()).strip()
        client.data = visible[:LONGEST_NAME] or f"guest-{secrets.token_hex(2)}"
        client.send(json.dumps({"type": "welcome", "id": client.id, "name": client.data}))

    def onMessage(self, client: Client, message: str | bytes) -> None:
        try:
            x, y = map(int, message.split())
        except ValueError:
            client.close(4400, "a message is two whole numbers, x and y")
            return
        self.moved[client.id] = {
            "id": client.id,
            "name": client.data,
            "x": min(max(x, 0), END),
            "y": min(max(y, 0), END),
        }
        if self.telling is None:
            self.telling = self.reactor.callLater(self.interval, self.tell)

    def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        self.moved.pop(client.id, None)
        self.broadcast(json.dumps({"type": "gone", "id": client.id}))

    def tell(self) -> None:
        """Say who has moved."""
        cursors = [self.moved.pop(identity) for identity in list(islice(self.moved, self.most))]
        self.telling = self.reactor.callLater(self.interval, self.tell) if self.moved else None
        self.broadcast(json.dumps({"type": "moved", "cursors": cursors}))
