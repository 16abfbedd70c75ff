"""How hypothesis runs here: the same examples each time, as many as ``WSAPP_EXAMPLES`` says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

__all__ = ["STABLE"]

# What is generated is the same in every run, unless more than the usual is asked for by hand.
_EXAMPLES = int(os.environ.get("WSAPP_EXAMPLES", "0"))

STABLE = settings(
    deadline=None,
    max_examples=_EXAMPLES or 60,
    derandomize=not _EXAMPLES,
    database=None,
    # One property is held of many versions, each in a class of its own.
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)
