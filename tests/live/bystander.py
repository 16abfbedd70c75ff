"""An honest client in a process of its own: it echoes a little, all the time, and knows how long that takes.

``python -m tests.live.bystander PORT``; each line on its input that is a number of seconds is answered with a
line of JSON: the round trips of that time, a list of seconds.

Messages are sent when they are due, whether the last one is back or not, and each round trip counts from when
it was due: so whoever stands still for a while makes as many long ones as would have been sent meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time

from tests.live.helper import Helper
from tests.live.raw import TEXT, Raw, frame

__all__ = ["Bystander"]

#: Seconds between two messages.
PAUSE = 0.002


class Bystander(Helper):
    """The process, as a test sees it."""

    def __init__(self, port: int) -> None:
        super().__init__("tests.live.bystander", str(port))
        self.window(0.2)  # until it is warm

    def begin(self, seconds: float) -> None:
        """Measure from now on."""
        self.say(str(seconds))

    def end(self) -> list[float]:
        """:return: What was measured since."""
        found: list[float] = self.hear()
        return found

    def window(self, seconds: float) -> list[float]:
        """:return: What is measured in so many seconds."""
        self.begin(seconds)
        return self.end()


def measured(client: Raw, message: bytes, count: int) -> list[float]:
    """:return: So many round trips."""
    begin = time.monotonic()
    taken: list[float] = []
    sent = 0
    while len(taken) < count:
        now = time.monotonic()
        while sent < count and begin + sent * PAUSE <= now:
            client.send(message)
            sent += 1
        # Once all are sent there is nothing to be late for: a frame that never comes is a failure.
        if sent < count and not client.buffer:
            ready, _, _ = select.select([client.socket], [], [], max(0, begin + sent * PAUSE - now))
            if not ready:
                continue
        if client.frame()[0] & 0x0F == TEXT:  # else a ping
            taken.append(time.monotonic() - begin - len(taken) * PAUSE)
    return taken


def main() -> None:
    """Measure whenever asked."""
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # or what it has to wait for a processor would count as the server's
    message = frame(TEXT, b"x" * 32)
    with Raw(int(sys.argv[1])) as client:
        head = client.upgrade("/?asks")
        assert " 101 " in head, head
        for line in iter(sys.stdin.readline, ""):
            print(json.dumps(measured(client, message, round(float(line) / PAUSE))), flush=True)


if __name__ == "__main__":
    main()
