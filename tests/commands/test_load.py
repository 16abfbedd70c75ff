"""Tests of `wsapp.commands.load`, in virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionRefusedError

from tests.outgoing.world import ClientCase
from wsapp import App
from wsapp.apps.echo import Echo
from wsapp.commands.load import Run, isOwn
from wsapp.outgoing.dialing import Dialing


class Deaf(App):
    """Never answers."""


class Upper(App):
    """Answers otherwise."""

    def onMessage(self, client: Any, message: Any) -> None:
        client.send(message.upper())


class RunTests(ClientCase):
    """Clients against a server."""

    def measure(self, app: App, rate: float | None = None, clients: int = 5, seconds: float = 2) -> Run:
        """A whole run."""
        self.serve(app)
        run = Run(self.clock, 20, rate)
        connecting = self.run_(run.connect(Dialing("ws://example.com/", endpoint=self.way), clients, 30))
        self.assertTrue(self.successResultOf(connecting))
        self.assertEqual(len(self.way.lines), clients)
        run.begin()
        for _ in range(round(seconds * 100)):
            # One step at a time: who sends when its last has come back would never let time pass.
            self.clock.advance(0.01)
            for bridge in self.bridges:
                bridge.pump()
        run.end()
        return run

    def test_closed(self) -> None:
        """Each has one message on its way."""
        run = self.measure(Echo())
        self.assertIsNone(run.trouble)
        self.assertGreater(run.times.count, 5 * 50)
        self.assertIn(f"5 clients, 20 bytes, 2 s: {run.times.count:,} messages", run.report()[0])

    def test_rate(self) -> None:
        """So many a second, of all together."""
        run = self.measure(Echo(), rate=100)
        self.assertAlmostEqual(run.times.count, 200, delta=5)
        self.assertEqual(run.late, 0)

    def test_deaf(self) -> None:
        """A server that does not answer gets a bounded number of messages."""
        run = self.measure(Deaf(), rate=1000, clients=1)
        self.assertEqual((run.times.count, run.late), (0, 2000 - 100 + 1))
        self.assertIn("not sent", run.report()[1])

    def test_noEcho(self) -> None:
        """One that answers something else cannot be measured."""
        run = self.measure(Upper())
        self.assertIn("does not send messages back", run.trouble or "")

    def test_noConnection(self) -> None:
        """The first failure is told, and no more attempts are made."""
        self.way.answers = [ConnectionRefusedError() for _ in range(100)]
        run = Run(self.clock, 20, None)
        connecting = self.run_(run.connect(Dialing("ws://example.com/", endpoint=self.way), 500, 30))
        self.assertFalse(self.successResultOf(connecting))
        self.assertLessEqual(self.way.attempts, 60)
        self.assertIn("cannot connect", run.trouble or "")

    def test_gone(self) -> None:
        """A server that closes."""
        self.serve(Deaf())
        run = Run(self.clock, 20, None)
        self.run_(run.connect(Dialing("ws://example.com/", endpoint=self.way), 1, 30))
        run.begin()
        self.way.line.lose()
        self.assertIn("1006", run.trouble or "")


class HostTests(ClientCase):
    """Whose server it is."""

    def test_isOwn(self) -> None:
        """This machine's names and addresses."""
        for host in ("localhost", "127.0.0.1", "127.8.9.1", "::1"):
            self.assertTrue(isOwn(host), host)
        for host in ("example.com", "10.0.0.1", "localhost.example.com", "0.0.0.0", "::2"):
            self.assertFalse(isOwn(host), host)
