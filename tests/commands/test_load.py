"""Tests of `wsapp.commands.load`, in virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import argparse
import io
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock

from tests.outgoing.world import ClientCase
from wsapp import App
from wsapp.apps.echo import Echo
from wsapp.commands.load import Run, isOwn, load
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


class Reactor(Clock):
    """Time, and a process that can be stopped."""

    def addSystemEventTrigger(self, phase: str, event: str, stop: Any) -> None:
        self.stop = stop


class Fleeting(App):
    """Answers once."""

    def onMessage(self, client: Any, message: Any) -> None:
        if client.data is None:
            client.data = "answered"
            client.send(message)


class LoadTests(ClientCase):
    """The command, from its arguments to its exit status."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = self.reactor = Reactor()
        self.out, self.err = io.StringIO(), io.StringIO()

    def begin(self, options: Any = None, **arguments: Any) -> Any:
        """Call it."""
        given = {"url": "ws://localhost/", "proxy": None, "host": None, "size": 20, "rate": None}
        read = argparse.Namespace(**{**given, "clients": 3, "timeout": 30, "seconds": 2, **arguments})
        with mock.patch("sys.stdout", self.out), mock.patch("sys.stderr", self.err):
            return load(self.reactor, read, options or {"endpoint": self.way})

    def step(self, seconds: float) -> None:
        """As in RunTests."""
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)
            for bridge in self.bridges:
                for _ in range(3):
                    bridge.pump()

    def ended(self, loading: Any) -> int:
        """The exit status."""
        self.advance(1)
        code = self.failureResultOf(loading, SystemExit).value.code
        self.assertEqual(self.clock.getDelayedCalls(), [])
        return int(code)

    def test_good(self) -> None:
        """A report, and 0."""
        self.serve(Echo())
        loading = self.begin()
        self.step(2.5)
        self.assertEqual(self.ended(loading), 0)
        self.assertRegex(self.out.getvalue(), "3 clients, 20 bytes, 2 s: [0-9]+ messages")
        self.assertEqual(self.err.getvalue(), "")

    def test_interrupted(self) -> None:
        """The report of the time that there was, and 130."""
        self.serve(Echo())
        loading = self.begin(seconds=20)
        self.step(3)
        stopped = self.reactor.stop()
        self.step(0.5)
        self.assertEqual(self.ended(loading), 130)
        self.successResultOf(stopped)
        self.assertRegex(self.out.getvalue(), r"3 clients, 20 bytes, 2\.95 s: [0-9]+ messages")

    def test_interruptedEarly(self) -> None:
        """Nothing to report."""
        self.way.answers = [Deferred() for _ in range(500)]
        loading = self.begin(clients=500)
        self.reactor.stop()
        self.assertEqual(self.ended(loading), 130)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", "wsapp: interrupted\n"))
        self.assertEqual(self.way.attempts, 50)

    def test_answersOnce(self) -> None:
        """A server that stops answering does not echo."""
        self.serve(Fleeting())
        loading = self.begin()
        self.step(8)
        self.assertEqual(self.ended(loading), 1)
        self.assertIn("2 s: 3 messages", self.out.getvalue())
        self.assertEqual(self.err.getvalue(), "wsapp: 3 of 3 clients have got no answer any more\n")

    def test_proxy(self) -> None:
        """Of the loopback only one that is named."""
        for url, named, used in (
            ("ws://localhost/", None, None),
            ("ws://127.0.0.1/", None, None),
            ("ws://localhost/", "http://named:1", "named:1"),
            ("ws://example.com/", None, "environment:1"),
        ):
            read = {"proxy": named, "host": "example.com", "clients": 1}
            options = {"proxy": True if named is None else named}
            with (
                mock.patch.dict("os.environ", {"HTTP_PROXY": "environment:1"}, clear=True),
                mock.patch("wsapp.commands.load.dial", side_effect=RuntimeError) as dial,
            ):
                self.failureResultOf(self.begin(url=url, options=options, **read), RuntimeError)
            proxy = dial.call_args.args[0].proxyURL
            self.assertEqual(proxy and proxy.authority, used, url)


class HostTests(ClientCase):
    """Whose server it is."""

    def test_isOwn(self) -> None:
        """This machine's names and addresses."""
        for host in ("localhost", "127.0.0.1", "127.8.9.1", "::1"):
            self.assertTrue(isOwn(host), host)
        for host in ("example.com", "10.0.0.1", "localhost.example.com", "0.0.0.0", "::2"):
            self.assertFalse(isOwn(host), host)
