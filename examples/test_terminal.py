"""Tests of terminal.py: `cd examples && python -m twisted.trial test_terminal`."""
# mypy: allow-untyped-calls

import fcntl
import os
import struct
import termios
from pathlib import Path
from typing import Any

from terminal import MUCH, Terminal  # type: ignore[import-not-found]
from twisted.internet.error import ProcessDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import Rejected, TestClient, TestServer
from wsapp.tokens import Keys, mint

KEY = "for this test only, and long enough to be one"
LOOPBACK = "127.0.0.1"


class Process(StringTransport):
    """A shell that does nothing by itself."""

    def __init__(self, shell: Any) -> None:
        super().__init__()
        self.shell = shell
        self.signals: list[int] = []
        self.terminal, self.other = os.openpty()

    def fileno(self) -> int:
        return self.terminal

    def signalProcess(self, number: int) -> None:
        self.signals.append(int(number))

    def connectionLost(self, reason: Failure) -> None:
        self.end()

    def end(self) -> None:
        """It ends."""
        self.connected = False
        self.shell.processEnded(Failure(ProcessDone(0)))

    def close(self) -> None:
        """After the test."""
        os.close(self.terminal)
        os.close(self.other)


class Reactor(Clock):
    """A clock that starts processes."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.environments: list[dict[str, str]] = []

    def spawnProcess(
        self,
        shell: Any,
        program: str,
        arguments: list[str],
        environment: dict[str, str],
        path: str,
        usePTY: bool,
    ) -> None:
        assert usePTY and arguments == [program]
        self.processes.append(Process(shell))
        self.environments.append(environment)
        shell.makeConnection(self.processes[-1])


class TerminalTests(SynchronousTestCase):
    """Ann has a token."""

    def setUp(self) -> None:
        keys = Path(self.mktemp())
        keys.write_text(KEY)
        keys.chmod(0o600)
        self.reactor = Reactor()
        self.server = TestServer(Terminal(keys=str(keys)), clock=self.reactor)
        self.addCleanup(self.finish)

    def test_keysOfOthers(self) -> None:
        """Keys that others may read are no keys to a shell."""
        keys = Path(self.mktemp())
        keys.write_text(KEY)
        keys.chmod(0o640)
        error = self.assertRaises(ValueError, Terminal, keys=str(keys))
        self.assertEqual(
            str(error), f"{keys} may be read by others, who could get a shell by it: chmod 600 {keys}"
        )

    def finish(self) -> None:
        """All ends."""
        for process in self.reactor.processes:
            if process.connected:
                process.end()
            process.close()
        self.server.stop()

    def connect(self, peer: str = LOOPBACK, audience: str = "terminal") -> TestClient:
        """:return: Somebody with a token."""
        token = mint(Keys(KEY), "ann", audience, now=self.reactor.seconds())
        return self.server.connect(subprotocols=["terminal", f"token.{token}"], peer=peer)

    def shell(self) -> tuple[TestClient, Process]:
        """:return: Somebody, and the shell."""
        return self.connect(), self.reactor.processes[-1]

    def test_typing(self) -> None:
        """What is typed goes to the shell, what it prints comes back."""
        ann, process = self.shell()
        ann.send(b"ls\r")
        self.assertEqual(process.value(), b"ls\r")
        process.shell.childDataReceived(1, b"\x1b[1mREADME\x1b[0m\r\n")
        self.assertEqual(ann.messages, [b"\x1b[1mREADME\x1b[0m\r\n"])

    def test_doors(self) -> None:
        """No token, another's token, another machine: no shell."""
        self.assertEqual(self.server.connect(peer=LOOPBACK).closed, (4401, "log in first"))
        code, _ = self.connect(audience="chat").closed or (0, "")
        self.assertEqual(code, 4401)
        error = self.assertRaises(Rejected, self.connect, peer="192.0.2.1")
        self.assertEqual(error.status, 403)
        self.assertEqual(self.reactor.processes, [])

    def test_most(self) -> None:
        """There are eight at most; where one ends there is room for another."""
        for _ in range(8):
            self.shell()
        self.assertEqual(self.connect().closed, (4503, "there are 8 shells already"))
        self.reactor.processes[0].end()
        self.assertIsNone(self.connect().closed)

    def test_environment(self) -> None:
        """The shell is not told what the server's own environment has."""
        self.patch(os, "environ", {**os.environ, "DATABASE_PASSWORD": "secret", "HOME": "/home/ann"})
        self.shell()
        self.assertNotIn("DATABASE_PASSWORD", self.reactor.environments[0])
        self.assertEqual(self.reactor.environments[0]["HOME"], "/home/ann")

    def test_size(self) -> None:
        """The terminal is as large as the window; nonsense is turned away."""
        ann, process = self.shell()
        ann.send("[132, 50]")
        size = fcntl.ioctl(process.other, termios.TIOCGWINSZ, bytes(8))
        self.assertEqual(struct.unpack("HHHH", size)[:2], (50, 132))
        ann.send("[1e9, -3]")
        size = fcntl.ioctl(process.other, termios.TIOCGWINSZ, bytes(8))
        self.assertEqual(struct.unpack("HHHH", size)[:2], (1, 1000))
        for message in ("", "7", "[1]", "[1, [2]]", "[Infinity, 1]", "[" * 9999):
            bob, _ = self.shell()
            bob.send(message)
            self.assertEqual(bob.closed, (4400, "text is [COLUMNS, ROWS]"), message[:9])
            self.reactor.processes[-1].end()

    def test_slowBrowser(self) -> None:
        """The shell waits for a browser that does not keep up."""
        ann, process = self.shell()
        ann.reads = False
        for _ in range(1000):
            if process.producerState != "producing":
                break
            process.shell.childDataReceived(1, b"y\r\n" * 1000)
        self.assertEqual(process.producerState, "paused")
        assert ann.client is not None
        self.assertLess(ann.client.bufferedAmount, 2 * MUCH)
        ann.reads = True
        self.server.advance(0)
        self.assertEqual(process.producerState, "producing")

    def test_slowShell(self) -> None:
        """Who types waits for a shell that does not read."""
        ann, process = self.shell()
        process.shell.pauseProducing()
        ann.send(b"one ")
        ann.send(b"two")
        self.assertEqual(process.value(), b"one ")
        process.shell.resumeProducing()
        self.server.advance(0)
        self.assertEqual(process.value(), b"one two")

    def test_ends(self) -> None:
        """The shell ends, and so does the connection."""
        ann, process = self.shell()
        process.shell.childDataReceived(1, b"logout\r\n")
        process.end()
        self.assertEqual(ann.messages, [b"logout\r\n"])
        self.assertEqual(ann.closed, (1000, "the shell has ended"))

    def test_leaves(self) -> None:
        """The browser goes: the shell is told to end, and killed if it does not."""
        ann, process = self.shell()
        ann.drop()
        self.assertEqual((process.signals, process.disconnecting, process.producer), ([1], True, None))
        self.server.advance(3)
        self.assertEqual(process.signals, [1, 9])
        self.assertFalse(process.connected)

    def test_typedInVain(self) -> None:
        """A shell that does not read what was typed is not kept, with the browser there or not."""
        people = [self.shell(), self.shell()]
        for ann, process in people:
            process.shell.pauseProducing()
            ann.send(b"typed, and never read")
        people[0][0].drop()
        self.server.advance(29)
        self.assertEqual([process.signals for _, process in people], [[], []])
        self.server.advance(2)
        self.assertEqual([process.signals for _, process in people], [[1], [1]])
        self.assertEqual(people[1][0].closed, (4408, "the shell does not read what is typed"))
        people[1][1].shell.resumeProducing()  # too late for anything, and no harm

    def test_stop(self) -> None:
        """The server stops when the last shell has ended."""
        _, process = self.shell()
        stopped = self.server.server.stopService()
        self.server.advance(1)
        self.assertEqual(process.signals, [1])
        self.assertNoResult(stopped)
        process.end()
        self.server.advance(1)
        self.successResultOf(stopped)
