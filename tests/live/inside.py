"""An application that tells a test what is going on inside of its server; served by file name.

A message that begins with ``?`` asks; one that begins with ``!`` goes to everybody; others are echoed.  The
query says what else: with ``slow`` hooks take their time, with ``mute`` nothing is echoed, ``n=`` is a
name, with ``asks`` nothing is broadcast to one.
"""

from __future__ import annotations

import ctypes
import gc
import json
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from wsapp import App
from wsapp.client import Client, Disconnection

__all__ = ["Inside"]

#: Seconds that a slow hook takes.
SLOWLY = 0.002


class Inside(App):
    """Echoes, and knows the process from within.

    :param file: Where to write at the end what came, as JSON.
    """

    def __init__(self, file: str = "") -> None:
        self.file = file
        self.came: Counter[str] = Counter()  # messages by the query of the handshake
        self.ends: Counter[int] = Counter()  # close codes

    def onMessage(self, client: Client, message: str | bytes) -> Any:
        """Answer, and perhaps later."""
        if isinstance(message, str) and message.startswith("?"):
            client.send(json.dumps(self.answer(message[1:])))
            return None
        if isinstance(message, str) and message.startswith("!"):
            # Those who ask do not read all the time: they would be thrown out.
            asking = [other for other in self.clients if "asks" in other.request.query]
            return self.broadcast(message, exclude=asking)
        if "mute" not in client.request.query:
            client.send(message)
        if "slow" in client.request.query:
            waiting: Deferred[None] = Deferred()
            waiting.addCallback(lambda _: self.count(client))
            self.reactor.callLater(SLOWLY, waiting.callback, None)
            return waiting
        self.count(client)
        return None

    def count(self, client: Client) -> None:
        """One more of this client's messages is through."""
        self.came[client.request.query.get("n", [""])[0]] += 1

    def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        """Count how it ended."""
        self.ends[reason.code] += 1

    def onStop(self) -> None:
        """Write down what came."""
        if self.file:
            Path(self.file).write_text(json.dumps({"came": self.came, "ends": self.ends}))

    def answer(self, question: str) -> Any:
        """What is asked for by name."""
        if question == "objects":
            gc.collect()
            return Counter(type(thing).__qualname__ for thing in gc.get_objects())
        if question == "ends":
            return self.ends
        if question == "clients":
            return len(self.clients)
        if question == "timers":
            return len(self.reactor.getDelayedCalls())
        if question == "trim":
            gc.collect()
            return ctypes.CDLL(None).malloc_trim(0)
        raise ValueError(f"{question!r} is no question")
