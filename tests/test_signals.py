"""Tests of `wsapp.signals`."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ReactorNotRunning

from tests.peers import ServedCase
from wsapp.signals import Signals

NAMES = [name for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2", "SIGBREAK") if hasattr(signal, name)]


class SignalTests(ServedCase):
    """What signals do; they really are sent, to this process."""

    def setUp(self) -> None:
        super().setUp()
        self.calls: list[str] = []
        self.queue: list[Callable[[], object]] = []
        self.stopping = False
        self.broken = False
        for name in NAMES:
            number = getattr(signal, name)
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.take()

    def take(self, worker: bool = False) -> Signals:
        """Handlers whose reactor, server and systemd this case is."""
        own: Any = self
        signals = Signals(own, own, own, worker)
        signals.install()
        return signals

    # The reactor

    def callFromThread(self, call: Callable[..., object], *arguments: object) -> None:
        """A handler may do nothing but this: it may run amid anything."""
        self.queue.append(lambda: call(*arguments))

    def stop(self) -> None:
        """Stop, once."""
        if self.stopping:
            raise ReactorNotRunning
        self.stopping = True
        self.calls.append("stop")

    # The server

    def hurry(self) -> None:
        """Do not wait."""
        self.calls.append("hurry")

    def renewCertificates(self) -> None:
        """Read again."""
        self.calls.append("renew")
        if self.broken:
            raise KeyError

    def replaceWorkers(self) -> None:
        """Replace."""
        self.calls.append("replace")

    # systemd

    def reloading(self) -> None:
        """Files are being read."""
        self.calls.append("reloading")

    def ready(self) -> None:
        """They have been."""
        self.calls.append("ready")

    def send(self, name: str) -> None:
        """Send a signal, then let a turn of the reactor pass."""
        os.kill(os.getpid(), getattr(signal, name))
        self.assertTrue(self.queue, "nothing was handed to the reactor")
        queue, self.queue = self.queue, []
        before = list(self.calls)
        self.assertEqual(before, self.calls)
        for call in queue:
            call()

    def test_stop(self) -> None:
        """SIGTERM and SIGINT stop the reactor in order, with a line in the log; a second one, of either,
        does not wait for anybody; a third one kills."""
        for first, second in (("SIGTERM", "SIGINT"), ("SIGINT", "SIGINT"), ("SIGTERM", "SIGTERM")):
            self.calls.clear()
            self.stopping = False
            self.take()
            self.send(first)
            self.assertEqual(self.calls, ["stop"])
            self.assertIn(f"{first}: stopping", self.lines()[-1])
            self.send(second)
            self.assertEqual(self.calls, ["stop", "hurry"])
            self.assertIn(f"{second} again", self.lines()[-1])
            self.assertEqual(signal.getsignal(getattr(signal, second)), signal.SIG_DFL)

    def test_stoppingAlready(self) -> None:
        """A signal while the reactor is stopping for another reason is no error."""
        self.stopping = True
        self.send("SIGTERM")
        self.send("SIGTERM")
        self.assertEqual(self.calls, ["hurry"])

    def test_renew(self) -> None:
        """SIGHUP reads certificates again, as often as it comes, and systemd is told."""
        self.send("SIGHUP")
        self.send("SIGHUP")
        self.assertEqual(self.calls, ["reloading", "renew", "ready"] * 2)

    def test_renewFails(self) -> None:
        """However it goes, systemd does not wait for ever."""
        self.broken = True
        self.assertRaises(KeyError, self.send, "SIGHUP")
        self.assertEqual(self.calls, ["reloading", "renew", "ready"])

    def test_replace(self) -> None:
        """SIGUSR2 replaces workers."""
        self.send("SIGUSR2")
        self.assertEqual(self.calls, ["replace"])

    def test_worker(self) -> None:
        """A worker leaves to its master what a terminal sends to all, but ends when it is told to."""
        self.take(worker=True)
        for name in ("SIGINT", "SIGHUP", "SIGUSR2"):
            os.kill(os.getpid(), getattr(signal, name))
        self.assertEqual(self.queue, [])
        self.send("SIGTERM")
        self.assertEqual(self.calls, ["stop"])

    def test_reopen(self) -> None:
        """Before that, log files are opened again."""
        own: Any = self
        Signals(own, own, own, False, lambda: self.calls.append("reopen")).install()
        self.send("SIGHUP")
        self.assertEqual(self.calls, ["reloading", "reopen", "renew", "ready"])

    def test_missing(self) -> None:
        """A signal that a system does not have is passed over."""
        self.take()._handle("SIGNOSUCH", None)
