"""SECURITY: the process: descriptors, what connections leave behind, and how it ends under load."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import struct
import threading
import time
from collections import Counter
from pathlib import Path

from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.server import waitFor
from tests.live.watching import INSIDE, AttackCase

#: Types of which there may be more after thousands of connections: caches that have a size of their own.
CACHED = {"frame", "cell", "tuple", "dict", "list", "function", "builtin_function_or_method"}


def descriptors(pid: int) -> int:
    """:return: How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def processorTime(pid: int) -> float:
    """:return: The seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class DescriptorTests(AttackCase):
    """Out of file descriptors."""

    def test_shortage(self) -> None:
        """With 100 descriptors and 130 who connect: accepting pauses, one line says so, nothing spins, who
        is in is served, and the others are when some have gone."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        server = self.server("--port", "tcp:0:interface=127.0.0.1", "--app", INSIDE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, before[1]))
        try:
            server.launch()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        waitFor("its address", server.listening)
        # It has raised its soft limit, which is what it should; it cannot know that this was not meant.
        self.assertIn(f"{before[1]} (raised from 100)", server.log)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (100, 100))
        port = int(server.listening()[0].rstrip("/").rpartition(":")[2])
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(Raw(port))
            first.upgrade()
            others = []
            for _ in range(130):
                other = stack.enter_context(Raw(port))
                other.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
                others.append(other)
            waitFor("the line", lambda: "accepts no connections" in server.log)
            used = processorTime(server.pid)
            time.sleep(1.5)
            self.assertLess(processorTime(server.pid) - used, 0.4)
            first.send(frame(TEXT, b"hello"))
            self.assertEqual(first.frame(), (0x80 | TEXT, b"hello"))
            for other in others[:-1]:
                other.socket.close()
            others[-1].send(b"Connection: close\r\n\r\n")
            self.assertIn("HTTP/1.1 ", others[-1].head())
        self.assertEqual(server.log.count("accepts no connections"), 1, server.log)

    def test_shortageIsSaid(self) -> None:
        """Where even the hard limit is too low for --max-connections, a line at the start says what helps."""
        server = self.server(
            "--port", "tcp:0:interface=127.0.0.1", "--app", "echo", "--max-connections", "1000000000"
        )
        server.start()
        for word in ("--max-connections", "ulimit -n", "LimitNOFILE="):
            self.assertIn(word, server.log)

    def tearDown(self) -> None:
        """There is nothing common to these."""


class LeftTests(AttackCase):
    """What thousands of connections leave."""

    def test_nothing(self) -> None:
        """5,000 that connect and close, 5,000 resets, handshakes and messages among them: no descriptor, no
        timer, no object is left."""
        self.begin()
        self.churn(200)  # what is made once
        inquirer = self.inquirer
        before, timers, open_ = inquirer.objects(), inquirer.ask("timers"), descriptors(self.running.pid)
        self.churn(5000)
        waitFor("the descriptors to be closed", lambda: descriptors(self.running.pid) <= open_)
        # The handshake's time-out of the last ones may still be in the wheel's dictionary.
        after = inquirer.objects()
        grown = {name: count - before[name] for name, count in after.items() if count - before[name] >= 50}
        self.assertEqual({name: count for name, count in grown.items() if name not in CACHED}, {}, grown)
        for name, count in grown.items():
            self.assertLess(count, 500, name)
        self.assertLessEqual(inquirer.ask("timers"), timers + 1)
        self.assertEqual(inquirer.ask("clients"), 2)

    def churn(self, count: int) -> None:
        """So many that close, and so many that reset, each at one of four places."""
        said = [
            b"",
            b"GET / HTTP/1.1\r\nHost: lo",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        ]
        said.append(said[2] + frame(TEXT, b"x" * 50)[:20])
        for number in range(2 * count):
            with socket.create_connection(("127.0.0.1", self.port)) as client:
                client.sendall(said[number // 2 % 4])
                if number // 2 % 4 >= 2:
                    client.recv(1)
                if number % 2:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class StopTests(AttackCase):
    """SIGTERM under load."""

    def test_nothingLost(self) -> None:
        """Messages come in without a pause, to hooks that take their time: what a client has sent before it
        heard the Close has gone through the application; every client gets 1001; the Closes are spread over
        the drain; the process ends within its bound, with 0."""
        for drain in (0.0, 2.0):
            file = self.folder() / "came"
            server, port = self.serve("--app", f"{INSIDE}:file={file}", "--drain", str(drain))
            talkers = [Talker(port, number) for number in range(30)]
            for talker in talkers:
                talker.start()
            time.sleep(0.5)
            pid, began = server.pid, time.monotonic()
            server.signal(signal.SIGTERM)
            self.assertEqual(0, server.ended(pid, 20), server.log)
            took = time.monotonic() - began
            for talker in talkers:
                talker.join(10)
            self.assertLess(took, drain + 5 + 3)
            self.assertEqual({talker.closed for talker in talkers}, {1001})
            came = Counter(json.loads(file.read_text())["came"])
            self.assertEqual({str(talker.number): talker.sent for talker in talkers}, dict(came))
            self.assertGreater(min(talker.sent for talker in talkers), 20)
            times = sorted(talker.ended - began for talker in talkers)
            if drain:
                self.assertGreater(times[20] - times[10], drain / 6)
                self.assertGreater(times[-1], drain / 2)

    def test_secondTerm(self) -> None:
        """A second SIGTERM under load ends at once, amid a drain, and without a traceback."""
        server, port = self.serve("--app", INSIDE, "--drain", "60")
        talkers = [Talker(port, number) for number in range(20)]
        for talker in talkers:
            talker.start()
        time.sleep(0.3)
        pid = server.pid
        server.signal(signal.SIGTERM)
        waitFor("the drain", lambda: "over 60 s" in server.log)
        time.sleep(0.3)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(0, server.ended(pid), server.log)
        self.assertLess(time.monotonic() - began, 5)
        for talker in talkers:
            talker.join(10)
        self.judge(server)

    def tearDown(self) -> None:
        """There is nothing common to these."""


class Talker(threading.Thread):
    """Sends messages to a slow hook until it is told to stop, and counts them.

    :ivar sent: How many messages it has sent before its own Close.
    :ivar closed: The code of the server's Close.
    :ivar ended: When that came.
    """

    def __init__(self, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.sent = 0
        self.closed = 0
        self.ended = 0.0
        self.raw = Raw(port)
        self.raw.upgrade(f"/?slow&mute&n={number}")

    def run(self) -> None:
        """Talk."""
        message = frame(TEXT, b"x" * 50)
        client = self.raw.socket
        with contextlib.suppress(OSError), self.raw:
            while True:
                client.sendall(message)
                self.sent += 1
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    self.raw.buffer += client.recv(1000)
                client.settimeout(20)
                if b"\x88" in self.raw.buffer:
                    break
                time.sleep(0.003)
            self.closed = struct.unpack(">H", self.raw.frame()[1][:2])[0]
            self.ended = time.monotonic()
            client.sendall(frame(CLOSE, struct.pack(">H", 1001)))
            self.raw.rest()
