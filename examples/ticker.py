"""One feed, fanned out to thousands: `twistd -n wsapp --app examples/ticker.py:Ticker`.

A broadcast is encoded once, not once per client.  Who cannot keep up misses ticks instead of holding memory,
and once it has caught up it is sent all prices as they are now.

The prices are made up here.  Let one process have the feed: `broadcast` reaches the clients of every node.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.web.resource import IResource

from wsapp import App, Client
from wsapp.web import StaticFolder

PAGES = Path(__file__).with_name("pages")

SYMBOLS = ("ALDER", "ASPEN", "BEECH", "BIRCH", "CEDAR", "ELDER", "HAZEL", "LARCH", "MAPLE", "ROWAN")


class Market:
    """Prices that wander about."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.prices = {symbol: round(self.random.uniform(20, 200), 2) for symbol in SYMBOLS}

    def step(self) -> dict[str, float]:
        """:return: The prices that have changed."""
        moved = self.random.sample(SYMBOLS, k=4)
        for symbol in moved:
            self.prices[symbol] = round(max(1, self.prices[symbol] * self.random.gauss(1, 0.004)), 2)
        return {symbol: self.prices[symbol] for symbol in moved}


class Ticker(App):
    """Sends everybody what has changed, by the clock.

    :param seconds: Between two ticks.
    :param seed: Of the prices, for those who want the same ones again.
    """

    #: What waits for a client that is too slow is bounded, and the client stays.
    limits = {"maxMessage": 64, "backlogPolicy": "drop", "maxSendBuffer": 32 * 1024}

    def __init__(self, seconds: float = 0.25, seed: int = 1) -> None:
        if not seconds > 0:
            raise ValueError(f"seconds={seconds} must be more than 0")
        super().__init__()
        self.seconds = seconds
        self.market = Market(seed)
        self.number = 0
        self.loop = LoopingCall(self.tick)

    def resource(self) -> IResource:
        return StaticFolder(PAGES / "ticker", also={"base.css": PAGES / "base.css"})

    def onStart(self) -> None:
        self.loop.clock = self.reactor  # in tests a Clock
        self.loop.start(self.seconds, now=False)

    def onStop(self) -> None:
        self.loop.stop()

    def tick(self) -> None:
        """Time has passed."""
        self.number += 1
        self.broadcast(self.said("tick", self.market.step()))

    def onConnect(self, client: Client) -> None:
        client.send(self.said("all", self.market.prices, missed=0))

    def onDropped(self, client: Client, count: int) -> None:
        client.send(self.said("all", self.market.prices, missed=count))

    def said(self, kind: str, prices: dict[str, float], **more: Any) -> str:
        """:return: A message."""
        return json.dumps({"type": kind, "number": self.number, "prices": prices, **more})
