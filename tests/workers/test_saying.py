"""Tests of `wsapp.workers.saying` and `wsapp.workers.answers`: what a worker says, on a real pipe."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from wsapp.workers import saying
from wsapp.workers.answers import Answers
from wsapp.workers.messages import Lines, Parts, line, message
from wsapp.workers.saying import SIZE, Slowly, say


class SayingCase(SynchronousTestCase):
    """A pipe, and a reactor that watches one end of it."""

    def setUp(self) -> None:
        self.heard, self.status = os.pipe()
        self.open = {self.heard, self.status}
        self.addCleanup(self.closeAll)
        os.set_blocking(self.heard, False)
        self.writers: list[Any] = []
        self.triggers: list[tuple[str, str, Callable[[], object]]] = []
        self.lines = Lines()

    def closeAll(self) -> None:
        """Close what is open."""
        for end in self.open:
            os.close(end)

    # The reactor

    def addWriter(self, writer: Any) -> None:
        """Watch it."""
        self.assertNotIn(writer, self.writers)
        self.writers.append(writer)

    def removeWriter(self, writer: Any) -> None:
        """Do not."""
        self.writers.remove(writer)

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], object]) -> None:
        """When it stops."""
        self.triggers.append((phase, event, call))

    def turn(self) -> None:
        """One turn: there is room, or so it seems."""
        for writer in list(self.writers):
            self.assertEqual(writer.fileno(), self.status)
            writer.doWrite()

    def said(self) -> list[dict[str, Any]]:
        """What has been said since."""
        try:
            return [message(each) for each in self.lines.receive(os.read(self.heard, 1 << 20))]
        except BlockingIOError:
            return []

    def fill(self) -> None:
        """Leave no room in the pipe."""
        os.set_blocking(self.status, False)
        try:
            while True:
                os.write(self.status, b"\n" * 4096)
        except BlockingIOError:
            os.set_blocking(self.status, True)


class SlowlyTests(SayingCase):
    """What can wait."""

    def slowly(self) -> Slowly:
        """One that says things."""
        me: Any = self
        return Slowly(me, self.status)

    def test_order(self) -> None:
        """All of it, in order, over several turns; with nothing to say it is not watched."""
        slowly = self.slowly()
        slowly.add(line(n=number) for number in range(40))
        slowly.add([line(n=40)])
        self.assertEqual(self.said(), [])
        self.turn()
        self.assertEqual(len(self.writers), 1)
        self.turn()
        self.turn()
        self.assertEqual(self.writers, [])
        self.assertEqual([one["n"] for one in self.said()], list(range(41)))

    def test_noRoom(self) -> None:
        """It waits for nobody who does not read, and goes on when it is read."""
        self.fill()
        slowly = self.slowly()
        slowly.add([line(n=1)])
        self.turn()
        self.assertEqual(len(self.writers), 1)
        os.read(self.heard, 1 << 20)
        self.turn()
        self.assertEqual(([one.get("n") for one in self.said()], self.writers), ([1], []))

    def test_whole(self) -> None:
        """The longest message is written at once where the pipe has room at all."""
        if not hasattr(fcntl, "F_SETPIPE_SZ"):
            return  # another system's pipes
        fcntl.fcntl(self.status, fcntl.F_SETPIPE_SZ, 4096)
        slowly = self.slowly()
        long = line(x="x" * (SIZE - len(line(x=""))))
        self.assertEqual(len(long), SIZE)
        slowly.add([long, long])
        self.turn()
        self.assertEqual([len(one["x"]) for one in self.said()], [SIZE - len(line(x=""))])
        self.turn()
        self.assertEqual(len(self.said()), 1)

    def test_thread(self) -> None:
        """While a thread writes, it waits for its own turn."""
        slowly = self.slowly()
        slowly.add([line(n=1)])
        with saying._writing:
            self.turn()
            self.assertEqual(self.said(), [])
        self.turn()
        self.assertEqual(len(self.said()), 1)

    def test_log(self) -> None:
        """What is said at once goes between, never within."""
        slowly = self.slowly()
        slowly.add([line(n=1)] * 20)
        self.turn()
        say(self.status, line(log="x" * 10_000))
        self.turn()
        self.assertEqual(len(self.said()), 21)

    def test_nobody(self) -> None:
        """Where nobody reads any more it is quiet, and so is what is said at once."""
        slowly = self.slowly()
        slowly.add([line(n=1)] * 2)
        os.close(self.heard)
        self.open.discard(self.heard)
        self.turn()
        self.assertEqual(self.writers, [])
        say(self.status, line(n=1))
        self.assertIn("master", slowly.logPrefix())

    def test_long(self) -> None:
        """What is said at once is written whole, however long."""
        thread = threading.Thread(target=say, args=(self.status, line(x="x" * 300_000)))
        thread.start()
        found: list[dict[str, Any]] = []
        while not found:
            found = self.said()
        thread.join()
        self.assertEqual(len(found[0]["x"]), 300_000)


class Source:
    """How it stands."""

    def __init__(self) -> None:
        self.result: Deferred[Any] = succeed([{"worker": "2", "text": "x" * 50_000}])

    def snapshots(self) -> Deferred[Any]:
        """It."""
        return self.result


class AnswersTests(SayingCase):
    """Questions of the master."""

    def setUp(self) -> None:
        super().setUp()
        self.source = Source()
        me: Any = self
        source: Any = self.source
        self.answers = Answers(me, source, self.status)

    def test_answer(self) -> None:
        """It gets there in pieces, which come together again."""
        self.answers({"ask": 5, "what": "snapshots", "arguments": []})
        parts, found = Parts(1 << 20), []
        while self.writers:
            self.turn()
            found += [text for text in map(parts.add, self.said()) if text is not None]
        (text,) = found
        self.assertEqual(json.loads(text)["answer"], 5)
        self.assertEqual(len(json.loads(text)["result"][0]["text"]), 50_000)

    def test_farewell(self) -> None:
        """The last numbers are told when all services have stopped."""
        ((phase, event, call),) = self.triggers
        self.assertEqual((phase, event), ("during", "shutdown"))
        self.source.result = succeed([{"worker": "2"}])
        call()
        self.assertEqual(self.said(), [{"farewell": {"worker": "2"}}])

    def test_noFarewell(self) -> None:
        """Where they cannot be had that is in the log."""
        self.source.result = fail(KeyError("x"))
        self.triggers[0][2]()
        self.assertEqual(self.said(), [])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
