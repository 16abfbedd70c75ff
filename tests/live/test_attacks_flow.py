"""SECURITY: flow, against a real process: clients that do not read, do not answer, send too fast, vanish."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import time

from tests.live.attacks import Attack
from tests.live.raw import TEXT, Raw, frame
from tests.live.server import waitFor
from tests.live.watching import ALLOWANCE, MB, AttackCase, resident


class DeafTests(AttackCase):
    """Who does not read."""

    def test_pings(self) -> None:
        """A flood of pings: the newest is kept, memory stays flat."""
        self.begin()
        self.assertGreater(self.attack("pings", held=10 * MB // 2)["sent"], 10 * MB)

    def test_echo(self) -> None:
        """A flood that is echoed: reading pauses, so the flood stops by itself."""
        self.begin()
        self.attack("echo", held=10 * 3 * MB)

    def test_broadcast(self) -> None:
        """Broadcasts to clients that do not read: closed with 1013, at most their send buffers are held."""
        self.begin("--stall-timeout", "1", "--close-timeout", "1")
        deaf = Attack("deaf", self.port)
        self.addCleanup(deaf.stop)
        before = resident(self.running.pid)
        deaf.go()
        waitFor("the deaf to be there", lambda: self.inquirer.ask("clients") >= 50)
        peak = 0
        with Raw(self.port) as speaker:
            speaker.upgrade()
            text = frame(TEXT, b"!" + b"x" * 30_000)
            for _ in range(300):
                speaker.send(text)
                while speaker.frame()[1][:1] != b"!":
                    pass
                peak = max(peak, resident(self.running.pid))
        self.assertLessEqual(peak - before, 50 * MB + ALLOWANCE)
        # Others come in their places, but hear nothing that they could miss.
        waitFor("the deaf to be thrown out", lambda: self.inquirer.ask("ends").get("1013", 0) >= 50)
        deaf.halt()
        self.assertLessEqual(self.settled(before) - before, ALLOWANCE)

    def test_neitherReadsNorAnswers(self) -> None:
        """Who never reads and never answers a ping is dropped by time alone, with data waiting or without."""
        self.begin(
            "--ping-interval", "1", "--ping-timeout", "1", "--stall-timeout", "2", "--close-timeout", "1"
        )
        for name in ("deaf", "echo"):
            deaf = Attack(name, self.port)
            try:
                deaf.go()
                time.sleep(0.5)
                self.assertGreater(self.inquirer.ask("clients"), 5)
                # The last of the flood, so that nobody comes again.
                waitFor(
                    f"the {name} to be dropped", lambda: self.inquirer.ask("ends").get("1006", 0) >= 5, 15
                )
            finally:
                deaf.stop()


class FastTests(AttackCase):
    """Who sends faster than it is taken."""

    def test_slowHook(self) -> None:
        """Messages faster than the application's hook: reading pauses, 16 wait."""
        self.begin()
        self.attack("slow hook", held=10 * 3 * MB)


class EndTests(AttackCase):
    """Who does not end as one should."""

    def test_noClosingHandshake(self) -> None:
        """A peer that breaks the protocol and then stays: TCP dropped after the close timeout."""
        self.begin("--close-timeout", "0.25")
        came = self.attack("no close")
        self.assertGreater(came["ended"] + came["reset"], 50)

    def test_afterClose(self) -> None:
        """Data after a Close is discarded."""
        self.begin()
        came = self.attack("after close", held=20 * MB)
        self.assertGreater(came["close 1000"] + came["reset"], 20)

    def test_reset(self) -> None:
        """Resets amid a message: each client's end is told once, with 1006."""
        self.begin()
        came = self.attack("reset amid")
        waitFor("all ends", lambda: self.inquirer.ask("clients") <= 2)
        ends = self.inquirer.ask("ends")
        self.assertEqual(set(ends), {"1006"})
        self.assertGreater(ends["1006"], 100)
        self.assertLessEqual(ends["1006"], came["begun"] * 2)
