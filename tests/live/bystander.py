"""An honest client in a process of its own: it echoes a little, all the time, and knows how long that takes.

``python -m tests.live.bystander PORT``; each line on its input that is a number of seconds is answered with a
line of JSON: the round trips of that time, as ``{"count": ..., "p50": ..., "p99": ...}`` in seconds.
"""

from __future__ import annotations

import json
import sys
import time

from tests.live.helper import Helper
from tests.live.raw import TEXT, Raw, frame

__all__ = ["Bystander"]

#: Seconds between two messages: often enough to be hit by whatever stands still.
PAUSE = 0.001


class Bystander(Helper):
    """The process, as a test sees it."""

    def __init__(self, port: int) -> None:
        super().__init__("tests.live.bystander", str(port))
        self.window(0.2)  # until it is warm

    def begin(self, seconds: float) -> None:
        """Measure from now on."""
        self.say(str(seconds))

    def end(self) -> dict[str, float]:
        """:return: What was measured since."""
        found: dict[str, float] = self.hear()
        return found

    def window(self, seconds: float) -> dict[str, float]:
        """:return: What is measured in so many seconds."""
        self.begin(seconds)
        return self.end()


def main() -> None:
    """Measure whenever asked."""
    message = frame(TEXT, b"x" * 32)
    with Raw(int(sys.argv[1])) as client:
        head = client.upgrade("/?asks")
        assert " 101 " in head, head
        for line in iter(sys.stdin.readline, ""):
            end = time.monotonic() + float(line)
            taken: list[float] = []
            while not taken or time.monotonic() < end:
                began = time.perf_counter()
                client.send(message)
                got = client.frame()
                while got[0] & 0x0F != TEXT:  # a ping
                    got = client.frame()
                taken.append(time.perf_counter() - began)
                time.sleep(PAUSE)
            taken.sort()
            result = {
                "count": len(taken),
                "p50": taken[len(taken) // 2],
                "p99": taken[min(len(taken) - 1, len(taken) * 99 // 100)],
            }
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
