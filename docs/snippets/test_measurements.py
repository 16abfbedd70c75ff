# mypy: allow-untyped-calls
"""An old browser's client: raw bytes, as hixie-75 has no client in wsapp.testing."""

from measurements import Measurements
from twisted.trial.unittest import SynchronousTestCase

from wsapp.memory import MemoryTransport
from wsapp.testing import TestServer

HANDSHAKE = (
    b"GET /measurements HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Host: test.example\r\nOrigin: http://test.example\r\n\r\n"
)


class MeasurementsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = TestServer(Measurements())
        self.addCleanup(self.server.stop)

    def test_today(self) -> None:
        self.assertEqual(self.server.connect().receive(), bytes([17, 4, 230]))

    def test_hixie75(self) -> None:
        transport = MemoryTransport()
        connection = self.server.server.factory().buildProtocol(None)
        connection.makeConnection(transport)
        connection.dataReceived(HANDSHAKE)
        head, _, frames = transport.take().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 Web Socket Protocol Handshake"))
        self.assertEqual(frames, b"\x00EQTm\xff")
        connection.connectionLost()
