"""Tests of `wsapp.websocket`: one client's connection, as its application sees it."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionLost

from tests.peers import NUMBERS, Peer, Recorder, ServedCase, World
from wsapp.client import Client
from wsapp.errors import ConnectionClosed, UnsupportedByVersion
from wsapp.wire.events import Close, Ping, Pong
from wsapp.wire.selection import frame

HYBI = [version for version, number in NUMBERS.items() if number is not None]


class Slow:
    """A hook whose calls are done when told."""

    def __init__(self) -> None:
        self.running: list[Deferred[None]] = []

    def __call__(self, *_: object) -> Deferred[None]:
        self.running.append(Deferred())
        return self.running[-1]

    def done(self) -> None:
        """The oldest is done."""
        self.running.pop(0).callback(None)


def raising(*_: object) -> None:
    """A hook that raises."""
    raise ZeroDivisionError("secret")


class WebSocketCase(ServedCase):
    """A server whose application writes down what it is told."""

    def begin(self, limits: dict[str, Any] | None = None, **does: Callable[..., Any]) -> Recorder:
        """A server whose hooks do this; its application is handed back."""
        self.app = Recorder(**does)
        self.world = World(self.app, limits)
        return self.app

    def setUp(self) -> None:
        super().setUp()
        self.begin()

    def open(self, version: str = "RFC 6455", bufferSize: int = 64 * 1024) -> tuple[Peer, Client]:
        """A peer, and what the application has of it."""
        peer = self.world.open(version, bufferSize=bufferSize)
        return peer, self.app.known[-1]

    def over(self, *reason: object) -> None:
        """All connections end; the application was told so, and nothing is left."""
        for peer in self.world.peers:
            peer.take()
        self.world.settle()
        if reason:
            self.assertEqual(self.app.ends, [reason])
        self.world.nothingLeft(self)


class HookTests(WebSocketCase):
    """In order, one at a time; one that raises is the end of its client and of no other."""

    def test_oneAtATime(self) -> None:
        """Messages wait for `onConnect`, and each for the one before it."""
        slow = Slow()
        self.begin(onConnect=slow, onMessage=slow, onDisconnect=slow)
        peer, _ = self.open()
        peer.send("a", "b")
        self.assertEqual(self.app.told, [("connect",)])
        slow.done()
        self.assertEqual(self.app.messages, ["a"])
        peer.close()
        slow.done()
        self.assertEqual(self.app.messages, ["a", "b"])
        self.assertEqual(peer.events(), [])
        slow.done()
        self.assertEqual(peer.events(), [Close(1000, "")])
        self.world.settle()
        self.assertEqual(self.app.ends, [(1000, "", True)])
        self.assertEqual(len(self.world.factory.listener.connections), 1)
        slow.done()
        self.over(1000, "", True)

    def test_clientsSideBySide(self) -> None:
        """One's slow hook does not keep another waiting."""
        slow = Slow()
        self.begin(onMessage=lambda client, message: slow() if message == "slow" else None)
        ann, bob = self.open()[0], self.open()[0]
        ann.send("slow", "waits")
        bob.send("goes")
        self.assertEqual(self.app.messages, ["slow", "goes"])

    def test_raises(self) -> None:
        """Each way, in each hook: 1011 without a word of why, logged once; others unharmed."""

        async def later(*_: object) -> None:
            raise ZeroDivisionError("secret")

        ways: list[Callable[..., Any]] = [raising, lambda *_: fail(ZeroDivisionError("secret")), later]
        for hook in ("onConnect", "onMessage"):
            for way in ways:
                self.begin(None, **{hook: way})
                if hook == "onMessage":
                    other, _ = self.open()
                peer, _ = self.open()
                peer.send("a", "b", "c")
                if hook == "onConnect":
                    self.assertEqual(self.app.messages, [])
                    self.app.does.clear()
                    other, _ = self.open()
                self.assertEqual(self.app.messages.count("b"), 0)
                self.assertEqual(peer.events(), [Close(1011, "")])
                self.assertEqual(peer.transport.ended, "half")
                peer.close(1011)
                peer.lose()
                self.assertEqual(self.app.ends, [(1011, "", True)])
                self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
                self.app.does.clear()
                other.send("fine")
                self.assertEqual(self.app.messages[-1], "fine")
                other.close()
                self.over()

    def test_onDisconnectRaises(self) -> None:
        """Logged once; the connection is over all the same."""
        slow = Slow()
        for way in (raising, slow):
            self.begin(onDisconnect=way)
            peer, _ = self.open()
            peer.lose()
            if way is slow:
                slow.running[0].errback(ZeroDivisionError())
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.over(1006, "", False)

    def test_raisesAnything(self) -> None:
        """What is no Exception too: only its client ends, and that in order."""
        for kind in (SystemExit, KeyboardInterrupt, asyncio.CancelledError):

            def exiting(*_: object, kind: type[BaseException] = kind) -> None:
                raise kind("secret")

            for hook in ("onConnect", "onMessage", "onDisconnect"):
                self.begin(None, **{hook: exiting}, onError=exiting)
                peer, _ = self.open()
                peer.send("a", "b")
                if hook == "onDisconnect":
                    peer.close()
                else:
                    self.assertEqual(peer.events(), [Close(1011, "")])
                peer.lose()
                self.assertEqual(len(self.app.ends), 1)
                self.assertIn(("error", kind), self.app.told)
                self.assertEqual(len(self.flushLoggedErrors(kind)), 1)
                self.assertEqual(self.world.terms.metrics.failedHooks, 1)
                self.over()

    def test_onErrorRaises(self) -> None:
        """Both are not more than lines of the log."""
        self.begin(onMessage=raising, onError=raising)
        peer, _ = self.open()
        peer.send("a")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(peer.events(), [Close(1011, "")])
        self.over(1011, "", False)

    def test_onErrorOwn(self) -> None:
        """An application's own `onError` is told of the failure, and nothing else is logged."""
        told: list[tuple[object, object]] = []
        self.begin(onMessage=raising, onError=lambda client, failure: told.append((client, failure.type)))
        peer, client = self.open()
        peer.send("a")
        self.assertEqual(told, [(client, ZeroDivisionError)])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_timeout(self) -> None:
        """A hook that takes too long is cancelled, its client closed with 1011; one line, no traceback."""
        slow = Slow()
        self.begin({"hookTimeout": 3}, onMessage=slow)
        peer, _ = self.open()
        peer.send("a", "b")
        self.world.advance(3.5)
        self.assertEqual(peer.events(), [Close(1011, "")])
        self.assertTrue(slow.running[0].called)
        self.assertEqual(len([line for line in self.lines() if "longer than 3 s" in line]), 1)
        self.assertEqual(self.app.told, [("connect",), ("message", "a")])
        self.assertEqual(self.flushLoggedErrors(), [])
        self.over(1011, "", False)
        self.assertEqual(self.app.messages, ["a"])

    def test_waitingForWhatIsGone(self) -> None:
        """A hook that waits for a pong or a drain of a connection that ends has made no mistake."""
        for what in ("ping", "drained"):

            async def hook(client: Client, message: str, what: str = what) -> None:
                if message == "a":
                    client.send("x" * 1000)
                    await getattr(client, what)()

            self.begin(onMessage=hook)
            peer, _ = self.open(bufferSize=100)
            peer.send("a", "b")
            peer.reset()
            self.assertEqual(
                self.app.told[1:], [("message", "a"), ("message", "b"), ("disconnect", 1006, "", False)]
            )
            self.assertEqual((self.flushLoggedErrors(), self.world.terms.metrics.failedHooks), ([], 0))
            self.over()

    def test_connectionClosedOfAnother(self) -> None:
        """While its own client lives it is a failure as any other."""
        self.begin(onMessage=lambda client, message: fail(ConnectionClosed("another's")))
        peer, _ = self.open()
        peer.send("a")
        self.assertEqual(peer.events(), [Close(1011, "")])
        self.assertEqual(len(self.flushLoggedErrors(ConnectionClosed)), 1)

    def test_readingPauses(self) -> None:
        """At 16 messages that wait for a hook, and goes on behind it."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        peer.send(*"0123456789abcdefg")
        self.assertFalse(peer.transport.reading)
        slow.done()
        self.assertTrue(peer.transport.reading)

    def test_suspended(self) -> None:
        """A client behind a slow hook is not taken for gone, however long that takes."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        peer.send(*"0123456789abcdefghi")
        self.world.advance(500)
        self.assertEqual((peer.events(), peer.transport.ended), ([], None))
        while slow.running:
            slow.done()
        self.world.advance(41)
        self.assertTrue(peer.gone)

    def test_resumed(self) -> None:
        """When reading goes on, the silence that counts begins anew."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        peer.send(*"0123456789abcdefg")
        self.world.advance(59)
        slow.done()
        self.assertTrue(peer.transport.reading)
        self.world.advance(19)
        self.assertEqual(peer.events(), [])
        self.world.advance(1.5)
        self.assertEqual(peer.events(), [Ping(b"")])

    def test_noHookAfterTheLast(self) -> None:
        """Whatever comes in, whatever was waiting."""
        self.begin(onDisconnect=lambda client, reason: client.send("x"))
        peer, _ = self.open()
        peer.lose()
        told = list(self.app.told)
        peer.connection.dataReceived(peer.sender.encode("late"))
        self.world.advance(200)
        self.assertEqual(self.app.told, told)


class EndTests(WebSocketCase):
    """`onDisconnect`, once, with code, reason and whether it was clean, on every way of ending."""

    def test_peerCloses(self) -> None:
        """Its code and reason, in every version that has them; answered with the same code."""
        for version in HYBI:
            for code, shown in ((1000, 1000), (1001, 1001), (4321, 4321), (None, 1005)):
                self.begin()
                peer, _ = self.open(version)
                peer.feed(frame(0x88, b"" if code is None else code.to_bytes(2, "big") + b"bye", masked=True))
                self.assertEqual(peer.events(), [Close(shown, "")])
                self.assertEqual(peer.transport.ended, "lose")
                self.over(shown, "" if code is None else "bye", True)

    def test_peerClosesHixie(self) -> None:
        """hixie-76 has a Close without a code; hixie-75's is the end of TCP."""
        peer, _ = self.open("hixie-76")
        peer.close()
        self.assertEqual(peer.events(), [Close(1005, "")])
        self.over(1005, "", True)
        self.begin()
        peer, _ = self.open("hixie-75")
        peer.lose()
        self.over(1005, "", True)
        self.begin()
        peer, _ = self.open("hixie-75")
        peer.reset()
        self.over(1006, "", False)

    def test_weClose(self) -> None:
        """The code as the application said it, whatever word the version has for it."""
        for version, code, onTheWire in (
            ("RFC 6455", 1008, 1008),
            ("hybi-08", 1008, 1002),
            ("hybi-07", 1013, 1001),
            ("hybi-07", 1009, 1009),  # said as 1004, which is read as what it means
            ("hybi-08", 4000, 4000),
            ("hixie-76", 4000, 1005),
        ):
            self.begin()
            peer, client = self.open(version)
            client.close(code, "why")
            (said,) = peer.events()
            assert isinstance(said, Close)
            self.assertEqual(said.code, onTheWire, version)
            self.assertEqual(said.reason, "why" if "hixie" not in version else "")
            self.assertIsNone(peer.transport.ended)
            peer.close(said.code if said.code != 1005 else 1000)
            self.assertEqual(peer.transport.ended, "lose")
            self.over(code, "why", True)

    def test_weCloseHixie75(self) -> None:
        """There TCP's end is all there is."""
        peer, client = self.open("hixie-75")
        client.send("last")
        client.close(4000, "why")
        self.assertEqual(peer.events(), ["last"])
        self.assertEqual(peer.transport.ended, "lose")
        self.over(4000, "why", False)

    def test_bothClose(self) -> None:
        """Who began is who is shown; nothing is said twice."""
        peer, client = self.open()
        client.close(4001, "ours")
        peer.close(4002, "theirs")
        client.close(4003, "late")
        self.assertEqual(peer.events(), [Close(4001, "ours")])
        self.over(4001, "ours", True)
        slow = Slow()
        self.begin(onMessage=slow)
        peer, client = self.open()
        peer.send("a")
        peer.close(4002, "theirs")
        client.close(4003, "late")
        self.assertEqual(peer.events(), [Close(4002, "")])
        slow.done()
        self.over(4002, "theirs", True)

    def test_gone(self) -> None:
        """1006 where nobody said anything, or the other did not answer."""
        peer, _ = self.open()
        peer.feed(peer.sender.encode("half a message")[:8])
        peer.reset()
        self.over(1006, "", False)
        self.begin()
        peer, client = self.open()
        client.close(4000, "why")
        peer.lose()
        self.over(4000, "why", False)

    def test_violation(self) -> None:
        """1002 at once, once; what follows is discarded; one line of the log."""
        for bad, code in (
            (b"\x81\x00", 1002),
            (frame(0x81, b"\xff", masked=True), 1007),
            (b"\x81\xff" + (2 << 20).to_bytes(8, "big"), 1009),
        ):
            self.begin()
            self.logged.clear()
            peer, client = self.open()
            peer.feed(peer.sender.encode("before") + bad + peer.sender.encode("after"))
            peer.send("later")
            peer.close()
            (said,) = peer.events()
            assert isinstance(said, Close)
            self.assertEqual((said.code, peer.transport.ended), (code, "half"))
            self.assertEqual(self.app.messages, ["before"])
            self.assertFalse(client.send("x"))
            self.assertEqual(len([line for line in self.lines() if "broke the protocol" in line]), 1)
            self.over(code, said.reason, False)

    def test_violationHixie(self) -> None:
        """No code is said; the application is told it."""
        for version in ("hixie-75", "hixie-76"):
            self.begin()
            peer, _ = self.open(version)
            peer.feed(b"\x00before\xff\x00\xc0\xff")
            self.assertEqual(peer.events(), [Close(1005, "")] if version == "hixie-76" else [])
            self.assertEqual((self.app.messages, bool(peer.transport.ended)), (["before"], True))
            self.over(1007, "a text message is not UTF-8", False)

    def test_violationBehindSlowHook(self) -> None:
        """Messages before it are delivered, as hooks allow, and the peer's end is seen meanwhile."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        messages = "0123456789abcdefg"
        peer.feed(b"".join(map(peer.sender.encode, messages[:-1])))
        peer.feed(peer.sender.encode(messages[-1]) + b"\x81\x00")
        slow.done()
        self.assertTrue(peer.transport.reading)
        peer.lose()
        while slow.running:
            slow.done()
        self.assertEqual(self.app.messages, list(messages))
        self.over()

    def test_abort(self) -> None:
        """At once; what waits for a hook is dropped."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, client = self.open()
        peer.send("a", "b")
        client.abort()
        self.assertEqual(peer.transport.ended, "abort")
        self.world.settle()
        slow.done()
        self.assertEqual(self.app.messages, ["a"])
        self.over(1006, "", False)

    def test_stop(self) -> None:
        """The server's end: 1001; with an answer it is clean, without it bounded."""
        for answers in (True, False):
            self.begin()
            peer, _ = self.open()
            stopped = self.world.server.stopService()
            self.world.clock.advance(0)
            self.assertEqual(peer.events(), [Close(1001, "the server is stopping")])
            if answers:
                peer.send("on my way")
                peer.close(1001)
            self.world.advance(7)
            self.successResultOf(stopped)
            self.assertEqual(self.app.messages, ["on my way"] if answers else [])
            self.over(1001, "the server is stopping", answers)

    def test_groupsInTheLastHook(self) -> None:
        """Its groups are listed still, but nothing is sent to it."""
        seen: list[object] = []

        def last(client: Client, reason: object) -> None:
            seen.append(client.groups)
            seen.append(len(self.app.group("room")))
            self.app.group("room").send("bye")
            seen.append(client.send("to itself"))

        self.begin(onConnect=lambda client: client.join("room"), onDisconnect=last)
        peer, _ = self.open()
        other, _ = self.open()
        peer.lose()
        self.assertEqual(seen, [frozenset(["room"]), 1, False])
        self.assertEqual((peer.take(), other.events()), (b"", ["bye"]))

    def test_afterTheEnd(self) -> None:
        """Nothing raises but what says so, and nothing happens."""
        peer, client = self.open()
        peer.lose()
        self.assertEqual(
            (client.send("a"), client.send(b"a"), client.deliver("a", {})), (False, False, False)
        )
        client.close()
        client.abort()
        self.assertIsNone(peer.transport.ended)  # TLS of Twisted's would raise
        client.expires = 5
        self.failureResultOf(client.ping(), ConnectionClosed)
        self.failureResultOf(client.drained(), ConnectionClosed)
        client.join("room").addErrback(lambda _: None)
        self.assertEqual((client.bufferedAmount, len(self.app.group("room"))), (0, 0))
        self.over(1006, "", False)

    def test_whileClosing(self) -> None:
        """The same while it is closing, for a hixie client too."""
        for version in ("RFC 6455", "hixie-76", "hixie-75"):
            self.begin()
            _, client = self.open(version)
            client.close()
            self.assertEqual((client.send("a"), client.send(b"a"), client.deliver(b"a", {})), (False,) * 3)
            self.failureResultOf(client.ping(), ConnectionClosed)

    def test_badClose(self) -> None:
        """A code or reason that cannot be said is the caller's error, and nothing has happened."""
        peer, client = self.open()
        for code in (999, 1004, 1005, 1006, 1015, 2000, 5000):
            self.assertRaises(ValueError, client.close, code)
        self.assertRaises(TypeError, client.close, 1000, None)
        self.assertTrue(client.send("a"))
        self.assertEqual(peer.events(), ["a"])


