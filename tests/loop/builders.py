"""Run the reactor cases of one module of ``twisted.internet.test`` against the uvloop reactor, alone in
this process.

``python -m tests.loop.builders test_tcp [CaseOrMethod...]`` (``test_tls:twisted``: with Twisted's own TLS)
prints one line of JSON per case: its name,
what came of it (``ok``, ``skip``, ``fail``), and the reason or traceback. A case that hangs fails by
Twisted's own time-out; should that fail too, the process says where it hangs and ends.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import unittest
import warnings
from collections.abc import Iterator
from typing import Any

from tests.loop import listed

CASE_SECONDS = 20
"""How long one case may run its reactor."""

LISTED_SECONDS = 2
"""The same for one that is known to fail."""

twistedTLS = False
"""Whether the cases run with Twisted's own TLS."""

MODULE_SECONDS = 240
"""How long a module may take before this process dumps its stacks and exits."""


TWISTED = ":twisted"
"""After a module's name: its cases run with Twisted's own TLS."""


def uvloopReactor(case: Any) -> Any:
    """Make a reactor on a loop of its own, as ReactorBuilder wants it."""
    import asyncio

    from wsapp.loop.reactor import UvloopReactor

    reactor = UvloopReactor()
    reactor.twistedTLS = twistedTLS
    asyncio.set_event_loop(reactor.loop)

    def cleanUp() -> None:
        asyncio.set_event_loop(None)
        reactor.loop.close()

    case.addCleanup(cleanUp)
    return reactor


def casesOf(module: str) -> unittest.TestSuite:
    """Every case in the module that builds reactors, for ours alone."""
    from twisted.internet.test.reactormixins import ReactorBuilder
    from twisted.trial.runner import TestLoader

    ReactorBuilder._reactors = ["tests.loop.builders.uvloopReactor"]
    found = importlib.import_module(f"twisted.internet.test.{module}")
    suite = unittest.TestSuite()
    for name, thing in sorted(vars(found).items()):
        if isinstance(thing, type) and name.endswith("_uvloopReactorTests"):
            thing.timeout = CASE_SECONDS  # type: ignore[attr-defined]
            suite.addTest(TestLoader().loadClass(thing))
    return suite


def flat(part: Any) -> Iterator[Any]:
    """The cases in a suite of suites."""
    if isinstance(part, unittest.TestCase):
        yield part
    else:
        for each in part:
            yield from flat(each)


def nameOf(case: Any) -> str:
    """What the tables call a case: ``TCPPortTestsBuilder.test_name``."""
    return f"{type(case).__name__.removesuffix('_uvloopReactorTests')}.{case._testMethodName}"


class Result(unittest.TestResult):
    """Says what came of each case as soon as it is known."""

    def say(self, case: Any, outcome: str, detail: str = "") -> None:
        print(json.dumps([nameOf(case), outcome, detail]), flush=True)

    def addSuccess(self, test: Any) -> None:
        self.say(test, "ok")

    def addSkip(self, test: Any, reason: Any) -> None:
        self.say(test, "skip", str(reason))

    def addError(self, test: Any, error: Any) -> None:
        self.say(test, "fail", self._exc_info_to_string(error, test))  # type: ignore[attr-defined]

    def addFailure(self, test: Any, error: Any) -> None:
        self.addError(test, error)

    def addExpectedFailure(self, test: Any, error: Any) -> None:
        self.say(test, "skip", "todo in Twisted")


def main(module: str, *only: str) -> None:
    # Twisted's mixins find the factory of reactors by the name of this module, which is not __main__.
    importlib.import_module("tests.loop.builders").__dict__["twistedTLS"] = module.endswith(TWISTED)
    module = module.removesuffix(TWISTED)
    faulthandler.enable()
    faulthandler.dump_traceback_later(MODULE_SECONDS, exit=True)
    warnings.simplefilter("ignore", DeprecationWarning)
    os.chdir(os.environ.get("TRIAL_DIRECTORY", "."))
    cases = [case for case in flat(casesOf(module)) if not only or any(word in case.id() for word in only)]
    # Those that are known to fail come last, and soon: what they leave behind is not to fail the others.
    cases.sort(key=lambda case: nameOf(case) in listed.CANNOT)
    result = Result()
    from twisted.trial.unittest import TestCase  # noqa: F401, installs the adapters that trial's cases need

    for case in cases:
        if nameOf(case) in listed.CANNOT:
            case.timeout = LISTED_SECONDS
        case(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
