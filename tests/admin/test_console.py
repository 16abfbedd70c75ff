"""Tests of `wsapp.admin.console`: the console's WebSocket."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from tests.admin.world import TOKEN, AdminWorld
from tests.peers import Recorder, ServedCase, World
from wsapp.admin.gate import SESSION
from wsapp.admin.node import Node
from wsapp.admin.source import Unknown
from wsapp.wire.events import Close, Ping


class ConsoleCase(ServedCase):
    """An admin port."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World()
        self.admin = AdminWorld(self.world)


class WayInTests(ConsoleCase):
    """Who is let in."""

    def closed(self, *lines: str) -> None:
        """Assert that with these headers one is told that the token is needed, and nothing else."""
        peer, status = self.admin.open(*lines)
        self.assertEqual(status, 101)
        self.assertEqual([event.code for event in self.admin.said(peer) if isinstance(event, Close)], [4401])

    def test_cookie(self) -> None:
        """Only with the cookie of this port."""
        cookie = self.admin.cookie()
        value = cookie.partition("=")[2]
        self.closed()
        self.closed("Cookie: wsapp-admin-9000=x.y.z")
        self.closed(f"Cookie: wsapp-admin-9001={value}")
        self.closed(f"Cookie: wsapp-admin-9000={TOKEN}")
        self.closed(f"Authorization: Bearer {TOKEN}")
        peer, _ = self.admin.open(f"Cookie: other=1; {cookie}")
        (said,) = self.admin.said(peer)
        self.assertIn("workers", said)

    def test_origin(self) -> None:
        """Not even with it from a page of another origin, another port of the same host included; nor from
        what sends no Origin, which a browser always does."""
        cookie = f"Cookie: {self.admin.cookie()}"
        for origin in ("http://evil.example", "http://localhost:8080", "http://localhost", "null", None):
            self.assertEqual(self.admin.open(cookie, origin=origin)[1], 403)
        self.assertEqual(
            self.admin.open(cookie, host="rebound.example", origin="http://rebound.example")[1], 403
        )
        self.assertEqual(self.admin.open(cookie)[1], 101)

    def test_hints(self) -> None:
        """What the log says would help is an option of this port, and nothing is where nothing would."""
        self.admin.open(origin="http://evil.example")
        self.admin.open(origin=None)
        self.admin.open(host="rebound.example")
        lines = [line for line in self.lines() if "refused" in line]
        self.assertEqual([line.partition("(")[2] for line in lines], [
            "Origin 'http://evil.example' is not that of the server, 'http://localhost:9000')",
            "no Origin, which a console's page sends)",
            "Host 'rebound.example' is none of 127.0.0.1, [::1], localhost: "
            "--admin-host NAME would accept it)",
        ])  # fmt: skip

    def test_expires(self) -> None:
        """A page that is open when its session runs out is closed."""
        peer = self.admin.page()
        closed: list[float] = []
        while self.admin.clock.seconds() < SESSION + 60 and not closed:
            self.admin.clock.advance(10)
            for event in peer.events():
                if isinstance(event, Ping):
                    peer.feed(peer.sender.pong(event.payload))
                elif isinstance(event, Close):
                    self.assertEqual(event.code, 1008)
                    closed.append(self.admin.clock.seconds())
        (when,) = closed
        self.assertTrue(SESSION <= when <= SESSION + 20, when)


