"""Tests of ticker.py: `cd examples && python -m twisted.trial test_ticker`."""
# mypy: allow-untyped-calls

import json
from typing import Any

from ticker import Ticker  # type: ignore[import-not-found]
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestServer


class TickerTests(SynchronousTestCase):
    """Ann reads, Bob is slow."""

    def setUp(self) -> None:
        self.server = TestServer(Ticker(seconds=0.25))
        self.addCleanup(self.server.stop)

    def prices(self, messages: list[Any]) -> dict[str, float]:
        """:return: What a page would show after these messages."""
        shown: dict[str, float] = {}
        for message in messages:
            shown.update(json.loads(message)["prices"])
        return shown

    def test_ticks(self) -> None:
        """All prices at first, and from then on those that change, four times a second."""
        ann = self.server.connect()
        first = json.loads(ann.receive())
        self.assertEqual((first["type"], first["number"], len(first["prices"])), ("all", 0, 10))
        self.server.advance(1)
        ticks = [json.loads(message) for message in ann.messages]
        self.assertEqual(
            [(tick["type"], tick["number"]) for tick in ticks], [("tick", n) for n in (1, 2, 3, 4)]
        )
        self.assertTrue(all(tick["prices"].keys() < first["prices"].keys() for tick in ticks))

    def test_slowReader(self) -> None:
        """Who does not read for a while misses ticks, is not closed, and is right again in the end."""
        server = TestServer(Ticker(seconds=0.002))
        self.addCleanup(server.stop)
        ann, bob = server.connect(), server.connect()
        bob.reads = False
        assert bob.client is not None
        seen: list[Any] = []
        for _ in range(100):
            server.advance(0.1)
            seen += ann.messages
            if bob.client.dropped:
                break
        bob.reads = True
        server.advance(0.1)
        heard = bob.messages
        self.assertGreater(sum(json.loads(message).get("missed", 0) for message in heard), 0)
        self.assertIsNone(bob.closed)
        self.assertEqual(self.prices(heard), self.prices([*seen, *ann.messages]))

    def test_stops(self) -> None:
        """The feed ends with the server."""
        self.server.stop()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
