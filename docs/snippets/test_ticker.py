# mypy: allow-untyped-calls
"""Testing what takes time, in no time."""

from ticker import Ticker
from twisted.trial.unittest import SynchronousTestCase

from wsapp import App, Client, Limits, Reject, Request
from wsapp.testing import NothingReceived, Rejected, TestServer


class TickerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = TestServer(Ticker(seconds=60))
        self.addCleanup(self.server.stop)

    def test_counts(self) -> None:
        """An hour passes at once."""
        ann = self.server.connect()
        self.server.advance(3600)
        self.assertEqual(ann.messages[-1], "60")

    def test_nothingYet(self) -> None:
        ann = self.server.connect()
        self.server.advance(59)
        self.assertRaises(NothingReceived, ann.receive)


class SilenceTests(SynchronousTestCase):
    def test_vanishes(self) -> None:
        """Who answers no pings is dropped, by the limits that the server is given."""
        server = TestServer(Ticker(seconds=3600), limits=Limits(pingInterval=5, pingTimeout=5))
        self.addCleanup(server.stop)
        ann = server.connect()
        ann.answers = False
        server.advance(11)
        self.assertEqual(ann.closed, (1006, ""))
        self.assertTrue(ann.gone)


class Door(App):
    def onHandshake(self, request: Request) -> None:
        if request.user is None and "key" not in request.query:
            raise Reject(401, "no key")

    def onConnect(self, client: Client) -> None:
        client.send(f"welcome, {client.user}, by {client.subprotocol or client.request.path}")


class DoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        # Two applications; the names decide who is asked for.
        self.server = TestServer({"door": Door(), "ticker": Ticker()})
        self.addCleanup(self.server.stop)

    def test_rejected(self) -> None:
        error = self.assertRaises(Rejected, self.server.connect, "/door")
        self.assertEqual((error.status, error.body), (401, b"no key\n"))

    def test_welcome(self) -> None:
        """Path, query, subprotocol, headers and user are the test's to choose."""
        ann = self.server.connect(
            "/?key=1", subprotocols=["door"], headers={"Cookie": "theme=dark"}, user="ann"
        )
        self.assertEqual(ann.subprotocol, "door")
        self.assertEqual(ann.receive(), "welcome, ann, by door")
        assert ann.client is not None
        self.assertEqual(ann.client.request.cookies, {"theme": "dark"})


class StoppingTests(SynchronousTestCase):
    def test_farewell(self) -> None:
        server = TestServer(Ticker())
        ann = server.connect()
        server.stop()
        self.assertEqual(ann.closed, (1001, "the server is stopping"))