class SnapshotTests(ConsoleCase):
    """What a page is sent unasked."""

    def test_nobody(self) -> None:
        """Nothing is gathered while no page is open; with the last one it ends."""
        asked: list[int] = []
        inner = self.admin.node.snapshots

        def counted() -> Any:
            asked.append(1)
            return inner()

        self.patch(self.admin.node, "snapshots", counted)
        self.admin.clock.advance(5)
        self.assertEqual(asked, [])
        one, other = self.admin.page(), self.admin.page()
        for peer in (one, other):
            self.assertTrue(self.admin.said(peer))
        del asked[:]
        for _ in range(5):
            self.admin.clock.advance(1)
        self.assertEqual(len(asked), 5)
        self.assertEqual((len(self.admin.said(one)), len(self.admin.said(other))), (5, 5))
        one.lose()
        self.admin.clock.advance(1)
        self.assertEqual(len(asked), 6)
        other.lose()
        for _ in range(5):
            self.admin.clock.advance(1)
        self.assertEqual(len(asked), 6)

    def gathered(self, took: float) -> list[Deferred[object]]:
        """Have gathering take as long as its Deferred in the list, and cost that much.

        :return: Those that have begun.
        """
        gathering: list[Deferred[object]] = []
        inner = self.admin.node.snapshot

        def slowly() -> Deferred[object]:
            gathering.append(Deferred())
            return (
                gathering[-1].addCallback(lambda _: inner()).addCallback(lambda one: [{**one, "took": took}])
            )

        self.patch(self.admin.node, "snapshots", slowly)
        self.admin.page()
        self.admin.page()
        self.assertEqual(len(gathering), 1)
        return gathering

    def test_slow(self) -> None:
        """Where gathering takes long, the next one is far off: at most a twentieth of the time is spent."""
        gathering = self.gathered(0.5)
        gathering[0].callback(None)
        self.admin.clock.advance(9.9)
        self.assertEqual(len(gathering), 1)
        self.admin.clock.advance(0.2)
        self.assertEqual(len(gathering), 2)

    def test_tables(self) -> None:
        """What tables cost is reckoned too; a page that is opened need not wait for that."""
        gathering = self.gathered(0.0)
        gathering[0].callback(None)
        self.patch(self.admin.node, "clients", lambda query: succeed({"rows": [], "count": 0, "took": 0.2}))
        page = self.admin.page()
        gathering[1].callback(None)
        self.admin.answer(page, ask="clients")
        self.admin.answer(page, ask="clients")
        self.admin.clock.advance(1)
        self.admin.clock.advance(6.5)
        self.assertEqual(len(gathering), 2)
        self.admin.clock.advance(0.6)
        self.assertEqual(len(gathering), 3)
        gathering[2].callback(None)
        self.admin.answer(page, ask="clients")
        self.admin.page()
        self.assertEqual(len(gathering), 4)

    def test_deaf(self) -> None:
        """A page that does not read is no trouble for others."""
        deaf = self.admin.page()
        deaf.transport.bufferSize = 1
        other = self.admin.page()
        self.admin.said(other)
        for _ in range(10):
            deaf.send(*[json.dumps({"id": 1, "ask": "clients"})] * 10)
            self.admin.clock.advance(1)
            self.assertEqual([list(one) for one in self.admin.said(other)], [["workers"]])
        self.assertTrue(deaf.connection.socket.bufferedAmount > 10_000)  # type: ignore[union-attr]

    def test_waiting(self) -> None:
        """Where it is only waited for, as for a worker that is frozen, the next one is not put off."""
        gathering = self.gathered(0.001)
        self.admin.clock.advance(2)
        gathering[0].callback(None)
        self.admin.clock.advance(1)
        self.assertEqual(len(gathering), 2)

    def test_failing(self) -> None:
        """One that cannot be gathered is one log line, and the next is tried."""
        results = [fail(KeyError("why")), fail(KeyError("why"))]
        inner = self.admin.node.snapshots
        self.patch(self.admin.node, "snapshots", lambda: results.pop() if results else inner())
        peer = self.admin.page()
        self.admin.clock.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 2)
        self.admin.clock.advance(1)
        self.assertIn("workers", self.admin.said(peer)[-1])


