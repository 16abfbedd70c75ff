"""Tests of `wsapp.workers.worker`."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger, LogPublisher
from twisted.scripts import twistd
from twisted.trial.unittest import SynchronousTestCase

from wsapp.workers.inheritance import VARIABLE, Inheritance
from wsapp.workers.messages import line
from wsapp.workers.worker import Obedience, main, observer


class Port:
    """How a ``--port`` listens."""

    def __init__(self, calls: list[Any]) -> None:
        self.calls = calls

    def also(self, place: int) -> None:
        """Serve more."""
        self.calls.append(("also", place))

    def without(self, place: int) -> None:
        """Serve less."""
        self.calls.append(("without", place))

    def close(self) -> None:
        """Serve nothing."""
        self.calls.append("close")


class PipesCase(SynchronousTestCase):
    """A worker's two pipes, and what is at their other ends."""

    def setUp(self) -> None:
        self.control, self.master = os.pipe()
        self.heard, self.status = os.pipe()
        self.open = {self.control, self.master, self.heard, self.status}
        self.addCleanup(self.closeAll)
        self.left = Inheritance(2, self.control, self.status, [[[]], [[]]], 0, None, sys.path)

    def closeAll(self) -> None:
        """Close what is open."""
        for end in self.open:
            os.close(end)

    def said(self) -> list[Any]:
        """What the worker has said."""
        os.set_blocking(self.heard, False)
        try:
            return [json.loads(each) for each in os.read(self.heard, 1 << 20).splitlines()]
        except BlockingIOError:
            return []


class ObedienceTests(PipesCase):
    """What is done on which order."""

    def setUp(self) -> None:
        super().setUp()
        self.calls: list[Any] = []
        self.readers: list[Any] = []
        self.triggers: list[Callable[[], object]] = []
        self.started: Deferred[None] = Deferred()
        self.retired: Deferred[None] = Deferred()
        self.stopping = False
        me: Any = self
        ports: list[Any] = [Port(self.calls), Port(self.calls)]
        self.obedience = Obedience(me, me, self.left, ports, answers=self.calls.append)
        self.obedience.begin()

    # The reactor

    def addReader(self, reader: Any) -> None:
        """Watch it."""
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        """Do not."""
        self.readers.remove(reader)

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], object]) -> None:
        """Before it stops."""
        self.assertEqual(("before", "shutdown"), (phase, event))
        self.triggers.append(call)

    def stop(self) -> None:
        """Stop, once."""
        if self.stopping:
            raise ReactorNotRunning
        self.stopping = True
        self.calls.append("stop")
        for call in self.triggers:
            call()

    # The server

    def hurry(self) -> None:
        """Wait for nobody."""
        self.calls.append("hurry")

    def renewCertificates(self) -> None:
        """Read."""
        self.calls.append("renew")

    def retire(self) -> Deferred[None]:
        """It takes its time."""
        self.calls.append("retire")
        return self.retired

    def order(self, data: bytes) -> list[Any]:
        """:return: What has been done once this has come."""
        os.write(self.master, data)
        self.obedience.doRead()
        done, self.calls[:] = list(self.calls), []
        return done

    def test_ready(self) -> None:
        """The master is told once clients are attended to."""
        self.assertEqual([], self.said())
        self.started.callback(None)
        self.assertEqual([{"ready": True}], self.said())

    def test_neverReady(self) -> None:
        """And never where they are not; the failure is for others to see."""
        failures: list[Any] = []
        self.started.addErrback(failures.append)
        self.started.errback(KeyError())
        self.assertEqual([], self.said())
        self.assertEqual(1, len(failures))

    def test_orders(self) -> None:
        """Each does its own, on all ports; they may come in pieces, and together."""
        self.assertEqual([("also", 3)] * 2, self.order(line(do="also", place=3)))
        self.assertEqual([], self.order(b'{"do": "without", '))
        self.assertEqual([("without", 3)] * 2 + ["renew"], self.order(b'"place": 3}\n{"do": "renew"}\n'))
        self.assertEqual(["hurry"], self.order(line(do="hurry")))

    def test_unknown(self) -> None:
        """What it does not know, or cannot read, it does not do."""
        self.assertEqual([], self.order(line(do="dance") + line() + b"{\n"))

    def test_question(self) -> None:
        """Questions are for whoever answers them; where nobody does, nobody does."""
        question = {"ask": 1, "what": "ready", "arguments": []}
        self.assertEqual([question], self.order(line(**question)))
        me: Any = self
        Obedience(me, me, self.left, []).obey(question)
        self.assertEqual([], self.calls)

    def test_stop(self) -> None:
        """The reactor stops, and the sockets are let go of, once."""
        self.assertEqual(["stop", "close", "close"], self.order(line(do="stop")))
        self.assertEqual([], self.order(line(do="stop")))

    def test_retire(self) -> None:
        """The sockets first; it stops once nobody is arriving."""
        self.assertEqual(["close", "close", "retire"], self.order(line(do="retire")))
        self.retired.callback(None)
        self.assertEqual(["stop"], self.calls)

    def test_masterGone(self) -> None:
        """It stops, and looks no more."""
        self.assertEqual([self.obedience], self.readers)
        self.open.discard(self.master)
        os.close(self.master)
        self.obedience.doRead()
        self.assertEqual(["stop", "close", "close"], self.calls)
        self.assertEqual([], self.readers)

    def test_nothingThere(self) -> None:
        """Being called for nothing does not wait for something."""
        self.obedience.doRead()
        self.assertEqual([], self.calls)

    def test_descriptor(self) -> None:
        """The reactor is told where to look, and whose that is."""
        self.assertEqual(self.control, self.obedience.fileno())
        self.assertIn("master", self.obedience.logPrefix())


