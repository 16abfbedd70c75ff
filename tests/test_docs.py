"""What docs/ and README say is so: their tables are the code's, their snippets run, their options exist.

``python -m tests.test_docs`` writes the parts that are made of the code.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import argparse
import ast
import http.client
import importlib
import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import wsapp
from tests.live.server import freePort
from wsapp import Limits, closing, commands
from wsapp.tap import Options
from wsapp.wire.codes import isSayable, onTheWire
from wsapp.wire.deflate import Compression
from wsapp.wire.headers import Headers
from wsapp.wire.http import RequestHead
from wsapp.wire.versions import VERSIONS, Opening, Version

HOME = Path(__file__).parent.parent
DOCS = HOME / "docs"
README = HOME / "README.rst"
SNIPPETS = DOCS / "snippets"
HELP = DOCS / "reference" / "help.txt"

TWISTD = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"

# Parts that are made of the code


def listTable(widths: str, heads: list[str], rows: list[list[str]]) -> str:
    """A reST table."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [heads, *rows]:
        lines += [f"   {'* -' if number == 0 else '  -'} {cell}" for number, cell in enumerate(row)]
    return "\n".join(line.rstrip() for line in lines)


def plain(text: str) -> str:
    """A docstring's markup without what only autodoc resolves."""
    text = re.sub(r":[a-z:]+:`~?\.?([^`<]+)`", r"``\1``", " ".join(text.split()))
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text)


def jobOf(module: str) -> str:
    """What a module's docstring says first."""
    path = Path(wsapp.__file__).parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return plain(re.sub(r"\s+Imports nothing[^.]*\.$", "", said.split("\n\n")[0]))


def layers() -> str:
    """Every module's row and job."""
    from tests.test_layers import ROWS

    rows = [
        [str(number), f"``{('wsapp.' + name).rstrip('.')}``", jobOf(name)]
        for number, row in enumerate(ROWS)
        for name in row
    ]
    return listTable("6 26 68", ["row", "module", "its one job"], rows)


def comments(path: str, names: set[str]) -> dict[str, str]:
    """What the ``#:`` lines in front of each assignment say."""
    found: dict[str, str] = {}
    said: list[str] = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        stripped = line.strip()
        if stripped.startswith("#:"):
            said.append(stripped[2:].strip())
            continue
        name = re.match(r"\w+", stripped)
        if said and name and name[0] in names:
            found[name[0]] = plain(" ".join(said))
        said = []
    return found


def shown(name: str, value: float | str) -> str:
    """A limit as a person reads it."""
    if isinstance(value, str):
        return value
    if name.endswith("Rate"):
        return f"{value:,}" if value else "off"
    if isinstance(value, float) or name.endswith(("Timeout", "Interval", "Burst")):
        return f"{value:g} s" if value else "off"
    if name in ("maxHead", "maxLine", "maxBody", "maxMessage", "maxSendBuffer", "maxSessionBytes"):
        return f"{value // 1024**2} MiB" if value % 1024**2 == 0 else f"{value // 1024} KiB"
    return f"{value:,}"


def optionOf(field: str) -> str:
    """What the command line calls a field of Limits."""
    option = re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), field)
    return f"``--{option}``" if f"{option}=" in Options().longOpt else ""


def limits() -> str:
    """All fields of Limits."""
    names = [field.name for field in fields(Limits)]
    said = comments(sys.modules[Limits.__module__].__file__ or "", set(names))
    rows = [
        [optionOf(name), f"``{name}``", shown(name, getattr(Limits(), name)), said[name]] for name in names
    ]
    return listTable("30 26 12 50", ["option", "field", "default", "what, and what happens past it"], rows)


def named(value: Any) -> str:
    """An enum's member as a person reads it."""
    return str(value.name).lower().replace("_", " ")


def meanings(kind: Any) -> Callable[[], str]:
    """A definition list of an enum of closing's."""

    def write() -> str:
        said = comments(closing.__file__, {value.name for value in kind})
        return "\n".join(f"*{named(value)}*\n   {said[value.name]}" for value in kind)

    return write


