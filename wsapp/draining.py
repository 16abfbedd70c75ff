"""Saying goodbye to many clients over a while, so that they do not all come back at once.

Imports nothing of wsapp.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

__all__ = ["STEP", "Stoppable", "spread"]

#: Seconds from one handful of goodbyes to the next.
STEP = 0.1


class Stoppable(Protocol):
    """Whom to say goodbye to."""

    @property
    def serving(self) -> bool:
        """Whether it is still there."""

    def stop(self) -> None:
        """Say goodbye."""


def spread(reactor: Any, seconds: float, clients: Iterable[Stoppable]) -> Deferred[None]:
    """Stop *clients*, evenly over so many seconds, the first ones now.

    Those who leave before their turn make it no shorter for the others, but once nobody is left it is over.

    :param reactor: Anything with its clock.
    :param seconds: More than 0.
    :return: Fires once all have been told or have gone; when it is cancelled it fires too, and nobody else
        is told.
    """
    began = reactor.seconds()
    staying = list(clients)
    pending: list[Any] = []

    def cancelled(done: Deferred[None]) -> None:
        for call in pending:
            call.cancel()
        done.callback(None)

    def some() -> None:
        nonlocal staying
        staying = [client for client in staying if client.serving]
        steps = round((began + seconds - reactor.seconds()) / STEP)
        due = math.ceil(len(staying) / max(1, steps))
        now, staying = staying[:due], staying[due:]
        for client in now:
            client.stop()
        pending[:] = [reactor.callLater(STEP, some)] if staying else []
        if not staying:
            done.callback(None)

    done: Deferred[None] = Deferred(cancelled)
    some()
    return done
