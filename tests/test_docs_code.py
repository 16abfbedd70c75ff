"""No code stands in docs/ that nobody has run: what is included has a test, what is typed is understood."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib
import re
import shlex
import unittest
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import wsapp
from tests.test_docs import DOCS, HOME, README, SNIPPETS
from wsapp import commands
from wsapp.origins import Origins
from wsapp.tap import Options
from wsapp.testing import Rejected, TestServer

#: What is typed into a page beside commands: the page, and how it begins.
TYPED = {
    # LogTests looks whether it is so.
    ("howto/origins.rst", "refused 198.51.100.7: 403"),
    # A few lines of what tests.live.test_browser_client does with wsapp.js.
    ("howto/browser-client.rst", "import WebSocket from"),
    # Lines of logs, which the tests of wsapp.admin and wsapp.accesslog hold; a file of logrotate's.
    ("howto/operating.rst", "the console is at http"),
    ("howto/operating.rst", "time=2026-"),
    ("howto/operating.rst", "/var/log/wsapp/*.log {"),
    # What goes over the wire, for those who write a client in another language.
    ("reference/resumption.rst", ""),
}

#: Included, and configurations of other programs' or pages, which no unit test can run.
ELSEWHERE = {
    "hello.service": "for systemd; UnitTests reads its command",
    "hello.css": "how a page looks",
    "hello.js": "tests.live.test_tutorial runs the page",
}

#: Commands that are not ours: a reader's shell has them.
OTHERS = {
    "apt-get", "bash", "cd", "certbot", "chmod", "curl", "docker", "journalctl", "kill", "mkdir", "openssl",
    "pip", "printf", "python3", "redis-cli", "sphinx-build", "systemctl", "tail", "touch", "websockets", ".",
}  # fmt: skip


def pages() -> Iterator[tuple[str, str]]:
    """Every page: its name in docs/, and its text."""
    yield "README.rst", README.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.rst")):
        if "_build" not in path.parts:
            yield path.relative_to(DOCS).as_posix(), path.read_text(encoding="utf-8")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Every literal block of a page: what it is said to be ("::" for a bare one), and its text."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        directive = re.match(
            r" *\.\. (code-block|code|sourcecode|parsed-literal|doctest|testcode)::(.*)", line
        )
        bare = line.rstrip().endswith("::") and not line.lstrip().startswith("..")
        if not directive and not bare:
            continue
        indent = len(line) - len(line.lstrip())
        body = []
        for following in lines[number + 1 :]:
            if following.strip() and len(following) - len(following.lstrip()) <= indent:
                break
            body.append(following.strip())
        kind = directive[2].strip() or directive[1] if directive else "::"
        yield kind, "\n".join(row for row in body if not row.startswith(":")).strip()


def commandLines(block: str) -> Iterator[list[str]]:
    """The commands of a transcript, as words; what ``&&``, ``|`` and ``&`` part, one by one."""
    for line in re.findall(r"^[$#] (.*)$", re.sub(r"\\\n", "", block), re.M):
        lexer = shlex.shlex(re.sub(r"\$\(.*?\)", "X", line), posix=True, punctuation_chars="&|><")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, "&"]:
            if word in ("&", "&&", "|"):
                if words:
                    yield words
                words = []
            elif word == ">":
                words.append(word)
            else:
                words.append(word)


class Read(Options):
    """The options, read and not acted upon."""

    def postOptions(self) -> None:
        """Nothing is served."""


def twistd(words: list[str]) -> None:
    """:raises UsageError: There is no such option, or no such value."""
    server = importlib.import_module("twisted.scripts.twistd").ServerOptions
    known = server().longOpt
    while words and words[0] != "wsapp":
        word = words.pop(0)
        if word.startswith("--") and word[2:].split("=")[0] not in {name.rstrip("=") for name in known}:
            raise UsageError(f"twistd has no {word}")
        if word in ("-ny", "-y", "--reactor"):
            words.pop(0)
    if words:
        try:
            Read().parseOptions(words[1:])
        except SystemExit as ended:
            if ended.code:
                raise


def ours(words: list[str]) -> None:
    """:raises SystemExit: argparse does not understand it."""
    try:
        commands.parser().parse_args(words)
    except SystemExit as ended:
        if ended.code:
            raise


def python(words: list[str]) -> None:
    """A module that is there, or a file that a page shows."""
    if words[0] in ("-m", "-c"):
        if words[0] == "-m" and words[1] != "venv":
            assert importlib.util.find_spec(words[1]), words
    else:
        assert list(SNIPPETS.rglob(words[0])) or (DOCS.parent / words[0]).is_file(), words


READERS: dict[str, Callable[[list[str]], None]] = {"twistd": twistd, "wsapp": ours, "python": python}


class CodeTests(SynchronousTestCase):
    """What stands in the pages."""

    def setUp(self) -> None:
        if not DOCS.is_dir():
            raise SkipTest(f"{DOCS} is not here: these tests were copied without the project")

    def test_blocks(self) -> None:
        """Code is included from files; only transcripts, pictures, README's Python and TYPED are typed."""
        typed = set()
        for page, text in pages():
            for kind, block in blocks(text):
                picture = kind == "::" and "┌" in block
                if kind == "console" or picture or (page == "README.rst" and kind == "python"):
                    continue
                named = {
                    (page, begins) for there, begins in TYPED if there == page and block.startswith(begins)
                }
                self.assertTrue(named, f"{page}: include this from a file that has a test:\n{block}")
                typed |= named
            self.assertNotIn("\n>>> ", text, page)
        self.assertEqual(typed, TYPED)

    def test_commands(self) -> None:
        """Each command of a transcript is understood by the program that it is for."""
        read = 0
        for page, text in pages():
            for kind, block in blocks(text):
                if kind != "console":
                    continue
                lines = list(commandLines(block))
                self.assertTrue(lines, f"{page}: no command in\n{block}")
                for words in lines:
                    said = StringIO()
                    try:
                        with redirect_stderr(said), redirect_stdout(said):
                            if words[0] in READERS:
                                READERS[words[0]](words[1:])
                                read += 1
                            else:
                                self.assertIn(words[0], OTHERS)
                    except (UsageError, SystemExit, AssertionError) as error:
                        self.fail(f"{page}: {shlex.join(words)}: {error} {said.getvalue()}")
        self.assertGreater(read, 40)

    def test_included(self) -> None:
        """What is included has a test: one beside it or in tests/ imports it, or says its name."""
        tests = [*SNIPPETS.rglob("test_*.py"), *(HOME / "examples").rglob("test_*.py")]
        tests += [path for path in (HOME / "tests").rglob("*.py") if path != Path(__file__)]
        said = "\n".join(path.read_text(encoding="utf-8") for path in tests)
        unseen = []
        for page, text in pages():
            for name in re.findall(r"(?:literalinclude|include):: (\S+)", text):
                path = (DOCS / page).parent / name
                if path.name in ELSEWHERE or path.name.startswith("test_") or path.suffix in (".rst", ".txt"):
                    continue
                imported = path.suffix == ".py" and re.search(rf"(?:import|from) {path.stem}\b", said)
                if not imported and path.name not in said and path.parent.name not in said:
                    unseen.append(f"{page}: {name}")
        self.assertEqual(unseen, [])

    def test_reference(self) -> None:
        """Every public name has its entry, of wsapp and of each module that people import from."""
        text = (DOCS / "reference" / "api.rst").read_text(encoding="utf-8")
        entries = set(re.findall(r"^\.\. (?:auto|py:)\w+:: (?:[\w.]+\.)?(\w+)", text, re.M))
        modules = ("wsapp", "testing", "web", "authentication", "tokens", "brokers")
        names = {
            name
            for module in modules
            for name in importlib.import_module(f"wsapp.{module}" if module != "wsapp" else module).__all__
        }
        self.assertEqual(names - entries, set())