def closingTable() -> str:
    """closing.TABLE, row by row."""
    rows = [
        [named(state), named(happening), named(after), ", ".join(map(named, actions))]
        for (state, happening), (after, actions) in closing.TABLE.items()
    ]
    return listTable("20 20 20 40", ["it is", "what happens", "then it is", "what is done, in order"], rows)


def codes() -> str:
    """What each version is told in place of a close code."""
    rows = [
        [str(code), *(str(onTheWire(number, code)) for number in (13, 8, 7))]
        for code in range(1000, 1016)
        if isSayable(13, code)
    ]
    rows.append(["3000-4999", *["the same"] * 3])
    return listTable("25 25 25 25", ["code", "RFC 6455", "hybi-08", "hybi-07"], rows)


BROWSERS = {
    "RFC 6455": "all since 2012",
    "hybi-08": "Firefox 7-10, Chrome 14-15",
    "hybi-07": "Firefox 6",
    "hixie-76": "Chrome 6-13, Firefox 4-5, Safari 5.0.1-5.1, Opera 11",
    "hixie-75": "Chrome 4, Safari 5.0.0",
}


def versions() -> str:
    """What each version can do."""

    def row(version: Version) -> list[str]:
        request = [("Host", "x"), ("Sec-WebSocket-Extensions", "permessage-deflate")]
        if version.number is not None:
            request.append(("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="))
        if version.trailing:
            request += [("Sec-WebSocket-Key1", "1 1"), ("Sec-WebSocket-Key2", "1 1")]
        head = RequestHead("GET", "/", 11, Headers(request), b"")
        accepted = Opening(head, version).accept(None, [], "ws://x/", Compression.SHARED)
        sender = Opening(head, version).framing(accepted, Limits())[1]
        compresses = accepted.deflation is not None
        close = "with codes" if version.number else "without codes" if version.hasClose else "none"
        answers = ["yes" if able else "no" for able in (sender.hasBinary, sender.hasPing, compresses)]
        return [version.name, f"``{version.option}``", BROWSERS[version.name], *answers, close]

    heads = ["version", "option", "browsers", "binary", "ping", "compression", "closing handshake"]
    return listTable("12 12 26 10 10 14 16", heads, [row(version) for version in VERSIONS])


