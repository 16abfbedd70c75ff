"""Tests of `wsapp.memory`: the transport in memory does what Twisted's do."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer, ISSLTransport, ITransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsapp.memory import MemoryTransport, SecureMemoryTransport
from wsapp.origins import TrustedProxies
from wsapp.transports import certificateOf, halfClose, isSecure, peerOf


@implementer(IPushProducer)
class Producer:
    """Writes down what it is asked, and may write when it may."""

    def __init__(self, transport: MemoryTransport, more: list[bytes] | None = None) -> None:
        self.asked: list[str] = []
        self.transport = transport
        self.more = more or []

    def pauseProducing(self) -> None:
        self.asked.append("pause")

    def resumeProducing(self) -> None:
        self.asked.append("resume")
        if self.more:
            self.transport.write(self.more.pop(0))

    def stopProducing(self) -> None:
        self.asked.append("stop")


class MemoryTransportTests(SynchronousTestCase):
    """A transport that is a list."""

    def setUp(self) -> None:
        self.transport = MemoryTransport("192.0.2.9", bufferSize=10)

    def test_interfaces(self) -> None:
        """It is a transport, and a producer of input."""
        self.assertTrue(verifyObject(ITransport, self.transport))
        self.assertTrue(verifyObject(IPushProducer, self.transport))

    def test_addresses(self) -> None:
        """Both ends have one."""
        self.assertEqual(self.transport.getPeer().host, "192.0.2.9")
        self.assertEqual(self.transport.getHost().port, 80)
        self.assertEqual(peerOf(self.transport, TrustedProxies()), "192.0.2.9")

    def test_take(self) -> None:
        """What is written can be taken, once."""
        self.transport.write(b"a")
        self.transport.writeSequence([b"b", b"c"])
        self.assertEqual(self.transport.take(), b"abc")
        self.assertEqual(self.transport.take(), b"")

    def test_backPressure(self) -> None:
        """Past the buffer's size the producer is paused, once; taking resumes it, and takes that too."""
        producer = Producer(self.transport, [b"more", b"x" * 11])
        self.transport.registerProducer(producer, True)
        self.transport.write(b"0123456789")
        self.assertEqual(producer.asked, [])
        self.transport.write(b"0")
        self.transport.write(b"1")
        self.assertEqual(producer.asked, ["pause"])
        self.assertEqual(self.transport.take(), b"012345678901more")
        self.assertEqual(producer.asked, ["pause", "resume"])
        self.transport.unregisterProducer()
        self.transport.write(b"x" * 100)
        self.assertEqual(len(self.transport.take()), 100)
        self.assertEqual(producer.asked, ["pause", "resume"])

    def test_producerGone(self) -> None:
        """A producer that has gone while it was paused is not resumed."""
        producer = Producer(self.transport)
        self.transport.registerProducer(producer, True)
        self.transport.write(b"x" * 11)
        self.transport.unregisterProducer()
        self.transport.take()
        self.assertEqual(producer.asked, ["pause"])

    def test_oneProducer(self) -> None:
        """A second producer is refused, as on every transport of Twisted's."""
        producer = Producer(self.transport)
        self.transport.registerProducer(producer, True)
        self.assertRaises(RuntimeError, self.transport.registerProducer, producer, True)
        self.transport.unregisterProducer()
        self.transport.registerProducer(producer, True)

    def test_reading(self) -> None:
        """It tells whether the server takes input."""
        self.assertTrue(self.transport.reading)
        self.transport.pauseProducing()
        self.assertFalse(self.transport.reading)
        self.transport.resumeProducing()
        self.assertTrue(self.transport.reading)

    def test_ends(self) -> None:
        """It tells how it was ended: the first way counts, but for an abort; then nothing can be written."""
        self.assertIsNone(self.transport.ended)
        halfClose(self.transport)
        self.assertEqual(self.transport.ended, "half")
        self.transport.loseConnection()
        self.assertEqual(self.transport.ended, "half")
        self.transport.write(b"late")
        self.assertEqual(self.transport.take(), b"")
        self.transport.abortConnection()
        self.assertEqual(self.transport.ended, "abort")
        other = MemoryTransport()
        other.stopProducing()
        self.assertEqual(other.ended, "lose")


class SecureTests(SynchronousTestCase):
    """As if it were TLS."""

    def test_secure(self) -> None:
        """It looks like TLS, and has the client's certificate."""
        plain, secure = MemoryTransport(), SecureMemoryTransport("192.0.2.9", "a certificate")
        self.assertFalse(isSecure(plain))
        self.assertTrue(isSecure(secure))
        self.assertTrue(ISSLTransport.providedBy(secure))
        self.assertEqual(certificateOf(secure), "a certificate")
        self.assertIsNone(certificateOf(SecureMemoryTransport("192.0.2.9")))
        self.assertIsNone(certificateOf(plain))
