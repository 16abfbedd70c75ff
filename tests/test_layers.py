"""The layers of wsapp: a module imports only from rows above its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

import wsapp

HOME = Path(wsapp.__file__).parent

# From the top; what stands in one row does not know of one another.  A package stands for its
# __init__ alone.
ROWS: tuple[tuple[str, ...], ...] = (
    # bytes
    ("wire", "wire._c", "wire.codes", "wire.heading", "wire.resumption", "wire.url", "limits"),
    ("wire.headers",),
    ("errors", "waiter", "wire.events", "wire.masking", "wire.viewing", "wire.utf8"),
    ("wire.http", "wire.deflate", "wire.gathering", "wire.framing"),
    ("wire.handshake", "wire.hybi", "wire.frames", "wire.hixie"),
    ("wire.selection", "metrics", "announced", "unread", "rehearsal"),
    # what everything may use
    (
        "wire.versions",
        "wire.response",
        "wheel",
        "origins",
        "closing",
        "hooks",
        "memory",
        "phase",
        "flash",
        "tokens",
        "credentials",
        "listening",
        "bucket",
        "line",
        "quantities",
        "fairness",
        "descriptors",
        "heap",
        "notify",
        "draining",
        "outlet",
        "appplugin",
        "admin",
        "admin.snapshot",
        "logs",
        "brokers",
        "brokers.redis",
        "brokers.redis.address",
        "brokers.redis.scripts",
        "workers",
        "workers.inheritance",
        "workers.adopting",
        "workers.saying",
        "workers.meeting",
        "relay",
        "relay.channel",
        "web.pages",
        "apps",
        "apps.speech",
    ),
    (
        "sendqueue",
        "ledger",
        "catchingup",
        "workers.sockets",
        "workers.messages",
        "admin.source",
        "relay.siblings",
        "relay.transport",
    ),
    ("admin.asking",),
    ("admin.answering", "admin.several", "admin.labelled", "workers.process"),
    # what an application sees
    (
        "wire.asking",
        "request",
        "brokers.memory",
        "brokers.redis.health",
        "brokers.redis.followed",
        "brokers.redis.names",
        "admission",
        "transports",
        "delivery",
        "keepalive",
        "web.site",
        "incidents",
        "ended",
        "_c",
        "limitoptions",
        "pace",
        "workers.place",
        "workers.embedded",
        "workers.answers",
        "admin.crew",
        "admin.fleet",
    ),
    (
        "wire.answer",
        "client",
        "heads",
        "plainhttp",
        "web",
        "authentication",
        "outgoing.inbox",
        "outgoing.proxies",
        "outgoing.tunnel",
        "brokers.redis.link",
        "workers.master",
        "workers.worker",
    ),
    ("app", "accounts", "outgoing.conversation", "brokers.redis.requests", "brokers.redis.outbox"),
    ("brokers.redis.following", "brokers.redis.presence"),
    ("brokers.redis.broker", "traffic"),
    ("selection", "session", "workers.options"),
    ("sessions",),
    (
        "receivers",
        "terms",
        "accesslog",
        "admin.watching",
        "admin.prometheus",
        "admin.gate",
        "apps.chat",
        "apps.echo",
        "testclient",
    ),
    ("broadcast", "outgoing.adapters", "outgoing.dialing"),
    # a connection, and what makes it
    ("deciding", "websocket", "registry"),
    ("carrier", "relay.leading"),
    ("resuming", "outgoing.resuming"),
    ("connection", "outgoing.protocol"),
    ("factory", "outgoing", "relay.arriving"),
    # the whole
    ("service", "outgoing.reconnecting"),
    (
        "",
        "signals",
        "testing",
        "admin.node",
        "commands.histogram",
        "commands.terminal",
        "commands.tracing",
        "commands.new",
    ),
    ("admin.site", "admin.console"),
    ("admin.service",),
    ("operating", "brokeroptions", "commands.connect", "commands.load"),
    ("mastering",),
    ("tap",),
    ("commands",),
    ("__main__",),
)

#: A package that stands in no row, for it has nothing to do with the rest.
APART = "loop"


def modules() -> dict[str, Path]:
    """Every module of wsapp by its name below it ("" is wsapp itself)."""
    found = {}
    for path in HOME.rglob("*.py"):
        parts = path.relative_to(HOME).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST, package: str) -> Iterator[str]:
    """The full names of all that is imported anywhere in a module, "a.b" for "from a import b"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def parsed(path: Path) -> ast.Module:
    """A module's tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


class LayerTests(unittest.TestCase):
    """Who may know whom."""

    def setUp(self) -> None:
        self.modules = modules()
        self.row = {name: number for number, row in enumerate(ROWS) for name in row}

    def uses(self, name: str) -> set[str]:
        """The modules of wsapp that a module imports."""
        path = self.modules[name]
        own = ["wsapp", *filter(None, name.split("."))]
        package = ".".join(own if path.name == "__init__.py" else own[:-1])
        used = set()
        for target in imported(parsed(path), package):
            parts = target.split(".")
            if parts[0] != "wsapp":
                continue
            # The longest part of it that is a module; the rest is a name in it.
            below = next(
                ".".join(parts[1:n]) for n in range(len(parts), 0, -1) if ".".join(parts[1:n]) in self.modules
            )
            used.add(below)
        return used - {name}

    def test_everyModuleHasARow(self) -> None:
        """A module that stands in no row, or in two, or a row's module that there is not."""
        inRows = [name for name in self.modules if name.split(".")[0] != APART]
        self.assertEqual(sorted(inRows), sorted(name for row in ROWS for name in row))

    def test_apart(self) -> None:
        """The reactor knows nothing of wsapp, and of wsapp only the command line knows it."""
        for name in self.modules:
            for used in self.uses(name):
                if APART in (name.split(".")[0], used.split(".")[0]):
                    self.assertEqual(used.split(".")[0], APART, f"{name} imports {used}")
                    self.assertIn(name.split(".")[0], (APART, "tap"), f"{name} imports {used}")

    def test_rows(self) -> None:
        """Nothing is imported from the same row or one below."""
        wrong = [
            f"{name or 'wsapp'} (row {self.row[name]}) imports {used or 'wsapp'} (row {self.row[used]})"
            for name in self.modules
            for used in self.uses(name)
            if name in self.row and used in self.row and self.row[used] >= self.row[name]
        ]
        self.assertEqual(wrong, [])

    def test_walkSeesImports(self) -> None:
        """The walk finds what it is to find: plain, from, of a module, relative, within a function."""
        self.assertIn("wire.codes", self.uses("wire.hybi"))
        self.assertIn("limits", self.uses("wire.http"))
        code = "import a.b\nfrom c import d\ndef f():\n    from . import e\n    from ..g.h import i\n"
        self.assertEqual(
            list(imported(ast.parse(code), "wsapp.wire")), ["a.b", "c.d", "wsapp.wire.e", "wsapp.g.h.i"]
        )
        self.assertEqual(list(imported(ast.parse("from .a import b"), "wsapp")), ["wsapp.a.b"])

    def test_wireKnowsNoTwisted(self) -> None:
        """The protocol is bytes and values; no socket, no reactor, no clock."""
        for name, path in self.modules.items():
            if name.split(".")[0] == "wire":
                roots = {target.split(".")[0] for target in imported(parsed(path), "wsapp.wire")}
                self.assertFalse(roots & {"twisted", "zope", "socket", "asyncio", "time", "select"}, name)

    def test_noReactorAtModuleLevel(self) -> None:
        """The reactor is handed in: importing a module of wsapp installs none."""
        for name, path in self.modules.items():
            tree = parsed(path)
            for node in ast.walk(tree):
                # What functions do when they are called is their own affair.
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    node.body = []
            self.assertNotIn("twisted.internet.reactor", list(imported(tree, "wsapp")), name)


class LoadingTests(unittest.TestCase):
    """What comes along, asked of a fresh interpreter."""

    def loaded(self, *names: str) -> set[str]:
        """All modules that there are once these are imported."""
        program = f"import sys, {', '.join(names)}; print(*sys.modules)"
        environment = {**os.environ, "PYTHONPATH": str(HOME.parent)}
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        return set(run.stdout.split())

    def test_wire(self) -> None:
        """`import wsapp.wire` and all below it bring no Twisted."""
        wire = [f"wsapp.{name}" for name in modules() if name.split(".")[0] == "wire"]
        self.assertEqual(
            {name for name in self.loaded(*wire) if name.split(".")[0] in ("twisted", "zope")}, set()
        )

    def test_noReactor(self) -> None:
        """All of wsapp can be imported before there is a reactor."""
        every = [f"wsapp.{name}".rstrip(".") for name in modules()]
        self.assertNotIn("twisted.internet.reactor", self.loaded(*every))