def commandOptions() -> str:
    """What the command ``wsapp`` takes, a definition for each command with those of its options."""
    subparsers = next(
        action for action in commands.parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    lines = []
    for name, parser in subparsers.choices.items():
        actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
        words = [str(action.metavar) for action in actions if not action.option_strings]
        lines += [f"``wsapp {' '.join([name, *words])}``", f"   {parser.description}", ""]
        for action in actions:
            value = action.metavar or "|".join(action.choices or ())
            spelled = f"{action.option_strings[-1]} {value}".rstrip() if action.option_strings else str(value)
            short = f", ``{action.option_strings[0]}``" if len(action.option_strings) > 1 else ""
            lines += [f"   ``{spelled}``{short}", f"      {action.help}"]
        lines.append("")
    return "\n".join(lines).strip("\n")


PARTS: list[tuple[str, str, Callable[[], str]]] = [
    ("design.rst", "layers", layers),
    ("howto/limits.rst", "limits", limits),
    ("closing.rst", "states", meanings(closing.State)),
    ("closing.rst", "happenings", meanings(closing.Happening)),
    ("closing.rst", "actions", meanings(closing.Action)),
    ("closing.rst", "closing", closingTable),
    ("closing.rst", "codes", codes),
    ("versions.rst", "versions", versions),
    ("reference/command-line.rst", "commands", commandOptions),
]


def part(text: str, name: str) -> tuple[int, int]:
    """From where to where a marked part stands."""
    begin, end = f".. begin: {name}\n", f".. end: {name}\n"
    return text.index(begin) + len(begin), text.index(end)


def helpText() -> str:
    """What ``twistd wsapp --help`` prints, 80 columns wide."""
    run = twistd("wsapp", "--help", COLUMNS="80")
    return "\n".join(line.rstrip() for line in run.stdout.strip("\n").splitlines()) + "\n"


# Processes


def environment(*paths: Path, **more: str) -> dict[str, str]:
    """Such that a child imports the wsapp that is tested here, and is as a person starts it.

    (``twisted.web.static`` warns of itself; only where the warnings are ours they are errors.)
    """
    found = [str(Path(wsapp.__file__).parents[1]), *map(str, paths)]
    ours = {"PYTHONPATH": os.pathsep.join(found), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": ""}
    return {**os.environ, **ours, **more}


def twistd(*arguments: str, path: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-c", TWISTD, *arguments],
        env=environment(*([path] if path else []), **more),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


class DocsCase(SynchronousTestCase):
    """What needs docs/."""

    def setUp(self) -> None:
        if not DOCS.is_dir():
            raise SkipTest(f"{DOCS} is not here: these tests were copied without the project")


class PartTests(DocsCase):
    """Tables are those of the code."""

    maxDiff = None

    def test_parts(self) -> None:
        """Each part is what the code says now; ``python -m tests.test_docs`` makes it so."""
        for file, name, write in PARTS:
            text = (DOCS / file).read_text(encoding="utf-8")
            begin, end = part(text, name)
            self.assertEqual(
                text[begin:end].strip("\n"), write(), f"{file}, {name}: run python -m tests.test_docs"
            )

    def test_partsAreWritten(self) -> None:
        """No part is marked that nobody writes."""
        marked = {
            (path.relative_to(DOCS).as_posix(), name)
            for path in DOCS.rglob("*.rst")
            for name in re.findall(r"^\.\. begin: (.+)$", path.read_text(encoding="utf-8"), re.M)
        }
        self.assertEqual(marked, {(file, name) for file, name, _ in PARTS})

    def test_help(self) -> None:
        """The reference of the command line is what the command prints."""
        self.assertEqual(HELP.read_text(encoding="utf-8"), helpText())


class TextTests(DocsCase):
    """What the pages say in passing."""

    def pages(self) -> Iterator[tuple[Path, str]]:
        """Every page."""
        for path in [README, *sorted(DOCS.rglob("*.rst"))]:
            if "_build" not in path.parts:
                yield path, path.read_text(encoding="utf-8")

    def test_options(self) -> None:
        """Each option that is written down exists, of whichever command's."""
        twistdOptions = importlib.import_module("twisted.scripts.twistd").ServerOptions
        known = {option.rstrip("=") for kind in (Options, twistdOptions) for option in kind().longOpt}
        measuring = (HOME / "benchmarks" / "__main__.py").read_text(encoding="utf-8")
        known.update(re.findall(r'add\(\s*"--([a-z-]+)"', measuring))
        fuzzing = (HOME / "tests" / "fuzz" / "__main__.py").read_text(encoding="utf-8")
        known.update(re.findall(r'add_argument\(\s*"--([a-z-]+)"', fuzzing))
        client = (HOME / "wsapp" / "commands" / "__init__.py").read_text(encoding="utf-8")
        known.update(re.findall(r'"--([a-z-]+)"', client))
        checked = 0
        for path, text in self.pages():
            commands = re.sub(r"\\\n\s+", "", text)
            said = re.findall(r"``(--[a-z-]+)", text)
            for command in re.findall(r"^ +\$ (?:.*\$ )?(twistd .*)$", commands, re.M):
                said += re.findall(r"(?<=\s)(--[a-z-]+)", command)
            for option in said:
                checked += 1
                self.assertIn(option[2:], known, path)
        self.assertGreater(checked, 50)

    def test_nothingOfThisMachine(self) -> None:
        """No folder of whoever wrote it."""
        for path, text in self.pages():
            for place in (str(Path.home()), "/tmp/", "/work/"):
                self.assertNotIn(f" {place}", text, path)


class ReadmeTests(SynchronousTestCase):
    """README, which is also the project's page where packages are found."""

    def setUp(self) -> None:
        if not README.is_file():
            raise SkipTest(f"{README} is not here: these tests were copied without the project")
        self.text = README.read_text(encoding="utf-8")

    def blocks(self) -> list[str]:
        """The Python that it shows."""
        found = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", self.text)
        return [re.sub("^   ", "", block, flags=re.M).strip() for block in found]

    def test_tenLines(self) -> None:
        """The application that it shows is examples/hello.py."""
        code = (HOME / "examples" / "hello.py").read_text(encoding="utf-8")
        code = code[code.index("from wsapp") :]
        self.assertEqual(self.blocks()[0], code.strip())

    def test_itsTest(self) -> None:
        """And what it shows as its test passes."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for name, block in zip(["hello", "test_hello"], self.blocks(), strict=True):
            (folder / f"{name}.py").write_text(block, encoding="utf-8")
        run = subprocess.run(
            [sys.executable, "-m", "twisted.trial", "test_hello"],
            cwd=folder,
            env=environment(PYTHONWARNINGS="error"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertIn("PASSED (successes=1)", run.stdout, run.stderr)

    def test_testLine(self) -> None:
        """The line that .ci/run takes from it."""
        self.assertIn("\n   $ pip install '.[test]' && python -m twisted.trial tests\n", self.text)

    def test_noRoles(self) -> None:
        """Nothing that only Sphinx knows."""
        self.assertEqual(re.findall(r":(?:doc|ref|class|meth|func|mod|exc|attr):`", self.text), [])

    def test_renders(self) -> None:
        """docutils alone renders it without a warning."""
        if importlib.util.find_spec("docutils") is None:
            raise SkipTest("docutils is not installed: pip install docutils")
        publish = importlib.import_module("docutils.core").publish_string
        said = io.StringIO()
        settings = {"warning_stream": said, "raw_enabled": False, "file_insertion_enabled": False}
        publish(self.text, writer="html", settings_overrides=settings)
        self.assertEqual(said.getvalue(), "")


class SnippetTests(DocsCase):
    """The code in docs/snippets runs."""

    def test_theirTests(self) -> None:
        """The tests that stand beside the snippets, run as the pages say."""
        names = sorted(path.stem for path in SNIPPETS.rglob("test_*.py"))
        folders = {path.parent for path in SNIPPETS.rglob("test_*.py")}
        folder = self.mktemp()
        os.mkdir(folder)
        run = subprocess.run(
            [sys.executable, "-m", "twisted.trial", "--reporter=text", *names],
            cwd=folder,
            env=environment(*folders, PYTHONWARNINGS="error", PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        ran = re.search(r"Ran (\d+) tests", run.stdout)
        self.assertGreater(int(ran[1]) if ran else 0, 20, run.stdout)

    def test_everySnippetIsShown(self) -> None:
        """And what is shown is there (Sphinx says so too, with the line)."""
        shown = set()
        for path in DOCS.rglob("*.rst"):
            for name in re.findall(r"literalinclude:: (\S+)", path.read_text(encoding="utf-8")):
                shown.add((path.parent / name).resolve())
        there = {
            path.resolve()
            for path in SNIPPETS.rglob("*")
            if path.is_file()
            and not {"__pycache__", ".mypy_cache"} & set(path.parts)
            and path.suffix != ".cache"
        }
        there -= {path.resolve() for path in SNIPPETS.glob("test_measurements.py")}
        self.assertEqual(there - shown, set())
        self.assertEqual({path for path in shown if not path.is_file()}, set())


class PluginTests(DocsCase):
    """Both ways to register an application, as the page shows them."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        shutil.copytree(SNIPPETS / "plugin" / "rota", self.folder / "rota")

    def installEntryPoint(self) -> None:
        """What pip makes of pyproject.toml."""
        text = (SNIPPETS / "plugin" / "pyproject.toml").read_text(encoding="utf-8")
        entry = re.search(r'^\[project\.entry-points\."(.+)"\]\nrota = "(.+)"$', text, re.M)
        assert entry is not None
        about = self.folder / "rota-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rota\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{entry[1]}]\nrota = {entry[2]}\n")

    def test_entryPoint(self) -> None:
        """By the entry point alone."""
        self.installEntryPoint()
        listed = twistd("wsapp", "--list-apps", path=self.folder).stdout
        page = (DOCS / "howto" / "plugins.rst").read_text(encoding="utf-8")
        for line in listed.splitlines():
            self.assertIn(f"   {line}\n", page)
        self.assertIn("rota  from rota:Rota\n", listed)

    def test_twistedPlugin(self) -> None:
        """The plugin's description is shown instead."""
        self.installEntryPoint()
        shutil.copytree(SNIPPETS / "plugin" / "twisted", self.folder / "twisted")
        listed = twistd("wsapp", "--list-apps", path=self.folder).stdout
        self.assertIn("rota  whose turn it is; people=NAMES, start=NUMBER\n", listed)


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}


class EmbeddingTests(DocsCase):
    """wsapp in other programs, as real processes."""

    @contextmanager
    def running(self, snippet: str, *command: str) -> Iterator[int]:
        """Run a snippet on a port of its own, as long as that takes."""
        port = freePort()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        text = (SNIPPETS / snippet).read_text(encoding="utf-8")
        self.assertEqual(text.count("tcp:8080:"), 1)
        (folder / snippet).write_text(text.replace("tcp:8080:", f"tcp:{port}:"), encoding="utf-8")
        log = folder / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *command, snippet],
                cwd=folder,
                env=environment(SNIPPETS, PYTHONDONTWRITEBYTECODE="1"),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            end = time.monotonic() + 30
            while b"listening on" not in log.read_bytes():
                self.assertIsNone(process.poll(), log.read_text())
                self.assertLess(time.monotonic(), end, log.read_text())
                time.sleep(0.02)
            yield port
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            self.assertNotIn("Traceback", log.read_text())
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def ask(self, connection: http.client.HTTPConnection, path: str, **headers: str) -> tuple[int, bytes]:
        """One request."""
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, b"" if response.status == 101 else response.read()

    def test_website(self) -> None:
        """A page of the site, the chat's page, and a WebSocket, all on one connection."""
        with self.running("website.py", "-c", TWISTD, "--pidfile=", "-ny") as port:
            connection = http.client.HTTPConnection("localhost", port, timeout=30)
            self.assertEqual(self.ask(connection, "/"), (200, b"<h1>Our shop</h1>"))
            status, body = self.ask(connection, "/chat/")
            self.assertEqual((status, b"<!doctype html>" in body), (200, True))
            self.assertEqual(self.ask(connection, "/nowhere")[0], 404)
            self.assertEqual(self.ask(connection, "/chat", **UPGRADE)[0], 101)
            connection.close()

    def test_embedded(self) -> None:
        """The host of another is refused, for the listener knows that it is on the loopback."""
        with self.running("embedded.py") as port:
            connection = http.client.HTTPConnection("localhost", port, timeout=30)
            self.assertEqual(self.ask(connection, "/hello", **UPGRADE)[0], 101)
            connection.close()
            connection = http.client.HTTPConnection("localhost", port, timeout=30)
            self.assertEqual(self.ask(connection, "/hello", Host="evil.example", **UPGRADE)[0], 403)
            connection.close()


def main() -> None:
    """Write the parts that are made of the code."""
    for file, name, write in PARTS:
        path = DOCS / file
        text = path.read_text(encoding="utf-8")
        begin, end = part(text, name)
        path.write_text(f"{text[:begin]}\n{write()}\n\n{text[end:]}", encoding="utf-8")
    HELP.write_text(helpText(), encoding="utf-8")


if __name__ == "__main__":
    main()