class QuestionTests(ConsoleCase):
    """What a page asks and does."""

    def test_tables(self) -> None:
        """Clients, groups, one client."""
        self.world.open()
        client = self.world.app.known[0]  # type: ignore[attr-defined]
        client.join("lobby")
        page = self.admin.page()
        found = self.admin.answer(page, ask="clients", query={"filter": client.id})
        self.assertEqual((found["id"], found["result"]["count"]), (7, 1))
        self.assertEqual(self.admin.answer(page, ask="clients")["result"]["count"], 1)
        found = self.admin.answer(page, ask="groups", query={})
        self.assertEqual(found["result"]["rows"], [{"app": "app", "name": "lobby", "clients": 1}])
        found = self.admin.answer(page, ask="client", client=client.id)
        self.assertEqual(found["result"]["groups"], ["lobby"])
        self.assertEqual(
            self.admin.answer(page, ask="client", client="x")["error"], "this client is not here any more"
        )

    def test_deeds(self) -> None:
        """Close, announce, drain, resume; each has its line in the log."""
        peer, other = self.world.open(), self.world.open()
        client = self.world.app.known[0]  # type: ignore[attr-defined]
        page = self.admin.page()
        self.assertEqual(self.admin.answer(page, do="announce", app="app", text="hi")["result"], None)
        self.admin.answer(page, do="close", client=client.id, code=1001, reason="")
        self.assertEqual(peer.events(), ["hi", Close(1001, "")])
        self.admin.answer(page, do="drain", seconds=0)
        self.assertEqual(self.admin.node.state, "draining")
        self.admin.clock.advance(1)
        self.assertEqual(
            [event for event in other.events() if isinstance(event, Close)],
            [Close(1001, "the server is stopping")],
        )
        self.admin.answer(page, do="resume")
        self.assertEqual(self.admin.node.state, "ready")
        self.assertEqual(
            [line for line in self.lines() if line.startswith("console: ")],
            ["console: announce app", f"console: close {client.id}", "console: drain ", "console: resume "],
        )
        self.assertIn("no application", self.admin.answer(page, do="announce", app="x", text="")["error"])

    def test_drainTooLong(self) -> None:
        """Over a day, or less than no time: that is said, the page stays, and nothing is drained."""
        page = self.admin.page()
        for seconds in (86401, 100000, -1, float("nan"), float("inf"), "NaN"):
            error = self.admin.answer(page, do="drain", seconds=seconds)["error"]
            self.assertIn("a drain takes 0 to 86400 seconds, which is a day, not ", error)
        self.assertEqual(self.admin.node.state, "ready")
        self.assertEqual([line for line in self.lines() if line.startswith("console: ")], [])
        self.admin.answer(page, do="drain", seconds=86400)
        self.assertEqual(self.admin.node.state, "draining")

    def test_node(self) -> None:
        """A question may be for one node of several; of one that there is not that is said."""
        there = World(Recorder())
        node = Node(there.server)

        def named(name: str) -> Node:
            if name != "b:1":
                raise Unknown(f"no {name}")
            return node

        self.patch(self.admin.admin.apps["console"], "_named", named)
        page = self.admin.page()
        self.admin.answer(page, do="drain", seconds=0, node="b:1")
        self.assertEqual((node.state, self.admin.node.state), ("draining", "ready"))
        self.assertIn("console: drain b:1", self.lines())
        self.assertEqual(self.admin.answer(page, do="resume", node="c:1")["error"], "no c:1")
        self.assertEqual(self.admin.answer(page, ask="clients", node="")["result"]["count"], 0)

    def test_nonsense(self) -> None:
        """What no page of ours says closes it; nothing is done, and nothing is logged as an error."""
        for text in (
            "", "x", "[]", "7", "null", "{}", '{"ask": "secrets"}', '{"do": "explode"}', '{"do": []}',
            '{"do": "drain"}', '{"do": "drain", "seconds": "soon"}', '{"do": "drain", "seconds": null}',
            '{"do": "close", "client": "x"}', '{"ask": "clients", "query": 7}',
            '{"do": "close", "client": "x", "code": "y"}', "[" * 5000,
        ):  # fmt: skip
            page = self.admin.page()
            self.admin.said(page)
            page.send(text)
            self.assertEqual(
                [event.code for event in self.admin.said(page) if isinstance(event, Close)], [1008], text
            )
            page.lose()
        page = self.admin.page()
        page.send(b"\xff\x00")
        self.assertIn(1008, [event.code for event in self.admin.said(page) if isinstance(event, Close)])
        self.assertEqual(self.admin.node.state, "ready")

    def test_failing(self) -> None:
        """What goes wrong within is logged, and not told."""
        self.patch(self.admin.node, "resume", lambda: fail(KeyError("inner")))
        answer = self.admin.answer(self.admin.page(), do="resume")
        self.assertNotIn("inner", json.dumps(answer))
        self.assertIn("could not be done", answer["error"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
