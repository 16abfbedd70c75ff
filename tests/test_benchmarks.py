"""The benchmarks' own sums: medians, tables, chart, command line. What they measure is not run here."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

skip = None
try:
    from benchmarks.__main__ import BEGIN, END, arguments, writeDocs
    from benchmarks.brokers import HEADS, Round, row, table
    from benchmarks.brokers import main as brokers
    from benchmarks.chart import FRONT, chart, panels
    from benchmarks.environment import Environment
    from benchmarks.figures import Results, figures, ranked
    from benchmarks.jobs import JOBS, Mode, Setup, message
    from benchmarks.servers import SERVERS
    from benchmarks.tables import jobTable, listTable, number, restTables
except ModuleNotFoundError as error:
    if error.name != "benchmarks":
        raise
    skip = "benchmarks/ is not here"


def sample(cpu: float) -> dict[str, float]:
    """One round of the load generator's."""
    return {"cpu_us": cpu, "per_s": 1e6 / cpu, "p50_us": 10 * cpu, "p99_us": 20 * cpu}


def results() -> Results:
    """A run of two jobs."""
    machine = {
        "cores": "2",
        "cpu": "A",
        "system": "Linux 6",
        "python": "3.12",
        "node": "",
        "accelerated": "True",
    }
    run = Results(machine, 5, 1.5)
    for cpu in (10, 8, 90, 9, 8):
        run.add("echo-32-x100", "wsapp-epoll", sample(cpu))
        run.add("echo-32-x100", "picows", sample(cpu / 2))
    run.add("idle-2000", "wsapp-epoll", {"kib": 3.5, "cpu_us": 100, "per_s": 4000})
    run.fail("idle-2000", "picows", "it ended")
    return run


class FiguresTests(SynchronousTestCase):
    """Medians and ratios."""

    def test_medians(self) -> None:
        """A round in which the machine was busy elsewhere does not count."""
        found = figures(results().samples["echo-32-x100"], "cpu_us")
        self.assertEqual((found["wsapp-epoll"].value, found["wsapp-epoll"].ratio), (9, 2))
        self.assertEqual((found["picows"].value, found["picows"].ratio), (4.5, 1))
        self.assertEqual((found["picows"].p50, found["picows"].p99), (45, 90))

    def test_spread(self) -> None:
        """It is the middle half over the median, and there is none of three rounds."""
        found = figures({"a": [sample(cpu) for cpu in (8, 9, 10, 11, 12)], "b": [sample(1)] * 3}, "cpu_us")
        self.assertEqual(found["a"].spread, 0.3)
        self.assertIsNone(found["b"].spread)

    def test_failed(self) -> None:
        """A server that failed in one round has no figures and stands last, with the reason."""
        found = figures({"b": [sample(1)], "a": [sample(2)]}, "cpu_us", {"b": "it ended"})
        self.assertEqual([row.server for row in ranked(found)], ["a", "b"])
        self.assertEqual((found["a"].ratio, found["b"].value, found["b"].error), (1, None, "it ended"))

    def test_nothing(self) -> None:
        """Where nobody did the job there is nothing."""
        self.assertEqual(figures({}, "cpu_us"), {})

    def test_free(self) -> None:
        """Something for nothing has no ratio, and does not make others infinite."""
        found = figures({"a": [{"kib": 0.0}], "b": [{"kib": 1.0}]}, "kib")
        self.assertIsNone(found["b"].ratio)

    def test_json(self) -> None:
        """What is written is read."""
        self.assertEqual(Results.fromJson(results().toJson()), results())


class TableTests(SynchronousTestCase):
    """What is shown of them."""

    def test_number(self) -> None:
        """Three digits that matter."""
        shown = [number(value) for value in (None, 0.123, 9.96, 12.34, 99.6, 12345.6)]
        self.assertEqual(shown, ["–", "0.12", "10.0", "12.3", "100", "12,346"])

    def test_jobTable(self) -> None:
        """The best first, each with its ratio."""
        run = results()
        job = JOBS["echo-32-x100"]
        lines = jobTable(job, figures(run.samples[job.name], job.figure)).splitlines()
        self.assertEqual(lines[2].split()[:4], ["picows,", "uvloop", "4.50", "1.00"])
        self.assertEqual(lines[3].split()[:4], ["wsapp,", "epoll", "9.00", "2.00"])

    def test_failedInTable(self) -> None:
        """With its reason."""
        run = results()
        job = JOBS["idle-2000"]
        shown = jobTable(job, figures(run.samples[job.name], job.figure, run.errors[job.name]))
        self.assertIn("it ended", shown)

    def test_listTable(self) -> None:
        """reST as docutils reads it."""
        self.assertEqual(
            listTable("T", ["", "a"], [["r", "1"]]),
            ".. list-table:: T\n   :header-rows: 1\n   :widths: 24 8\n\n"
            "   * -\n     - a\n   * - r\n     - 1\n",
        )

    def test_restTables(self) -> None:
        """The least of a row is bold; memory has a table of its own, where who failed has a dash."""
        shown = restTables(results())
        self.assertIn("   * - echo 32 B, 100 clients\n     - 9.00\n     - **4.50**\n", shown)
        self.assertIn("   * - 2,000 idle connections\n     - **3.50**\n     - –\n", shown)

    def test_docs(self) -> None:
        """Only what stands between the two comments is written anew."""
        docs = Path(self.mktemp())
        (docs / "images").mkdir(parents=True)
        page = docs / "performance.rst"
        page.write_text(f"before\n\n{BEGIN}\n\nearlier\n\n{END}\n\nafter\n")
        for _ in range(2):
            writeDocs(results(), docs)
        text = page.read_text(encoding="utf-8")
        self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
        self.assertNotIn("earlier", text)
        self.assertEqual(text.count("CPython 3.12"), 1)
        for name in ("performance.svg", "costs.svg"):
            ElementTree.parse(docs / "images" / name)


