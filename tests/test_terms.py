"""Tests of `wsapp.terms`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.limits import Limits
from wsapp.registry import Choice
from wsapp.terms import Terms
from wsapp.wire.deflate import Compression
from wsapp.wire.versions import VERSIONS


class TermsTests(SynchronousTestCase):
    """What the connections of a server go by."""

    def test_defaults(self) -> None:
        """Safe as they stand: all versions, no context kept, same origin, no proxy trusted."""
        clock = Clock()
        terms = Terms(clock, clock.seconds, Choice({}))
        self.assertEqual(terms.versions, frozenset(VERSIONS))
        self.assertEqual(terms.compression, Compression.SHARED)
        self.assertEqual(terms.limits, Limits())
        self.assertEqual(terms.origins.allowed, ())
        self.assertFalse(terms.proxies.trusts("127.0.0.1"))
        self.assertIsNone(terms.site)

    def test_shared(self) -> None:
        """Timers, turns and admission are one for all connections, and of nobody else."""
        clock = Clock()
        one, other = (Terms(clock, clock.seconds, Choice({}), limits=Limits(maxConnections=3)) for _ in "12")
        self.assertEqual(one.admission.limits.maxConnections, 3)
        for name in ("wheel", "turn", "admission", "metrics"):
            self.assertIsNot(getattr(one, name), getattr(other, name))
        self.assertEqual(clock.getDelayedCalls(), [])
