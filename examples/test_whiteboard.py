"""Tests of whiteboard.py: `cd examples && python -m twisted.trial test_whiteboard`."""
# mypy: allow-untyped-calls

import json

from twisted.trial.unittest import SynchronousTestCase
from whiteboard import Whiteboard  # type: ignore[import-not-found]

from wsapp.testing import TestServer

LINE = '{"type":"line","color":1,"width":6,"points":[[0,0],[1600,900]]}'
CLEAR = '{"type":"clear"}'


class WhiteboardTests(SynchronousTestCase):
    """Ann and Bob draw."""

    def setUp(self) -> None:
        self.server = TestServer(Whiteboard())
        self.addCleanup(self.server.stop)

    def test_together(self) -> None:
        """All see what is drawn, who drew it too, in one order."""
        ann, bob = self.server.connect(), self.server.connect()
        ann.send(LINE)
        bob.send(CLEAR)
        ann.send(LINE)
        self.assertEqual(ann.messages, [LINE, CLEAR, LINE])
        self.assertEqual(bob.messages, [LINE, CLEAR, LINE])

    def test_later(self) -> None:
        """Who comes later sees what was drawn before, also when who drew it has left."""
        ann = self.server.connect()
        ann.send(LINE)
        ann.close()
        self.assertEqual(self.server.connect().messages, [LINE])

    def test_bounded(self) -> None:
        """However much is drawn, a newcomer can be sent all that is kept."""
        points = [[1600, 900]] * 64
        line = json.dumps({"type": "line", "color": 1, "width": 6, "points": points}, separators=(",", ":"))
        ann = self.server.connect()
        for _ in range(1000):
            self.server.advance(0.1)
            ann.send(line)
            ann.messages  # noqa: B018 - she reads
        bob = self.server.connect()
        self.assertGreater(len(bob.messages), 400)
        self.assertIsNone(bob.closed)
        self.assertLessEqual(len(bob.messages) * len(line), 512 * 1024)

    def test_nothingElse(self) -> None:
        """What is no line is not passed on, and its sender is told what was wrong."""
        bob = self.server.connect()
        for message, reason in (
            ("hello", "a message is JSON"),
            ("[" * 2000, "a message is JSON"),
            (b"\xff", "a message is JSON"),
            ("[]", "one can draw a line, and clear the board"),
            (LINE.replace("1600", "1601"), "a point is [x, y], on the board"),
            (LINE.replace("1600", "1e1"), "a point is [x, y], on the board"),
            (LINE.replace("[1600,900]", "7"), "a point is [x, y], on the board"),
            (LINE.replace("[0,0],", ""), "a piece of a line has 2 to 64 points"),
            (LINE.replace(":6", ":true"), "there is no such pen"),
        ):
            ann = self.server.connect()
            ann.send(message)
            self.assertEqual(ann.closed, (4400, reason), message)
        self.assertEqual(bob.messages, [])

    def test_cleaned(self) -> None:
        """Nothing that is not asked for comes along."""
        ann = self.server.connect()
        ann.send(CLEAR[:-1] + ', "script": "?"}')
        self.assertEqual(ann.messages, [CLEAR])