@unittest.skipUnless(DOCS.is_dir(), "the docs are not here")
class LogTests(SynchronousTestCase):
    """What a page says that the log says."""

    def test_origin(self) -> None:
        """A refused origin, as docs/howto/origins.rst shows it."""
        server = TestServer(wsapp.App(), origins=Origins())
        self.addCleanup(server.stop)
        headers = {"Origin": "https://blog.example", "Host": "example.com"}
        lines: list[str] = []
        publisher = importlib.import_module("twisted.logger").globalLogPublisher
        form = importlib.import_module("twisted.logger").formatEvent

        def see(event: dict[str, object]) -> None:
            lines.append(form(event))

        publisher.addObserver(see)
        self.addCleanup(publisher.removeObserver, see)
        self.assertRaises(Rejected, server.connect, "/", headers=headers, secure=True)
        page = " ".join((DOCS / "howto" / "origins.rst").read_text(encoding="utf-8").split())
        self.assertIn(next(line for line in lines if line.startswith("refused")), page)


@unittest.skipUnless(DOCS.is_dir(), "the docs are not here")
class UnitTests(SynchronousTestCase):
    """The files that are other programs'."""

    def test_systemd(self) -> None:
        """The command of the unit file is one."""
        text = (SNIPPETS / "hello.service").read_text(encoding="utf-8")
        command = re.search(r"^ExecStart=\S*twistd (.*)$", text, re.M)
        assert command is not None
        twistd(shlex.split(command[1]))
