"""A whiteboard that all draw on together: `twistd -n wsapp --app examples/whiteboard.py:Whiteboard`.

What was drawn is the history of a group: who comes later is sent it first, and then what is drawn meanwhile,
without a gap and without doubles.  With ``--broker`` it is one board on any number of nodes.
"""

from __future__ import annotations

import json
from pathlib import Path

from twisted.web.resource import IResource

from wsapp import App, Client
from wsapp.web import StaticFolder

PAGES = Path(__file__).with_name("pages")

#: The board in its own units, whatever the size of anybody's window.
WIDTH, HEIGHT = 1600, 900
COLORS, THICKEST, MOST_POINTS = 6, 40, 64


class Whiteboard(App):
    """Passes on pieces of lines, and keeps the last of them."""

    historySize = 5000
    #: A newcomer is sent all of it at once, so it has to fit into a send buffer (`maxSendBuffer`, 1 MiB).
    historyBytes = 512 * 1024
    historySeconds = 86_400.0

    #: The page sends 25 pieces a second while somebody draws.  Whoever sends more is read more slowly.
    limits = {"maxMessage": 2048, "messageRate": 50, "ratePolicy": "slow"}

    def resource(self) -> IResource:
        return StaticFolder(PAGES / "whiteboard", also={"base.css": PAGES / "base.css"})

    async def onConnect(self, client: Client) -> None:
        await client.join("board", history=self.historySize)

    async def onMessage(self, client: Client, message: str | bytes) -> None:
        try:
            deed = cleaned(message)
        except ValueError as error:
            client.close(4400, str(error))
        else:
            # To its sender too: so all see one order, and whether a line came before a "clear" or after it.
            await self.group("board").send(deed)


def cleaned(message: str | bytes) -> str:
    """What is passed on for a message: written anew, so that nothing else comes along.

    :raises ValueError: It is nothing that can be done to a whiteboard.
    """
    try:
        deed = json.loads(message)
    except (ValueError, RecursionError):
        raise ValueError("a message is JSON") from None
    match deed:
        case {"type": "clear"}:
            clean: dict[str, object] = {"type": "clear"}
        case {"type": "line", "color": color, "width": width, "points": [*points]}:
            if not within(color, 0, COLORS - 1) or not within(width, 1, THICKEST):
                raise ValueError("there is no such pen")
            if not 2 <= len(points) <= MOST_POINTS:
                raise ValueError(f"a piece of a line has 2 to {MOST_POINTS} points")
            for point in points:
                match point:
                    case [x, y] if within(x, 0, WIDTH) and within(y, 0, HEIGHT):
                        continue
                raise ValueError("a point is [x, y], on the board")
            clean = {"type": "line", "color": color, "width": width, "points": points}
        case _:
            raise ValueError("one can draw a line, and clear the board")
    return json.dumps(clean, separators=(",", ":"))


def within(value: object, least: int, most: int) -> bool:
    """Whether it is a whole number within these bounds (in Python, True would be one)."""
    return type(value) is int and least <= value <= most
