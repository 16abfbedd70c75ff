"""Twisted's own suites against the uvloop reactor: cases for reactors, and those that use the running one.

Each module of ``twisted.internet.test`` runs in a process of its own and has a bounded time, so that one
that hangs or crashes fails by its name and takes nothing with it.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from tests.loop import listed
from tests.loop.case import ROOT, asked

MODULES = {
    "test_core": 14,
    "test_fdset": 11,
    # These look at private attributes of Twisted's TLS.
    "test_newtls:twisted": 4,
    "test_process": 39,
    "test_socket": 8,
    "test_stdio": 5,
    "test_tcp": 100,
    "test_threads": 10,
    "test_time": 2,
    "test_tls": 20,
    "test_tls:twisted": 20,
    "test_udp": 30,
    "test_unix": 30,
}
"""Every module there that builds reactors, but those for other systems; how many cases pass at least."""

SECONDS = 300
"""How long one module may take, by the clock of the test; builders.py itself gives up a little earlier."""


def run(*command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run Python in a fresh directory and give what it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # Twisted's own suites warn of things that are not ours to mend.
    environment.pop("PYTHONWARNINGS", None)
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run(
            [sys.executable, *command],
            cwd=directory,
            env=environment,
            timeout=seconds,
            text=True,
            errors="replace",
            capture_output=True,
        )


class BuilderTests(SynchronousTestCase):
    """The cases of one module each; ``test_tcp`` and so on are made below."""

    skip = asked()

    def check(self, module: str) -> None:
        try:
            said = run("-m", "tests.loop.builders", module, seconds=SECONDS)
        except subprocess.TimeoutExpired as late:
            self.fail(f"{module} hangs. What it said: {late.stdout!r} {late.stderr!r}")
        outcomes: dict[str, tuple[str, str]] = {}
        for line in said.stdout.splitlines():
            if line.startswith("["):
                name, outcome, detail = json.loads(line)
                if outcomes.get(name, ("ok", ""))[0] == "ok":
                    outcomes[name] = outcome, detail
        self.assertEqual(said.returncode, 0, f"{module} ended early, in\n{said.stderr[-4000:]}")
        bad = {name: why for name, (outcome, why) in outcomes.items() if outcome == "fail"}
        skipped = {name: why for name, (outcome, why) in outcomes.items() if outcome == "skip"}
        unlisted = [
            f"{name}:\n{why}"
            for name, why in bad.items()
            if not any(name in kind for kind in (listed.CANNOT, listed.ELSEWHERE_TOO, listed.EITHER_WAY))
        ]
        self.assertEqual(unlisted, [], "\n".join(unlisted))
        passing = {name for name in outcomes if name not in bad and name not in skipped}
        self.assertEqual(passing & set(listed.CANNOT), set(), "these pass: take them off the list")
        self.assertGreaterEqual(len(passing), MODULES[module], f"skipped: {skipped}")


def _make(module: str) -> None:
    def test(self: BuilderTests) -> None:
        self.check(module)

    test.__doc__ = f"The reactor cases of twisted.internet.test.{module}."
    test.__name__ = module.replace(":", "_")
    setattr(BuilderTests, module.replace(":", "_"), test)


for _module in MODULES:
    _make(_module)


class RunningReactorTests(SynchronousTestCase):
    """Suites that use the reactor they run under."""

    skip = asked()

    def trial(self, reactor: str, *what: str) -> set[str]:
        """Run trial; the names of what failed."""
        said = run("-W", "ignore", "-m", "twisted.trial", "--reactor", reactor, *what, seconds=600)
        summary = re.search(r"^(PASSED|FAILED) .*successes=(\d+)", said.stdout, re.M)
        if summary is None:
            self.fail(f"trial under {reactor} ended early: {said.stdout[-2000:]} {said.stderr[-2000:]}")
        self.assertGreater(int(summary[2]), 0 if reactor != "uvloop" else 500)
        problems = re.split(r"^=+$", said.stdout, flags=re.M)[1:]
        return {name for part in problems for name in re.findall(r"^(twisted\.[\w.]+)$", part, re.M)}

    def check(self, *packages: str) -> None:
        failed = self.trial("uvloop", *packages) - set(listed.RUNNING)
        if failed:
            # What fails on the reactor that Twisted is made with, on this machine, says nothing of ours.
            self.assertEqual(failed - self.trial("epoll", *packages), set())

    def test_web(self) -> None:
        """twisted.web."""
        self.check("twisted.web.test")

    def test_protocolsAndWords(self) -> None:
        """twisted.protocols, twisted.words, and the tests of transports that twisted.test has."""
        self.check("twisted.protocols", "twisted.words", "twisted.internet.test.test_endpoints")

    def test_connections(self) -> None:
        """The older tests of transports, over the running reactor."""
        self.check(
            *(
                f"twisted.test.test_{name}"
                for name in ("tcp", "ssl", "sslverify", "unix", "internet", "process")
            ),
            *(
                f"twisted.test.test_{name}"
                for name in ("factories", "stdio", "udp", "task", "policies", "protocols")
            ),
            "twisted.test.test_iutils",
            "twisted.test.test_threads",
        )


__all__ = ["BuilderTests", "RunningReactorTests"]
