"""Tests of `wsapp.notify`: what is said is read from a socket like systemd's own."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import socket
import tempfile
import time

from twisted.internet.task import Clock

from tests.peers import ServedCase
from wsapp.notify import Notifier


class NotifyTests(ServedCase):
    """What systemd hears."""

    if not hasattr(socket, "AF_UNIX"):
        skip = "this system has no UNIX sockets, and no systemd"

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        # A UNIX socket's path has at most 107 bytes.
        folder = tempfile.TemporaryDirectory(prefix="wsapp-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "notify")
        self.systemd = self.listen(self.path)

    def listen(self, address: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(made.close)
        made.setblocking(False)
        made.bind(address)
        return made

    def notifier(self, **more: str) -> Notifier:
        return Notifier(self.clock, {"NOTIFY_SOCKET": self.path, **more})

    def heard(self, by: socket.socket | None = None) -> list[str]:
        """All datagrams that have come."""
        found = []
        while True:
            try:
                found.append((by or self.systemd).recv(4096).decode())
            except BlockingIOError:
                return found

    def test_states(self) -> None:
        """Ready, and stopping, each in a datagram of its own."""
        notifier = self.notifier()
        notifier.ready()
        notifier.stopping()
        self.assertEqual(self.heard(), ["READY=1", "STOPPING=1"])

    def test_reloading(self) -> None:
        """With the time, by the clock that systemd compares it with."""
        before = time.monotonic_ns() // 1000
        self.notifier().reloading()
        (said,) = self.heard()
        state, _, stamp = said.partition("\nMONOTONIC_USEC=")
        self.assertEqual(state, "RELOADING=1")
        self.assertTrue(before <= int(stamp) <= time.monotonic_ns() // 1000, said)

    def test_abstract(self) -> None:
        """A socket in the abstract namespace, as containers have it."""
        name = f"wsapp-test-{os.getpid()}"
        try:
            listening = self.listen(f"\0{name}")
        except OSError:
            self.skipTest("only Linux has abstract sockets")
        self.notifier(NOTIFY_SOCKET=f"@{name}").ready()
        self.assertEqual(self.heard(listening), ["READY=1"])

    def test_nobodyAsked(self) -> None:
        """Without systemd, or with a kind of socket that is not for us, nothing happens."""
        for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}):
            notifier = Notifier(self.clock, {**environment, "WATCHDOG_USEC": "2000000"})
            notifier.ready()
            notifier.stopping()
            self.assertIsNone(notifier.beat())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.lines(), [])

    def test_takenOut(self) -> None:
        """Children do not inherit it; what is not for us stays."""
        environment = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "PATH": "/bin"}
        Notifier(self.clock, environment)
        self.assertEqual(environment, {"PATH": "/bin"})

    def test_watchdog(self) -> None:
        """Told at once, and twice in its time; a reactor that does not turn tells it nothing."""
        self.assertIsNotNone(self.notifier(WATCHDOG_USEC="3000000").beat())
        self.assertEqual(self.heard(), ["WATCHDOG=1"])
        self.clock.advance(1.4)
        self.assertEqual(self.heard(), [])
        self.clock.advance(0.2)
        self.assertEqual(self.heard(), ["WATCHDOG=1"])
        self.clock.advance(1.5)
        self.assertEqual(self.heard(), ["WATCHDOG=1"])

    def test_watchdogForAnother(self) -> None:
        """One that is set for another process, or not at all, or to nothing that is a time."""
        own = str(os.getpid())
        for wanted, more in (
            (True, {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": own}),
            (False, {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": own + "0"}),
            (False, {"WATCHDOG_PID": own}),
            (False, {"WATCHDOG_USEC": "0"}),
            (False, {"WATCHDOG_USEC": "-5"}),
            (False, {"WATCHDOG_USEC": "soon"}),
        ):
            self.assertEqual(self.notifier(**more).beat() is not None, wanted, more)
            self.assertEqual(self.heard(), ["WATCHDOG=1"] * wanted)

    def test_nobodyThere(self) -> None:
        """One line, however often it is tried, and again if it had worked in between."""
        notifier = self.notifier()
        os.rename(self.path, self.path + "-")
        notifier.ready()
        notifier.stopping()
        (line,) = self.lines()
        self.assertIn("READY=1", line)
        self.assertIn(self.path, line)
        os.rename(self.path + "-", self.path)
        notifier.ready()
        os.unlink(self.path)
        notifier.reloading()
        self.assertEqual(len(self.lines()), 2)
        self.assertIn("told RELOADING=1:", self.lines()[1])

    def test_full(self) -> None:
        """A systemd that reads nothing holds nobody up."""
        notifier = self.notifier()
        for _ in range(5000):
            notifier.ready()
        self.assertLess(len(self.heard()), 5000)
        self.assertEqual(len(self.lines()), 1)
