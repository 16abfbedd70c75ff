"""What is measured: the jobs that a load generator gives to every server."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, replace
from enum import Enum
from json import dumps

__all__ = ["JOBS", "Job", "Mode", "Setup", "message"]

#: How many connections a job of connecting makes in one round.
CHURNED = 1500


class Mode(Enum):
    """What the load generator does; the values are its words."""

    ECHO = "echo"
    BROADCAST = "broadcast"
    IDLE = "idle"
    CHURN = "churn"
    CLOSE = "close"


@dataclass(frozen=True)
class Setup:
    """What a server is started with: jobs of one setup share its processes."""

    broadcast: bool = False
    tls: bool = False
    deflate: bool = False
    #: Connections for which its own limits have to be raised; 0 where their defaults do.
    connections: int = 0


@dataclass(frozen=True)
class Job:
    """One row of figures for every server."""

    name: str
    #: What it is, for a person, in a few words.
    title: str
    mode: Mode
    connections: int
    #: Bytes of the message.
    size: int = 32
    #: Messages in flight for each sender.
    window: int = 1
    tls: bool = False
    deflate: bool = False
    #: Whether it runs where no job is asked for.
    default: bool = True

    @property
    def setup(self) -> Setup:
        """What the server has to be started with."""
        return Setup(
            self.mode is Mode.BROADCAST,
            self.tls,
            self.deflate,
            self.connections + 1 if self.mode is Mode.IDLE and self.connections >= 10_000 else 0,
        )

    @property
    def fresh(self) -> bool:
        """Whether each server needs a process that has done nothing before, and one round is enough."""
        return self.mode is Mode.IDLE

    @property
    def figure(self) -> str:
        """The key of the sample that servers are compared by."""
        return "kib" if self.mode is Mode.IDLE else "cpu_us"

    @property
    def unit(self) -> str:
        """What that figure counts."""
        return {
            Mode.ECHO: "µs of server CPU per message",
            Mode.BROADCAST: "µs of server CPU per delivery",
            Mode.IDLE: "KiB per connection",
        }.get(self.mode, "µs of server CPU per connection")


_PLAIN = [
    Job("echo-32-x1", "echo 32 B, 1 client", Mode.ECHO, 1),
    Job("echo-32-x100", "echo 32 B, 100 clients", Mode.ECHO, 100),
    Job("echo-32-x100-w16", "echo 32 B, 100 clients, 16 in flight", Mode.ECHO, 100, window=16),
    Job("echo-1k-x100", "echo 1 KiB, 100 clients", Mode.ECHO, 100, 1024),
    Job("echo-64k-x20", "echo 64 KiB, 20 clients", Mode.ECHO, 20, 64 * 1024),
    Job("echo-1m-x4", "echo 1 MiB, 4 clients", Mode.ECHO, 4, 1024 * 1024),
    Job("broadcast-x1000", "broadcast 128 B to 1,000", Mode.BROADCAST, 1000, 128),
    Job("broadcast-x1000-w16", "broadcast 128 B to 1,000, 16 in flight", Mode.BROADCAST, 1000, 128, 16),
    Job(
        "deflate-echo-x100", "echo 1 KiB of JSON, compressed, 100 clients", Mode.ECHO, 100, 1024, deflate=True
    ),
    Job(
        "deflate-broadcast-x1000",
        "broadcast 1 KiB of JSON, compressed, to 1,000",
        Mode.BROADCAST,
        1000,
        1024,
        deflate=True,
    ),
    Job("churn", "connect, handshake, echo, hang up", Mode.CHURN, 20),
    Job("churn-close", "connect, handshake, echo, closing handshake", Mode.CLOSE, 20),
    Job("idle-2000", "2,000 idle connections", Mode.IDLE, 2000),
    Job("idle-10000", "10,000 idle connections", Mode.IDLE, 10_000, default=False),
    Job(
        "deflate-idle-2000",
        "2,000 idle connections, permessage-deflate",
        Mode.IDLE,
        2000,
        deflate=True,
        default=False,
    ),
]

#: Every job by its name, and each again over TLS.
JOBS: dict[str, Job] = {
    job.name: job
    for job in [
        *_PLAIN,
        *(replace(j, name=f"tls-{j.name}", title=f"TLS: {j.title}", tls=True) for j in _PLAIN),
    ]
}


def message(job: Job) -> bytes:
    """
    Make the message of a job, the same one in every run.

    :return: Letters; or for jobs with compression JSON, of about the variety that applications send.
    """
    if not job.deflate:
        alphabet = string.ascii_lowercase.encode()
        return (alphabet * (job.size // len(alphabet) + 1))[: job.size]
    chance = random.Random(7692)
    entries: list[dict[str, object]] = []
    while len(text := dumps(entries)) < job.size:
        entries.append(
            {
                "id": chance.randrange(10**6),
                "user": "".join(chance.choices(string.ascii_lowercase, k=6)),
                "x": round(chance.random() * 100, 2),
                "online": chance.random() < 0.5,
            }
        )
    # Cut to size: whether it still is JSON is nothing to the servers, how well it compresses is.
    return text[: job.size].encode()
