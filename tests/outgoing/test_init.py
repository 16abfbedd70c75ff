"""Tests of `wsapp.outgoing`: connect(), from the request to the last message, in virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.logger import formatEvent, globalLogPublisher

from tests.outgoing.world import ClientCase
from wsapp.apps.echo import Echo
from wsapp.errors import BadResponse, ConnectFailed, ConnectionClosed, ConnectTimeout, HandshakeRefused
from wsapp.limits import Limits
from wsapp.wire.events import Close, Ping, Pong
from wsapp.wire.versions import VERSIONS

NEVER = float("inf")


class Recorder:
    """Hooks that write down what they are told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.answers: list[Any] = []

    def onConnect(self, connection: Any) -> Any:
        self.told.append("connect")
        self.connection = connection

    def onMessage(self, connection: Any, message: Any) -> Any:
        assert connection is self.connection
        self.told.append(message)
        return self.answers.pop(0) if self.answers else None

    def onDisconnect(self, connection: Any, reason: Any) -> Any:
        self.told.append(tuple(reason))


class OwnServerTests(ClientCase):
    """Against our own server."""

    def test_everyVersion(self) -> None:
        """Echo, and a close that both sides agree on; with and without compression."""
        self.serve(Echo())
        for version in VERSIONS:
            for compression in ("off", "shared", "takeover"):
                dialed = self.dial(version=version.option, compression=compression)
                connection = self.successResultOf(dialed)
                self.assertEqual(connection.version, version.name)
                messages: list[Any] = ["Hello", "é" * 500, ""]
                if version.number is not None:
                    messages += [b"\x00\xff", b"x" * 100_000]
                for message in messages:
                    connection.send(message)
                self.settle()
                self.assertEqual([self.successResultOf(connection.receive()) for _ in messages], messages)
                closing = connection.close(1000, "bye")
                self.advance(1)
                self.assertEqual(self.successResultOf(closing).clean, version.hasClose, version)

    def test_names(self) -> None:
        """A version may be named as ``client.version`` names it."""
        self.serve(Echo())
        self.assertEqual(self.successResultOf(self.dial(version="RFC 6455")).version, "RFC 6455")

    def test_subprotocol(self) -> None:
        """What the server agrees to."""
        self.serve(Echo())
        connection = self.successResultOf(self.dial(subprotocols=["other", "app"]))
        self.assertEqual(connection.subprotocol, "app")
        self.assertEqual(connection.headers.get("Sec-WebSocket-Protocol"), "app")

    def test_refused(self) -> None:
        """Status, headers and body of a refusal."""
        self.serve(Echo())
        error = self.failureResultOf(self.dial(url="ws://example.com/nowhere"), HandshakeRefused).value
        self.assertEqual((error.status, error.body), (404, b"no application answers here\n"))
        self.assertEqual(error.headers.get("Connection"), "close")

    def test_ping(self) -> None:
        """The round trip."""
        self.serve(Echo())
        connection = self.successResultOf(self.dial())
        ping = connection.ping()
        self.settle()
        self.assertEqual(self.successResultOf(ping), 0)


