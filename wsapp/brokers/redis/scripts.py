"""The Lua scripts: each is one step that the broker does wholly or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.failure import Failure

__all__ = ["Script", "load"]


class Script:
    """A file of ``lua/``, called by its digest.

    :ivar text: What the broker is given once for each connection.
    :ivar digest: Its SHA-1, by which EVALSHA knows it.
    """

    all: dict[str, Script] = {}

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (Path(__file__).parent / "lua" / f"{name}.lua").read_bytes()
        self.digest = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()
        Script.all[name] = self

    def words(self, keys: list[Any], arguments: list[Any]) -> list[Any]:
        """The command that calls it."""
        return ["EVALSHA", self.digest, len(keys), *keys, *arguments]


HELLO = Script("hello")
PUBLISH = Script("publish")
SINCE = Script("since")
HISTORY = Script("history")
MISSED = Script("missed")
RENEW = Script("renew")
ENTER = Script("enter")
LEAVE = Script("leave")
MEMBERS = Script("members")
FAREWELL = Script("farewell")


def load(connection: Any) -> Deferred[Any]:
    """Give the broker all of them; it keeps them until it ends or is told to drop them."""
    loaded = gatherResults(
        [connection.execute_command("SCRIPT", "LOAD", script.text) for script in Script.all.values()],
        consumeErrors=True,
    )

    def refused(failure: Failure) -> Failure:
        failure.trap(FirstError)
        first: Failure = failure.value.subFailure  # type: ignore[union-attr]
        return first

    return loaded.addErrback(refused)
