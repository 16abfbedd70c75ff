"""Tests of `wsapp.workers.master`, and of `place` and `process`, which it works with."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import json
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.workers.fakes import FakeProcess, FakeReactor
from wsapp.admin.asking import Unanswered
from wsapp.listening import BadEndpoint, Endpoint
from wsapp.workers.master import HURRY, MARGIN, Master, NoWorker
from wsapp.workers.meeting import Meeting
from wsapp.workers.messages import cut, flatten, line
from wsapp.workers.place import FIRST, LOOPING, MOST, PATIENCE, STEADY
from wsapp.workers.process import Launch

GRACE = 7.0


class Broker:
    """Something to be started before the workers and stopped after them."""

    url = "redis+unix:///nowhere"

    def __init__(self) -> None:
        self.started: Deferred[None] = Deferred()
        self.stopped = 0
        self.retires = False

    def start(self) -> Deferred[None]:
        """It takes its time."""
        return self.started

    def retire(self) -> None:
        """It will be stopped."""
        self.retires = True

    def stop(self) -> Deferred[None]:
        """It does not."""
        self.stopped += 1
        return succeed(None)


class MasterCase(SynchronousTestCase):
    """A master whose workers are made of memory, on real sockets."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.events: list[LogEvent] = []
        self.begins: Any = lambda process: None

        @implementer(ILogObserver)
        def note(event: LogEvent) -> None:
            self.events.append(event)

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)

    def master(
        self,
        count: int = 2,
        broker: Any = None,
        port: str = "tcp:0:interface=127.0.0.1",
        meeting: Meeting | None = None,
    ) -> Master:
        """:return: One that is started; at the test's end it is stopped."""
        launch = Launch("/python", ("--twistd", "wsapp"), "/folder", {"A": "b"})
        endpoints = [Endpoint(self.reactor, port)]
        master = Master(self.reactor, endpoints, count, launch, GRACE, broker, self.begins, meeting)
        master.privilegedStartService()
        master.startService()
        self.failures: list[Any] = []
        master.started.addErrback(self.failures.append)

        def end() -> None:
            master.stopService()
            self.reactor.broken = OSError()
            for process in self.running():
                process.end()

        self.addCleanup(end)
        return master

    def running(self) -> list[FakeProcess]:
        """Those that have not ended."""
        return [process for process in self.reactor.spawned if not process.over]

    def ready(self, count: int = 2, **options: Any) -> Master:
        """:return: One all of whose workers serve, and have for long."""
        master = self.master(count, **options)
        for process in self.reactor.spawned:
            process.ready()
        self.reactor.advance(STEADY)
        return master

    def lines(self, part: str) -> list[str]:
        """What was logged that has this in it."""
        return [line for line in map(formatEvent, self.events) if part in line]


class MeetingTests(MasterCase):
    """Where workers find each other."""

    def test_places(self) -> None:
        """Each has a name of its own; what one leaves is removed, in the end the folder."""
        master = self.ready(2, meeting=Meeting())
        places = [process.left["siblings"] for process in self.reactor.spawned]
        folder = places[0][0]
        self.assertEqual([place[:2] for place in places], [places[0][:2]] * 2)
        self.assertEqual([place[2][:2] for place in places], ["1-", "2-"])
        for place in places:
            with open(os.path.join(folder, place[2]), "w"):
                pass
        self.reactor.spawned[0].end(signal=9)
        self.assertEqual(os.listdir(folder), [places[1][2]])
        self.reactor.advance(0)
        self.reactor.spawned[2].ready()
        new = self.reactor.spawned[2].left["siblings"]
        self.assertEqual(new[:2], places[0][:2])
        self.assertNotEqual(new[2], places[0][2])
        stopped = master.stopService()
        self.assertTrue(os.path.isdir(folder))
        for process in self.running():
            process.end()
        self.successResultOf(stopped)
        self.assertFalse(os.path.exists(folder))

    def test_none(self) -> None:
        """Where nothing is resumed nobody is looked for."""
        self.ready(2)
        self.assertEqual([process.left["siblings"] for process in self.reactor.spawned], [None, None])


