"""Tests of hello.py, in memory and in no time: `cd examples && python -m twisted.trial test_hello`."""
# mypy: allow-untyped-calls

from hello import Hello  # type: ignore[import-not-found]
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestServer


class HelloTests(SynchronousTestCase):
    """Two people in the room."""

    def setUp(self) -> None:
        self.server = TestServer(Hello())
        self.addCleanup(self.server.stop)
        self.ann = self.server.connect()
        self.bob = self.server.connect()

    def test_everybodyHears(self) -> None:
        """What one says both hear, with who it was."""
        self.ann.send("hi")
        heard = str(self.bob.receive())
        self.assertTrue(heard.endswith(": hi"), heard)
        self.assertEqual(self.ann.receive(), heard)

    def test_leaving(self) -> None:
        """Who stays hears that the other left, and how."""
        self.ann.close(1001)
        self.assertIn(" left (1001)", str(self.bob.receive()))

    def test_vanishing(self) -> None:
        """A connection that dies is a person who left, too."""
        self.bob.drop()
        self.assertIn(" left (1006)", str(self.ann.receive()))
