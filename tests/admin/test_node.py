"""Tests of `wsapp.admin.node`: what a server tells of itself, and what can be done about it."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.peers import Recorder, ServedCase, World, opening
from wsapp.admin import node as nodeModule
from wsapp.admin.node import Node
from wsapp.admin.source import MOST_ROWS, Unknown
from wsapp.client import Client
from wsapp.request import Request
from wsapp.wire.events import Close


def echo(client: Client, message: str) -> None:
    """Send it back."""
    client.send(message)


def named(request: Request) -> None:
    """Everybody is who the query says."""
    request.user = request.query["user"][0] if "user" in request.query else None


class NodeCase(ServedCase):
    """A node."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World(Recorder(onMessage=echo, onHandshake=named), limits={"maxSendBuffer": 2000})
        self.node = Node(self.world.server, "w1")

    def snapshot(self) -> dict[str, Any]:
        """How it stands."""
        gathering = self.node.snapshot()
        for _ in range(100):
            self.world.clock.advance(0)
        found: dict[str, Any] = self.successResultOf(gathering)
        return found

    def rows(self, ask: Any, **query: Any) -> Any:
        """What a query gives."""
        asking = ask(query)
        for _ in range(100):
            self.world.clock.advance(0)
        return self.successResultOf(asking)


class SnapshotTests(NodeCase):
    """How it stands."""

    def test_clients(self) -> None:
        """Clients by version and transport; who has gone counts on in the sums."""
        first, _ = self.world.open(), self.world.open("hixie-76")
        secure = self.world.peer(secure=True)
        secure.feed(opening())
        first.send("hi", "ho")
        first.lose()
        app = self.snapshot()["apps"]["app"]
        self.assertEqual(app["clients"], {"hixie-76|tcp": 1, "RFC 6455|tls": 1})
        self.assertEqual((app["opened"], app["messagesIn"], app["messagesOut"]), (3, 2, 2))
        self.assertEqual((app["bytesIn"], app["bytesOut"]), (16, 8))

    def test_never(self) -> None:
        """Sums never go down, though clients go while it is gathered."""
        self.patch(nodeModule, "HANDFUL", 2)
        peers = [self.world.open() for _ in range(7)]
        for peer in peers:
            peer.send("hi")
        before = self.snapshot()["apps"]["app"]
        gathering = self.node.snapshot()
        for peer in peers:
            peer.lose()
        for _ in range(10):
            self.world.clock.advance(0)
        between = self.successResultOf(gathering)["apps"]["app"]
        after = self.snapshot()["apps"]["app"]
        for name in ("opened", "messagesIn", "messagesOut", "bytesIn", "bytesOut"):
            self.assertEqual([before[name]] * 2, [between[name], after[name]], name)

    def test_manyTurns(self) -> None:
        """Many clients are looked at over many turns of the reactor."""
        self.patch(nodeModule, "HANDFUL", 2)
        for _ in range(5):
            self.world.open()
        before = len(self.world.clock.getDelayedCalls())
        gathering = self.node.snapshot()
        self.assertNoResult(gathering)
        self.assertEqual(len(self.world.clock.getDelayedCalls()), before + 1)
        self.world.clock.advance(0)
        self.assertEqual(self.successResultOf(gathering)["apps"]["app"]["clients"], {"RFC 6455|tcp": 5})

    def test_buffers(self) -> None:
        """What waits to be sent, and who is slow."""
        slow = self.world.open(bufferSize=10)
        self.world.open()
        client = self.world.app.known[0]  # type: ignore[attr-defined]
        slow.transport.take()
        for _ in range(3):
            client.send("x" * 900)
            self.world.clock.advance(0)
        app = self.snapshot()["apps"]["app"]
        self.assertEqual(app["buffered"], client.bufferedAmount)
        self.assertTrue(app["buffered"] > 2000)
        self.assertEqual((app["slow"], app["buffers"]), (1, [1, 0, 1, 0, 0, 0, 0]))

    def test_hooks(self) -> None:
        """The durations of hooks."""
        self.world.open().send("hi")
        hooks = self.snapshot()["apps"]["app"]["hooks"]
        self.assertEqual(set(hooks), {"onHandshake", "onConnect", "onMessage", "onDisconnect"})
        self.assertEqual((sum(hooks["onMessage"]["counts"]), sum(hooks["onDisconnect"]["counts"])), (1, 0))

    def test_whole(self) -> None:
        """What is of the whole server."""
        self.world.advance(7)
        self.world.open().close(1000)
        self.world.peer().feed(opening(target="/no"))
        found = self.snapshot()
        self.assertEqual(
            (found["worker"], found["time"], found["since"], found["state"]), ("w1", 7.0, 0.0, "ready")
        )
        self.assertEqual((found["counters"]["connections"], found["counters"]["clients"]), (2, 1))
        self.assertEqual((found["refused"], found["reasons"]), ({"404": 1}, {"NoSuchApp": 1}))
        self.assertEqual(found["broker"]["state"], "up")

    def test_lag(self) -> None:
        """How late the event loop was: lately, and at worst in the last minute."""
        self.node.start()
        self.world.clock.advance(0.75)
        self.assertTrue(self.snapshot()["lag"] == self.snapshot()["worstLag"] > 0.6)
        for _ in range(200):
            self.world.clock.advance(0.025)
        found = self.snapshot()
        self.assertTrue(found["lag"] < 0.1 and found["worstLag"] > 0.6, str(found))
        self.node.stop()