class OpeningTests(ClientCase):
    """Until there is a connection."""

    def test_arguments(self) -> None:
        """What cannot be is an error at once, and not of the Deferred."""
        for arguments in (
            {"url": "http://a/"},
            {"version": "9"},
            {"compression": "most"},
            {"subprotocols": ["a b"]},
            {"headers": {"Host": "x"}},
            {"proxy": "socks5://h"},
        ):
            with self.assertRaises(ValueError):
                self.dial(**arguments)
        with self.assertRaises(TypeError):
            self.dial(subprotocols="chat")
        self.assertEqual(self.way.attempts, 0)

    def test_notReached(self) -> None:
        """The transport's error, as one of ours."""
        self.way.answers = [ConnectionRefusedError()]
        failure = self.failureResultOf(self.dial(url="wss://ann:secret@example.com/"), ConnectFailed)
        self.assertIn("cannot connect to example.com: ", str(failure.value))
        self.assertIsInstance(failure.value.__cause__, ConnectionRefusedError)
        self.assertNotIn("secret", str(failure.value))

    def test_timeout(self) -> None:
        """The whole of it takes no longer than it may, and the attempt is given up."""
        cancelled: list[Any] = []
        self.way.answers = [Deferred(cancelled.append)]
        dialed = self.dial(timeout=7)
        self.advance(6.9)
        self.assertNoResult(dialed)
        self.advance(0.2)
        self.failureResultOf(dialed, ConnectTimeout)
        self.assertEqual(len(cancelled), 1)

    def test_silentServer(self) -> None:
        """One that takes the connection and says nothing, or not all."""
        for said in (b"", b"HTTP/1.1 101 Swi"):
            dialed = self.dial(timeout=60)
            self.way.line.give(said)
            self.advance(59.9)
            self.assertNoResult(dialed)
            self.advance(0.2)
            self.failureResultOf(dialed, ConnectTimeout)
            self.assertEqual(self.way.line.transport.ended, "abort")
            self.way.line.lose()

    def test_endlessRefusal(self) -> None:
        """A refusal whose body does not end is told with what there is of it."""
        dialed = self.dial(timeout=3)
        self.way.line.give(b"HTTP/1.1 500 Oh\r\n\r\nwell")
        self.advance(3.5)
        self.assertEqual(self.failureResultOf(dialed, HandshakeRefused).value.body, b"well")

    def test_cancel(self) -> None:
        """Before the connection and during the handshake; nothing is left behind."""
        self.way.answers = [Deferred()]
        dialed = self.dial()
        dialed.cancel()
        self.failureResultOf(dialed, CancelledError)
        dialed = self.dial()
        dialed.cancel()
        self.failureResultOf(dialed, CancelledError)
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lost(self) -> None:
        """A server that hangs up."""
        dialed = self.dial()
        self.way.line.lose(ConnectionLost)
        self.assertIn("without an answer", str(self.failureResultOf(dialed, ConnectFailed).value))

    def test_badResponse(self) -> None:
        """Not a WebSocket's answer: the connection is ended, and what follows is not looked at."""
        dialed = self.dial()
        self.way.line.give(b"220 smtp.example.com ESMTP\r\n")
        self.failureResultOf(dialed, BadResponse)
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.give(b"more")
        self.way.line.lose()

    def test_nothingSentTwice(self) -> None:
        """Each attempt has a key of its own."""
        requests = set()
        for _ in range(3):
            self.dial()
            requests.add(self.way.line.transport.take())
        self.assertEqual(len(requests), 3)

    def test_framesBehindThe101(self) -> None:
        """What comes in the same segment is not lost."""
        connection = self.open(behind=self.wire("one", "two"))
        self.assertEqual(self.successResultOf(connection.receive()), "one")
        self.assertEqual(self.successResultOf(connection.receive()), "two")

    def wire(self, *messages: str) -> bytes:
        """Messages as a server sends them."""
        return (
            b"".join(map(self.way.line.sender.encode, messages))
            if self.way.lines
            else (b"".join(bytes([0x81, len(message)]) + message.encode() for message in messages))
        )


