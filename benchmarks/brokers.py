"""``python -m benchmarks.brokers``: one message to everybody over several processes and a broker.

One client publishes, its next message when its last has come back, and every client of every node is
sent each.  Nodes share one core, the broker and the load generator have the other, so the figures are of CPU
time, which does not depend on that; latencies are what this machine has beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import HOME, Environment, UnfitError
from benchmarks.jobs import Job, Mode, message
from benchmarks.running import LOAD_CORE, SERVER_CORE, LoadError, Process, Sample, freePort, load
from benchmarks.servers import Server

__all__ = ["WAYS", "Round", "Way", "main", "measure", "row", "table"]

#: Bytes of each message.
SIZE = 128

#: Seconds from the last connection to the first message: joins take effect at the broker.
SETTLING = 0.5


@dataclass(frozen=True)
class Way:
    """A service of several nodes.

    :ivar words: The command line of one, without port and broker; where it begins with ``wsapp``, twistd's.
    :ivar path: What clients ask for.
    :ivar greeting: What they say first.
    :ivar skipped: Messages that each is sent before any that count.
    :ivar form: What a message looks like, with ``%s`` for its text.
    """

    title: str
    words: tuple[str, ...]
    path: str = "/"
    greeting: str = ""
    skipped: int = 0
    form: str = "%s"
    brokered: bool = True


#: By the names of the command line.
WAYS: dict[str, Way] = {
    "wsapp-alone": Way("wsapp, no broker", ("wsapp",), brokered=False),
    "wsapp": Way("wsapp", ("wsapp",)),
    "channels": Way("channels_redis", ("channels", "--layer", "core")),
    "channels-pubsub": Way("channels_redis, pub/sub layer", ("channels", "--layer", "pubsub")),
    "socketio": Way(
        "python-socketio",
        ("socketio",),
        "/socket.io/?EIO=4&transport=websocket",
        "40",
        2,
        '42["m","%s"]',
    ),
}


@dataclass(frozen=True)
class Round:
    """One round: a way, over so many nodes, with so many clients on all of them together."""

    way: str
    nodes: int
    clients: int


def _command(environment: Environment, way: Way, port: int, broker: str) -> list[str]:
    if way.words == ("wsapp",):
        words = ["-n", "--pidfile=", "--reactor", "uvloop", "wsapp"]
        words += ["--port", f"tcp:{port}:interface=127.0.0.1:backlog=4096"]
        words += ["--app", f"{HOME / 'fanout.py'}:Fanout"]
        return [str(environment.program("twistd")), *words, *(["--broker", broker] if way.brokered else [])]
    module, *rest = way.words
    python = str(environment.python)
    return [python, "-m", f"benchmarks.peers.{module}_server", str(port), "--broker", broker, *rest]


@contextlib.contextmanager
def _started(
    environment: Environment, name: str, command: list[str], port: int, core: int
) -> Iterator[Process]:
    log = environment.folder / f"{name}.log"
    ours = command[0] == str(environment.program("twistd"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=environment.folder if ours else HOME.parent,
            env=environment.variables(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    started = Process(Server(name, name, lambda *_: command), port, process, log)
    try:
        yield started
    finally:
        started.end()


def measure(environment: Environment, node: Round, seconds: float) -> Sample:
    """
    One round: everything is started for it, and ended.

    :raise LoadError: A server did not do what it should.
    """
    way = WAYS[node.way]
    with contextlib.ExitStack() as running:
        port = freePort()
        command = [environment.redis(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        redis = running.enter_context(_started(environment, "redis", command, port, LOAD_CORE))
        redis.awaitListening()
        url = f"redis://127.0.0.1:{port}"
        nodes = []
        for number in range(node.nodes):
            port = freePort()
            command = _command(environment, way, port, url)
            name = f"{node.way}-{number}"
            nodes.append(running.enter_context(_started(environment, name, command, port, SERVER_CORE)))
        for one in nodes:
            one.awaitListening()
        time.sleep(0.3)  # they connect to the broker
        text = environment.folder / "fanout.message"
        text.write_bytes(way.form.encode() % message(Job("", "", Mode.BROADCAST, 1, SIZE)))
        words = [str(environment.load), "broadcast", "-m", str(text), "-c", str(node.clients)]
        words += ["-d", str(seconds), "-u", "0.5", "-s", str(SETTLING)]
        words += ["-r", way.path, "-k", str(way.skipped)]
        words += ["-g", way.greeting] if way.greeting else []
        words += ["-b", str(redis.process.pid)]
        for one in nodes:
            words += ["-p", str(one.port)]
            for identifier in one.family():
                words += ["-i", str(identifier)]
        try:
            return load(words)
        except LoadError as error:
            raise LoadError(f"{error} {nodes[0].lastWords()}") from None


def row(node: Round, samples: list[Sample]) -> list[str]:
    """:return: The cells of one row: medians over the rounds."""

    def middle(key: str) -> float:
        return statistics.median(sample[key] for sample in samples)

    way = WAYS[node.way]
    broker = f"{middle('broker_us') * node.clients:,.0f}" if way.brokered else "–"
    return [
        way.title,
        f"{node.nodes}",
        f"{node.clients:,}",
        f"{middle('cpu_us'):.2f}",
        f"{middle('cpu_us') * node.clients:,.0f}",
        broker,
        f"{middle('p50_us') / 1000:.2f}",
        f"{middle('p99_us') / 1000:.2f}",
    ]


HEADS = ["", "nodes", "clients", "µs a delivery", "µs a message", "broker's µs", "p50 ms", "p99 ms"]


def main(words: list[str] | None = None) -> int:
    """Measure, in turns, and print a table as reStructuredText has it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.brokers", description=__doc__)
    add = parser.add_argument
    add("--ways", default=",".join(WAYS), help="names with commas")
    add("--nodes", default="1,2", help="numbers of nodes, with commas")
    add("--clients", default="100,1000", help="numbers of clients of all nodes together")
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=2.0, help="how long a round counts messages [2]")
    add("--environment", type=Path, default=HOME / ".environment", help="folder to install into")
    add("--prepared", action="store_true", help="install nothing")
    add("--json", type=Path, help="a file that has the samples, and is given those of this run too")
    read = parser.parse_args(words)
    if unknown := set(read.ways.split(",")) - set(WAYS):
        parser.error(f"{min(unknown)!r} is none of {', '.join(WAYS)}")
    environment = Environment(read.environment)
    try:
        if not read.prepared:
            environment.prepare()
            environment.prepareBrokers()
        environment.redis()
    except UnfitError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    asked = [
        Round(way, nodes, clients)
        for clients in map(int, read.clients.split(","))
        for way in read.ways.split(",")
        for nodes in map(int, read.nodes.split(","))
        if WAYS[way].brokered or nodes == 1
    ]
    samples: dict[Round, list[Sample]] = {}
    if read.json and read.json.exists():
        for way, nodes, clients, known in json.loads(read.json.read_text()):
            samples[Round(way, nodes, clients)] = known
    for _ in range(read.rounds):
        for node in asked:
            try:
                samples.setdefault(node, []).append(measure(environment, node, read.seconds))
            except LoadError as error:
                print(f"{node}: {error}", file=sys.stderr)
    if read.json:
        read.json.write_text(json.dumps([[n.way, n.nodes, n.clients, s] for n, s in samples.items()]))
    print(table([row(node, found) for node, found in samples.items() if found]))
    return 0


def table(rows: list[list[str]]) -> str:
    """:return: A list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in [HEADS, *rows]:
        for number, cell in enumerate(cells):
            lines.append(f"   {' ' if number else '*'} - {cell}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
