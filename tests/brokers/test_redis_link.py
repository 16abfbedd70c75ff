"""Tests of `wsapp.brokers.redis.link`: what comes on a connection, and whether it still answers."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from wsapp.brokers.redis.address import Address
from wsapp.brokers.redis.health import Health
from wsapp.brokers.redis.link import PULSE, Link
from wsapp.metrics import BrokerMetrics


class Endpoint:
    """Connects at once.

    :ivar protocol: The last connection's.
    """

    def __init__(self) -> None:
        self.protocol: Any = None
        self.transport: Any = None

    def connect(self, factory: Any) -> Deferred[Any]:
        """Make a connection."""
        self.protocol = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        return succeed(self.protocol)


class NewsTests(SynchronousTestCase):
    """A connection for pub/sub."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.endpoint = Endpoint()
        self.heard: list[tuple[bytes, bytes, Any]] = []
        self.ups = 0
        self.downs = 0

        def up() -> None:
            self.ups += 1

        def down() -> None:
            self.downs += 1

        def heard(*told: Any) -> None:
            self.heard.append(told)

        health = Health("there", BrokerMetrics())
        address = Address.fromURL("redis://127.0.0.1")
        self.link = Link(
            *(self.clock, address, health, "news", lambda connection: connection.tryListening(b"trial")),
            *(up, down, 15.0, heard),
        )
        self.patch(self.link, "_endpoint", self.endpoint)
        self.link.start()

    def tell(self, data: bytes) -> None:
        """From the server."""
        self.endpoint.protocol.dataReceived(data)

    def confirm(self) -> None:
        """That one may listen."""
        for kind in (b"subscribe", b"unsubscribe"):
            self.tell(b"*3\r\n$%d\r\n%b\r\n$5\r\ntrial\r\n:0\r\n" % (len(kind), kind))

    def test_tried(self) -> None:
        """Whether one may listen is known before it is up."""
        self.assertIn(b"SUBSCRIBE\r\n$5\r\ntrial", self.endpoint.transport.value())
        self.assertEqual(self.ups, 0)
        self.confirm()
        self.assertEqual(self.ups, 1)

    def test_mayNot(self) -> None:
        """Where one may not, it is tried again later, and was never up."""
        self.tell(b"-NOPERM No permissions to access a channel\r\n")
        self.assertTrue(self.endpoint.transport.disconnecting)
        self.assertEqual(self.ups, 0)

    def test_mayNotAnyMore(self) -> None:
        """An error while nothing is asked, or a missing permission, is about listening: all begins anew."""
        for error in (b"-NOPERM No permissions to access a channel", b"-ERR odd"):
            self.setUp()
            self.confirm()
            if error.startswith(b"-NOPERM"):
                self.clock.advance(PULSE)
            self.link.connection.put("SUBSCRIBE", "c")
            self.tell(error + b"\r\n")
            self.assertTrue(self.endpoint.transport.disconnecting)
            self.assertEqual(str(self.endpoint.protocol.reason).encode(), error[1:])

    def test_refusesToAnswer(self) -> None:
        """An error in answer to PING is an answer, and nothing else has come to an end."""
        self.confirm()
        for count in range(1, 5):
            self.clock.advance(PULSE)
            self.assertEqual(self.endpoint.transport.value().count(b"PING"), count)
            self.tell(b"-MISCONF it cannot write to its disk\r\n")
            self.assertEqual(self.link.answered, count * PULSE)
        self.assertFalse(self.endpoint.transport.disconnecting)
        self.assertEqual((self.ups, self.downs), (1, 0))

    def test_answered(self) -> None:
        """When it was asked what it has answered last is known; then it falls silent, and is given up."""
        self.confirm()
        self.clock.advance(PULSE)
        self.clock.advance(1)
        self.tell(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
        self.assertEqual(self.link.answered, PULSE)
        self.clock.advance(PULSE)
        self.assertFalse(self.endpoint.transport.disconnecting)
        self.clock.advance(15)
        self.assertTrue(self.endpoint.transport.disconnecting)
        self.assertEqual(self.link.answered, PULSE)

    def test_heard(self) -> None:
        """Messages and confirmations go to who listens; those of the trial do not."""
        self.confirm()
        self.heard.clear()
        self.tell(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n")
        self.assertEqual(self.heard, [(b"message", b"c", b"hi")])
