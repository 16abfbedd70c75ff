"""What an attack does to a server's memory, to its log and to the other clients, measured from outside."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.live.attacks import Attack
from tests.live.bystander import Bystander
from tests.live.case import LiveTestCase
from tests.live.raw import PING, TEXT, Raw, frame

__all__ = ["MB", "AttackCase", "Inquirer", "resident"]

MB = 1 << 20

#: What memory may grow by beside the limits of the clients involved (SECURITY.md).
ALLOWANCE = 10 * MB

#: How many times worse the others' echo latency may become (SECURITY.md)...
FACTOR = 3

#: ... unless it stays below this, in seconds: on a quiet loopback three times nothing is nothing, and where
#: attackers and others want the same two processors, each waits for slices of theirs.
FLOOR = 0.05

#: How often an attack is tried, if what the machine did meanwhile may have been what was slow.
TRIES = 5

#: Rounds of attack, and seconds of rest before them and of attack, for each.
ROUNDS, REST, RAGE = 3, 0.3, 0.6

#: Seconds in which memory comes back, by itself: see wsapp.heap.
COMING_BACK = 15

#: How many lines of one kind an attack may write (20 for each status or close code).
MOST_LINES = 45

#: An application that can be asked about its process.
INSIDE = f"{Path(__file__).with_name('inside.py')}:Inside"


def resident(pid: int) -> int:
    """:return: The resident memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS in its status")


def p99(taken: list[float]) -> float:
    """:return: What one in a hundred of these is above."""
    return sorted(taken)[len(taken) * 99 // 100]


def scheduled(pid: int) -> tuple[int, int]:
    """:return: Nanoseconds that a process has had a processor, and has waited for one; both 0 where the
    system does not say."""
    try:
        had, waited = Path(f"/proc/{pid}/schedstat").read_text().split()[:2]
    except OSError:
        return 0, 0
    return int(had), int(waited)


class Inquirer:
    """A connection that asks :mod:`tests.live.inside`."""

    def __init__(self, port: int) -> None:
        self.raw = Raw(port)
        head = self.raw.upgrade("/?asks")
        assert " 101 " in head, head

    def ask(self, question: str) -> Any:
        """:return: Its answer."""
        self.raw.send(frame(TEXT, b"?" + question.encode()))
        while (got := self.raw.frame())[0] & 0x0F == PING:
            pass
        return json.loads(got[1])

    def objects(self) -> Counter[str]:
        """:return: How many objects there are of each type."""
        return Counter(self.ask("objects"))


class AttackCase(LiveTestCase):
    """A server under attack, with an honest client beside it.

    :ivar running: The server.
    :ivar port: Its port.
    :ivar inquirer: A connection that asks it about itself.
    """

    def begin(self, *options: str) -> None:
        """Serve the application that answers questions."""
        self.running, self.port = self.serve("--app", INSIDE, *options)
        self.inquirer = Inquirer(self.port)
        self.addCleanup(self.inquirer.raw.socket.close)
        self.bystander = Bystander(self.port)
        self.addCleanup(self.bystander.stop)
        self.logged = len(self.running.log.splitlines())

    def attack(self, name: str, *, held: int = 0, latency: bool = True) -> Counter[str]:
        """Attack, in rounds, and hold the server to what is promised.

        :param name: One of :data:`tests.live.attacks.ATTACKS`.
        :param held: Bytes that the limits let all these attackers have together.
        :param latency: Whether the others' latency is held to as well.
        :return: What came of all rounds: connections by how they ended, by status, by close code; bytes.
        """
        attack = Attack(name, self.port)
        try:
            # As low as it can be.
            self.inquirer.ask("trim")
            atRest = resident(self.running.pid)
            quiet = math.inf
            for left in reversed(range(TRIES)):
                # The best of all tries: an attack of which the server is not rid yet must not count as rest.
                quiet = min(quiet, p99(self.bystander.window(ROUNDS * REST)))
                came, peak, loud, slowed = self.rounds(attack)
                after = self.settled(atRest)
                figures = (
                    f"{name}: p99 {quiet * 1000:.2f} -> {loud * 1000:.2f} ms, slowed {slowed:.1f}; "
                    f"resident {atRest / MB:.1f} MB, peak {(peak - atRest) / MB:+.1f}, "
                    f"after {(after - atRest) / MB:+.1f}; {dict(came)}"
                )
                print(figures)
                self.assertLessEqual(peak - atRest, held + ALLOWANCE, figures)
                self.assertLessEqual(after - atRest, ALLOWANCE, figures)
                if not latency or loud <= max(FACTOR * quiet, slowed * FLOOR):
                    break
                # What the machine did meanwhile is not the server's fault; an attack does it again.
                self.assertTrue(left, figures)
        finally:
            attack.stop()
        self.assertGreater(came["begun"], 0)
        return came

    def rounds(self, attack: Attack) -> tuple[Counter[str], int, float, float]:
        """:return: What came of the rounds, the peak of memory, p99 of the latencies under attack, and how
        many times longer the server took than it would have with a processor of its own."""
        came: Counter[str] = Counter()
        rage: list[float] = []
        peak = had = waited = 0
        for _ in range(ROUNDS):
            before = scheduled(self.running.pid)
            attack.go()
            self.bystander.begin(RAGE)
            end = time.monotonic() + RAGE
            while time.monotonic() < end:
                peak = max(peak, resident(self.running.pid))
                time.sleep(0.01)
            rage += self.bystander.end()
            after = scheduled(self.running.pid)
            had += after[0] - before[0]
            waited += after[1] - before[1]
            came.update(attack.halt())
            self.gone()
        return came, peak, p99(rage), 1 + waited / max(had, 1)

    def gone(self) -> None:
        """Wait until the attackers' clients are gone, and what they sent is worked off, but not for long: a
        read may hold 251 MiB."""
        end = time.monotonic() + 2
        while self.inquirer.ask("clients") > 2 and time.monotonic() < end:
            time.sleep(0.05)

    def settled(self, atRest: int) -> int:
        """:return: The resident memory when it has come back to what it was, or has had its time for that."""
        end = time.monotonic() + COMING_BACK
        while True:
            self.inquirer.ask("clients")  # who asks nothing would answer no pings
            found = resident(self.running.pid)
            if found - atRest <= ALLOWANCE or time.monotonic() > end:
                return found
            time.sleep(0.1)

    def tearDown(self) -> None:
        """However many did however much, the log has few lines of each kind."""
        lines = self.running.log.splitlines()[self.logged :]
        kinds = Counter(re.sub(r"\S*[0-9]\S*", "N", line[25:]) for line in lines)
        for kind, count in kinds.items():
            self.assertLessEqual(count, MOST_LINES, kind)
