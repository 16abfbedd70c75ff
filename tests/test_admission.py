"""Tests of `wsapp.admission`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import Recorder, ServedCase, World, opening
from wsapp.admission import Admission, Ticket
from wsapp.errors import ServerFull, TooManyConnections
from wsapp.incidents import MOST
from wsapp.limits import Limits
from wsapp.origins import TrustedProxies


class AdmissionTests(SynchronousTestCase):
    """Counting."""

    def setUp(self) -> None:
        self.admission = Admission(Limits(maxConnections=5, maxConnectionsPerAddress=2), Clock().seconds)

    def enter(self, *peers: str) -> list[Ticket]:
        """These connect."""
        tickets = [Ticket(self.admission) for _ in peers]
        for ticket, peer in zip(tickets, peers, strict=True):
            ticket.address(peer)
        return tickets

    def assertRefused(self, peers: Iterable[str]) -> None:
        """The last of these is one too many for its address."""
        *first, last = peers
        tickets = self.enter(*first)
        late = Ticket(self.admission)
        error = self.assertRaises(TooManyConnections, late.address, last)
        self.assertEqual(error.status, 429)
        self.assertIn("Retry-After", dict(error.headers))
        for ticket in [*tickets, late]:
            ticket.leave()
        self.assertEqual((self.admission.total, self.admission.byAddress), (0, {}))

    def test_perAddress(self) -> None:
        """An IPv4 address, however it is written, or an IPv6 /64."""
        self.assertRefused(["192.0.2.1", "192.0.2.1", "192.0.2.1"])
        self.assertRefused(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"])
        self.assertRefused(["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:0:1::"])

    def test_others(self) -> None:
        """Other addresses, other networks, loopback and UNIX peers are not affected."""
        self.enter("192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1")
        self.enter(*["127.0.0.1", "::1", "", "::ffff:127.0.0.1"] * 10)
        self.assertEqual(sum(self.admission.byAddress.values()), 5)

    def test_leave(self) -> None:
        """A place is free again, and is given back once only."""
        (first, _) = self.enter("192.0.2.1", "192.0.2.1")
        first.leave()
        first.leave()
        self.assertEqual((self.admission.total, self.admission.byAddress["192.0.2.1"]), (1, 1))
        self.enter("192.0.2.1")
        first.address("192.0.2.1")  # it has left: it counts nowhere
        self.assertEqual(self.admission.byAddress["192.0.2.1"], 2)

    def test_onceEach(self) -> None:
        """A connection counts for one address, the first that is told."""
        (ticket,) = self.enter("192.0.2.1")
        ticket.address("192.0.2.1")
        ticket.address("192.0.2.2")
        self.assertEqual(dict(self.admission.byAddress), {"192.0.2.1": 1})

    def test_total(self) -> None:
        """As many as may be, and no more."""
        self.enter(*["127.0.0.1"] * 5)
        self.admission.check()
        self.enter("127.0.0.1")
        error = self.assertRaises(ServerFull, self.admission.check)
        self.assertEqual((error.status, dict(error.headers)["Retry-After"]), (503, "30"))


class ServedTests(ServedCase):
    """On a port."""

    def test_inAll(self) -> None:
        """503 with Retry-After; those who are in stay; a place that is free is given."""
        world = World(limits={"maxConnections": 2})
        first, _ = world.open(), world.peer()
        late = world.peer()
        self.assertEqual(late.take(), b"")
        late.feed(b"G")
        answer = late.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), answer)
        self.assertIn(b"\r\nRetry-After: 30\r\n", answer)
        self.assertNotIn(b"max-connections", answer)
        self.assertIn("max-connections is 2", self.lines()[-1])
        late.feed(opening())
        self.assertEqual(late.take(), b"")
        first.send("hi")
        world.settle()
        first.lose()
        world.open()
        world.advance(70)
        self.assertEqual(world.terms.metrics.refused, {503: 1})

    def test_perAddress(self) -> None:
        """429 with Retry-After; another address comes in; a refused one does not keep its place."""
        world = World(limits={"maxConnectionsPerAddress": 2})
        peers = [world.peer("192.0.2.1") for _ in range(3)]
        peers[2].feed(opening())
        answer = peers[2].take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n"), answer)
        self.assertIn(b"\r\nRetry-After: 30\r\n", answer)
        world.peer("192.0.2.2").feed(opening())
        peers[0].lose(ConnectionDone())
        again = world.peer("192.0.2.1")
        again.feed(opening())
        self.assertIn(b" 101 ", again.take())

    def test_hooksThatRun(self) -> None:
        """Who has gone keeps its place while its hooks run, as what it has sent is kept for them."""
        hooks: list[Deferred[None]] = []

        def hook(*arguments: object) -> Deferred[None]:
            hooks.append(Deferred())
            return hooks[-1]

        limits = {"maxConnections": 2, "maxConnectionsPerAddress": 1}
        world = World(Recorder(onMessage=hook, onDisconnect=hook), limits=limits)
        for _ in range(3):
            peer = world.open()
            peer.send("a", "b")
            peer.lose()
            self.assertEqual((world.terms.admission.total, len(world.app.clients)), (1, 1))
            late = world.peer()
            late.feed(opening())
            self.assertEqual(late.take()[9:12], b"429")
            late.lose()
            for _ in range(3):  # two messages, and the client's end
                self.assertEqual(world.terms.admission.total, 1)
                hooks.pop().callback(None)
            self.assertEqual((world.terms.admission.total, world.terms.admission.byAddress), (0, {}))
        world.nothingLeft(self)

    def test_hooksGivenUp(self) -> None:
        """A hook that takes too long does not keep it any longer."""
        world = World(Recorder(onMessage=lambda client, message: Deferred()), limits={"hookTimeout": 3})
        peer = world.open()
        peer.send("a")
        peer.lose()
        world.advance(2)
        self.assertEqual(world.terms.admission.total, 1)
        world.advance(2)
        world.nothingLeft(self)

    def test_loopback(self) -> None:
        """Not counted."""
        world = World(limits={"maxConnectionsPerAddress": 1})
        for _ in range(5):
            peer = world.peer("127.0.0.1")
            peer.feed(opening())
            self.assertIn(b" 101 ", peer.take())

    def test_forwarded(self) -> None:
        """Behind a trusted proxy the client's address counts, not the proxy's; another's word does not."""
        world = World(
            limits={"maxConnectionsPerAddress": 1}, proxies=TrustedProxies(["10.0.0.1", "10.0.0.2"])
        )

        def status(proxy: str, forwarded: str) -> bytes:
            peer = world.peer(proxy)
            peer.feed(opening("RFC 6455", f"X-Forwarded-For: {forwarded}"))
            return peer.take()[9:12]

        self.assertEqual(status("10.0.0.1", "192.0.2.1"), b"101")
        self.assertEqual(status("10.0.0.1", "192.0.2.2"), b"101")
        self.assertEqual(status("10.0.0.2", "192.0.2.1"), b"429")
        self.assertEqual(status("10.0.0.2", "192.0.2.3, 192.0.2.1, 10.0.0.1"), b"429")
        self.assertEqual(status("192.0.2.9", "192.0.2.8"), b"101")
        self.assertEqual(status("192.0.2.9", "192.0.2.7"), b"429")

    def test_flood(self) -> None:
        """Thousands that are refused cost a few lines and leave nothing behind."""
        world = World(limits={"maxConnections": 1})
        world.peer()
        for _ in range(2000):
            world.peer().feed(opening())
        self.assertEqual(len(self.lines()), MOST)
        world.settle()
        world.advance(61)
        world.nothingLeft(self)

    def test_silent(self) -> None:
        """One too many that asks nothing is told nothing, and gone at the close time-out."""
        world = World(limits={"maxConnections": 1, "closeTimeout": 3})
        world.open()
        late, other = world.peer(), world.peer()
        world.advance(4, settle=False)
        self.assertEqual((late.take(), late.transport.ended), (b"", "abort"))
        self.assertEqual(self.lines(), [])
        other.lose()
        world.server.stopService()
        self.assertEqual(world.terms.metrics.refused, {})

    def test_silentCrowd(self) -> None:
        """Those that ask nothing take no places, and past some of them are dropped at once."""
        world = World(limits={"maxConnections": 1})
        first = world.peer()
        crowd = [world.peer() for _ in range(150)]
        self.assertEqual([late.transport.ended for late in crowd], [None] * 100 + ["abort"] * 50)
        self.assertEqual((world.terms.admission.total, world.terms.admission.refusing), (1, 150))
        first.lose()
        for late in crowd:
            late.lose()
        self.assertEqual((world.terms.admission.total, world.terms.admission.refusing), (0, 0))

    def test_silentAtTheEnd(self) -> None:
        """Nor at the server's end."""
        world = World(limits={"maxConnections": 1})
        world.open()
        late = world.peer()
        world.server.stopService()
        world.clock.advance(0)
        self.assertEqual((late.take(), late.transport.ended), (b"", "lose"))