class ChartTests(SynchronousTestCase):
    """The SVG."""

    def test_bars(self) -> None:
        """As long as their values, and text is escaped."""
        drawn = ElementTree.fromstring(chart([("<a>", "µs & more", [("x", 5.0, True), ("y", 10.0, False)])]))
        widths = [float(element.attrib["width"]) for element in drawn.findall("{*}rect")]
        self.assertEqual(widths[1], 2 * widths[0])
        self.assertIn("<a>", [element.text for element in drawn.findall("{*}text")])

    def test_panels(self) -> None:
        """A panel for each job that was measured, without those who failed."""
        echo, idle = panels(results())
        self.assertEqual([label for label, _, _ in echo[2]], ["picows, uvloop", "wsapp, epoll"])
        self.assertEqual([label for label, _, _ in idle[2]], ["wsapp, epoll"])
        self.assertEqual([title for title, _, _ in panels(results(), FRONT)], [echo[0]])


class JobTests(SynchronousTestCase):
    """What is measured."""

    def test_tls(self) -> None:
        """Every job is there over TLS too."""
        plain = [job for job in JOBS.values() if not job.tls]
        self.assertEqual(len(JOBS), 2 * len(plain))
        for job in plain:
            self.assertTrue(JOBS[f"tls-{job.name}"].setup.tls)

    def test_messages(self) -> None:
        """As long as the job says, the same each time, and JSON compresses as such things do."""
        for job in JOBS.values():
            self.assertEqual(len(message(job)), job.size)
            self.assertEqual(message(job), message(job))
        text = message(JOBS["deflate-echo-x100"])
        self.assertTrue(0.2 < len(zlib.compress(text)) / len(text) < 0.7)

    def test_limits(self) -> None:
        """wsapp's limits stay what they are, but for the connections of the one job that needs more."""
        environment = Environment(Path(self.mktemp()))
        ours = SERVERS["wsapp-epoll"]
        for job in JOBS.values():
            words = ours.command(environment, job.setup, 1)
            self.assertEqual("--max-connections" in words, job.connections >= 10_000)
            self.assertEqual(
                len([word for word in words if word.startswith("--max-")]), job.connections >= 10_000
            )

    def test_setup(self) -> None:
        """Jobs that differ in the load alone share their servers."""
        self.assertEqual(JOBS["echo-32-x1"].setup, JOBS["echo-1m-x4"].setup)
        self.assertEqual(JOBS["tls-broadcast-x1000"].setup, Setup(broadcast=True, tls=True))
        self.assertTrue(all(job.fresh == (job.mode is Mode.IDLE) for job in JOBS.values()))


class BrokersTests(SynchronousTestCase):
    """The table of ``python -m benchmarks.brokers``."""

    def test_row(self) -> None:
        """Medians; what is counted by the delivery is a message's by the number of clients."""
        samples = [
            {"cpu_us": cpu, "broker_us": 2 * cpu, "p50_us": 100 * cpu, "p99_us": 1000 * cpu}
            for cpu in (9.0, 2.0, 3.0)
        ]
        self.assertEqual(
            row(Round("wsapp", 2, 500), samples),
            ["wsapp", "2", "500", "3.00", "1,500", "3,000", "0.30", "3.00"],
        )
        self.assertEqual(row(Round("wsapp-alone", 1, 500), samples)[5], "–")

    def test_table(self) -> None:
        """A list-table with a line of heads."""
        lines = table([["a", "", "b"]]).splitlines()
        self.assertEqual(lines[-3:], ["   * - a", "     -", "     - b"])
        self.assertEqual(len(lines), 3 + len(HEADS) + 3)

    def test_unknown(self) -> None:
        """A service that there is none of is said to be."""
        self.assertRaises(SystemExit, brokers, ["--ways", "wsapp,nosuch"])


class ArgumentsTests(SynchronousTestCase):
    """The command line."""

    def test_chosen(self) -> None:
        """Names, or beginnings of names."""
        options = arguments(["--jobs", "tls-churn*,echo-32-x1", "--servers", "picows,wsapp-*", "--quick"])
        self.assertEqual(options.jobs, ["echo-32-x1", "tls-churn", "tls-churn-close"])
        self.assertEqual(options.servers[-1], "picows")
        self.assertEqual((options.rounds, options.seconds), (2, 0.4))

    def test_default(self) -> None:
        """All but the jobs of many connections."""
        options = arguments([])
        self.assertNotIn("idle-10000", options.jobs)
        self.assertEqual(options.servers, list(SERVERS))
        self.assertGreaterEqual(options.rounds, 5)

    def test_unknown(self) -> None:
        """Said, with what there is."""
        self.assertRaises(SystemExit, arguments, ["--jobs", "echo"])
