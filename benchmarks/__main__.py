"""``python -m benchmarks``: the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.chart import DRAWN, FRONT, chart, panels
from benchmarks.environment import CHECKOUT, HOME, Environment, UnfitError
from benchmarks.figures import Results, figures
from benchmarks.jobs import JOBS, Job
from benchmarks.running import LoadError, Process, measure, raiseDescriptors, running
from benchmarks.servers import SERVERS, Server
from benchmarks.tables import jobTable, restTables

BEGIN = ".. figures begin: python -m benchmarks writes what is between"
END = ".. figures end"


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """:return: What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure wsapp and other WebSocket servers side by side, on 127.0.0.1.",
        epilog=f"Jobs: {', '.join(JOBS)}. Servers: {', '.join(SERVERS)}.",
    )
    add = parser.add_argument
    add("--jobs", help="names with commas, or beginnings of names with a *: echo-32-x100,tls-*")
    add("--servers", help="names with commas, or beginnings with a *: wsapp-*,picows")
    add("--rounds", type=int, default=5, help="how often each server gets each job [5]")
    add("--seconds", type=float, default=1.5, help="how long a round counts messages [1.5]")
    add("--quick", action="store_true", help="for development: two rounds of 0.4 s")
    add("--environment", type=Path, default=HOME / ".environment", help="folder to install into")
    add("--checkout", type=Path, default=CHECKOUT, help="source of the wsapp that is measured")
    add("--json", type=Path, default=HOME / "results" / "latest.json", help="file to write the results to")
    add("--from", dest="source", type=Path, help="measure nothing, but show these results of an earlier run")
    add("--docs", action="store_true", help="write the tables and the chart of docs/performance.rst")
    options = parser.parse_args(words)
    if options.quick:
        options.rounds, options.seconds = 2, 0.4
    try:
        options.jobs = chosen(options.jobs, JOBS, [name for name, job in JOBS.items() if job.default])
        options.servers = chosen(options.servers, SERVERS, list(SERVERS))
    except ValueError as error:
        parser.error(str(error))
    return options


def chosen(wanted: str | None, known: dict[str, Job] | dict[str, Server], default: list[str]) -> list[str]:
    """
    Understand a list of names.

    :param wanted: Names with commas between them; what ends in ``*`` stands for all that begin so.
    :return: Those names, in the order of ``known``.
    :raise ValueError: If there is no such name.
    """
    if wanted is None:
        return default
    found: set[str] = set()
    for word in wanted.split(","):
        fit = {name for name in known if (name.startswith(word[:-1]) if word.endswith("*") else name == word)}
        if not fit:
            raise ValueError(f"{word!r} is none of {', '.join(known)}")
        found |= fit
    return [name for name in known if name in found]


def run(environment: Environment, jobs: list[Job], servers: list[Server], results: Results) -> Iterator[Job]:
    """
    Give all jobs to all servers.

    :return: Each job as it is done.
    """
    present: list[Server] = []
    for server in servers:
        why = server.missing(environment)
        if why is None:
            present.append(server)
        else:
            print(f"{server.title} is left out: {why}", file=sys.stderr)
    for (setup, fresh), group in groupby(jobs, key=lambda job: (job.setup, job.fresh)):
        if fresh:
            # One at a time, and one round: memory hardly differs, and that only of a new process.
            for job in group:
                for server in present:
                    with running(environment, [server], setup) as processes:
                        turns(environment, processes, job, 1, results)
                yield job
        else:
            with running(environment, present, setup) as processes:
                for job in group:
                    turns(environment, processes, job, results.rounds, results)
                    yield job


def turns(
    environment: Environment, processes: list[Process], job: Job, rounds: int, results: Results
) -> None:
    """Give one job to each server in turn, as often as there are rounds."""
    for number in range(rounds):
        # Every other round the other way about, so that nobody always comes after the same neighbour.
        for process in processes if number % 2 == 0 else reversed(processes):
            name = process.server.name
            if name in results.errors.get(job.name, {}):
                continue
            try:
                results.add(job.name, name, measure(environment, process, job, results.seconds))
            except LoadError as error:
                results.fail(job.name, name, str(error))


def report(job: Job, results: Results) -> None:
    """Print the table of one job."""
    found = figures(results.samples.get(job.name, {}), job.figure, results.errors.get(job.name))
    print(jobTable(job, found), end="\n\n", flush=True)


def writeDocs(results: Results, docs: Path) -> None:
    """Write the tables into ``performance.rst``, between two comments, and the charts beside it."""
    page = docs / "performance.rst"
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} has not the comments between which the figures stand")
    machine = results.machine
    wire = "its compiled" if machine["accelerated"] == "True" else "the plain Python"
    said = (
        f"{machine['cores']} cores, {machine['cpu']}, {machine['system']}, CPython {machine['python']}, "
        f"Node.js {machine['node'] or 'not there'}; medians of {results.rounds} rounds of "
        f"{results.seconds:g} s, one round for memory; wsapp with {wire} wire unless it says otherwise."
    )
    middle = f"\n\n{said}\n\n{restTables(results)}\n"
    page.write_text(before + begin + middle + end + after, encoding="utf-8")
    for name, jobs in (("performance.svg", DRAWN), ("costs.svg", FRONT)):
        (docs / "images" / name).write_text(chart(panels(results, jobs)), encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    """
    Do what the command line asks for.

    :return: The exit status: 0, or 1 where nothing could be measured.
    """
    options = arguments(sys.argv[1:] if words is None else words)
    if options.source is not None:
        results = Results.fromJson(options.source.read_text(encoding="utf-8"))
        for name in results.samples:
            report(JOBS[name], results)
    else:
        environment = Environment(options.environment, options.checkout)
        try:
            environment.prepare()
        except UnfitError as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 1
        raiseDescriptors()
        results = Results(environment.description(), options.rounds, options.seconds)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        jobs, servers = [JOBS[n] for n in options.jobs], [SERVERS[n] for n in options.servers]
        for job in run(environment, jobs, servers, results):
            report(job, results)
            # After each job, so that a run that is interrupted leaves what it has found.
            options.json.write_text(results.toJson(), encoding="utf-8")
    if options.docs:
        writeDocs(results, CHECKOUT / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
