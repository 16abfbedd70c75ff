"""Tests of `wsapp.wire.events`."""

from __future__ import annotations

from tests.wire.case import Case
from wsapp.wire.events import Close, Ping, Pong, Violation


class EventTests(Case):
    """Events are plain values."""

    def test_values(self) -> None:
        """They compare by what they hold, which is named."""
        self.assertEqual(Close(1000, "bye"), Close(code=1000, reason="bye"))
        self.assertEqual(Violation(1002, "why")._asdict(), {"code": 1002, "reason": "why"})
        self.assertEqual((Ping(b"a").payload, Pong(b"b").payload), (b"a", b"b"))
