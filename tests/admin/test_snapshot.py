"""Tests of `wsapp.admin.snapshot`: sums of several servers."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import World
from wsapp.admin.node import Node
from wsapp.admin.snapshot import BUFFERS, bucketOf, summed

ONE = {
    "worker": "0",
    "time": 5.0,
    "since": 1.0,
    "state": "ready",
    "lag": 0.1,
    "worstLag": 2.0,
    "refused": {"403": 1},
    "broker": {"state": "up", "lag": 2.0},
    "apps": {"a": {"buffers": [1, 2], "clients": {"x": 1}}},
}
OTHER = {
    "worker": "1",
    "time": 4.0,
    "since": 2.0,
    "state": "draining",
    "lag": 0.3,
    "worstLag": 0.5,
    "refused": {"403": 2, "404": 1},
    "broker": {"state": "down", "lag": 1.0},
    "apps": {"a": {"buffers": [3, 4], "clients": {"y": 1}}, "b": {"buffers": [0, 1], "clients": {}}},
}


class SnapshotTests(SynchronousTestCase):
    """Plain values."""

    def test_summed(self) -> None:
        """Counts are added up, also where only one has them; of states and lags it is the worst."""
        self.assertEqual(
            summed([ONE, OTHER]),
            {
                "worker": "0, 1",
                "time": 5.0,
                "since": 1.0,
                "state": "draining",
                "lag": 0.3,
                "worstLag": 2.0,
                "refused": {"403": 3, "404": 1},
                "broker": {"state": "down", "lag": 2.0},
                "apps": {
                    "a": {"buffers": [4, 6], "clients": {"x": 1, "y": 1}},
                    "b": {"buffers": [0, 1], "clients": {}},
                },
            },
        )

    def test_few(self) -> None:
        """Of one it is that one, of none nothing; what is added up is not changed."""
        before = json.dumps([ONE, OTHER])
        self.assertEqual(summed([ONE]), ONE)
        self.assertEqual(summed([]), {})
        summed([ONE, OTHER, ONE])
        self.assertEqual(json.dumps([ONE, OTHER]), before)

    def test_real(self) -> None:
        """What a server gathers survives JSON, and is added up with that of another."""
        nodes = []
        for worker in ("0", "1"):
            world = World()
            world.open()
            nodes.append(self.successResultOf(Node(world.server, worker).snapshot()))
        again = json.loads(json.dumps(nodes))
        self.assertEqual(again, nodes)
        total = summed(again)
        self.assertEqual(total["apps"]["app"]["clients"], {"RFC 6455|tcp": 2})
        self.assertEqual((total["counters"]["clients"], total["state"]), (2, "ready"))

    def test_bucketOf(self) -> None:
        """A bound belongs to the bucket below it; past the last there is one more."""
        self.assertEqual([bucketOf(value, (0, 10)) for value in (0, 1, 10, 11)], [0, 1, 1, 2])
        self.assertEqual(bucketOf(10**9, BUFFERS), len(BUFFERS))