class StartTests(MasterCase):
    """What workers are started with, and when."""

    def test_launch(self) -> None:
        """The command line, the environment, and the descriptors that it names."""
        master = self.master(3)
        self.assertEqual(3, len(self.reactor.spawned))
        numbers = []
        for process in self.reactor.spawned:
            executable, arguments = process.command
            self.assertEqual("/python", executable)
            self.assertEqual(["/python", "-c"], arguments[:2])
            self.assertEqual(["--twistd", "wsapp"], arguments[3:])
            self.assertEqual("b", process.options["env"]["A"])
            self.assertEqual("/folder", process.options["path"])
            channels = process.options["childFDs"]
            left = process.left
            self.assertEqual(
                ("r", "r", "w", "r"),
                (channels[1], channels[2], channels[left["control"]], channels[left["status"]]),
            )
            places = [port[0][0] for port in left["sockets"]]
            self.assertEqual(3, len(set(places)))
            opened = [ofPlace[0][0].fileno() for ofPlace in master._sockets.opened]
            self.assertEqual(opened, [channels[number] for number in places])
            # Nothing stands twice, and nothing in the place of another.
            self.assertEqual(len(channels), len({0, 1, 2, left["control"], left["status"], *places}))
            numbers.append(left["number"])
        self.assertEqual([1, 2, 3], numbers)

    def test_started(self) -> None:
        """It has started once a worker serves."""
        master = self.master()
        self.assertFalse(master.started.called)
        self.reactor.spawned[1].ready()
        self.assertTrue(master.started.called)
        self.assertEqual([], self.failures)

    def test_noneStarts(self) -> None:
        """Where each has failed before one has served, the server has failed."""
        self.master()
        self.reactor.spawned[0].end(1)
        self.assertEqual([], self.failures)
        self.reactor.spawned[1].end(1)
        self.assertEqual([NoWorker], [failure.type for failure in self.failures])

    def test_cannotBeStarted(self) -> None:
        """The same where the system starts none at all."""
        self.reactor.broken = OSError(errno.EACCES, "Permission denied")
        self.master()
        self.assertEqual([NoWorker], [failure.type for failure in self.failures])
        self.assertEqual(2, len(self.lines("Permission denied")))

    def test_broker(self) -> None:
        """Workers wait for what they need, and it is stopped after the last of them."""
        broker = Broker()
        master = self.master(broker=broker)
        self.assertEqual([], self.reactor.spawned)
        broker.started.callback(None)
        self.assertEqual([broker.url] * 2, [process.left["broker"] for process in self.reactor.spawned])
        stopped = master.stopService()
        self.reactor.spawned[0].end()
        self.assertTrue(broker.retires)
        self.assertEqual(0, broker.stopped)
        self.reactor.spawned[1].end()
        self.assertEqual(1, broker.stopped)
        self.successResultOf(stopped)

    def test_brokerFails(self) -> None:
        """No worker is started where it does not start."""
        broker = Broker()
        self.master(broker=broker)
        broker.started.errback(KeyError("no"))
        self.assertEqual([KeyError], [failure.type for failure in self.failures])
        self.assertEqual([], self.reactor.spawned)

    def test_portInUse(self) -> None:
        """It is said in a line."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
            error = self.assertRaises(BadEndpoint, self.master, port=port)
            self.assertIn("in use", str(error))


class RestartTests(MasterCase):
    """Workers that end unasked."""

    def test_atOnce(self) -> None:
        """After one that has lasted the next one comes at once, in the same place."""
        self.ready()
        self.reactor.spawned[1].end(0, 9)
        self.assertEqual(1, len(self.lines("was killed by signal 9; starting another one in 0 s")))
        self.reactor.advance(0)
        self.assertEqual(3, len(self.reactor.spawned))
        self.assertEqual(self.reactor.spawned[1].left["sockets"], self.reactor.spawned[2].left["sockets"])
        self.assertEqual(2, self.reactor.spawned[2].left["number"])

    def test_backoff(self) -> None:
        """After those that do not last it takes longer each time, up to a bound; one that lasts ends that."""
        self.ready()
        self.reactor.spawned[0].end(1)
        self.reactor.advance(0)
        waits = []
        for _ in range(12):
            self.reactor.spawned[-1].ready()
            self.reactor.advance(STEADY / 2)
            count = len(self.reactor.spawned)
            self.reactor.spawned[-1].end(1)
            began = self.reactor.seconds()
            while len(self.reactor.spawned) == count:
                self.reactor.advance(FIRST / 2)
            waits.append(self.reactor.seconds() - began)
        self.assertEqual([min(MOST, FIRST * 2**n) for n in range(12)], waits)
        self.reactor.spawned[-1].ready()
        self.reactor.advance(STEADY)
        self.reactor.spawned[-1].end(1)
        self.reactor.advance(0)
        self.assertEqual(1, len(self.lines("starting another one in 0 s")[1:]))

    def test_helper(self) -> None:
        """The sockets of one that does not last are served by whoever serves the fewest, until it lasts."""
        self.ready(3)
        victim, first, second = self.reactor.spawned
        for _ in range(1 + LOOPING):  # the first one has lasted
            self.assertEqual([], first.told + second.told)
            victim.end(1)
            self.reactor.advance(MOST)
            victim = self.reactor.spawned[-1]
        self.assertEqual([{"do": "also", "place": 0}], first.told + second.told)
        helper = first if first.told else second
        victim.ready()
        self.reactor.advance(STEADY - 1)
        self.assertEqual(1, len(helper.told))
        self.reactor.advance(1)
        self.assertEqual(["also", "without"], helper.orders)
        self.assertEqual(1, len(first.told + second.told) - 1)

    def test_helperEnds(self) -> None:
        """Where the helper ends, another one helps; what replaces a helper helps in its stead."""
        master = self.ready(3)
        for number in range(1 + LOOPING):
            self.reactor.spawned[-1 if number else 0].end(1)
            self.reactor.advance(MOST)
        helper, other = self.reactor.spawned[1:3]
        if not helper.told:
            helper, other = other, helper
        helper.end(0, 9)
        self.assertEqual([{"do": "also", "place": 0}], other.told)
        master.places[other.left["number"] - 1].replace()
        new = self.reactor.spawned[-1]
        new.ready()
        self.assertEqual([{"do": "also", "place": 0}], new.told)

    def test_noHelper(self) -> None:
        """Where nobody can help, that is no error."""
        self.ready(1)
        for _ in range(LOOPING + 1):
            self.reactor.spawned[-1].end(1)
            self.reactor.advance(MOST)
        self.assertEqual(LOOPING + 2, len(self.reactor.spawned))


class ReplaceTests(MasterCase):
    """New workers for old ones."""

    def test_oneAfterTheOther(self) -> None:
        """The new one serves before the old one leaves, and the next place waits until that has gone."""
        master = self.ready()
        old = list(self.reactor.spawned)
        master.replaceWorkers()
        self.assertEqual(3, len(self.reactor.spawned))
        self.assertEqual([], old[0].told)
        self.reactor.spawned[2].ready()
        self.assertEqual(["retire"], old[0].orders)
        self.assertEqual(3, len(self.reactor.spawned))
        old[0].end()
        self.assertEqual(4, len(self.reactor.spawned))
        self.assertEqual([], old[1].told)
        self.reactor.spawned[3].ready()
        old[1].end()
        self.assertEqual(1, len(self.lines("all workers are replaced")))
        self.reactor.advance(3600)
        self.assertEqual(4, len(self.reactor.spawned))

    def test_lingering(self) -> None:
        """An old one that does not end holds nobody up for ever."""
        master = self.ready()
        master.replaceWorkers()
        self.reactor.spawned[2].ready()
        self.reactor.advance(GRACE + MARGIN - 1)
        self.assertEqual(3, len(self.reactor.spawned))
        self.reactor.advance(1)
        self.assertEqual(4, len(self.reactor.spawned))
        self.assertEqual(1, len(self.lines("not waited for any more")))

    def test_newOneFails(self) -> None:
        """A new one that does not start leaves all others where they are; it can be tried again."""
        master = self.ready()
        master.replaceWorkers()
        self.reactor.spawned[2].end(1)
        self.assertEqual(1, len(self.lines("kept the old workers from number 1 on")))
        self.assertEqual([], self.reactor.spawned[0].told + self.reactor.spawned[1].told)
        self.reactor.advance(3600)
        self.assertEqual(3, len(self.reactor.spawned))
        master.replaceWorkers()
        self.assertEqual(4, len(self.reactor.spawned))

    def test_newOneHangs(self) -> None:
        """The same for one that takes too long; it is killed."""
        master = self.ready()
        master.replaceWorkers()
        self.reactor.advance(PATIENCE)
        self.assertEqual(["KILL"], self.reactor.spawned[2].signals)
        self.reactor.spawned[2].end(0, 9)
        self.assertEqual(1, len(self.lines("kept the old workers")))

    def test_cannotBeStarted(self) -> None:
        """The same where the system does not start it."""
        master = self.ready()
        self.reactor.broken = OSError(errno.EAGAIN, "no more processes")
        master.replaceWorkers()
        self.assertEqual(1, len(self.lines("kept the old workers")))

    def test_oldOneDies(self) -> None:
        """If the old one dies meanwhile, its place is the new one's; no third one is started."""
        master = self.ready()
        master.replaceWorkers()
        self.reactor.spawned[0].end(0, 9)
        self.reactor.advance(MOST)
        self.assertEqual(3, len(self.reactor.spawned))
        self.reactor.spawned[2].ready()
        self.assertTrue(master.places[0].ready)
        self.assertEqual(4, len(self.reactor.spawned))

    def test_bothDie(self) -> None:
        """If neither is left, there is another one."""
        master = self.ready()
        master.replaceWorkers()
        self.reactor.spawned[0].end(0, 9)
        self.reactor.spawned[2].end(1)
        self.reactor.advance(MOST)
        self.assertEqual(4, len(self.reactor.spawned))
        self.assertIsNotNone(master.places[0].current)

    def test_twice(self) -> None:
        """Asked again amid it, it goes on as before."""
        master = self.ready()
        master.replaceWorkers()
        master.replaceWorkers()
        self.assertEqual(3, len(self.reactor.spawned))
        self.assertEqual(1, len(self.lines("already")))