class ReadyTests(ServedCase):
    """When clients should come."""

    def why(self, node: Node) -> str:
        """Why not."""
        why: str = self.successResultOf(node.ready())
        return why

    def test_life(self) -> None:
        """Not before it has started, not while it stops or is drained, not without its broker."""
        world = World()
        node = Node(world.server)
        self.assertEqual(self.why(node), "")
        world.terms.metrics.broker.state = "down"
        self.assertEqual((self.why(node), node.state), ("the broker is down", "ready"))
        world.terms.metrics.broker.state = "up"
        node.drain(0)
        self.assertEqual(self.why(node), "draining")
        node.resume()
        self.assertEqual(self.why(node), "")
        world.server.stopService()
        self.assertEqual(self.why(node), "stopping")

    def test_starting(self) -> None:
        """While an application starts."""
        waiting: Deferred[None] = Deferred()

        class Slow(Recorder):
            def onStart(self) -> Deferred[None]:
                return waiting

        world = World(Slow())
        node = Node(world.server)
        self.assertEqual(self.why(node), "starting")
        waiting.callback(None)
        self.assertEqual(self.why(node), "")


class TableTests(NodeCase):
    """Clients and groups."""

    def setUp(self) -> None:
        super().setUp()
        for number, user in enumerate(("ann", "bob", "%C3%84nne")):
            self.world.advance(1)
            self.world.open(["RFC 6455", "hybi-07", "RFC 6455"][number], target=f"/?user={user}&token=secret")
        self.clients = self.world.app.known  # type: ignore[attr-defined]

    def users(self, **query: Any) -> list[str]:
        """Whom a query finds, in order."""
        return [row["user"] for row in self.rows(self.node.clients, **query)["rows"]]

    def test_all(self) -> None:
        """By default all, the oldest first."""
        self.assertEqual(self.users(), ["ann", "bob", "Änne"])
        (row, *_) = self.rows(self.node.clients)["rows"]
        self.assertEqual(
            {name: row[name] for name in
             ("app", "peer", "version", "transport", "since", "worker", "groups")},
            {"app": "app", "peer": "198.51.100.7", "version": "RFC 6455", "transport": "tcp",
             "since": 1.0, "worker": "w1", "groups": 0},
        )  # fmt: skip

    def test_sorted(self) -> None:
        """By any column, either way; by one that there is not as by none."""
        self.assertEqual(self.users(sort="user", descending=True), ["Änne", "bob", "ann"])
        self.assertEqual(self.users(sort="version", descending=True)[0], "bob")
        for odd in ("nonsense", None, 7, ["user"]):
            self.assertEqual(self.users(sort=odd), ["ann", "bob", "Änne"])

    def test_filtered(self) -> None:
        """By a part of anything that is shown, in any case; by application; by group."""
        self.assertEqual(self.users(filter="äN"), ["Änne"])
        self.assertEqual(self.users(filter="hybi"), ["bob"])
        self.assertEqual(self.users(filter=self.clients[0].id), ["ann"])
        self.assertEqual(self.users(app="other"), [])
        self.clients[1].join("lobby")
        self.assertEqual(self.users(group="lobby"), ["bob"])

    def test_bounded(self) -> None:
        """There are at most so many rows, and it is said how many there would be."""
        for _ in range(MOST_ROWS):
            self.world.open()
        page = self.rows(self.node.clients)
        self.assertEqual((len(page["rows"]), page["count"]), (MOST_ROWS, MOST_ROWS + 3))

    def test_groups(self) -> None:
        """Groups with how many are in them."""
        for client in self.clients:
            client.join("lobby")
        self.clients[0].join("Attic")
        found = self.rows(self.node.groups)
        self.assertTrue(found.pop("took") >= 0)
        self.assertEqual(
            found,
            {"rows": [{"app": "app", "name": "Attic", "clients": 1},
                      {"app": "app", "name": "lobby", "clients": 3}], "count": 2},
        )  # fmt: skip
        self.assertEqual(
            self.rows(self.node.groups, sort="clients", descending=True)["rows"][0]["name"], "lobby"
        )
        self.assertEqual(self.rows(self.node.groups, filter="ATT")["count"], 1)
        self.assertEqual(self.rows(self.node.groups, app="other")["count"], 0)

    def test_client(self) -> None:
        """One in detail: its path, but no query, which may have a token in it."""
        self.clients[0].join("lobby")
        found = self.successResultOf(self.node.client(self.clients[0].id))
        self.assertEqual((found["groups"], found["path"], found["expires"]), (["lobby"], "/", None))
        self.assertNotIn("secret", repr(found))
        error = self.failureResultOf(self.node.client("nobody"), Unknown)
        self.assertIn("not here any more", str(error.value))


