"""The long runs: each starts a server, loads it, and says in text what it found."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.live.attacks import ATTACKS, Attack
from tests.live.raw import CLOSE, KEY, TEXT, frame
from tests.live.server import Server, freePort, waitFor
from tests.live.watching import INSIDE, MB, Inquirer, resident
from tests.soak.people import People, percentile

__all__ = ["churn", "clients", "mixed"]

Say = Callable[[str], None]

HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()

#: Faults of the mixed run: everything that attacks but what only fills the processor.
FAULTS = sorted(set(ATTACKS) - {"deaf"})


@contextlib.contextmanager
def serving(*options: str) -> Iterator[tuple[Server, int]]:
    """A server of the application that answers questions, as long as the context lasts; then it is stopped.

    :raises AssertionError: It does not end with 0, or its log has a traceback.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="wsapp-") as folder:
        port = freePort()
        server = Server(
            Path(folder),
            ["--port", f"tcp:{port}:interface=127.0.0.1:backlog=1024", "--app", INSIDE, *options],
        )
        try:
            yield server.start(), port
            status = server.stop()
            assert status == 0, f"it ended with {status}\n{server.log[-2000:]}"
            assert not server.complaints(), server.complaints()[:5]
        finally:
            server.kill()


def descriptors(pid: int) -> int:
    """:return: How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def processorTime(pid: int) -> float:
    """:return: The seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def clients(count: int, seconds: float, rate: float, say: Say) -> bool:
    """Many clients at once, and the echo latency while they are there.

    :return: Whether none was lost.
    """
    with serving("--max-connections", str(count + 100)) as (server, port):
        say(next(line for line in server.log.splitlines() if "file descriptors" in line).partition("] ")[2])
        few = People(port, 10)
        few.connect()
        few.talk(3, rate)
        report("10 clients", few.taken, say)
        before = resident(server.pid)
        many = People(port, count - 10)
        took = many.connect()
        held = resident(server.pid) - before
        say(f"{count} clients connected in {took:.1f} s; {held / (count - 10) / 1024:.1f} KiB of memory each")
        used = processorTime(server.pid)
        idle = time.monotonic()
        many.talk(5, 0)
        share = (processorTime(server.pid) - used) / (time.monotonic() - idle)
        say(f"idle, the server uses {share:.1%} of a core")
        used, began = processorTime(server.pid), time.monotonic()
        many.talk(seconds, rate)
        share = (processorTime(server.pid) - used) / (time.monotonic() - began)
        report(f"{count} clients, {rate:g} messages/s", many.taken, say)
        say(f"the server uses {share:.0%} of a core then; lost: {dict(many.lost + few.lost) or 'nobody'}")
        fine = not many.lost and not few.lost and len(many.all) == count - 10
        many.leave()
        few.leave()
        waitFor("the descriptors to be closed", lambda: descriptors(server.pid) < 50)
    return fine


def report(what: str, taken: list[float], say: Say) -> None:
    """Say how long the echoes took."""
    shown = ", ".join(
        f"{name} {percentile(taken, share) * 1000:.2f}"
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
    )
    say(f"{what}: {len(taken)} echoes, {shown} ms")


def visit(port: int, number: int) -> None:
    """Connect and disconnect, in one of eight ways."""
    said = (b"", HANDSHAKE[:40], HANDSHAKE, HANDSHAKE + frame(TEXT, b"x" * 50)[: 20 + number // 8 % 2 * 50])[
        number % 4
    ]
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(said)
        if number % 4 >= 2:
            client.recv(1)
        if number % 16 == 7:
            client.sendall(frame(CLOSE, struct.pack(">H", 1000)))
            while client.recv(4096):
                pass
        elif number // 4 % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def churn(count: int, say: Say) -> bool:
    """Many who come and go, one after the other, and what they leave behind.

    :return: Whether that is nothing.
    """
    with serving() as (server, port):
        inquirer = Inquirer(port)
        for number in range(1000):
            visit(port, number)
        time.sleep(1)
        before, timers, open_ = inquirer.objects(), inquirer.ask("timers"), descriptors(server.pid)
        inquirer.ask("trim")
        memory, began = resident(server.pid), time.monotonic()
        for number in range(count):
            visit(port, number)
        took = time.monotonic() - began
        waitFor("the descriptors to be closed", lambda: descriptors(server.pid) <= open_)
        # The first one answered no pings.
        inquirer.raw.socket.close()
        inquirer = Inquirer(port)
        after = inquirer.objects()
        inquirer.ask("trim")
        grown = {name: after[name] - before[name] for name in after if after[name] - before[name] >= 50}
        say(f"{count} connects and disconnects in {took:.0f} s ({count / took:.0f} a second)")
        say(f"descriptors {open_} -> {descriptors(server.pid)}, timers {timers} -> {inquirer.ask('timers')}")
        say(f"objects {before.total()} -> {after.total()}; types with 50 more: {grown or 'none'}")
        more = resident(server.pid) - memory
        say(f"resident memory {memory / MB:.1f} MB {more / MB:+.1f} MB")
        return not grown and more < 2 * MB


def mixed(minutes: float, people: int, say: Say) -> bool:
    """A mixed load with faults: honest clients, visitors, and one attack after the other.

    :return: Whether memory stays flat and nobody honest is lost.
    """
    with serving("--stall-timeout", "5", "--close-timeout", "2") as (server, port):
        honest = People(port, people)
        honest.connect()
        memory: list[tuple[float, int, int]] = []
        began = time.monotonic()
        attack: Attack | None = None
        lines = 0
        say(f"{'min':>6} {'MB':>7} {'objects':>8} {'fds':>5} {'p50 ms':>7} {'p99 ms':>7} {'lines':>6}  fault")
        while (passed := time.monotonic() - began) < minutes * 60:
            name = random.choice(FAULTS)
            attack = Attack(name, port)
            try:
                attack.go()
                honest.talk(min(8.0, minutes * 20), 500)
                attack.halt()
            finally:
                attack.stop()
            taken = honest.taken
            honest.talk(1, 100)
            for number in range(200):
                visit(port, number)
            honest.talk(2, 100)
            inquirer = Inquirer(port)  # a new one: between two rounds nobody would answer its pings
            objects = inquirer.objects().total()
            inquirer.ask("trim")
            inquirer.raw.socket.close()
            memory.append((passed / 60, resident(server.pid), objects))
            now = len(server.log.splitlines())
            say(
                f"{passed / 60:6.1f} {memory[-1][1] / MB:7.1f} {objects:8} {descriptors(server.pid):5} "
                f"{percentile(taken, 0.5) * 1000:7.2f} {percentile(taken, 0.99) * 1000:7.2f} "
                f"{now - lines:6}  {name}"
            )
            lines = now
        third = max(1, len(memory) // 3)
        first = percentile([float(size) for _, size, _ in memory[third : 2 * third] or memory[:1]], 0.5)
        last = percentile([float(size) for _, size, _ in memory[-third:]], 0.5)
        say(
            f"resident memory, median of the second third {first / MB:.1f} MB, of the last {last / MB:.1f} MB"
        )
        say(f"honest clients lost: {dict(honest.lost) or 'nobody'}")
        fine = last - first < 3 * MB and not honest.lost
        honest.leave()
    return fine
