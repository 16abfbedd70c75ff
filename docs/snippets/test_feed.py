# mypy: allow-untyped-calls
"""Slow readers."""

from feed import Feed, Scores
from twisted.trial.unittest import SynchronousTestCase

from wsapp import Limits
from wsapp.testing import TestServer


class FeedTests(SynchronousTestCase):
    def test_slowReader(self) -> None:
        server = TestServer(Feed())
        self.addCleanup(server.stop)
        ann = server.connect()
        ann.reads = False
        ann.send("4")
        assert ann.client is not None
        self.assertLess(ann.client.bufferedAmount, 200_000)
        ann.reads = True
        for _ in range(100):
            server.advance(0)
        self.assertEqual(sum(map(len, ann.messages)), 4 * 1024 * 1024)

    def test_gone(self) -> None:
        """drained() fails where the client goes, and the hook ends with that; it is nobody's mistake."""
        server = TestServer(Feed())
        self.addCleanup(server.stop)
        ann = server.connect()
        ann.reads = False
        ann.send("4")
        ann.drop()
        self.assertTrue(ann.gone)
        self.assertEqual(self.flushLoggedErrors(), [])


class ScoresTests(SynchronousTestCase):
    def test_newestOnly(self) -> None:
        app = Scores()
        server = TestServer(app, limits=Limits(maxSendBuffer=200_000))
        self.addCleanup(server.stop)
        ann = server.connect()
        ann.reads = False
        for number in range(100):
            app.show(f"{number}:{'x' * 10_000}")
            server.advance(0.01)
        self.assertIsNone(ann.closed)
        ann.reads = True
        self.assertLess(len(ann.messages), 20)
