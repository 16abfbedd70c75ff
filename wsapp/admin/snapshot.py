"""How a server stands at one moment, as plain JSON values: what metrics and the console are made of.

A process gathers one of its own; where there are several, whoever collects them keeps them apart by
``worker`` (Prometheus labels them so) or adds them up (the console).  Imports nothing of wsapp.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["BUFFERS", "SECONDS", "STATES", "Snapshot", "blank", "bucketOf", "ended", "isSound", "summed"]

#: See :meth:`wsapp.admin.node.Node.snapshot`, which makes one:
#:
#: ``worker`` its name; ``node`` that of the node, where there are several; ``pid``; ``time`` and ``since``
#: (the start), seconds since the epoch; ``took``, the seconds that gathering it took; ``state``, one of
#: :data:`STATES`; ``lag`` and ``worstLag``, seconds that the event loop was late at worst, in the last
#: moments and in the last minute; ``broker`` as :class:`~wsapp.metrics.BrokerMetrics` has it, or its
#: ``state`` is ``unknown``; ``counters``, ``refused``, ``closed``, ``turnedAway``: counts
#: by name; ``apps``: by name, each with counts, ``clients`` by version and transport, ``buffers``, ``hooks``.
Snapshot = dict[str, Any]

#: Upper bounds of a histogram's buckets for bytes that wait to be sent to one client; a last one has none.
BUFFERS = (0, 1024, 16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024)

#: And for the seconds that a hook takes.
SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)

#: What is not added up, but the worst of.
_WORST = frozenset(["lag", "worstLag", "took"])

#: From good to bad: the sum of several states is the worst of them.  One that is ``silent`` does not answer.
STATES = ("ready", "draining", "starting", "stopping", "silent")

#: Numbers of a broker that end with the process; its others are counts, which last.
_PASSING = ("outbox", "outboxBytes", "lag", "behind")


def bucketOf(value: float, bounds: Sequence[float]) -> int:
    """The number of the bucket of a histogram that a value belongs to."""
    return next((number for number, bound in enumerate(bounds) if value <= bound), len(bounds))


def summed(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Several servers as one: counts and lists of counts added up, of states and lags the worst, of times
    the last, of starts the first.  Of none: an empty one."""
    total: Snapshot = {}
    for one in snapshots:
        total = _added("", total, one) if total else dict(one)
    return total


def ended(snapshot: Snapshot) -> Snapshot:
    """What remains of a process that is gone, by the last that it told: its counts."""
    broker = snapshot["broker"]
    return {
        **snapshot,
        **dict.fromkeys(("took", "lag", "worstLag", "detached", "open"), 0),
        "broker": {**broker, **{name: 0 for name in _PASSING if name in broker}, "state": "unknown"},
        "apps": {
            name: {**app, "clients": {}, "buffers": [0] * len(app["buffers"]), "buffered": 0, "slow": 0}
            for name, app in snapshot["apps"].items()
        },
    }


def blank(worker: str, state: str, now: float) -> Snapshot:
    """A worker of which nothing is known but its state."""
    return {
        "worker": worker,
        "pid": 0,
        "time": now,
        "took": 0.0,
        "since": now,
        "state": state,
        "lag": 0.0,
        "worstLag": 0.0,
        "detached": 0,
        "open": 0,
        "counters": {},
        "refused": {},
        "reasons": {},
        "turnedAway": {},
        "closed": {},
        "broker": {"state": "unknown"},
        "apps": {},
    }


_WHOLE = frozenset(blank("", "", 0.0))


def isSound(told: Any) -> bool:
    """Whether what another process has told are snapshots that can be put together with others: it may be of
    another release of wsapp."""
    return isinstance(told, list) and all(
        isinstance(one, dict)
        and one.keys() >= _WHOLE
        and isinstance(one["took"], (int, float))
        and isinstance(one["broker"], dict)
        and "state" in one["broker"]
        and isinstance(one["apps"], dict)
        and all(isinstance(app, dict) and "buffers" in app for app in one["apps"].values())
        for one in told
    )


def _added(name: str, left: Any, right: Any) -> Any:
    if isinstance(left, dict) and isinstance(right, dict):
        return {
            key: _added(key, left[key], right[key])
            if key in left and key in right
            else left.get(key, right.get(key))
            for key in [*left, *[key for key in right if key not in left]]
        }
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):  # of another release, whose buckets are others
            return right
        return [_added(name, one, other) for one, other in zip(left, right, strict=True)]
    if isinstance(left, str) or isinstance(right, str):
        return _worse(name, str(left), str(right))
    if name in ("time", *_WORST):
        return max(left, right)
    return min(left, right) if name == "since" else left + right


def _worse(name: str, left: str, right: str) -> str:
    if left == right or right == "unknown":
        return left
    if left == "unknown":
        return right
    if left in STATES and right in STATES:
        return max(left, right, key=STATES.index)
    return f"{left}, {right}" if name != "state" else "down"  # a broker's: up here, down there