class QuestionTests(MasterCase):
    """What a worker is asked."""

    def test_answered(self) -> None:
        """A question goes to it, and the answer comes back, in pieces, amid other things that it says."""
        begun: list[Any] = []
        self.begins = begun.append
        self.ready()
        first, second = self.reactor.spawned
        self.assertEqual([1, 2], [process.number for process in begun])
        asked = begun[1].asker.clients({"app": "chat"})
        self.assertEqual([], first.questions)
        (question,) = second.questions
        self.assertEqual(("clients", [{"app": "chat"}]), (question["what"], question["arguments"]))
        answer = json.dumps({"answer": question["ask"], "result": {"rows": [], "count": 0}})
        one, *others = cut(answer, 48)
        second.says(one, line(log=flatten({"log_format": "amid", "log_time": 1.0})), b"{nonsense\n")
        self.assertNoResult(asked)
        second.says(*others)
        self.assertEqual({"rows": [], "count": 0}, self.successResultOf(asked))
        self.assertEqual(1, len(self.lines("amid")))
        second.says(line(part="[]", last=True), line(part="x", last=True), line(farewell=7))
        self.assertIsNone(begun[1].farewell)

    def test_ready(self) -> None:
        """Who asked to be told is told when it serves."""
        told: list[Any] = []

        def begins(process: Any) -> None:
            process.whenReady = lambda: told.append(process.number)

        self.begins = begins
        self.master()
        self.assertEqual([], told)
        self.reactor.spawned[1].ready()
        self.assertEqual([2], told)

    def test_ended(self) -> None:
        """One that ends amid a question has it fail; its last numbers are there."""
        begun: list[Any] = []
        self.begins = begun.append
        self.ready()
        asked = begun[0].asker.ready()
        self.reactor.spawned[0].says(line(farewell={"worker": "1"}))
        self.reactor.spawned[0].end(signal=9)
        self.assertEqual("worker 1 has ended", str(self.failureResultOf(asked, Unanswered).value))
        self.assertEqual(({"worker": "1"}, True), (begun[0].farewell, begun[0].over))


