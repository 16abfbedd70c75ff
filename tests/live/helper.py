"""A process that helps a test: it is given orders, a line each, and answers with lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.live.server import LIMIT, environment

__all__ = ["Helper"]


class Helper:
    """One of the modules beside this one, as a process.

    :param words: Its command line.
    """

    def __init__(self, module: str, *words: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment(),
        )

    def say(self, line: str) -> None:
        """Give an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def hear(self) -> Any:
        """:return: Its answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self._module} has failed"
        return json.loads(line)

    def stop(self) -> None:
        """It is not needed any more."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(LIMIT)
