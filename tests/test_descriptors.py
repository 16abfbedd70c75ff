"""Tests of `wsapp.descriptors`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsapp import descriptors
from wsapp.descriptors import SPARE, raiseLimit


class System:
    """What the ``resource`` module of a system does."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int, most: int | None = None) -> None:
        self.limit = (soft, hard)
        self.most = most

    def getrlimit(self, which: int) -> tuple[int, int]:
        assert which == self.RLIMIT_NOFILE
        return self.limit

    def setrlimit(self, which: int, limit: tuple[int, int]) -> None:
        assert which == self.RLIMIT_NOFILE
        if self.most is not None and not 0 <= limit[0] <= self.most:
            raise ValueError("not allowed to raise maximum limit")
        self.limit = limit


class RaiseTests(SynchronousTestCase):
    """What is done and said."""

    def said(self, system: System | None, connections: int = 10_000) -> tuple[str, bool] | None:
        self.patch(descriptors, "resource", system)
        return raiseLimit(connections)

    def test_enough(self) -> None:
        """The limit stands at its highest, and is enough."""
        self.assertEqual(
            self.said(System(20_000, 20_000)),
            ("file descriptors: 20000, enough for 10000 connections", True),
        )

    def test_raised(self) -> None:
        """The soft limit is raised to the hard one."""
        system = System(1024, 524_288)
        self.assertEqual(
            self.said(system),
            ("file descriptors: 524288 (raised from 1024), enough for 10000 connections", True),
        )
        self.assertEqual(system.limit, (524_288, 524_288))

    def test_short(self) -> None:
        """Even the hard limit is not enough: so many connections there can be, and this is what helps."""
        said = self.said(System(1024, 4096))
        assert said is not None
        self.assertFalse(said[1])
        room = f"about {4096 - SPARE} connections"
        for part in (
            "4096 (raised from 1024)",
            room,
            "10000",
            "--max-connections",
            "ulimit -n",
            "LimitNOFILE=",
        ):
            self.assertIn(part, said[0])

    def test_edge(self) -> None:
        """Some are kept for other things than connections."""
        for limit, good in ((1000 + SPARE, True), (1000 + SPARE - 1, False)):
            said = self.said(System(limit, limit), 1000)
            assert said is not None
            self.assertEqual(said[1], good)

    def test_unlimited(self) -> None:
        """No limit at all; or one that could be raised but for the kernel."""
        self.assertEqual(self.said(System(-1, -1)), ("file descriptors: no limit", True))
        self.assertEqual(self.said(System(256, -1)), ("file descriptors: no limit", True))
        said = self.said(System(256, -1, most=10_240))
        assert said is not None
        self.assertIn("256 (it cannot be raised: not allowed", said[0])
        self.assertFalse(said[1])

    def test_few(self) -> None:
        """Less than what is kept."""
        said = self.said(System(32, 32))
        assert said is not None
        self.assertIn("about 0 connections", said[0])

    def test_noSuchThing(self) -> None:
        """Systems without such limits say nothing."""
        self.assertIsNone(self.said(None))

    def test_here(self) -> None:
        """This machine's real limits can be asked for."""
        said = raiseLimit(1)
        if descriptors.resource is not None:
            assert said is not None
            self.assertTrue(said[0].startswith("file descriptors: "))
