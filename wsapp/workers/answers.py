"""A worker's end of the master's questions: answers in small messages, and the last numbers at the end."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from wsapp.admin.answering import Answerer
from wsapp.admin.source import Source
from wsapp.workers.messages import cut, line
from wsapp.workers.saying import SIZE, Slowly, say

__all__ = ["Answers"]

_log = Logger()


class Answers:
    """Answers, until the worker ends.

    :param status: The descriptor by which it speaks to the master.
    """

    def __init__(self, reactor: Any, source: Source, status: int) -> None:
        self._source = source
        self._status = status
        self._answerer = Answerer(source)
        self._slowly = Slowly(reactor, status)
        # After all services have stopped, which they do before.
        reactor.addSystemEventTrigger("during", "shutdown", self._farewell)

    def __call__(self, question: dict[str, Any]) -> None:
        """A question has come."""
        self._answerer.answer(question, lambda text: self._slowly.add(cut(text, SIZE)))

    def _farewell(self) -> None:
        """Say what there has been, so that it is not lost with the process: nobody is there any more who
        would take several turns to count."""
        told = self._source.snapshots()
        told.addCallback(lambda snapshots: say(self._status, line(farewell=snapshots[0])))
        told.addErrback(lambda failure: _log.failure("the last numbers could not be told", failure))