class HookTests(ClientCase):
    """With hooks, as on the server's side."""

    def test_order(self) -> None:
        """Connect, messages, disconnect; a class is made an object of."""
        hooks = Recorder()
        connection = self.open(hooks)
        self.way.line.say("one", b"two")
        self.way.line.give(self.way.line.sender.close(4000, "bye"))
        self.assertEqual(hooks.told, ["connect", "one", b"two"])
        self.settle()
        self.way.line.lose()
        self.assertEqual(hooks.told[3:], [(4000, "bye", True)])
        self.assertEqual(self.successResultOf(connection.whenClosed()).code, 4000)
        self.assertIs(hooks.connection, connection)
        made: list[Any] = []

        class Hooks:
            def onConnect(self, connection: Any) -> None:
                made.append(self)

        self.open(Hooks)
        self.assertIsInstance(made[0], Hooks)

    def test_backPressure(self) -> None:
        """While a hook is not done, its messages wait, a few of them; then the server does."""
        hooks = Recorder()
        waiting: Deferred[None] = Deferred()
        hooks.answers = [waiting]
        self.open(hooks, limits=Limits(maxQueue=3))
        self.way.line.say(*map(str, range(20)))
        self.assertEqual(hooks.told, ["connect", "0"])
        self.assertFalse(self.way.line.transport.reading)
        waiting.callback(None)
        self.assertEqual(hooks.told, ["connect", *map(str, range(20))])
        self.assertTrue(self.way.line.transport.reading)

    def test_failing(self) -> None:
        """A hook that raises closes with 1011, and is logged."""

        class Hooks:
            def onMessage(self, connection: Any, message: Any) -> None:
                raise ZeroDivisionError

        connection = self.open(Hooks)
        self.way.line.say("x")
        self.settle()
        self.assertEqual(self.way.line.heard, [Close(1011, "")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.way.line.lose()
        self.assertEqual(self.successResultOf(connection.whenClosed())[:2], (1011, ""))

    def test_noReceiving(self) -> None:
        """The hooks get the messages."""
        connection = self.open(Recorder())
        with self.assertRaises(RuntimeError):
            connection.receive()


class LifeTests(ClientCase):
    """What a server may do."""

    def test_limits(self) -> None:
        """They apply to servers too."""
        connection = self.open(limits=Limits(maxMessage=100))
        self.way.line.say("x" * 101)
        self.settle()
        self.assertEqual(self.way.line.heard[0].code, 1009)
        self.way.line.lose()
        error = self.failureResultOf(connection.receive(), ConnectionClosed).value
        self.assertEqual(error.code, 1009)

    def test_log(self) -> None:
        """What is logged of it has neither credentials nor query."""
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.open(url="ws://ann:secret@example.com/path?token=secret", limits=Limits(maxMessage=10))
        self.way.line.say("x" * 11)
        lines = [formatEvent(event) for event in events]
        self.assertIn("ws://example.com/path: ", "".join(lines))
        self.assertNotIn("secret", "".join(lines))

    def test_masked(self) -> None:
        """A server must not mask (RFC 6455 5.1)."""
        self.open()
        self.way.line.give(bytes.fromhex("818537fa213d7f9f4d5158"))
        self.settle()
        self.assertEqual(self.way.line.heard[0].code, 1002)

    def test_automaticPing(self) -> None:
        """A silent server is asked, and given up where it does not answer."""
        connection = self.open(limits=Limits(pingInterval=10, pingTimeout=5))
        self.advance(10.5)
        self.assertEqual(self.way.line.heard, [Ping(b"")])
        self.advance(6)
        self.assertEqual(self.way.line.transport.ended, "abort")
        self.way.line.lose(ConnectionLost)
        self.assertEqual(self.failureResultOf(connection.receive(), ConnectionClosed).value.code, 1006)

    def test_pong(self) -> None:
        """Its pings are answered."""
        self.open()
        self.way.line.give(b"\x89\x02hi")
        self.settle()
        self.assertEqual(self.way.line.heard, [Pong(b"hi")])

    def test_framesAreMasked(self) -> None:
        """Each with a key of its own (RFC 6455 5.3)."""
        connection = self.open()
        for _ in range(20):
            connection.send("same")
        self.settle()
        data = self.way.line.transport.take()
        frames = [data[n : n + 10] for n in range(0, len(data), 10)]
        self.assertEqual({frame[:2] for frame in frames}, {b"\x81\x84"})
        self.assertEqual(len(set(frames)), 20)

    def test_serverEndsTheConnection(self) -> None:
        """After a closing handshake the client waits for that, but not for ever (RFC 6455 7.1.1)."""
        for ours in (True, False):
            connection = self.open(limits=Limits(closeTimeout=5, pingInterval=NEVER))
            line = self.way.line
            if ours:
                connection.close()
            line.give(line.sender.close(1000, ""))
            self.settle()
            self.assertEqual(line.heard, [Close(1000, "")])
            self.assertIsNone(line.transport.ended)
            self.advance(4.5)
            self.assertIsNone(line.transport.ended)
            self.advance(1)
            self.assertEqual(line.transport.ended, "abort")
            line.lose(ConnectionLost)
            self.assertTrue(self.successResultOf(connection.whenClosed()).clean)
            self.assertEqual(self.clock.getDelayedCalls(), [])
