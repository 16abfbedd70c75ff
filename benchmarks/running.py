"""Running servers, and the load generator against them, on cores of their own."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.environment import HOME, Environment
from benchmarks.jobs import CHURNED, Job, Mode, Setup, message
from benchmarks.servers import Server

__all__ = [
    "LOAD_CORE",
    "SERVER_CORE",
    "LoadError",
    "Process",
    "Sample",
    "freePort",
    "load",
    "measure",
    "raiseDescriptors",
    "running",
]

#: What the load generator said of one round.
Sample = dict[str, float]

SERVER_CORE = 0
LOAD_CORE = 1
START_SECONDS = 30
#: However long a job takes, it takes no longer.
LOAD_SECONDS = 120


class LoadError(Exception):
    """A round that gave no figures, and why."""


@dataclass
class Process:
    """A server that runs, or why it does not."""

    server: Server
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def family(self) -> list[int]:
        """:return: Its process ids, children included."""
        return list(_family(self.process.pid))

    def awaitListening(self) -> None:
        """
        Wait until it takes connections.

        :raise LoadError: If it ended, or took too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise LoadError(f"it ended: {self.lastWords()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise LoadError(f"it did not listen within {START_SECONDS} s")

    def lastWords(self) -> str:
        """:return: The end of what it wrote."""
        return " ".join(self.log.read_text(errors="replace").split())[-300:]

    def end(self) -> None:
        """End it and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def raiseDescriptors(wanted: int = 12_000) -> None:
    """Let this process, and those it starts, open as many files as idle connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextlib.contextmanager
def running(environment: Environment, servers: list[Server], setup: Setup) -> Iterator[list[Process]]:
    """
    Start servers, all at once, and end them in the end.

    :return: Those that started; none but these take part.
    """
    processes: list[Process] = []
    try:
        with contextlib.ExitStack() as logs:
            for server in servers:
                log = environment.folder / f"{server.name}.log"
                processes.append(_start(environment, server, setup, logs.enter_context(log.open("wb")), log))
        yield processes
    finally:
        for process in processes:
            process.end()


def _start(environment: Environment, server: Server, setup: Setup, output: IO[bytes], log: Path) -> Process:
    port = freePort()
    process = subprocess.Popen(
        server.command(environment, setup, port),
        # The peers are modules of this checkout; wsapp is to be found where it was installed.
        cwd=environment.folder if server.ours else HOME.parent,
        env={**environment.variables(), **server.variables},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    return Process(server, port, process, log)


def measure(environment: Environment, process: Process, job: Job, seconds: float) -> Sample:
    """
    One round of one job against one server.

    :param seconds: How long messages are counted.
    :raise LoadError: If the server did not do the job.
    """
    process.awaitListening()
    text = environment.folder / f"{job.name}.message"
    text.write_bytes(message(job))
    words = [str(environment.load), job.mode.value, "-p", str(process.port), "-m", str(text)]
    words += ["-c", str(job.connections), "-w", str(job.window), "-n", str(CHURNED)]
    words += ["-d", str(1.0 if job.mode is Mode.IDLE else seconds), "-u", str(min(0.3, seconds / 2))]
    words += ["-T"] * job.tls + ["-z"] * job.deflate
    for identifier in process.family():
        words += ["-i", str(identifier)]
    return load(words)


def load(words: list[str]) -> Sample:
    """
    Run the load generator.

    :return: What it said.
    :raise LoadError: If it found fault with a server, or took too long.
    """
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=LOAD_SECONDS,
            preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
        )
    except subprocess.TimeoutExpired:
        raise LoadError(f"it took more than {LOAD_SECONDS} s") from None
    if done.returncode:
        raise LoadError(done.stderr.strip() or f"the load generator ended with {done.returncode}")
    sample: Sample = json.loads(done.stdout)
    return sample


def freePort() -> int:
    """:return: A TCP port of the loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _family(parent: int) -> Iterator[int]:
    yield parent
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))
