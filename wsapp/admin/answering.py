"""Answers to the questions of another process: the other end of :mod:`wsapp.admin.asking`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.admin.asking import MOST_WAITING
from wsapp.admin.source import Source, Unknown

__all__ = ["MOST_ANSWER", "Answerer"]

_log = Logger()

#: Characters of one answer, as JSON.
MOST_ANSWER = 2 * 1024 * 1024

#: What may be asked, and of which kinds the arguments are.
_QUESTIONS: dict[str, tuple[type, ...]] = {
    "ready": (),
    "snapshots": (),
    "clients": (dict,),
    "client": (str,),
    "groups": (dict,),
    "close": (str, int, str),
    "announce": (str, str),
    "drain": (float,),
    "resume": (),
}


class Answerer:
    """Answers for one source.

    An answer has ``answer``, the question's number, and one of ``result``; ``unknown``, why that cannot be;
    ``failed``, why it could not be done; or ``busy``, where that takes several turns of the reactor and
    another one follows.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._busy = 0

    def answer(self, question: dict[str, Any], say: Callable[[str], object]) -> None:
        """Answer one question, whatever it is.

        :param say: Given the answer as JSON, of :data:`MOST_ANSWER` characters at most.
        """
        number = question.get("ask")
        if self._busy >= MOST_WAITING:
            say(json.dumps({"answer": number, "failed": "is asked too much at once"}))
            return
        self._busy += 1
        answer = maybeDeferred(self._ask, question)
        answer.addCallbacks(lambda result: {"result": result}, _failed)

        if not answer.called:
            say(json.dumps({"answer": number, "busy": True}))

        def written(said: dict[str, Any]) -> None:
            self._busy -= 1
            text = json.dumps({"answer": number, **said})
            if len(text) > MOST_ANSWER:
                text = json.dumps({"answer": number, "failed": "has too much to say: narrow the filter"})
            say(text)

        answer.addCallback(written)

    def _ask(self, question: dict[str, Any]) -> Any:
        what, arguments = question.get("what"), question.get("arguments")
        kinds = _QUESTIONS.get(what) if isinstance(what, str) else None
        if kinds is None or not isinstance(arguments, list) or len(arguments) != len(kinds):
            raise Unknown("that is no question here: it is of another release of wsapp")
        for kind, argument in zip(kinds, arguments, strict=True):
            if not isinstance(argument, (int, float) if kind is float else kind):
                raise Unknown(f"{what} is asked with {argument!r}: it is of another release of wsapp")
        return getattr(self._source, str(what))(*arguments)


def _failed(failure: Failure) -> dict[str, Any]:
    if failure.check(Unknown):
        return {"unknown": str(failure.value)}
    _log.failure("what the console has asked could not be done", failure)
    return {"failed": "could not do it: its log says why"}
