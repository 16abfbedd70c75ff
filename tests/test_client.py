"""Tests of `wsapp.client`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
from typing import Any
from unittest import SkipTest

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import Recorder, World
from wsapp import client
from wsapp.app import App
from wsapp.client import Client, checked, identities
from wsapp.errors import ConnectionClosed, UnsupportedByVersion, WsappError
from wsapp.limits import Limits
from wsapp.testing import TestClient, TestServer


class CheckedTests(SynchronousTestCase):
    """What can be sent."""

    def test_messages(self) -> None:
        """Text is text; anything like bytes is bytes."""
        for given, sent in (
            ("", ""),
            ("Grüße 😀", "Grüße 😀"),
            (b"\xff", b"\xff"),
            (bytearray(b"a"), b"a"),
            (memoryview(b"abc")[1:], b"bc"),
        ):
            self.assertEqual(checked(given), sent)
            self.assertIs(type(checked(given)), type(sent))

    def test_notMessages(self) -> None:
        """Anything else is an error that names what it was and what would be right."""
        for wrong in (None, 1, ["a"], {"a": 1}, object()):
            error = str(self.assertRaises(TypeError, checked, wrong))
            self.assertIn(type(wrong).__name__, error)
            self.assertIn("str", error)
            self.assertIn("bytes", error)
        self.assertRaises(UnicodeEncodeError, checked, "a\ud800")

    def test_identities(self) -> None:
        """Whom to leave out: clients, ids, or a single one."""
        server = TestServer(App())
        ann, bob = server.connect().client, server.connect().client
        assert ann and bob
        self.assertEqual(identities(()), frozenset())
        self.assertEqual(identities([ann, bob.id, "abc"]), {ann.id, bob.id, "abc"})
        self.assertEqual(identities(ann), {ann.id})
        self.assertEqual(identities("abc"), {"abc"})


class ClientTests(SynchronousTestCase):
    """What an application holds of a client."""

    def setUp(self) -> None:
        self.app = Recorder()
        self.server = TestServer({"room": self.app}, limits=Limits(maxPings=2))
        self.there = self.server.connect("/?a=1", subprotocols=["x", "room"], user="ann")
        self.client = self.own(self.there)

    def own(self, client: TestClient) -> Client:
        """The application's object."""
        assert client.client is not None
        return client.client

    def test_attributes(self) -> None:
        """Who it is, and how it came."""
        client = self.client
        self.assertEqual(client.user, "ann")
        self.assertEqual(client.subprotocol, "room")
        self.assertEqual(client.version, "RFC 6455")
        self.assertEqual(client.peer, "198.51.100.7")
        self.assertEqual(client.request.query, {"a": ["1"]})
        self.assertIsNone(client.data)
        client.data = {"any": "thing"}
        self.assertRaises(AttributeError, setattr, client, "typo", 1)
        self.assertEqual(repr(client), f"<Client {client.id} ann@198.51.100.7>")

    def test_dataOfTheHandshake(self) -> None:
        """What onHandshake put into request.data is client.data."""

        def onHandshake(request: Any) -> None:
            request.data = 7

        server = TestServer(Recorder(onHandshake=onHandshake))
        self.assertEqual(self.own(server.connect()).data, 7)

    def test_ids(self) -> None:
        """Ids are random and unique, and can stand in a URL."""
        ids = [self.own(self.server.connect()).id for _ in range(200)]
        self.assertEqual(len(set(ids)), 200)
        for identity in ids:
            self.assertRegex(identity, r"\A[A-Za-z0-9_-]{22}\Z")

    def test_send(self) -> None:
        """Direct sends arrive in the order of the calls, text as text and bytes as bytes."""
        for number in range(50):
            self.assertTrue(self.client.send(str(number)))
            self.assertTrue(self.client.send(str(number).encode()))
        expected: list[str | bytes] = []
        for number in range(50):
            expected += [str(number), str(number).encode()]
        self.assertEqual(self.there.messages, expected)

    def test_sendWhenClosed(self) -> None:
        """To a client that is closing or gone nothing is sent, and send() says so without raising."""
        self.there.answers = False
        self.client.close()
        self.assertFalse(self.client.send("late"))
        self.server.advance(60)
        self.assertFalse(self.client.send("later"))
        self.assertEqual(self.there.messages, [])
        self.assertRaises(TypeError, self.client.send, 1)

    def test_sendWhenGone(self) -> None:
        """Neither where the connection has died."""
        self.there.drop()
        self.assertFalse(self.client.send("late"))
        self.client.close()
        self.client.abort()
        self.assertEqual(self.app.ends, [(1006, "", False)])

    def test_sendBytesToHixie(self) -> None:
        """Bytes to a hixie client are an error that says so; once it is gone they are not."""
        world = World(self.app)
        peer = world.open("hixie-76")
        client = self.app.known[-1]
        self.assertIn("hixie", str(self.assertRaises(UnsupportedByVersion, client.send, b"x")))
        self.assertTrue(client.send("x"))
        peer.lose()
        self.assertFalse(client.send(b"x"))

    def test_close(self) -> None:
        """close() closes with code and reason, after what was sent before."""
        self.client.send("last")
        self.client.close(4001, "enough")
        self.assertEqual(self.there.messages, ["last"])
        self.assertEqual(self.there.closed, (4001, "enough"))
        self.assertEqual(self.app.ends, [(4001, "enough", True)])

    def test_closeCodes(self) -> None:
        """A code that may not be sent is an error, also where the client is gone."""
        for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000):
            self.assertRaises(ValueError, self.client.close, code)
        self.assertIsNone(self.there.closed)
        self.there.drop()
        self.assertRaises(ValueError, self.client.close, 1006)

    def test_abort(self) -> None:
        """abort() ends it without leave-taking."""
        self.client.abort()
        self.assertEqual(self.there.closed, (1006, ""))
        self.assertEqual(self.app.ends, [(1006, "", False)])

    def test_ping(self) -> None:
        """ping() fires with the round trip, in seconds."""
        self.there.reads = False
        pinged = self.client.ping()
        self.server.advance(0.5)
        self.assertNoResult(pinged)
        self.there.reads = True
        self.server.advance(0)
        self.assertAlmostEqual(self.successResultOf(pinged), 0.5)
        self.assertEqual(len(self.there.pings), 1)

    def test_pingWithoutAnswer(self) -> None:
        """It fails where the connection ends before, where too many are unanswered, and for hixie."""
        self.there.answers = False
        first = self.client.ping()
        self.client.ping().addErrback(lambda _: None)
        self.failureResultOf(self.client.ping(), WsappError)
        self.there.drop()
        self.failureResultOf(first, ConnectionClosed)
        self.failureResultOf(self.client.ping(), ConnectionClosed)
        World(self.app).open("hixie-76")
        self.failureResultOf(self.app.known[-1].ping(), UnsupportedByVersion)

    def test_drained(self) -> None:
        """bufferedAmount tells what waits, drained() when it has left."""
        self.assertEqual(self.client.bufferedAmount, 0)
        self.there.reads = False
        for _ in range(10):
            self.client.send("x" * 50_000)
        self.server.advance(0)
        self.assertGreater(self.client.bufferedAmount, 300_000)
        drained = self.client.drained()
        self.server.advance(1)
        self.assertNoResult(drained)
        self.there.reads = True
        self.server.advance(0)
        self.successResultOf(drained)
        self.assertEqual(self.client.bufferedAmount, 0)
        self.assertEqual(len(self.there.messages), 10)

    def test_drainedNever(self) -> None:
        """drained() fails where the connection ends before, or has ended."""
        self.there.reads = False
        for _ in range(10):
            self.client.send("x" * 50_000)
        self.server.advance(0)
        drained = self.client.drained()
        self.there.drop()
        self.failureResultOf(drained, ConnectionClosed)
        self.failureResultOf(self.client.drained(), ConnectionClosed)

    def test_expires(self) -> None:
        """At ``expires``, and not before, it is closed with 1008; another time or None takes it back."""
        self.assertIsNone(self.client.expires)
        self.client.expires = self.server.clock.seconds() + 10
        self.server.advance(9)
        self.client.expires += 20
        self.server.advance(15)
        self.assertIsNone(self.there.closed)
        self.client.expires = None
        self.server.advance(100)
        self.assertIsNone(self.there.closed)
        self.client.expires = self.server.clock.seconds() + 5
        self.assertEqual(self.client.expires, self.server.clock.seconds() + 5)
        self.server.advance(5.25)
        self.assertEqual(self.there.closed, (1008, "credentials have run out"))
        self.client.expires = 0

    def test_expired(self) -> None:
        """A time that is past closes at once."""
        self.client.expires = -100.0
        self.server.advance(0.25)
        self.assertEqual(self.there.closed, (1008, "credentials have run out"))

    def test_infoIsJSON(self) -> None:
        """join(info) is as other nodes will see it, and later changes of it are nobody's business."""
        info: dict[str, Any] = {"a": [1, (2, 3)], "b": None}
        self.successResultOf(self.client.join("lobby", info=info))
        info["a"] = "changed"
        (member,) = self.successResultOf(self.app.group("lobby").members())
        self.assertEqual(member, (self.client.id, "ann", {"a": [1, [2, 3]], "b": None}))
        for wrong in (object(), {1, 2}, b"bytes", {"a": object()}):
            self.assertRaises(TypeError, self.client.join, "den", info=wrong)
        self.assertRaises(ValueError, self.client.join, "den", info=float("nan"))
        self.assertEqual(self.client.groups, {"lobby"})


