"""Tests of `wsapp.accounts`: what is counted of clients, and what the access log is told."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from tests.peers import Recorder, ServedCase, World, head, opening
from wsapp.accounts import Access
from wsapp.client import Client
from wsapp.request import Reject


def echo(client: Client, message: str) -> None:
    """Send it back."""
    client.send(message)


def turnAway(request: object) -> None:
    """Nobody is wanted."""
    raise Reject(code=4403)


class AccountsTests(ServedCase):
    """A server's clients."""

    def world(self, **does: object) -> World:
        """A server whose access log is :attr:`told`."""
        world = World(Recorder(**(does or {"onMessage": echo})))  # type: ignore[arg-type]
        self.told: list[Access] = []
        world.terms.accounts.log = self.told.append
        return world

    def test_numbers(self) -> None:
        """A client's own: messages, and the bytes of all its frames, in each direction."""
        world = self.world()
        peer = world.open()
        socket = peer.connection.socket
        assert socket is not None
        peer.send("hi", "there")
        self.assertEqual((socket.messagesIn, socket.messagesOut), (2, 2))
        # Two bytes of header, four of a mask where a client sends.
        self.assertEqual((socket.bytesIn, socket.bytesOut), (2 + 5 + 2 * 6, len(peer.take())))
        self.assertEqual(socket.bytesOut, 2 + 5 + 2 * 2)

    def test_large(self) -> None:
        """A message that leaves in pieces is one message, and counts once it has left."""
        world = self.world()
        peer = world.open(bufferSize=1000)
        socket = peer.connection.socket
        assert socket is not None
        peer.send("x" * 300_000)
        waiting = socket.bufferedAmount
        self.assertEqual(socket.messagesOut, 1)
        self.assertTrue(waiting > 0)
        while peer.take():
            world.clock.advance(0)
        self.assertEqual((socket.bytesOut, socket.bufferedAmount), (300_010, 0))

    def test_tally(self) -> None:
        """Who has gone is added up; who is there is not in it yet."""
        world = self.world()
        first, second = world.open(), world.open()
        first.send("hi")
        second.send("hello")
        self.assertEqual(world.terms.accounts.apps["app"].messagesIn, 0)
        first.lose()
        tally = world.terms.accounts.apps["app"]
        self.assertEqual((tally.opened, tally.messagesIn, tally.messagesOut), (2, 1, 1))
        self.assertEqual((tally.bytesIn, tally.bytesOut), (8, 4))
        second.lose()
        self.assertEqual((tally.opened, tally.messagesIn, tally.bytesIn), (2, 2, 19))
        self.assertEqual(world.terms.metrics.closed, {1006: 2})

    def test_plain(self) -> None:
        """A plain request that is answered is told of, with the bytes of both bodies; others are not."""
        world = self.world()
        world.advance(3)
        peer = world.peer()
        peer.feed(b"POST /a?token=secret HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        world.advance(2)
        (one,) = self.told
        self.assertEqual((one.time, one.peer, one.app, one.version), (3.0, "198.51.100.7", "", "HTTP/1.1"))
        self.assertEqual((one.status, one.seconds, one.code, one.bytesIn), (200, 0.0, None, 5))
        self.assertEqual(one.bytesOut, len(peer.take().partition(b"\r\n\r\n")[2]))
        self.assertNotIn("secret", repr(one))
        peer.feed(b"GET /wait HTTP/1.0\r\nHost: x\r\n\r\n")
        world.advance(4)
        self.assertEqual(len(self.told), 1)
        world.pages.waiting[0].write(b"part")
        peer.reset()
        self.assertEqual((self.told[1].version, self.told[1].seconds), ("HTTP/1.0", 4.0))
        self.assertEqual((self.told[1].status, self.told[1].bytesOut), (200, 4))
        other = world.peer()
        other.feed(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        other.reset()
        self.assertEqual(len(self.told), 2)
        world.terms.accounts.log = None
        world.peer().feed(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(len(self.told), 2)

    def test_access(self) -> None:
        """One record for each client that is gone: from its handshake to its last hook."""
        world = self.world()
        world.advance(10)
        peer = world.open("hybi-08", target="/?token=secret")
        peer.send("hi")
        world.advance(5)
        peer.take()
        peer.close(1000)
        peer.take()
        peer.settle()
        (told,) = self.told
        self.assertEqual(told[:6], (10.0, "198.51.100.7", "app", "hybi-08", 101, 5.0))
        self.assertEqual((told.messagesIn, told.messagesOut, told.bytesIn, told.code), (1, 1, 16, 1000))
        self.assertEqual(told.bytesOut, 4 + 4)
        self.assertEqual(told.client, world.app.known[0].id)  # type: ignore[attr-defined]
        self.assertNotIn("secret", repr(told))

    def test_refused(self) -> None:
        """One for each request that was refused, which is counted by status and by what was wrong."""
        world = self.world()
        world.advance(3)
        world.peer("2001:db8::1").feed(opening(target="/other"))
        world.peer().feed(head("Upgrade: websocket"))
        self.assertEqual(self.told[0], Access(3.0, "2001:db8::1", "", "", 404))
        self.assertEqual([one.status for one in self.told], [404, 400])
        self.assertEqual(world.terms.metrics.reasons, {"NoSuchApp": 1, "BadRequest": 1})
        self.assertEqual(world.terms.metrics.refused, {404: 1, 400: 1})

    def test_turnedAway(self) -> None:
        """Who is told a close code instead of being taken is no client, and has a record all the same."""
        world = self.world(onHandshake=turnAway)
        world.peer().feed(opening())
        self.assertEqual(self.told, [Access(0.0, "198.51.100.7", "app", "RFC 6455", 101, code=4403)])
        self.assertEqual(world.terms.metrics.turnedAway, {4403: 1})
        self.assertEqual((world.terms.metrics.clients, world.terms.accounts.apps), (0, {}))

    def test_off(self) -> None:
        """Without an access log all is counted just the same."""
        world = World()
        world.peer().feed(opening(target="/other"))
        world.open().lose()
        self.assertEqual(world.terms.accounts.apps["app"].opened, 1)
        self.assertEqual(world.terms.metrics.refused, {404: 1})
