"""Tables of figures: for a terminal, and for the documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.figures import Figures, Results, figures, ranked
from benchmarks.jobs import JOBS, Job, Mode
from benchmarks.servers import SERVERS

__all__ = ["jobTable", "listTable", "number", "restTables"]

_NONE = "–"


def number(value: float | None) -> str:
    """:return: Three digits that matter, or all before the point."""
    if value is None:
        return _NONE
    if abs(value) >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 9.95 else f"{value:.2f}"


def jobTable(job: Job, found: dict[str, Figures]) -> str:
    """:return: One job for a terminal, the best server first."""
    lines = [f"{job.name}: {job.title} ({job.unit})"]
    lines.append(f"  {'':28}{'':>10}{'ratio':>8}{'±':>6}{'per second':>13}{'p50 µs':>11}{'p99 µs':>11}")
    for row in ranked(found):
        title = SERVERS[row.server].title if row.server in SERVERS else row.server
        if row.value is None:
            lines.append(f"  {title:28}{_NONE:>10}  {row.error}")
            continue
        spread = _NONE if row.spread is None else f"{row.spread / 2:.0%}"
        cells = [number(row.value), number(row.ratio), spread]
        cells += [number(value) for value in (row.perSecond, row.p50, row.p99)]
        widths = (10, 8, 6, 13, 11, 11)
        lines.append(f"  {title:28}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)))
    return "\n".join(lines)


def listTable(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """:return: A reST table whose first column is the widest."""
    widths = " ".join(["24"] + ["8"] * (len(heads) - 1))
    lines = [f".. list-table:: {title}", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [heads, *rows]:
        lines += [f"   {'  -' if column else '* -'} {cell}".rstrip() for column, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def _value(row: Figures) -> str:
    shown = number(row.value)
    return f"**{shown}**" if row.ratio == 1 else shown


def _perSecond(row: Figures) -> str:
    return number(row.perSecond)


def _latency(row: Figures) -> str:
    if row.p50 is None or row.p99 is None:
        return _NONE
    return f"{number(row.p50 / 1000)} / {number(row.p99 / 1000)}"


def restTables(results: Results) -> str:
    """:return: Jobs by servers, for the documentation: costs, throughput and latency."""
    jobs = [job for name, job in JOBS.items() if name in results.samples]
    measured = {name for job in jobs for name in results.samples[job.name]}
    servers = [server for name, server in SERVERS.items() if name in measured]
    heads = ["", *(server.title for server in servers)]
    found = {
        job.name: figures(results.samples[job.name], job.figure, results.errors.get(job.name)) for job in jobs
    }

    def table(title: str, cell: Callable[[Figures], str], kept: Callable[[Job], bool]) -> str:
        rows = [
            [job.title, *(cell(found[job.name].get(s.name, Figures(s.name, None))) for s in servers)]
            for job in jobs
            if kept(job)
        ]
        return listTable(title, heads, rows) if rows else ""

    parts = [
        table(
            "Server CPU in µs per message, delivery or connection; the least of each row in bold",
            _value,
            lambda job: job.mode is not Mode.IDLE,
        ),
        table("Memory in KiB per idle connection", _value, lambda job: job.mode is Mode.IDLE),
        table("Messages, deliveries or connections per second", _perSecond, lambda job: True),
        table("Latency in ms, p50 / p99", _latency, lambda job: job.mode is not Mode.IDLE),
    ]
    return "\n".join(part for part in parts if part)