class GiveWayTests(ServedCase):
    """Where somebody may be sent away for who comes."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World(limits={"maxConnections": 3})

        def giveWay() -> None:
            any(connection.giveWay() for connection in self.world.server.connections())

        self.world.terms.admission.giveWay = giveWay

    def test_oldest(self) -> None:
        """The oldest that is no client goes, once, and its place is free before its end is known."""
        client = self.world.open()
        silent = [self.world.peer() for _ in range(2)]
        others = [self.world.open() for _ in range(2)]
        self.assertEqual([peer.transport.ended for peer in silent], ["abort"] * 2)
        self.assertEqual([peer.transport.ended for peer in (client, *others)], [None] * 3)
        late = self.world.peer()
        late.feed(opening())
        self.assertIn(b" 503 ", late.take())
        self.world.settle()
        self.assertEqual(self.world.terms.admission.total, 3)
        for peer in self.world.peers:
            peer.lose()
        self.world.nothingLeft(self)


class RateTests(ServedCase):
    """How fast handshakes may come."""

    def status(self, world: World, address: str = "192.0.2.1", *lines: str, data: bytes = b"") -> bytes:
        """What a handshake is answered with."""
        peer = world.peer(address)
        peer.feed(data or opening("RFC 6455", *lines))
        self.answer = peer.take()
        peer.lose()
        return self.answer[9:12]

    def test_rate(self) -> None:
        """As many at once as the burst has, then 429 with the time to wait; of that address only."""
        world = World(limits={"handshakeRate": 0.5, "rateBurst": 10})
        self.assertEqual([self.status(world) for _ in range(5)], [b"101"] * 5)
        self.assertEqual(self.status(world), b"429")
        self.assertIn(b"\r\nRetry-After: 2\r\n", self.answer)
        self.assertNotIn(b"handshake-rate", self.answer)
        self.assertIn("--handshake-rate is 0.5", self.lines()[-1])
        self.assertEqual(self.status(world, "192.0.2.2"), b"101")
        self.assertEqual(self.status(world, "2001:db8::1"), b"101")
        world.advance(2)
        self.assertEqual([self.status(world) for _ in range(2)], [b"101", b"429"])
        self.assertEqual(world.terms.metrics.refused, {429: 2})

    def test_network(self) -> None:
        """Of IPv6 a /64 is one address."""
        world = World(limits={"handshakeRate": 1, "rateBurst": 1})
        statuses = [self.status(world, f"2001:db8::{n}") for n in (1, 2)]
        self.assertEqual(statuses, [b"101", b"429"])

    def test_malformed(self) -> None:
        """Handshakes that are refused count as well, before anything else is looked at."""
        world = World(limits={"handshakeRate": 1, "rateBurst": 2})
        origin = "Origin: http://evil.example"
        statuses = [self.status(world, "192.0.2.1", origin) for _ in range(3)]
        self.assertEqual(statuses, [b"403", b"403", b"429"])
        self.assertEqual(self.status(world), b"429")

    def test_behindProxy(self) -> None:
        """The client's address counts, not the proxy's; loopback and UNIX peers do not."""
        world = World(limits={"handshakeRate": 1, "rateBurst": 1}, proxies=TrustedProxies(["10.0.0.1"]))
        for address, forwarded, status in (
            ("10.0.0.1", "192.0.2.1", b"101"),
            ("10.0.0.1", "192.0.2.2", b"101"),
            ("10.0.0.1", "192.0.2.1", b"429"),
            ("192.0.2.9", "192.0.2.8", b"101"),
            ("192.0.2.9", "192.0.2.7", b"429"),
            ("127.0.0.1", "192.0.2.1", b"101"),
            ("127.0.0.1", "192.0.2.1", b"101"),
        ):
            found = self.status(world, address, f"X-Forwarded-For: {forwarded}")
            self.assertEqual(found, status, (address, forwarded))

    def test_plainRequests(self) -> None:
        """Pages are none of it."""
        world = World(limits={"handshakeRate": 1, "rateBurst": 1})
        page = b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n"
        self.assertEqual([self.status(world, data=page) for _ in range(5)], [b"200"] * 5)
        self.assertEqual(self.status(world), b"101")

    def test_off(self) -> None:
        """By default nothing is counted."""
        world = World()
        self.assertEqual({self.status(world) for _ in range(200)}, {b"101"})
        self.assertIsNone(world.terms.admission.knocks)
