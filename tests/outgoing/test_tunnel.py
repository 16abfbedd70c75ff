"""Tests of `wsapp.outgoing.tunnel`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.outgoing.world import Way
from wsapp.errors import BadResponse, ConnectFailed, ProxyRefused
from wsapp.limits import Limits
from wsapp.outgoing.tunnel import TunnelEndpoint


class Inner(Protocol):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def connectionMade(self) -> None:
        self.told.append("made")
        self.transport.write(b"hi")  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.told.append(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.told.append(reason.type)


class TunnelTests(SynchronousTestCase):
    """A proxy that says yes, no, or something else."""

    def setUp(self) -> None:
        self.way = Way()

    def dial(self, authority: str = "example.com:443", credentials: Any = None) -> Deferred[Any]:
        """Begin to connect."""
        endpoint = TunnelEndpoint(self.way, authority, credentials, Limits(maxHead=500, maxLine=200))
        return endpoint.connect(Factory.forProtocol(Inner))

    def test_request(self) -> None:
        """What the proxy is asked, and nothing more before it has answered."""
        self.dial(credentials=("u", "p"))
        self.assertEqual(
            self.way.line.transport.take(),
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"
            b"Proxy-Authorization: Basic dTpw\r\n\r\n",
        )
        self.dial("[::1]:80")
        self.assertEqual(
            self.way.line.transport.take(), b"CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"
        )

    def test_opened(self) -> None:
        """However the answer is cut, what is behind it is the server's; a length means nothing here."""
        answer = b"HTTP/1.1 200 Connection established\r\nContent-Length: 99\r\n\r\n"
        for cut in range(len(answer) + 3):
            dialed = self.dial()
            line = self.way.line
            line.transport.take()
            data = answer + b"abc"
            line.give(data[:cut])
            line.give(data[cut:])
            inner = self.successResultOf(dialed)
            self.assertEqual(line.transport.take(), b"hi")
            line.give(b"def")
            line.lose(ConnectionLost)
            self.assertEqual(inner.told[0], "made")
            self.assertEqual(b"".join(inner.told[1:-1]), b"abcdef")
            self.assertIs(inner.told[-1], ConnectionLost)

    def test_refused(self) -> None:
        """A refusal carries its response."""
        dialed = self.dial()
        self.way.line.give(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno")
        error = self.failureResultOf(dialed, ProxyRefused).value
        self.assertEqual((error.status, error.body), (407, b"no"))
        self.assertEqual(str(error), "the proxy has answered 407 Who")
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.give(b"more")
        self.way.line.lose()

    def test_refusedUntilTheEnd(self) -> None:
        """One whose body ends with the connection."""
        dialed = self.dial()
        self.way.line.give(b"HTTP/1.1 502 Bad\r\n\r\nno")
        self.assertNoResult(dialed)
        self.way.line.lose()
        self.assertEqual(self.failureResultOf(dialed, ProxyRefused).value.body, b"no")

    def test_wrong(self) -> None:
        """What is no answer, or a boundless one."""
        for data in (
            b"SSH-2.0\r\n",
            b"HTTP/1.1 101 Switching\r\n\r\n",
            b"HTTP/1.1 200 " + b"x" * 300,
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100,
        ):
            dialed = self.dial()
            self.way.line.give(data)
            self.failureResultOf(dialed, BadResponse)
            self.assertEqual(self.way.line.transport.ended, "abort")

    def test_lost(self) -> None:
        """A proxy that hangs up."""
        dialed = self.dial()
        self.way.line.lose()
        self.assertIn("without an answer", str(self.failureResultOf(dialed, ConnectFailed).value))

    def test_cancelled(self) -> None:
        """The connection to the proxy does not stay."""
        dialed = self.dial()
        dialed.cancel()
        self.failureResultOf(dialed, CancelledError)
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.give(b"HTTP/1.1 200 OK\r\n\r\n")
        self.way.line.lose()