class StopTests(MasterCase):
    """The end."""

    def test_inOrder(self) -> None:
        """All are told to stop, and waited for; none is started any more, and the port is closed."""
        master = self.ready()
        port = master._sockets.opened[0][0][0].getsockname()[1]
        stopped = master.stopService()
        self.assertEqual([["stop"], ["stop"]], [process.orders for process in self.reactor.spawned])
        self.reactor.spawned[0].end()
        self.assertNoResult(stopped)
        self.reactor.spawned[1].end(1)
        self.successResultOf(stopped)
        self.reactor.advance(MOST)
        self.assertEqual(2, len(self.reactor.spawned))
        with socket.socket() as probe:
            self.assertNotEqual(0, probe.connect_ex(("127.0.0.1", port)))
        self.assertRaises(OSError, os.fstat, master._idle)

    def test_whileWaiting(self) -> None:
        """One that was to be started again is not."""
        master = self.ready()
        self.reactor.spawned[0].end(1)
        self.reactor.spawned[1].end(1)
        self.successResultOf(master.stopService())
        self.reactor.advance(MOST)
        self.assertEqual(2, len(self.reactor.spawned))

    def test_whileReplacing(self) -> None:
        """The old and the new end, each told once; the others are not replaced."""
        master = self.ready()
        master.replaceWorkers()
        self.reactor.spawned[2].ready()
        stopped = master.stopService()
        self.assertEqual(
            [["retire"], ["stop"], ["stop"]], [process.orders for process in self.reactor.spawned]
        )
        for process in self.reactor.spawned:
            self.assertNoResult(stopped)
            process.end()
        self.successResultOf(stopped)
        self.assertEqual(3, len(self.reactor.spawned))

    def test_hurry(self) -> None:
        """They are told to hurry, and killed if they do not."""
        master = self.ready()
        master.stopService()
        master.hurry()
        master.hurry()
        self.assertEqual(["stop", "hurry"], self.reactor.spawned[0].orders)
        self.reactor.spawned[0].end()
        self.reactor.advance(HURRY)
        self.assertEqual([[], ["KILL"]], [process.signals for process in self.reactor.spawned])

    def test_renew(self) -> None:
        """All read their certificates again."""
        master = self.ready()
        master.renewCertificates()
        self.assertEqual([["renew"], ["renew"]], [process.orders for process in self.reactor.spawned])