class CloseTests(WebSocketCase):
    """Order and time of the closing handshake."""

    def test_behindEverything(self) -> None:
        """Our Close goes out after everything sent before it, however little the peer takes."""
        peer, client = self.open(bufferSize=100)
        for _ in range(5):
            client.send("x" * 1000)
        client.close(4000)
        client.send("not")
        self.assertEqual(peer.events(), ["x" * 1000] * 5 + [Close(4000, "")])

    def test_pongBeforeClose(self) -> None:
        """Nothing follows it, no pong that waited, and no ping of ours."""
        self.begin({"closeTimeout": 60})
        peer, client = self.open(bufferSize=100)
        client.send("x" * 1000)
        self.world.clock.advance(0)
        peer.feed(peer.sender.ping(b"p"))
        client.close(4000)
        peer.feed(peer.sender.ping(b"q"))
        self.assertEqual(peer.events(), ["x" * 1000, Pong(b"p"), Close(4000, "")])
        # A receiver stops at the Close, so these are the bytes themselves.
        peer.feed(peer.sender.ping(b"r"))
        self.world.advance(55)
        self.assertEqual(peer.take(), b"")

    def test_answeredBehindHooks(self) -> None:
        """A peer's Close is answered when the hooks before it are done; what they send goes before."""
        slow = Slow()

        async def hook(client: Client, message: str) -> None:
            await slow()
            client.send(message)

        self.begin(onMessage=hook)
        peer, _ = self.open()
        peer.feed(peer.sender.encode("a") + peer.sender.encode("b") + peer.sender.close(1000, ""))
        slow.done()
        self.world.clock.advance(0)
        self.assertEqual(peer.events(), ["a"])
        slow.done()
        self.world.clock.advance(0)
        self.assertEqual(peer.events(), ["b", Close(1000, "")])

    def test_answeredInTime(self) -> None:
        """At the latest after the close timeout; the hooks go on all the same."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        peer.send("a", "b")
        peer.close(4000)
        self.world.advance(4.5)
        self.assertEqual(peer.events(), [])
        self.world.advance(1, settle=False)
        self.assertEqual((peer.events(), peer.transport.ended), ([Close(4000, "")], "lose"))
        peer.lose()
        slow.done()
        slow.done()
        self.assertEqual(self.app.messages, ["a", "b"])
        self.over(4000, "", True)

    def test_messagesWhileClosing(self) -> None:
        """After `close()` they still reach the application."""
        peer, client = self.open()
        client.close()
        peer.send("a", "b")
        peer.feed(peer.sender.encode("c") + peer.sender.close(1000, "") + peer.sender.encode("d"))
        self.assertEqual(self.app.messages, ["a", "b", "c"])

    def test_messagesWhileClosingAndFull(self) -> None:
        """Even where he does not take what he is sent: replies are not sent any more."""
        self.begin({"maxSendBuffer": 1000})
        peer, client = self.open(bufferSize=100)
        client.send("x" * 5000)
        self.world.clock.advance(0)
        peer.send("held")
        self.assertEqual(self.app.messages, [])
        client.close()
        peer.send("a")
        self.assertEqual(self.app.messages, ["held", "a"])

    def test_violationWhileClosing(self) -> None:
        """After a violation they do not; our Close is not said again."""
        peer, client = self.open()
        client.close(4000)
        peer.feed(peer.sender.encode("a") + b"\x81\x00" + peer.sender.encode("b"))
        self.assertEqual(self.app.messages, ["a"])
        self.assertEqual((peer.events(), peer.transport.ended), ([Close(4000, "")], "half"))
        self.over(4000, "", False)

    def test_hookRaisesWhileAnswering(self) -> None:
        """The peer's Close is answered at once then."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        peer.send("a", "b")
        peer.close(4000)
        slow.running[0].errback(ZeroDivisionError())
        self.flushLoggedErrors(ZeroDivisionError)
        self.world.clock.advance(0)
        self.assertEqual((peer.events(), self.app.messages), ([Close(4000, "")], ["a"]))
        self.over(4000, "", True)

    def test_goneUnanswered(self) -> None:
        """A peer's Close that could not be answered any more: what it said, and not clean."""
        for version in HYBI:
            slow = Slow()
            self.begin(onMessage=slow)
            peer, _ = self.open(version)
            peer.feed(peer.sender.encode("a") + peer.sender.close(1000, "bye"))
            peer.reset()
            slow.done()
            self.over(1000, "bye", False)

    def test_goneBeforeTheAnswer(self) -> None:
        """So it is where the answer waited behind what the peer did not take."""
        peer, client = self.open(bufferSize=100)
        client.send("x" * 1000)
        self.world.clock.advance(0)
        client.close(4000)
        peer.close(4000)
        peer.reset()
        self.over(4000, "", False)

    def test_closeTooLate(self) -> None:
        """Whoever closes, or raises, once the connection is gone does so unheard: it was simply gone."""

        async def closes(client: Client, message: str) -> None:
            await slow()
            client.close(4001, "bad")

        async def raises(client: Client, message: str) -> None:
            await slow()
            raising()

        for hook in (closes, raises):
            slow = Slow()
            self.begin(onMessage=hook)
            peer, _ = self.open()
            peer.send("a")
            peer.reset()
            slow.done()
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), hook is raises)
            self.over(1006, "", False)

    def test_stopTooLate(self) -> None:
        """Nor is it the server's stop then."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        peer.send("a")
        peer.reset()
        self.world.server.stopService()
        slow.done()
        self.over(1006, "", False)

    def test_failureAnswered(self) -> None:
        """Our Close because of a failure is answered too, or crosses the peer's; all else is discarded."""
        for pieces in (1, 2):
            self.begin(onMessage=raising)
            peer, _ = self.open()
            data = [peer.sender.encode("a"), peer.sender.encode("b") + peer.sender.close(1011, "")]
            for piece in [b"".join(data)] if pieces == 1 else data:
                peer.feed(piece)
            self.assertEqual((self.app.messages, peer.events()), (["a"], [Close(1011, "")]))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.over(1011, "", True)

    def test_overdueAnswered(self) -> None:
        """While the hook that took too long goes on all the same it is read, and so is the end."""

        async def stubborn(client: Client, message: str) -> None:
            try:
                await Deferred()
            except CancelledError:
                await slow()

        slow = Slow()
        self.begin({"maxQueue": 1, "hookTimeout": 1}, onMessage=stubborn)
        peer, _ = self.open()
        peer.send("a")
        self.world.advance(1.5, settle=False)
        self.assertEqual(peer.events(), [Close(1011, "")])
        peer.close(1011)
        self.assertTrue(peer.transport.reading)
        peer.lose()
        slow.done()
        self.over(1011, "", True)

    def test_overrunAnswered(self) -> None:
        """So is that to a client that was too slow, once it reads."""
        self.begin({"maxSendBuffer": 1000})
        peer, client = self.open(bufferSize=100)
        while client.send("x" * 500):
            self.world.clock.advance(0)
        peer.send("not any more")
        while peer.take():
            self.world.clock.advance(0)
        peer.close(1013)
        self.assertEqual(self.app.messages, [])
        self.over(1013, "too slow to read", True)

    def test_notAnswered(self) -> None:
        """A peer that does not answer ours is dropped after the close timeout."""
        peer, client = self.open()
        client.close(4000)
        peer.take()
        self.world.advance(4.5)
        peer.send("still here")
        self.assertIsNone(peer.transport.ended)
        self.world.advance(1, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.over(4000, "", False)

    def test_notTaken(self) -> None:
        """One that does not even take it is too, for whatever reason it was to be closed."""
        for cause in ("close", "violation", "peer", "hook"):
            self.begin(onMessage=raising)
            peer, client = self.open(bufferSize=100)
            client.send("x" * 10_000)
            self.world.clock.advance(0)
            if cause == "close":
                client.close()
            elif cause == "violation":
                peer.feed(b"\x81\x00")
            elif cause == "peer":
                peer.close()
            else:
                peer.send("a")
                self.flushLoggedErrors(ZeroDivisionError)
            self.world.advance(11, settle=False)
            self.assertEqual(peer.transport.ended, "abort", cause)
            self.world.settle()
            self.assertEqual(len(self.app.ends), 1)
            self.over()

    def test_diesWithMessagesWaiting(self) -> None:
        """When TCP dies, whole messages already read are delivered, then the last hook."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, _ = self.open()
        messages = [str(number) for number in range(100)]
        peer.feed(b"".join(map(peer.sender.encode, messages)) + peer.sender.encode("cut")[:5])
        peer.lose(ConnectionLost())
        self.assertEqual(self.app.ends, [])
        while slow.running:
            self.assertEqual(self.app.ends, [])
            slow.done()
        self.assertEqual(self.app.messages, messages)
        self.assertEqual(self.app.told[-1], ("disconnect", 1006, "", False))
        self.over()

    def test_expires(self) -> None:
        """1008 when credentials run out; the time can be moved, and taken back."""
        peer, client = self.open()
        client.expires = 30
        client.expires = None
        self.world.advance(15)
        peer.send("alive")
        client.expires = 100.0
        for _ in range(8):
            self.world.advance(10)
            peer.send("alive")
        self.assertEqual(len(self.world.app.clients), 1)
        self.world.advance(5.5)
        self.assertEqual(peer.events(), [Close(1008, "credentials have run out")])
        self.world.advance(5.5)
        self.over(1008, "credentials have run out", False)

    def test_expired(self) -> None:
        """A time in the past is now; one without end is never."""
        self.world.advance(10)
        peer, client = self.open()
        client.expires = float("inf")
        client.expires = 5
        self.world.advance(0.5, settle=False)
        self.assertEqual(peer.events(), [Close(1008, "credentials have run out")])

    def test_expiresEnds(self) -> None:
        """Nothing is left of it when the client goes before."""
        peer, client = self.open()
        client.expires = 1e9
        peer.lose()
        self.over(1006, "", False)


class SendTests(WebSocketCase):
    """What goes out, how, and what happens to who does not take it."""

    def writes(self, peer: Peer) -> list[bytes]:
        """Each write to a peer's transport from now on."""
        writes: list[bytes] = []
        write = peer.transport.write

        def watched(data: bytes) -> None:
            writes.append(data)
            write(data)

        self.patch(peer.transport, "write", watched)
        return writes

    def test_oneWriteForABatch(self) -> None:
        """Replies to what came in one piece leave in one write, pongs among them."""
        self.begin(onMessage=lambda client, message: client.send(message))
        peer, _ = self.open()
        writes = self.writes(peer)
        peer.connection.dataReceived(
            b"".join(peer.sender.encode(str(number)) for number in range(16)) + peer.sender.ping(b"p")
        )
        self.assertEqual(len(writes), 1)
        now = self.world.clock.seconds()  # and without asking the reactor for a turn
        self.assertEqual([call for call in self.world.clock.getDelayedCalls() if call.getTime() <= now], [])
        self.assertEqual(peer.events(), [*map(str, range(16)), Pong(b"p")])

    def test_oneWriteForATurn(self) -> None:
        """Broadcasts of one turn of the reactor are joined for each client."""
        peers = [self.open()[0] for _ in range(3)]
        writes = [self.writes(peer) for peer in peers]
        for number in range(16):
            self.app.broadcast(str(number))
        self.world.clock.advance(0)
        self.assertEqual([len(each) for each in writes], [1, 1, 1])
        self.assertEqual(peers[1].events(), [*map(str, range(16))])

    def test_order(self) -> None:
        """Direct sends, in the order of the calls."""
        peer, client = self.open(bufferSize=100)
        for number in range(100):
            client.send(f"{number}" * 10)
        self.assertEqual(peer.events(), [f"{number}" * 10 for number in range(100)])

    def test_fullPausesReading(self) -> None:
        """An echo to one who does not read: reading from him stops when his buffer is full."""
        self.begin({"maxSendBuffer": 10_000}, onMessage=lambda client, message: client.send(message))
        peer, client = self.open(bufferSize=100)
        for _ in range(100):
            if not peer.transport.reading:
                break
            peer.send("x" * 900)
        self.assertFalse(peer.transport.reading)
        self.assertLess(client.bufferedAmount, 11_000)
        peer.feed(peer.sender.encode("held"))
        self.assertNotIn("held", self.app.messages)
        events = peer.events()
        self.world.clock.advance(0)
        self.assertTrue(peer.transport.reading)
        self.assertEqual((events + peer.events())[-1], "held")

    def test_stalled(self) -> None:
        """And closed with 1013, by time alone, where he goes on not reading; one line of the log."""
        self.begin({"maxSendBuffer": 10_000}, onMessage=lambda client, message: client.send(message))
        peer, _ = self.open(bufferSize=100)
        peer.send(*["x" * 900] * 20)
        self.world.advance(9.5, settle=False)
        self.assertIsNone(peer.transport.ended)
        self.assertEqual(len(self.app.clients), 1)
        self.world.advance(6.5, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.assertEqual(len([line for line in self.lines() if "does not read" in line]), 1)
        self.over(1013, "too slow to read", False)

    def test_slowButAlive(self) -> None:
        """One who takes something now and then is not closed, however long it takes."""
        self.begin({"maxSendBuffer": 10_000})
        peer, client = self.open(bufferSize=100)
        for _ in range(20):
            client.send("x" * 12_000)
            self.world.clock.advance(0)
            self.assertTrue(client.bufferedAmount > 10_000)
            self.world.advance(8, settle=False)
            peer.events()
            peer.feed(peer.sender.pong(b""))
        self.assertEqual(peer.transport.ended, None)

    def test_stalledWhileClosing(self) -> None:
        """Once it is closing, the close time-out rules."""
        self.begin({"maxSendBuffer": 1000, "closeTimeout": 30})
        peer, client = self.open(bufferSize=100)
        client.send("x" * 5000)
        self.world.clock.advance(0)
        client.close(4000)
        self.world.advance(25, settle=False)
        self.assertIsNone(peer.transport.ended)
        self.world.advance(6, settle=False)
        self.assertEqual((peer.transport.ended, self.world.terms.metrics.overrun), ("abort", 0))
        self.over(4000, "", False)

    def test_fullAgain(self) -> None:
        """Progress that leaves the buffer full begins the stall time again."""
        self.begin({"maxSendBuffer": 300_000})
        peer, client = self.open(bufferSize=100)
        client.send("x" * 900_000)
        transport = peer.transport
        self.world.advance(8, settle=False)
        transport.written.clear()
        transport._paused = False
        assert transport._producer is not None
        transport._producer.resumeProducing()
        self.world.advance(8, settle=False)
        self.assertEqual((transport.ended, self.world.terms.metrics.overrun), (None, 0))
        self.world.advance(2.5, settle=False)
        self.assertEqual(self.world.terms.metrics.overrun, 1)

    def test_overflow(self) -> None:
        """What goes past a full buffer is not sent: the client is closed with 1013 instead."""
        self.begin({"maxSendBuffer": 10_000})
        peer, client = self.open(bufferSize=100)
        self.assertTrue(client.send("x" * 20_000))  # larger than the buffer, which is empty
        self.world.clock.advance(0)
        self.assertFalse(client.send("y"))
        self.assertFalse(client.send("z"))
        self.assertEqual(self.world.terms.metrics.overrun, 1)
        self.assertEqual(peer.events(), ["x" * 20_000, Close(1013, "too slow to read")])
        self.over(1013, "too slow to read", False)

    def test_overflowDropped(self) -> None:
        """By time alone, if he does not take that either."""
        self.begin({"maxSendBuffer": 10_000})
        peer, client = self.open(bufferSize=100)
        for _ in range(3):
            client.send("x" * 20_000)
            self.world.clock.advance(0)
        self.world.advance(5.5, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.over(1013, "too slow to read", False)

    def test_overrunOnceClosing(self) -> None:
        """A client that is closing for another reason keeps that, and its messages."""
        slow = Slow()
        self.begin(onMessage=slow)
        peer, client = self.open()
        peer.send("a", "b")
        client.close(4000)
        client.overrun()
        peer.lose()
        client.overrun()
        slow.done()
        slow.done()
        self.assertEqual((self.app.messages, self.world.terms.metrics.overrun), (["a", "b"], 0))
        self.over(4000, "", False)

    def test_burst(self) -> None:
        """A burst in one turn to one who reads is no overflow, however small the buffer."""
        self.begin(
            {"maxSendBuffer": 1000}, onConnect=lambda client: [client.send("x" * 90) for _ in range(500)]
        )
        peer, _ = self.open()
        self.assertEqual(len(peer.events()), 500)

    def test_pingFlood(self) -> None:
        """Pings are all answered while the transport takes data; then only the newest is kept."""
        peer, client = self.open(bufferSize=1000)
        peer.feed(b"".join(peer.sender.ping(b"%d" % number) for number in range(10)))
        self.assertEqual(peer.events(), [Pong(b"%d" % number) for number in range(10)])
        for number in range(2000):
            peer.feed(peer.sender.ping(b"%0125d" % number) * 10)
        self.assertLess(len(peer.transport.written) + client.bufferedAmount, 8000)
        self.assertEqual(peer.events()[-1], Pong(b"%0125d" % 1999))

    def test_buffered(self) -> None:
        """`bufferedAmount` and `drained()`."""
        peer, client = self.open(bufferSize=100)
        self.successResultOf(client.drained())
        client.send("x" * 1000)
        self.assertEqual(client.bufferedAmount, 1004)
        waiting = client.drained()
        self.world.clock.advance(0)
        self.assertNoResult(waiting)
        peer.take()
        self.successResultOf(waiting)
        self.assertEqual(client.bufferedAmount, 0)

    def test_drainedLost(self) -> None:
        """It fails where the connection ends before."""
        peer, client = self.open(bufferSize=100)
        client.send("x" * 1000)
        waiting = client.drained()
        peer.lose()
        self.failureResultOf(waiting, ConnectionClosed)

    def test_shared(self) -> None:
        """A broadcast is encoded once for each wire form, not for each client."""
        versions = ["RFC 6455", "RFC 6455", "hybi-08", "hixie-76", "hixie-75"]
        clients = [self.open(version)[1] for version in versions]
        encoded: dict[object, bytes] = {}
        self.assertEqual([client.deliver("hi", encoded) for client in clients], [True] * 5)
        self.assertEqual(encoded, {"hybi": b"\x81\x02hi", "hixie": b"\x00hi\xff"})
        for peer in self.world.peers:
            self.world.clock.advance(0)
            self.assertEqual(peer.events(), ["hi"])

    def test_sharedTakeover(self) -> None:
        """A client with a compression context of its own has a form of its own."""
        from wsapp.wire.deflate import Compression

        self.world = World(self.app, compression=Compression.TAKEOVER)
        self.world.open("RFC 6455", "Sec-WebSocket-Extensions: permessage-deflate")
        encoded: dict[object, bytes] = {}
        self.assertTrue(self.app.known[-1].deliver("x" * 200, encoded))
        self.assertEqual(encoded, {})

    def test_binaryToHixie(self) -> None:
        """An error that says so; from a group they are skipped and counted."""
        peer, client = self.open("hixie-76")
        self.assertRaises(UnsupportedByVersion, client.send, b"bytes")
        self.failureResultOf(client.ping(), UnsupportedByVersion)
        self.app.broadcast(b"bytes")
        self.assertEqual((peer.take(), self.world.terms.metrics.skipped), (b"", 1))


class LifeTests(WebSocketCase):
    """Who is still there."""

    def test_ping(self) -> None:
        """Round trips, answered by a peer; a peer's own pongs mean nothing else."""
        peer, client = self.open()
        waiting = client.ping()
        self.world.clock.advance(0.125)
        (ping,) = peer.events()
        assert isinstance(ping, Ping)
        peer.feed(peer.sender.pong(b"unasked") + peer.sender.pong(ping.payload))
        self.assertEqual(self.successResultOf(waiting), 0.125)

    def test_vanished(self) -> None:
        """Found by ping, dropped, 1006; one line."""
        peer, _ = self.open()
        self.world.advance(20.5)
        self.assertEqual(peer.events(), [Ping(b"")])
        self.world.advance(20.5, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.assertEqual(len([line for line in self.lines() if "no answer to a ping" in line]), 1)
        self.over(1006, "", False)

    def test_answering(self) -> None:
        """One who answers stays."""
        peer, _ = self.open()
        for _ in range(10):
            self.world.advance(20.5)
            for event in peer.events():
                assert isinstance(event, Ping)
                peer.feed(peer.sender.pong(event.payload))
        self.assertFalse(peer.gone)

    def test_fullBufferDoesNotSuspend(self) -> None:
        """The pong's time does not stand still for a full buffer, if the stall time is long."""
        self.begin(
            {"maxSendBuffer": 1000, "stallTimeout": 1000},
            onMessage=lambda client, message: client.send(message),
        )
        peer, _ = self.open(bufferSize=100)
        peer.send("x" * 2000, "y")
        self.assertFalse(peer.transport.reading)
        self.world.advance(41, settle=False)
        self.assertEqual(peer.transport.ended, "abort")

    def test_hixieIdle(self) -> None:
        """Who knows no ping is dropped after so long a silence."""
        for version in ("hixie-75", "hixie-76"):
            self.begin()
            peer, _ = self.open(version)
            self.world.advance(119)
            peer.send("alive")
            self.world.advance(119)
            self.assertIsNone(peer.transport.ended)
            self.world.advance(2)
            self.over(1006, "", False)

    def test_noTimeouts(self) -> None:
        """Infinite limits are no time-outs."""
        never = dict.fromkeys(("pingInterval", "idleTimeout", "handshakeTimeout"), float("inf"))
        self.begin(never)
        peer, _ = self.open()
        old, _ = self.open("hixie-75")
        self.world.advance(3600)
        self.assertEqual((peer.transport.ended, old.transport.ended), (None, None))
