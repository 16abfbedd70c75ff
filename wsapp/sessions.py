"""``Sessions``: those of one server's clients that can be resumed, by their tokens.

A token is ``NODE.WORKER.NUMBER.SECRET``.  The node's name is made anew with every start, so that a
token of another node, or from before a restart, is known for what it is at once.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from wsapp import hooks
from wsapp.app import hookFailed
from wsapp.client import Disconnection
from wsapp.ledger import Budget
from wsapp.limits import Limits
from wsapp.metrics import Metrics
from wsapp.origins import addressKey
from wsapp.session import Session
from wsapp.wheel import Timer, Wheel
from wsapp.wire.codes import ABNORMAL, GOING_AWAY

__all__ = ["Kept", "Sessions"]

#: Of the bytes that may be kept for all, one address's clients may have one part in so many.
SHARE = 4

#: What a worker may be called.
_WORKER = re.compile(r"[A-Za-z0-9_\-]{1,40}")


class Kept(Session):
    """A session as the registry has it.

    :ivar number: Its place in the registry.
    :ivar secret: What its token proves to know.
    :ivar address: Whose it counts as while it has no connection; None for nobody's.
    :ivar timer: Its time, while it has no connection.
    """

    __slots__ = ("address", "number", "secret", "timer")

    address: str | None
    number: int
    secret: str
    timer: Timer | None


class Sessions:
    """The sessions of one process.

    :param limits: ``maxDetached`` sessions may be without a connection at once, ``maxDetachedPerAddress`` of
        one address; all together may keep ``maxSessionBytes``, those of one address a quarter.
    :param node: What this machine's processes are called together; drawn where it is empty.
    :param worker: Which of them this is.
    :ivar asking: How many siblings are being asked whether they have a session.
    """

    __slots__ = (
        "_away",
        "_budgets",
        "_byNumber",
        "_detached",
        "_ending",
        "_last",
        "_limits",
        "_metrics",
        "_node",
        "_stopping",
        "_wheel",
        "_worker",
        "asking",
        "budget",
    )

    def __init__(
        self, limits: Limits, wheel: Wheel, metrics: Metrics, node: str = "", worker: str = "0"
    ) -> None:
        self._limits = limits
        self._wheel = wheel
        self._metrics = metrics
        self._node = node or secrets.token_urlsafe(9)
        self._worker = worker
        self._last = 0
        self._byNumber: dict[int, Kept] = {}
        self._detached: dict[Kept, None] = {}
        self._away: Counter[str] = Counter()  # the same by address
        self._ending: dict[Deferred[object], None] = {}
        self._stopping = False
        self.asking = 0
        self.budget = Budget(limits.maxSessionBytes)
        self._budgets: WeakValueDictionary[str, Budget] = WeakValueDictionary()  # by address

    def __len__(self) -> int:
        """How many there are, with and without a connection."""
        return len(self._byNumber)

    def budgetFor(self, peer: str) -> Budget:
        """What a session may keep together with others: those of its address, and all.

        Loopback and UNIX peers count with all alone.
        """
        key = addressKey(peer)
        if key is None:
            return self.budget
        found = self._budgets.get(key)
        if found is None:
            found = self._budgets[key] = Budget(self._limits.maxSessionBytes / SHARE, self.budget)
        return found

    def add(self, session: Kept) -> str:
        """One more.

        :return: Its token: 144 random bits beside its place.
        """
        self._last += 1
        session.number = self._last
        session.secret = secrets.token_urlsafe(18)
        session.timer = None
        self._byNumber[session.number] = session
        return f"{self._node}.{self._worker}.{session.number}.{session.secret}"

    def sibling(self, token: str) -> str | None:
        """The worker of this machine that has, or had, a token's session; None for this one, or none."""
        node, _, rest = token.partition(".")
        worker = rest.partition(".")[0]
        if node != self._node or worker == self._worker or not _WORKER.fullmatch(worker):
            return None
        return worker

    def find(self, token: str) -> Kept | None:
        """The session of a token; None where there is none here (any more).

        How long that takes tells nothing of how near the secret is.  What is another worker's is not
        looked for: see :meth:`sibling`.
        """
        node, _, rest = token.partition(".")
        worker, _, rest = rest.partition(".")
        number, _, secret = rest.partition(".")
        if node != self._node or worker != self._worker or not (number.isdecimal() and number.isascii()):
            return None
        session = self._byNumber.get(int(number[:20]))
        known = session.secret if session is not None else self._node
        right = hmac.compare_digest(known.encode(), secret.encode())
        return session if right else None

    def keep(self, session: Kept, seconds: float) -> None:
        """Keep a session that has lost its connection for a while, then end it; at once, where there are as
        many already as may be, in all or of its address, or the server stops.

        They do not count as connections of their address: who has as many as may be could not come back.
        """
        limits, address = self._limits, addressKey(session.client.peer)
        full = len(self._detached) >= limits.maxDetached or (
            address is not None and self._away[address] >= limits.maxDetachedPerAddress
        )
        if self._stopping or full:
            self._metrics.unkept += not self._stopping
            session.finish(Disconnection(ABNORMAL, "", False))
            return
        self._detached[session] = None
        session.address = address
        if address is not None:
            self._away[address] += 1
        self._metrics.detached = len(self._detached)

        def expired() -> None:
            self._metrics.expired += 1
            session.finish(Disconnection(ABNORMAL, "", False))

        session.timer = self._wheel.after(seconds, expired)

    def back(self, session: Kept) -> None:
        """It has a connection again, or needs none any more."""
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        if session in self._detached:
            del self._detached[session]
            if session.address is not None:
                self._away[session.address] -= 1
                if not self._away[session.address]:
                    del self._away[session.address]
        self._metrics.detached = len(self._detached)

    def remove(self, session: Kept) -> None:
        """It is over."""
        self.back(session)
        self._byNumber.pop(session.number, None)

    def settle(self, session: Session, hook: Callable[[], object]) -> None:
        """Call a session's last hook, which no connection waits for: :meth:`stop` does."""

        def failed(failure: Failure) -> None:
            self._metrics.failedHooks += 1
            hookFailed(session.app, session.client, failure)

        result = hooks.call(hook)
        if isinstance(result, Deferred):
            result.addErrback(failed)
            self._ending[result] = None
            result.addBoth(lambda _: self._ending.pop(result, None))
        elif result is not None:
            failed(result)

    def stop(self) -> None:
        """End those that have no connection, and keep none from now on."""
        self._stopping = True
        for session in list(self._detached):
            session.finish(Disconnection(GOING_AWAY, "the server is stopping", False))

    def settled(self) -> Deferred[Any]:
        """Fires once all last hooks that no connection waits for are done; may be cancelled."""
        return DeferredList([self._after(ending) for ending in list(self._ending)], consumeErrors=True)

    @staticmethod
    def _after(ending: Deferred[object]) -> Deferred[None]:
        """Fires when that does, and leaves it as it is."""
        done: Deferred[None] = Deferred()
        ending.addBoth(lambda _: done.callback(None))
        return done
