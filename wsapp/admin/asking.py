"""Questions to another process, as a source: what it answers is what one here would.

A question is a number, the name of one of a source's methods, and its arguments; how it gets there is its
sender's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail

from wsapp.admin.snapshot import Snapshot
from wsapp.admin.source import Page, Row, Unknown

__all__ = ["MOST_WAITING", "PATIENCE", "SLOWNESS", "Asker", "Unanswered"]

#: Seconds that an answer may take, or the word that it is being worked on; and seconds that it may take then.
PATIENCE = 2.0
SLOWNESS = 10.0

#: Questions that may be without an answer at the same time.
MOST_WAITING = 64


class Unanswered(Exception):
    """Who was asked has not answered in time, or has ended; the text says who."""


class Asker:
    """Asks one other process.

    Who leaves one question unanswered for longer than is patient is asked no more until that answer comes
    after all: nobody waits for a process that is frozen twice, and nothing piles up before it.

    :param clock: The reactor.
    :param who: What it is called.
    :param say: Sends a question, as plain JSON values; raises :exc:`Unanswered` where it cannot.
    :param patience: Seconds that an answer may take.
    :param forget: Seconds after which it is asked again all the same, for questions may get lost; None:
        they do not.
    """

    def __init__(
        self,
        clock: Any,
        who: str,
        say: Callable[[dict[str, Any]], None],
        patience: float = PATIENCE,
        forget: float | None = None,
    ) -> None:
        self.who = who
        self._clock = clock
        self._say = say
        self._patience = patience
        self._forget = forget
        self._last = 0
        self._waiting: dict[int, tuple[Deferred[Any], Any]] = {}
        self._late: dict[int, float] = {}  # since when nobody waits for these any more
        self._over = ""

    @property
    def silent(self) -> bool:
        """Whether it owes an answer that nobody waits for any more."""
        if self._forget is not None and self._late:
            oldest = self._clock.seconds() - self._forget
            self._late = {number: since for number, since in self._late.items() if since > oldest}
        return bool(self._late)

    def ask(self, what: str, *arguments: Any) -> Deferred[Any]:
        """Ask.

        :return: Fires with the result; fails with :exc:`~wsapp.admin.source.Unknown` as it has there, or
            with :exc:`Unanswered`.
        """
        if self._over:
            return fail(Unanswered(self._over))
        if self.silent or len(self._waiting) >= MOST_WAITING:
            return fail(Unanswered(f"{self.who} does not answer"))
        self._last += 1
        number = self._last
        answer: Deferred[Any] = Deferred()
        self._waiting[number] = (answer, self._clock.callLater(self._patience, self._tooLate, number))
        try:
            self._say({"ask": number, "what": what, "arguments": list(arguments)})
        except Unanswered as error:
            self._waiting.pop(number)[1].cancel()
            answer.errback(error)
        return answer

    def _tooLate(self, number: int) -> None:
        answer, _ = self._waiting.pop(number)
        self._late[number] = self._clock.seconds()
        answer.errback(Unanswered(f"{self.who} has not answered in time"))

    def answered(self, said: dict[str, Any]) -> None:
        """It has answered: see :class:`~wsapp.admin.answering.Answerer`."""
        number = said.get("answer")
        if not isinstance(number, int):
            return
        if "busy" in said:
            if number in self._waiting:
                self._waiting[number][1].reset(SLOWNESS)
            return
        if self._late.pop(number, None) is not None or number not in self._waiting:
            return
        answer, timer = self._waiting.pop(number)
        timer.cancel()
        if "result" in said:
            answer.callback(said["result"])
        elif "unknown" in said:
            answer.errback(Unknown(str(said["unknown"])))
        else:
            answer.errback(
                Unanswered(f"{self.who} {said.get('failed', 'could not do it: its log says why')}")
            )

    def end(self, why: str) -> None:
        """It answers no more."""
        self._over = f"{self.who} {why}"
        self._late.clear()
        waiting, self._waiting = self._waiting, {}
        for answer, timer in waiting.values():
            timer.cancel()
            answer.errback(Unanswered(self._over))

    # As a source

    def ready(self) -> Deferred[str]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("ready")

    def snapshots(self) -> Deferred[list[Snapshot]]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("snapshots")

    def clients(self, query: dict[str, Any]) -> Deferred[Page]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("clients", query)

    def client(self, identity: str) -> Deferred[Row]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("client", identity)

    def groups(self, query: dict[str, Any]) -> Deferred[Page]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("groups", query)

    def close(self, identity: str, code: int, reason: str) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("close", identity, code, reason)

    def announce(self, app: str, text: str) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("announce", app, text)

    def drain(self, seconds: float) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("drain", seconds)

    def resume(self) -> Deferred[None]:
        """See :class:`~wsapp.admin.source.Source`."""
        return self.ask("resume")
