"""Tests of `wsapp.loop.secured`, in memory: a transport that only writes down, a client of pyOpenSSL's."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
import weakref
from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.loop.tlspeer import Below, Peer, pump, serverContext
from wsapp.loop import engine, secured, selection
from wsapp.loop.securing import TLSFactory, connections


@implementer(IHandshakeListener)
class Recorder(Protocol):
    """Writes down what happens to it."""

    transport: Any

    def __init__(self) -> None:
        self.events: list[Any] = []
        #: What it does with what it hears.
        self.reply: Any = lambda data: None
        self.atFirst: Any = lambda: None

    def connectionMade(self) -> None:
        self.events.append("made")
        self.atFirst()

    def handshakeCompleted(self) -> None:
        self.events.append("shaken")

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)
        self.reply(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append(reason.type)


class Producer:
    """Writes down what it is told; a pull producer writes one piece each time."""

    def __init__(self, transport: Any = None) -> None:
        self.told: list[str] = []
        self.transport = transport

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")
        if self.transport is not None:
            self.transport.write(b"piece")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Creator:
    """A context factory of the oldest kind."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def getContext(self) -> SSL.Context:
        return self.context


class SecuredTests(SynchronousTestCase):
    """The transport, on the plain engine."""

    engine: Any = engine.Engine

    def setUp(self) -> None:
        self.patch(secured, "Engine", self.engine)
        self.begin()

    def begin(self, context: SSL.Context | None = None, client: SSL.Context | None = None) -> None:
        """A new server and client, not connected yet."""
        self.protocol = Recorder()
        factory = TLSFactory(Creator(context or serverContext()), False, Factory.forProtocol(Recorder))
        self.layer = secured.TLSTransport(factory, self.protocol)
        self.below = Below()
        self.peer = Peer(client)

    def connect(self) -> None:
        """Connect, and shake hands."""
        self.layer.makeConnection(self.below)
        pump(self.layer, self.below, self.peer)

    def hear(self, data: bytes) -> None:
        """The client says something."""
        self.layer.dataReceived(self.peer.say(data))

    def lose(self, reason: type[Exception] = ConnectionDone) -> None:
        """The transport below ends."""
        self.layer.connectionLost(Failure(reason()))

    # Talking

    def test_talk(self) -> None:
        """The protocol hears that it is connected, then of the handshake, then what is said."""
        self.protocol.reply = lambda data: self.layer.write(b"to you: " + data)
        self.connect()
        self.hear(b"hello")
        pump(self.layer, self.below, self.peer)
        self.assertEqual(self.protocol.events, ["made", "shaken", b"hello"])
        self.assertEqual(self.peer.heard, b"to you: hello")
        self.assertIs(self.protocol.transport, self.layer)

    def test_byteByByte(self) -> None:
        """Nothing hangs on how the bytes come, from the first on."""
        self.layer.makeConnection(self.below)
        self.peer.take(b"")
        said = False
        while True:
            self.peer.take(self.below.taken())
            data = self.peer.given()
            if not data and said:
                break
            if not data:
                said, data = True, self.peer.say(b"one") + self.peer.say(b"two")
            for at in range(len(data)):
                self.layer.dataReceived(data[at : at + 1])
        self.assertEqual(self.protocol.events, ["made", "shaken", b"one", b"two"])

    def test_withTheHandshake(self) -> None:
        """What comes in one piece with the handshake's end is heard, however much it is."""
        self.layer.makeConnection(self.below)
        self.peer.take(b"")
        self.layer.dataReceived(self.peer.given())
        self.peer.take(self.below.taken())
        message = b"much" * 20000
        self.layer.dataReceived(self.peer.given() + self.peer.say(message))
        self.assertEqual(self.protocol.events[:2], ["made", "shaken"])
        self.assertEqual(b"".join(self.protocol.events[2:]), message)

    def test_oneReadOneDelivery(self) -> None:
        """All that one read brought is heard at once."""
        self.connect()
        self.layer.dataReceived(b"".join(self.peer.say(b"%d," % n) for n in range(10)))
        self.assertEqual(self.protocol.events[2:], [b"0,1,2,3,4,5,6,7,8,9,"])

    def test_smallWritesTogether(self) -> None:
        """Small writes made while something is heard leave as one record, in their order with large ones."""
        self.connect()
        self.below.taken()

        def reply(data: bytes) -> None:
            self.layer.writeSequence([b"a", b"b"])
            self.layer.write(b"c")

        self.protocol.reply = reply
        self.hear(b"go")
        sent = self.below.taken()
        self.assertEqual(len(sent), 5 + int.from_bytes(sent[3:5], "big"))
        self.peer.take(sent)
        self.assertEqual(self.peer.heard, b"abc")

        def mixed(data: bytes) -> None:
            for piece in (b"1", b"2" * 70000, b"3", *[b"4"] * 200):
                self.layer.write(piece)

        self.protocol.reply = mixed
        self.peer.heard = b""
        self.hear(b"go")
        pump(self.layer, self.below, self.peer)
        self.assertEqual(self.peer.heard, b"1" + b"2" * 70000 + b"3" + b"4" * 200)

    def test_writesAreBounded(self) -> None:
        """Of many small writes no more than a few wait for the end of dataReceived."""
        self.connect()
        self.below.taken()
        waiting = []

        def reply(data: bytes) -> None:
            for _ in range(1000):
                self.layer.write(b"x" * 4000)
                waiting.append(4_000_000 - len(self.below.value()))

        self.protocol.reply = reply
        self.hear(b"go")
        self.assertLess(4_000_000 - len(self.below.value()), 0)
        self.assertGreater(len(self.below.value()), 4_000_000)
        self.assertLess(waiting[-1], 64 * 4000)

    def test_onlyBytes(self) -> None:
        """Text is an error where it is written, in dataReceived and out of it."""
        self.connect()
        text: Any = "text"
        self.assertRaises(TypeError, self.layer.write, text)
        self.assertRaises(TypeError, self.layer.writeSequence, [text])
        wrong: list[BaseException] = []

        def reply(data: bytes) -> None:
            wrong.append(self.assertRaises(TypeError, self.layer.write, text))

        self.protocol.reply = reply
        self.hear(b"go")
        self.assertEqual(len(wrong), 1)
        mutable: Any = bytearray(b"mutable")
        self.layer.write(mutable)
        self.layer.write(memoryview(mutable))  # type: ignore[arg-type]
        pump(self.layer, self.below, self.peer)
        self.assertEqual(self.peer.heard, b"mutable" * 2)

    def test_writesBeforeTheHandshake(self) -> None:
        """They wait for it, and so does the farewell."""

        def atFirst() -> None:
            self.layer.write(b"early")
            self.layer.loseConnection()

        self.protocol.atFirst = atFirst
        self.connect()
        self.assertEqual(self.peer.heard, b"early")
        self.assertIsInstance(self.peer.ended, SSL.ZeroReturnError)

    # What it provides

    def test_interfaces(self) -> None:
        """It is TLS over TCP; what it does not do itself is the transport's below."""
        self.connect()
        for interface in (ISSLTransport, ITCPTransport):
            self.assertTrue(interface.providedBy(self.layer))
        self.below.particular = "of the transport"  # type: ignore[attr-defined]
        self.assertEqual(self.layer.particular, "of the transport")
        self.assertRaises(AttributeError, getattr, self.layer, "nowhere")
        self.assertEqual(
            (self.layer.getPeer(), self.layer.getHost()), (self.below.getPeer(), self.below.getHost())
        )
        self.assertIn("(TLS)", self.layer.logPrefix())

    def test_certificateAndProtocol(self) -> None:
        """The peer's certificate, and what ALPN agreed on; None of a connection that has ended."""
        client, server = SSL.Context(SSL.TLS_METHOD), serverContext()
        client.set_alpn_protos([b"spdy", b"http/1.1"])
        server.set_alpn_select_callback(lambda connection, offered: b"http/1.1")
        self.begin(server, client)
        self.assertIsNone(connections(Creator(client), True)(None).get_peer_certificate())
        self.connect()
        self.assertEqual(self.layer.negotiatedProtocol, b"http/1.1")
        self.assertIsNone(self.layer.getPeerCertificate())
        self.assertIsInstance(self.layer.getHandle(), SSL.Connection)
        self.lose()
        self.assertIsNone(self.layer.negotiatedProtocol)
        self.assertIsNone(self.layer.getPeerCertificate())

    def test_noContextFactory(self) -> None:
        """What cannot make connections is an error when the port is made."""
        error = self.assertRaises(TypeError, TLSFactory, object(), False, None)
        self.assertIn("getContext", str(error))
        wrong: Any = Creator("no context")  # type: ignore[arg-type]
        self.assertIn(
            "OpenSSL.SSL.Context", str(self.assertRaises(TypeError, TLSFactory, wrong, False, None))
        )

    # The end

    def test_loseConnection(self) -> None:
        """A farewell first; the transport below closes once the peer has answered it."""
        self.connect()
        self.layer.write(b"bye")
        self.layer.loseConnection()
        self.layer.write(b"too late")
        self.assertFalse(self.below.disconnecting)
        pump(self.layer, self.below, self.peer)
        self.assertEqual(self.peer.heard, b"bye")
        self.assertIsInstance(self.peer.ended, SSL.ZeroReturnError)
        self.hear(b"heard all the same")
        self.peer.connection.shutdown()
        pump(self.layer, self.below, self.peer)
        self.assertTrue(self.below.disconnecting)
        self.lose()
        self.assertEqual(self.protocol.events[2:], [b"heard all the same", ConnectionDone])

    def test_loseConnectionWhileHearing(self) -> None:
        """What was written before it leaves before it."""
        self.connect()

        def reply(data: bytes) -> None:
            self.layer.write(b"bye")
            self.layer.loseConnection()

        self.protocol.reply = reply
        self.hear(b"go")
        pump(self.layer, self.below, self.peer)
        self.assertEqual(self.peer.heard, b"bye")
        self.assertIsInstance(self.peer.ended, SSL.ZeroReturnError)

    def test_peersFarewell(self) -> None:
        """It is answered, and the connection closes."""
        self.connect()
        self.peer.connection.shutdown()
        pump(self.layer, self.below, self.peer)
        self.assertTrue(self.below.disconnecting)
        self.assertTrue(self.peer.connection.shutdown())
        self.lose()
        self.assertEqual(self.protocol.events[2:], [ConnectionDone])

    def test_cutShort(self) -> None:
        """An end without a farewell may be somebody else's doing: it is no clean one."""
        self.connect()
        self.lose()
        self.assertEqual(self.protocol.events[2:], [ConnectionLost])

    def test_errorBelow(self) -> None:
        """Why the transport below ended, where it was not in order."""
        self.connect()
        self.lose(ZeroDivisionError)
        self.assertEqual(self.protocol.events[2:], [ZeroDivisionError])

    def test_abort(self) -> None:
        """Nothing more is said or heard."""
        self.connect()
        data = self.peer.say(b"unheard")
        self.below.taken()
        self.layer.abortConnection()
        self.layer.dataReceived(data)
        self.layer.write(b"unsaid")
        self.assertTrue(self.below.aborted)
        self.assertEqual(self.below.taken(), b"")
        self.lose(ConnectionAborted)
        self.assertEqual(self.protocol.events[2:], [ConnectionAborted])

    def test_loseConnectionAtFirst(self) -> None:
        """In the handshake there is nobody yet to say farewell to."""
        self.protocol.atFirst = lambda: self.layer.loseConnection()
        self.connect()
        self.assertTrue(self.below.aborted)

    def test_plainRequest(self) -> None:
        """Who speaks no TLS is closed, and why is the protocol's to know."""
        self.layer.makeConnection(self.below)
        self.layer.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(self.below.disconnecting)
        self.layer.dataReceived(b"more of it")
        self.lose()
        self.assertEqual(self.protocol.events, ["made", SSL.Error])

    def test_forged(self) -> None:
        """A record that was changed on its way ends the connection; the peer gets an alert."""
        self.connect()
        data = bytearray(self.peer.say(b"pay 10"))
        data[-1] ^= 1
        self.layer.dataReceived(bytes(data))
        self.assertTrue(self.below.disconnecting)
        pump(self.layer, self.below, self.peer)
        self.assertIn("bad record mac", str(self.peer.ended))
        self.layer.write(b"unsaid")
        self.layer.loseConnection()
        self.lose()
        self.assertEqual(self.protocol.events[2:], [SSL.Error])

    def test_verificationFails(self) -> None:
        """What the context's callback found wrong is the reason."""

        class NotThisOne(Exception):
            """Not good enough."""

        self.layer.makeConnection(self.below)
        self.layer.failVerification(Failure(NotThisOne()))
        self.assertTrue(self.below.aborted)
        self.lose(ConnectionAborted)
        self.assertEqual(self.protocol.events, ["made", NotThisOne])

    def test_nothingStays(self) -> None:
        """OpenSSL's connection is free once the connection has ended, without the collector's help."""
        self.connect()
        connection = weakref.ref(self.layer.getHandle())
        self.assertEqual(list(self.layer.factory.protocols), [self.layer])
        gc.disable()
        self.addCleanup(gc.enable)
        self.lose()
        self.assertIsNone(connection())
        self.assertEqual(self.layer.factory.protocols, {})
        # And it can still be spoken to.
        self.layer.dataReceived(b"x")
        self.layer.write(b"x")
        self.layer.loseConnection()

    def test_lostWhileHearing(self) -> None:
        """The connection may end under the protocol's hands."""
        self.connect()
        self.protocol.reply = lambda data: self.lose(ConnectionAborted)
        data = self.peer.say(b"last")
        self.peer.connection.shutdown()
        self.layer.dataReceived(data + self.peer.given())
        self.assertEqual(self.protocol.events[2:], [b"last", ConnectionAborted])

    # Who reads slowly

    def askTLS(self) -> bytes:
        """Have the client ask something that TLS itself answers (to renegotiate: no)."""
        self.peer.connection.renegotiate()
        self.assertRaises(SSL.WantReadError, self.peer.connection.do_handshake)
        return self.peer.given()

    def test_answers(self) -> None:
        """What TLS itself has to say is said, and nobody hears of it."""
        self.begin(serverContext(SSL.TLS1_2_VERSION))
        self.connect()
        self.layer.dataReceived(self.askTLS())
        self.assertEqual(self.below.taken()[:1], b"\x15")
        self.assertEqual(self.protocol.events, ["made", "shaken"])

    def test_unreadAnswers(self) -> None:
        """A peer that has TLS itself answer, and does not read that, is dropped before it costs memory."""
        self.patch(secured, "UNREAD", 20)
        for waits in (False, True):
            self.begin(serverContext(SSL.TLS1_2_VERSION))
            self.connect()
            self.below.waits = waits
            self.layer.dataReceived(self.askTLS())
            self.assertEqual(self.below.aborted, waits)

    def test_pause(self) -> None:
        """Pausing is the transport's below: nothing is read that would have to be kept."""
        self.connect()
        self.layer.pauseProducing()
        self.assertEqual(self.below.producerState, "paused")
        self.layer.resumeProducing()
        self.assertEqual(self.below.producerState, "producing")

    def test_producer(self) -> None:
        """Producers are the transport's below; a farewell waits for them."""
        self.connect()
        producer = Producer()
        self.layer.registerProducer(producer, True)
        self.assertIs(self.below.producer, producer)
        self.assertRaises(RuntimeError, self.layer.registerProducer, Producer(), True)
        self.layer.loseConnection()
        self.layer.write(b"still more")
        pump(self.layer, self.below, self.peer)
        self.assertIsNone(self.peer.ended)
        self.layer.unregisterProducer()
        self.layer.write(b"too late")
        pump(self.layer, self.below, self.peer)
        self.assertEqual(self.peer.heard, b"still more")
        self.assertIsInstance(self.peer.ended, SSL.ZeroReturnError)
        self.assertIsNone(self.below.producer)
        self.assertEqual(producer.told, [])

    def test_unsent(self) -> None:
        """What it holds is what the transport below does."""
        self.connect()
        self.below.unsent = 12345
        self.assertEqual(self.layer.unsent, 12345)

    def test_producerAtFirst(self) -> None:
        """It is paused until the handshake is over."""
        producer = Producer()
        self.protocol.atFirst = lambda: self.layer.registerProducer(producer, True)
        self.layer.makeConnection(self.below)
        self.assertEqual((producer.told, self.below.producer), (["pause"], None))
        pump(self.layer, self.below, self.peer)
        self.assertEqual((producer.told, self.below.producer), (["pause", "resume"], producer))

    def test_pullProducerAtFirst(self) -> None:
        """One that is asked for each piece is not asked before the handshake is over."""
        producer = Producer()
        self.protocol.atFirst = lambda: self.layer.registerProducer(producer, False)
        self.connect()
        self.assertEqual((producer.told, self.below.producer), ([], producer))
        self.assertFalse(self.below.streaming)

    def test_producerOfNoConnection(self) -> None:
        """It is stopped: in the handshake when that fails, later when it comes too late."""
        early, late = Producer(), Producer()
        self.protocol.atFirst = lambda: self.layer.registerProducer(early, True)
        self.layer.makeConnection(self.below)
        self.lose()
        self.layer.registerProducer(late, True)
        self.assertEqual((early.told, late.told), (["pause", "stop"], ["stop"]))


class CompiledTests(SecuredTests):
    """The transport, on the engine in C."""

    if selection.accelerated:
        engine: Any = selection.Engine
    else:
        skip = "the engine in C was not built, or is not wanted"


__all__ = ["CompiledTests", "SecuredTests"]