class LogTests(MasterCase):
    """What workers say."""

    def test_entries(self) -> None:
        """A worker's log entry is one here, with its number, its level and its time."""
        self.ready()
        process = self.reactor.spawned[1]
        said = {"log_time": 12.5, "log_level": LogLevel.warn, "log_namespace": "chat"}
        entry = line(log=flatten({**said, "log_format": "a {x}\n c", "x": "{b}"}))
        process.protocol.childDataReceived(process.left["status"], entry[:30])
        process.protocol.childDataReceived(process.left["status"], entry[30:])
        event = self.events[-1]
        self.assertEqual("a {b}\n c", formatEvent(event))
        self.assertEqual(("worker 2: chat#warn", 12.5), (event["log_system"], event["log_time"]))
        self.assertEqual(("warn", "{b}"), (event["log_level"].name, event["x"]))

    def test_rawOutput(self) -> None:
        """What it prints below its log is a line each, the last one too."""
        self.ready()
        process = self.reactor.spawned[0]
        process.protocol.childDataReceived(2, b"Fatal Python err")
        process.protocol.childDataReceived(2, b"or: \xff\nCurrent thread")
        process.protocol.childConnectionLost(2)
        self.assertEqual(
            ["worker 1: Fatal Python error: \ufffd", "worker 1: Current thread"], self.lines("worker 1: ")
        )

    def test_rubbish(self) -> None:
        """Half a message, of one that was killed amid it, is nothing."""
        self.ready()
        process = self.reactor.spawned[0]
        before = len(self.events)
        process.protocol.childDataReceived(process.left["status"], b'{"log": {"ti\n[]\n')
        self.assertEqual(before, len(self.events))
