"""The Autobahn test suite against the ``echo`` application.

``python -m tests.live.autobahn docs/autobahn.rst`` runs all 517 cases and writes their table; see
:mod:`tests.live.tools` for where the suite is looked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import wsapp
from tests.live.server import Server, freePort
from tests.live.tools import autobahnPython, missing

__all__ = ["ALL", "OPTIONS", "SAMPLE", "SECTIONS", "Result", "expected", "play", "table"]

#: The suite's version; its cases have been the same for years.
SUITE = "25.10.1"

#: The server's options: the largest cases echo 16 MiB.
OPTIONS = ("--app", "echo", "--max-message", "16M", "--max-send-buffer", "32M")

#: Section: what it is about, and how many cases it has.  8 and 11 do not exist.
SECTIONS: dict[str, tuple[str, int]] = {
    "1": ("Framing", 16),
    "2": ("Pings and pongs", 11),
    "3": ("Reserved bits", 7),
    "4": ("Opcodes", 10),
    "5": ("Fragmentation", 20),
    "6": ("UTF-8 handling", 145),
    "7": ("Close handling", 37),
    "9": ("Limits and performance", 54),
    "10": ("Automatic fragmentation", 1),
    "12": ("Compression, different payloads", 90),
    "13": ("Compression, different parameters", 126),
}

#: Every case.
ALL = tuple(f"{section}.*" for section in SECTIONS)

#: Those of CI: all without compression, and some of each payload and each set of parameters with it.
SAMPLE = (
    *(f"{section}.*" for section in SECTIONS if int(section) <= 10),
    *("12.1.1", "12.1.11", "12.2.5", "12.3.7", "12.4.9", "12.5.13"),
    *("13.1.2", "13.2.4", "13.3.6", "13.4.8", "13.5.10", "13.6.12", "13.7.18"),
)

#: The specification leaves these open, so the suite gives everybody's result as information.
INFORMATIONAL = frozenset({"7.1.6", "7.13.1", "7.13.2"})

#: All of it takes minutes; this is when something is stuck.
LIMIT = 3000


@dataclass(frozen=True)
class Result:
    """What the suite says of one case."""

    case: str
    behaviour: str
    close: str
    #: Milliseconds.
    duration: int

    @property
    def good(self) -> bool:
        """Whether both verdicts are OK, or informational where they are for everybody."""
        fine = {"OK", "INFORMATIONAL"} if self.case in INFORMATIONAL else {"OK"}
        return {self.behaviour, self.close} <= fine

    @property
    def order(self) -> tuple[int, ...]:
        """For sorting: 9.2 before 9.10."""
        return tuple(map(int, self.case.split(".")))


def expected(cases: Iterable[str]) -> Counter[str]:
    """:param cases: Of single cases, and of sections as ``"9.*"``.
    :return: How many cases of each section that is."""
    counts: Counter[str] = Counter()
    for case in cases:
        section, _, rest = case.partition(".")
        counts[section] += SECTIONS[section][1] if rest == "*" else 1
    return counts


def play(url: str, cases: Sequence[str], folder: Path) -> list[Result]:
    """Have the suite's fuzzing client play the cases against a server.

    :param folder: Where its reports are written.
    :return: What it says, in the cases' order.
    :raises AssertionError: It failed, or its report has not exactly the cases that were asked for.
    """
    python = autobahnPython()
    assert python, missing("autobahn")
    reports = folder / "reports"
    spec = {
        "outdir": str(reports),
        "servers": [{"agent": "wsapp", "url": url}],
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [python, "-E", str(Path(python).with_name("wstest")), "-m", "fuzzingclient", "-s", "spec.json"]
    with (folder / "wstest.log").open("w+") as log:
        status = subprocess.run(command, cwd=folder, stdout=log, stderr=log, timeout=LIMIT).returncode
        log.seek(0)
        assert status == 0, f"wstest failed with {status}:\n{log.read()[-2000:]}"
    report = json.loads((reports / "index.json").read_text())["wsapp"]
    results = [
        Result(case, verdict["behavior"], verdict["behaviorClose"], verdict["duration"])
        for case, verdict in report.items()
    ]
    ran = Counter(result.case.partition(".")[0] for result in results)
    assert ran == expected(cases), (
        f"asked for {dict(expected(cases))} cases of each section, {dict(ran)} have run"
    )
    return sorted(results, key=lambda result: result.order)


def table(results: Sequence[Result]) -> str:
    """:return: A section a line: how many cases, how many of them good, which are not; for a terminal."""
    lines = []
    for section, (title, _) in SECTIONS.items():
        mine = [result for result in results if result.case.startswith(f"{section}.")]
        if mine:
            time = sum(result.duration for result in mine) / 1000
            good = sum(result.good for result in mine)
            lines.append(f"{section:>3} {title:34} {good:>3} of {len(mine):>3} good {time:8.1f} s")
    lines += [f"    {result}" for result in results if not result.good]
    return "\n".join(lines)


def page(results: Sequence[Result]) -> str:
    """:return: The page of the documentation, reST."""
    good = sum(result.good for result in results)
    open_ = ", ".join(sorted(INFORMATIONAL))
    lines = [
        "The Autobahn test suite",
        "=======================",
        "",
        f"The `Autobahn test suite <https://github.com/crossbario/autobahn-testsuite>`_, version {SUITE},",
        f"plays {len(results)} cases against ``twistd wsapp {' '.join(OPTIONS)}``",
        f"(wsapp {wsapp.__version__}, Twisted {version('twisted')}).",
        f"{good} of {len(results)} are as they should be, for behaviour and for close; {open_}",
        "are informational for everybody, as the specification leaves them open.",
        "",
        "``python -m tests.live.autobahn docs/autobahn.rst`` writes this page. It needs a CPython 2.7 with",
        "``.ci/requirements-autobahn.txt`` installed, found as ``PYTHON27``. The times are the suite's own:",
        "client, server and the suite's deliberate waits together.",
        "",
    ]
    for section, (title, count) in SECTIONS.items():
        heading = f"{section} {title} ({count} cases)"
        lines += [heading, "-" * len(heading), "", ".. csv-table::"]
        lines += ["   :header: case, behaviour, close, ms", ""]
        lines += [
            f"   {result.case}, {result.behaviour}, {result.close}, {result.duration}"
            for result in results
            if result.case.startswith(f"{section}.")
        ]
        lines.append("")
    return "\n".join(lines)


def main(target: Path) -> int:
    """Run all and write the page.

    :return: The exit status: 0 when every case is good.
    """
    port = freePort()
    with tempfile.TemporaryDirectory(prefix="wsapp-") as name:
        folder = Path(name)
        server = Server(folder, ("--port", f"tcp:{port}:interface=127.0.0.1", *OPTIONS)).start()
        try:
            results = play(f"ws://127.0.0.1:{port}/", ALL, folder)
            status = server.stop()
        finally:
            server.kill()
        complaints = server.complaints()
    print(table(results))
    target.write_text(page(results), encoding="utf-8")
    print(*complaints, sep="\n")
    return int(bool(status or complaints or not all(result.good for result in results)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
