"""A connection to Redis as tests hold it: what was asked, and the answers that they give."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from wsapp.brokers.redis.scripts import Script

__all__ = ["FakeConnection"]


class FakeConnection:
    """Of txredisapi's, what scripts need.

    :ivar asked: The name of each script that was called, and its arguments.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self._answers: list[Deferred[Any]] = []

    def execute_command(self, _: str, digest: str, keys: int, *words: Any) -> Deferred[Any]:
        """One more."""
        (name,) = [one.name for one in Script.all.values() if one.digest == digest]
        self.asked.append((name, list(words[keys:])))
        self._answers.append(Deferred())
        return self._answers[-1]

    @property
    def names(self) -> list[str]:
        """Of the scripts."""
        return [name for name, _ in self.asked]

    def answer(self, *results: Any) -> None:
        """To the oldest that have none yet."""
        for result in results:
            answer = self._answers.pop(0)
            answer.errback(result) if isinstance(result, Exception) else answer.callback(result)