class LogTests(PipesCase):
    """What goes to the master's log."""

    def test_observer(self) -> None:
        """Each entry is a line, in order, whoever reads."""
        self.patch(Inheritance, "current", self.left)
        publisher = LogPublisher(observer())
        log = Logger(namespace="a", observer=publisher)
        log.warn("{x}", x="one\ntwo")
        log.info("three")
        entries = [each["log"] for each in self.said()]
        self.assertEqual(["one\ntwo", "three"], [entry["message"] for entry in entries])
        self.assertEqual(["warn", "info"], [entry["level"] for entry in entries])
        # Nobody reads any more.
        os.close(self.heard)
        self.open.discard(self.heard)
        log.info("four")


class MainTests(PipesCase):
    """The program."""

    def run_(self, left: Inheritance, **environment: str) -> dict[str, str]:
        """:return: The environment in which twistd runs."""
        found: dict[str, str] = {}
        self.patch(Inheritance, "current", None)
        self.patch(os, "environ", {VARIABLE: left.encode(), **environment})
        self.patch(sys, "argv", ["-c", "wsapp"])
        self.patch(twistd, "run", lambda: found.update(os.environ))
        for name in ("SIGINT", "SIGHUP", "SIGUSR2"):
            number = getattr(signal, name)
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        main()
        self.assertEqual(["twistd", "wsapp"], sys.argv)
        self.assertEqual(left, Inheritance.current)
        return found

    def test_plain(self) -> None:
        """What the terminal sends to all is the master's; the environment is the person's."""
        self.assertEqual({"A": "b"}, self.run_(self.left, A="b"))
        for name in ("SIGINT", "SIGHUP", "SIGUSR2"):
            self.assertEqual(signal.SIG_IGN, signal.getsignal(getattr(signal, name)))

    def test_activated(self) -> None:
        """What systemd has handed over seems to have been handed to this process."""
        for names, count, seen in (("web:api", 2, "web:api"), ("", 1, "unknown"), ("a:b:c", 2, "a:b")):
            left = Inheritance(1, self.control, self.status, [[[]]], count, None, [])
            found = self.run_(left, LISTEN_FDNAMES=names)
            self.assertEqual(
                (str(os.getpid()), str(count), seen),
                (found["LISTEN_PID"], found["LISTEN_FDS"], found["LISTEN_FDNAMES"]),
            )