class DeedTests(NodeCase):
    """What an operator does."""

    def test_close(self) -> None:
        """One client is closed, with a code and a reason; others are not."""
        one, other = self.world.open(), self.world.open()
        client = self.world.app.known[0]  # type: ignore[attr-defined]
        self.successResultOf(self.node.close(client.id, 1008, "enough"))
        self.assertEqual(one.events(), [Close(1008, "enough")])
        self.assertEqual(other.events(), [])
        self.failureResultOf(self.node.close("nobody", 1001, ""), Unknown)
        self.failureResultOf(self.node.close(client.id, 1006, ""), Unknown)

    def test_announce(self) -> None:
        """Every client of an application is sent a text."""
        peers = [self.world.open(), self.world.open("hixie-75")]
        self.successResultOf(self.node.announce("app", "tea is ready"))
        self.assertEqual([peer.events() for peer in peers], [["tea is ready"]] * 2)
        self.failureResultOf(self.node.announce("other", "x"), Unknown)

    def test_announceWithoutGroups(self) -> None:
        """So is that of an application that says it has no groups, here."""
        self.world.app.groups = False
        peer = self.world.open()
        self.successResultOf(self.node.announce("app", "tea is ready"))
        self.assertEqual(peer.events(), ["tea is ready"])

    def test_announcement(self) -> None:
        """Each client is sent what its application makes of the text, where that is None nothing."""
        words = {1: '{"said": "tea"}', 2: b"tea", 3: None, 4: b"tea"}
        peers = [self.world.open(version) for version in (*["RFC 6455"] * 3, "hixie-75")]
        known = self.world.app.known  # type: ignore[attr-defined]
        asked = []

        def announcement(client: Client, text: str) -> str | bytes | None:
            asked.append(text)
            return words[known.index(client) + 1]

        self.patch(self.world.app, "announcement", announcement)
        self.successResultOf(self.node.announce("app", "tea"))
        self.assertEqual([peer.events() for peer in peers], [['{"said": "tea"}'], [b"tea"], [], []])
        self.assertEqual(asked, ["tea"] * 4)

    def test_announcementFails(self) -> None:
        """Where the application fails for one client, others are told all the same; who asks learns it."""
        peers = [self.world.open() for _ in range(3)]
        known = self.world.app.known  # type: ignore[attr-defined]
        for wrong in (lambda: 1 / 0, lambda: 7):
            self.patch(
                self.world.app,
                "announcement",
                lambda client, text, wrong=wrong: wrong() if client is known[0] else text,
            )
            self.failureResultOf(self.node.announce("app", "tea"), ZeroDivisionError, TypeError)
            self.assertEqual([peer.events() for peer in peers], [[], ["tea"], ["tea"]])

    def test_drain(self) -> None:
        """Nobody is let in, and all are told goodbye over the time; then it takes clients again."""
        peers = [self.world.open() for _ in range(40)]
        self.successResultOf(self.node.drain(2))
        late = self.world.peer()
        late.feed(opening())
        self.assertTrue(late.take().startswith(b"HTTP/1.1 503 "))
        told = []
        for _ in range(21):
            self.world.clock.advance(0.1)
            told.append(sum(bool(peer.transport.written) for peer in peers))
        self.assertEqual(told[-1], 40)
        self.assertTrue(10 <= told[5] <= 16, str(told))
        self.assertEqual(
            {event for peer in peers for event in peer.events()}, {Close(1001, "the server is stopping")}
        )
        self.node.resume()
        self.world.open()

    def test_resumed(self) -> None:
        """Taken back, who has not been told goodbye stays."""
        peers = [self.world.open() for _ in range(4)]
        self.node.drain(10)
        self.node.resume()
        self.world.clock.advance(5)
        self.assertEqual(sum(Close(1001, "the server is stopping") in peer.events() for peer in peers), 1)
        self.node.drain(1)
        self.node.drain(1)
        self.node.stop()
