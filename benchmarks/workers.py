"""
What workers cost: ``python -m benchmarks.workers``.

Server CPU per message with two workers against one, and with none, all processes counted; and how evenly
connections are spread.  Everything runs on one core, as in the other benchmarks, so that the figures are of
work done and not of cores.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.environment import CHECKOUT, HOME, Environment, UnfitError
from benchmarks.jobs import JOBS, Job
from benchmarks.running import LoadError, Process, measure, raiseDescriptors, running
from benchmarks.servers import SERVERS, Server

JOB = "echo-32-x100"

#: The numbers of workers that are compared; 0 is one process without a master.
COUNTS = (0, 1, 2)

#: Two workers may cost so much more for each message than one does.
MOST = 0.15


def server(count: int) -> Server:
    """:return: wsapp with so many workers."""
    plain = SERVERS["wsapp-uvloop"]
    if not count:
        return plain

    def command(*arguments: object) -> list[str]:
        return [*plain.command(*arguments), "--workers", str(count)]  # type: ignore[arg-type]

    return replace(plain, name=f"wsapp-workers-{count}", title=f"{count} workers", command=command)


def awaitWorkers(process: Process, count: int) -> None:
    """
    Wait until all workers serve.

    :raise LoadError: They do not.
    """
    deadline = time.monotonic() + 60
    while process.log.read_text(errors="replace").count("is ready") < count:
        if time.monotonic() > deadline or process.process.poll() is not None:
            raise LoadError(process.lastWords())
        time.sleep(0.05)


def seconds(process: int) -> float:
    """:return: The processor time that a process has used, as /proc has it, in its units."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return float(fields[11]) + float(fields[12])


def measured(
    environment: Environment, job: Job, rounds: int, length: float
) -> tuple[list[list[float]], list[float]]:
    """:return: µs per message by number of workers and by round; and what the busier of two does."""
    figures: list[list[float]] = [[] for _ in COUNTS]
    shares: list[float] = []
    with running(environment, [server(count) for count in COUNTS], job.setup) as processes:
        for process, count in zip(processes, COUNTS, strict=True):
            awaitWorkers(process, count)
            measure(environment, process, job, length)
        for _ in range(rounds):
            for process, count, found in zip(processes, COUNTS, figures, strict=True):
                workers = process.family()[1:]
                before = [seconds(worker) for worker in workers]
                found.append(measure(environment, process, job, length)["cpu_us"])
                used: list[float] = [
                    seconds(worker) - was for worker, was in zip(workers, before, strict=True)
                ]
                total = sum(used)
                if count > 1 and total:
                    shares.append(max(used) / total)
    return figures, shares


def main(words: Sequence[str]) -> int:
    """:return: The exit status: 1 where two workers cost more than they may, or nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--environment", type=Path, default=HOME / ".environment")
    parser.add_argument("--checkout", type=Path, default=CHECKOUT)
    parser.add_argument("--prepared", action="store_true", help="the environment is as it should be")
    options = parser.parse_args(words)
    raiseDescriptors()
    environment = Environment(options.environment, options.checkout)
    try:
        if not options.prepared:
            environment.prepare()
        figures, shares = measured(environment, JOBS[JOB], options.rounds, options.seconds)
    except (UnfitError, LoadError) as error:
        print(f"nothing was measured: {error}", file=sys.stderr)
        return 1
    medians = [statistics.median(found) for found in figures]
    for count, median, found in zip(COUNTS, medians, figures, strict=True):
        spread = f"{min(found):.2f} to {max(found):.2f}"
        print(f"{count or 'no'} workers: {median:.2f} µs of CPU per message ({spread})")
    more = medians[2] / medians[1] - 1
    print(f"two workers cost {100 * more:+.1f} % of one's; at most {100 * MOST:.0f} % are allowed")
    print(f"the busier of the two does {100 * statistics.median(shares):.0f} % of the work")
    return int(more > MOST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
