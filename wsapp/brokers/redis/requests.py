"""What the broker is asked beside publishing: in order, and asked again where a connection was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from wsapp.brokers.redis.health import ANEW, ANSWERS, codeOf, explain
from wsapp.brokers.redis.link import backoff, isLoss
from wsapp.brokers.redis.scripts import Script
from wsapp.errors import BrokerUnavailable

__all__ = ["Requests"]

#: Questions that may wait at once; what is insisted on is bounded by the clients that it is for.
MOST = 10_000


class _Request:
    __slots__ = ("answer", "attempt", "insists", "sent", "words")

    def __init__(
        self, words: Callable[[], list[Any]], insists: bool, cancel: Callable[[_Request], None]
    ) -> None:
        self.words = words
        self.insists = insists
        self.answer: Deferred[Any] = Deferred(lambda _: cancel(self))
        self.sent = False
        self.attempt = 0


class Requests:
    """Calls of scripts that may be repeated.

    :param trouble: Called with what the broker says when it refuses something that is insisted on, or None
        when it does not any more.
    :param restart: Called with a reason where the connection has to be made anew.
    """

    def __init__(
        self,
        clock: IReactorTime,
        patience: float,
        trouble: Callable[[str | None], None],
        restart: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._patience = patience
        self._trouble = trouble
        self._restart = restart
        self._connection: Any = None
        self._open: dict[_Request, None] = {}
        self._questions = 0
        self._stopped = False

    def ask(self, script: Script, keys: list[Any], *arguments: Any) -> Deferred[Any]:
        """Ask, and be told within *patience* seconds, if only that there is no answer.

        :return: Fails with :exc:`~wsapp.errors.BrokerUnavailable`.
        """
        if self._questions >= MOST:
            return fail(BrokerUnavailable(f"{MOST:,} questions wait for the broker already"))
        answer = self._put(lambda: script.words(keys, list(arguments)), False)

        def late(result: Any, seconds: float) -> Any:
            raise BrokerUnavailable(f"the broker has not answered for {seconds:g} seconds")

        def done(result: Any) -> Any:
            self._questions -= 1
            return result

        self._questions += 1
        # Of its own: a late answer of the broker's is then nobody's.
        answer.addTimeout(self._patience, self._clock, late)
        return answer.addBoth(done)

    def insist(self, words: Callable[[], list[Any]]) -> Deferred[Any]:
        """Ask, however long it takes.

        :param words: Called each time that it is sent, for it may have to be put otherwise by then.
        :return: To cancel it is to ask no more.
        """
        return self._put(words, True)

    def _put(self, words: Callable[[], list[Any]], insists: bool) -> Deferred[Any]:
        if self._stopped:
            return fail(BrokerUnavailable("the service has been stopped"))
        request = _Request(words, insists, self._forget)
        self._open[request] = None
        self._send(request)
        return request.answer

    def _forget(self, request: _Request) -> None:
        self._open.pop(request, None)

    def up(self, connection: Any) -> None:
        """There is a connection: ask all that has no answer yet, in order."""
        self._connection = connection
        for request in list(self._open):
            self._send(request)

    def down(self) -> None:
        """There is none any more."""
        self._connection = None
        for request in self._open:
            request.sent = False

    def stop(self) -> None:
        """Nothing is asked any more; who waits for an answer is told so.

        What was insisted on was for clients that have gone, and fires no more.
        """
        self._stopped = True
        self._connection = None
        waiting, self._open = self._open, {}
        for request in waiting:
            if not request.insists and not request.answer.called:
                request.answer.errback(Failure(BrokerUnavailable("the service has been stopped")))

    def _send(self, request: _Request) -> None:
        if self._connection is None or request.sent or request not in self._open:
            return
        request.sent = True
        answer = self._connection.execute_command(*request.words())
        answer.addCallbacks(self._answered, self._failed, (request,), {}, (request, self._connection))

    def _answered(self, result: Any, request: _Request) -> None:
        if self._open.pop(request, request) is None and not request.answer.called:
            if request.insists and request.attempt:
                self._trouble(None)
            request.answer.callback(result)

    def _failed(self, failure: Failure, request: _Request, connection: Any) -> None:
        if connection is not self._connection or request not in self._open or isLoss(failure.value):
            return  # all is asked again on the next connection
        code = codeOf(failure.value)
        if code in ANEW:
            self._restart(explain(failure.value))
        elif code in ANSWERS and request.insists:
            request.sent = False
            request.attempt += 1
            self._trouble(explain(failure.value))
            self._clock.callLater(backoff(request.attempt + 2), self._send, request)
        else:
            del self._open[request]
            if not request.answer.called:
                refusal = BrokerUnavailable(f"the broker refuses: {explain(failure.value)}")
                request.answer.errback(Failure(refusal))