class GroupTests(SynchronousTestCase):
    """Groups and users, as values."""

    def setUp(self) -> None:
        self.app = App()
        self.server = TestServer({"room": self.app})

    def test_group(self) -> None:
        """A group is true even when nobody is in it, and tells its name."""
        group = self.app.group("lobby")
        self.assertEqual(group.name, "lobby")
        self.assertEqual(len(group), 0)
        self.assertTrue(group)
        self.assertEqual(repr(group), "<Group 'lobby'>")
        self.assertEqual(repr(self.app.user("ann")), "<User 'ann'>")
        self.assertEqual(self.app.user("ann").name, "ann")

    def test_wrongMessages(self) -> None:
        """What cannot be sent is the caller's error, at once."""
        for send in (self.app.group("lobby").send, self.app.user("ann").send, self.app.broadcast):
            self.assertRaises(TypeError, send, 1)
            self.assertRaises(UnicodeEncodeError, send, "\udfff")

    def test_clockOfTheApp(self) -> None:
        """The application's reactor is the clock."""
        self.assertIsInstance(self.app.reactor, Clock)


class IdTests(SynchronousTestCase):
    """What clients are called."""

    def test_unique(self) -> None:
        """No two alike, all of one length."""
        made = [client._newId() for _ in range(2000)]
        self.assertEqual(len(set(made)), 2000)
        for each in made:
            self.assertRegex(each, r"\A[A-Za-z0-9_-]{22}\Z")

    def test_forked(self) -> None:
        """A process and its child give no name twice."""
        if not hasattr(os, "fork"):
            raise SkipTest("there is no fork here")
        client._newId()
        self.assertNotEqual(client._ids, [])
        out, into = os.pipe()
        child = os.fork()
        if not child:
            os.write(into, str(len(client._ids)).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(into)
        with os.fdopen(out) as said:
            self.assertEqual(said.read(), "0")
