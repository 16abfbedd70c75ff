"""Tests of `wsapp.apps.chat`: in memory, with the server's own tools for testing applications."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsapp.apps import chat
from wsapp.apps.chat import Chat
from wsapp.brokers import Channel, Deliver, Dismissal, Member, Publication
from wsapp.brokers.memory import MemoryBroker
from wsapp.testing import TestServer


class Person:
    """Somebody in the room who reads JSON."""

    def __init__(self, server: TestServer, name: str | None = "Ann", **connect: Any) -> None:
        query = {"format": "json"} | ({} if name is None else {"name": name})
        self.client = server.connect("/chat?" + urlencode(query), subprotocols=["chat"], **connect)
        events = self.hear()
        self.welcome, self.history, self.members = events[0], events[1:-1], events[-1]
        assert self.welcome["type"] == "welcome" and self.members["type"] == "members", events
        self.id, self.name = self.welcome["id"], self.welcome["name"]

    def hear(self) -> list[dict[str, Any]]:
        """What has come since the last time."""
        return [json.loads(message) for message in self.client.messages]

    def do(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        self.client.send(json.dumps({"type": kind, **fields}))

    def say(self, text: Any) -> None:
        """Say something."""
        self.do("message", text=text)


def names(members: dict[str, Any]) -> list[str]:
    """The names in a `members` event."""
    return [member["name"] for member in members["members"]]


class ChatTestCase(SynchronousTestCase):
    """A server with a room."""

    def setUp(self) -> None:
        self.serve(Chat())

    def serve(self, room: Chat) -> None:
        room.now = lambda: 1_700_000_000.1234
        self.room = room
        self.server = TestServer({"chat": room})
        self.addCleanup(self.server.stop)

    def person(self, name: str | None = "Ann", **connect: Any) -> Person:
        return Person(self.server, name, **connect)

    def terminal(self, query: str = "") -> Any:
        return self.server.connect("/chat" + query)


class PageClientTests(ChatTestCase):
    """Clients of the JSON form, such as the page."""

    def test_welcome(self) -> None:
        """A newcomer learns who it is, where, and who is here."""
        ann = self.person()
        self.assertEqual(
            ann.welcome,
            {"type": "welcome", "id": ann.id, "name": "Ann", "room": "lobby", "title": "Chat", "history": 50},
        )
        self.assertEqual(
            ann.members, {"type": "members", "count": 1, "members": [{"id": ann.id, "name": "Ann"}]}
        )
        self.assertEqual(ann.client.subprotocol, "chat")

    def test_message(self) -> None:
        """What one says all hear, the speaker too, with the speaker's own reference."""
        ann, bob = self.person(), self.person("Bob")
        ann.hear()
        ann.do("message", text="hi <b>", ref="r1")
        (heard,) = bob.hear()
        self.assertEqual(ann.hear(), [heard])
        ident = heard.pop("id")
        self.assertGreaterEqual(len(ident), 12)
        self.assertEqual(heard, {
            "type": "message", "time": 1_700_000_000_123, "from": ann.id, "name": "Ann", "text": "hi <b>",
            "ref": "r1",
        })  # fmt: skip

    def test_announcement(self) -> None:
        """What an operator says each hears in its form; who is not in the room yet hears nothing."""
        ann, terminal = self.person(), self.terminal()
        self.assertEqual(len(ann.hear()), 1)
        self.assertTrue(terminal.messages)
        said = {client.id: self.room.announcement(client, "tea\nis ready") for client in self.room.clients}
        self.assertEqual(json.loads(str(said.pop(ann.id))), {"type": "announcement", "text": "tea\nis ready"})
        self.assertEqual(list(said.values()), ["! Announcement: tea\n    is ready"])
        for client in self.room.clients:
            client.data = None
            self.assertIsNone(self.room.announcement(client, "tea"))

    def test_plainLine(self) -> None:
        """A line that is no JSON object is said, also by a client of the JSON form."""
        ann = self.person()
        for text in ("hi", "[1, 2]", "{hello", "/who"):
            ann.client.send(text)
        self.assertEqual([event["text"] for event in ann.hear()], ["hi", "[1, 2]", "{hello", "/who"])

    def test_joinAndLeave(self) -> None:
        """Who is here hears of who comes and goes, each once."""
        ann = self.person()
        bob = self.person("Bob")
        self.assertEqual(ann.hear(), [{"type": "join", "id": bob.id, "name": "Bob"}])
        self.assertEqual(names(bob.members), ["Ann", "Bob"])
        self.assertEqual(bob.hear(), [])
        bob.client.close()
        self.assertEqual(ann.hear(), [{"type": "leave", "id": bob.id, "name": "Bob"}])
        cat = self.person("Cat")
        ann.hear()
        cat.client.drop()
        self.assertEqual(ann.hear(), [{"type": "leave", "id": cat.id, "name": "Cat"}])
        ann.do("who")
        self.assertEqual(names(ann.hear()[0]), ["Ann"])

    def test_history(self) -> None:
        """A newcomer is given what was said, as it was said, without what came and went."""
        ann = self.person()
        bob = self.person("Bob")
        ann.say("one")
        bob.client.close()
        ann.say("two")
        said = [event for event in ann.hear() if event["type"] == "message"]
        cat = self.person("Cat")
        self.assertEqual(cat.history, said)
        self.assertEqual([event["text"] for event in said], ["one", "two"])
        self.assertEqual(cat.hear(), [])

    def test_historyLimit(self) -> None:
        """Only the last messages are kept, as many as the option says; with 0 none."""
        for most, kept in ((3, ["2", "3", "4"]), (0, [])):
            self.serve(Chat(history=most))
            ann = self.person()
            for number in range(5):
                ann.say(str(number))
            self.assertEqual([event["text"] for event in self.person("Bob").history], kept)

    def test_rename(self) -> None:
        """A new name is told to all, shows in the list, and is the one that speaks from then on."""
        ann, bob = self.person(), self.person("Bob")
        ann.hear()
        bob.do("rename", name=" Rob\n")
        renamed = {"type": "rename", "id": bob.id, "name": "Rob", "old": "Bob"}
        self.assertEqual((ann.hear(), bob.hear()), ([renamed], [renamed]))
        bob.say("hi")
        self.assertEqual(ann.hear()[0]["name"], "Rob")
        ann.do("who")
        self.assertEqual(names(ann.hear()[0]), ["Ann", "Rob"])
        bob.client.close()
        self.assertEqual(ann.hear()[0]["name"], "Rob")

    def test_renameToTaken(self) -> None:
        """A name that somebody else has gets a number; one's own does not."""
        ann, bob = self.person(), self.person("Bob")
        ann.hear()
        bob.hear()
        bob.do("rename", name="ANN")
        self.assertEqual(bob.hear()[0]["name"], "ANN-2")
        ann.hear()
        ann.do("rename", name="Ann")
        self.assertEqual(ann.hear(), [{"type": "rename", "id": ann.id, "name": "Ann", "old": "Ann"}])
        self.assertEqual(bob.hear(), [])
        ann.do("rename", name="ann")
        self.assertEqual(bob.hear()[0]["name"], "ann")

    def test_names(self) -> None:
        """Names are made clean, and differ; who gives none is a guest, or the user that it is known as."""
        self.assertEqual(self.person(" A\x00n\u202en ").name, "Ann")
        self.assertEqual(self.person("Ann").name, "Ann-2")
        self.assertEqual(self.person("ann").name, "ann-3")
        self.assertEqual(self.person("x" * 500).name, "x" * 32)
        self.assertRegex(self.person(None).name, r"^guest-[0-9a-f]{4}$")
        self.assertRegex(self.person("\u200d").name, r"^guest-[0-9a-f]{4}$")
        self.assertEqual(self.person(None, user="dora").name, "dora")
        self.assertEqual(self.person("Dodo", user="dora").name, "Dodo")

    def test_errors(self) -> None:
        """Bad input is an error told to its sender alone, and nobody is disconnected."""
        ann, bob = self.person(), self.person("Bob")
        ann.hear()
        table: list[tuple[str | bytes, str]] = [
            (b"\x00", "binary"), ("{}", "malformed"), ('{"type": ["x"]}', "malformed"),
            ('{"type": "message"}', "malformed"), ('{"type": "message", "text": 5}', "malformed"),
            ('{"type": "message", "text": {"a": []}}', "malformed"),
            ('{"type": "message", "text": " "}', "empty"),
            (json.dumps({"type": "message", "text": "x" * 4_001}), "too-long"), ("x" * 4_001, "too-long"),
            ("x" * 500_000, "too-long"), ('{"type": "shout"}', "unknown-type"),
            ('{"type": "_say"}', "unknown-type"), ('{"type": "welcome"}', "unknown-type"),
            ('{"type": "rename"}', "name"),
            ('{"type": "rename", "name": 5}', "name"), ('{"type": "rename", "name": " \\u0000"}', "name"),
            ("", "empty"),
        ]  # fmt: skip
        for message, code in table:
            ann.client.send(message)
            events = ann.hear()
            self.assertEqual([(e["type"], e["code"]) for e in events], [("error", code)], message[:50])
        self.assertEqual(bob.hear(), [])
        ann.do("shout", ref="r9")
        self.assertEqual(ann.hear()[0]["ref"], "r9")
        self.assertIsNone(ann.client.closed)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_unspeakable(self) -> None:
        """What UTF-8 cannot carry and what a terminal would obey reaches nobody."""
        ann = self.person()
        tom = self.terminal("?name=Tom")
        self.assertTrue(tom.messages)
        ann.client.send('{"type": "message", "text": "a\\ud800b\\u001b[2Jc\\u0000"}')
        self.assertEqual(ann.hear()[-1]["text"], "a\ufffdb[2Jc")
        self.assertEqual(tom.messages, ["Ann: a\ufffdb[2Jc"])
        ann.do("rename", name="\ud800A\x1bnn")
        self.assertEqual(ann.hear()[-1]["name"], "Ann")

    def test_ping(self) -> None:
        """A page can ask whether the connection is alive."""
        ann = self.person()
        ann.do("ping")
        self.assertEqual(ann.hear(), [{"type": "pong"}])

    def test_manyMembers(self) -> None:
        """In a room of very many a newcomer is told some of the names and how many there are."""
        self.patch(chat, "MAX_MEMBERS", 2)
        for number in range(3):
            last = self.person(f"p{number}")
        self.assertEqual((last.members["count"], names(last.members)), (3, ["p0", "p1"]))

    def test_orderOfMembers(self) -> None:
        """Members are listed by name, however it is written."""
        for name in ("bob", "Ann", "Zoe", "cat"):
            last = self.person(name)
        self.assertEqual(names(last.members), ["Ann", "bob", "cat", "Zoe"])


class ClashTests(ChatTestCase):
    """Two who come with the same name at the same moment, on two nodes."""

    def test_bothSawItFree(self) -> None:
        """Who finds the name taken once both are there gets another, before the others hear of it."""
        ann = self.person()
        members = self.room._members
        # What the first look saw: nobody yet.
        answers: list[Callable[[], Deferred[list[Member]]]] = [lambda: succeed([])]
        self.patch(self.room, "_members", lambda: answers.pop()() if answers else members())
        client = self.server.connect("/chat?name=Ann&format=json")
        welcome, renamed, here = (json.loads(message) for message in client.messages)
        self.assertEqual(welcome["name"], "Ann")
        name = f"Ann-{welcome['id'][:6]}"
        self.assertEqual(renamed, {"type": "rename", "id": welcome["id"], "name": name, "old": "Ann"})
        self.assertEqual(names(here), ["Ann", name])
        self.assertEqual(ann.hear(), [{"type": "join", "id": welcome["id"], "name": name}])


class _Node:
    """One node's broker of several that share what a `MemoryBroker` holds."""

    def __init__(self, shared: MemoryBroker, nodes: list[_Node]) -> None:
        self._shared = shared
        self._nodes = nodes
        self._subscribed: set[Channel] = set()
        nodes.append(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared, name)

    def start(self, deliver: Deliver) -> Deferred[None]:
        self._deliver = deliver
        return self._shared.start(self._deliverToAll)

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def subscribe(self, channel: Channel) -> Deferred[None]:
        self._subscribed.add(channel)
        return self._shared.subscribe(channel)

    def unsubscribe(self, channel: Channel) -> Deferred[None]:
        self._subscribed.discard(channel)
        return succeed(None)

    def _deliverToAll(self, channel: Channel, what: Publication | Dismissal) -> None:
        for node in self._nodes:
            if channel in node._subscribed:
                node._deliver(channel, what)


class NodesTests(SynchronousTestCase):
    """One room on two nodes."""

    def setUp(self) -> None:
        clock = Clock()
        shared, nodes = MemoryBroker(clock, clock.seconds), []  # type: ignore[var-annotated]
        self.one, self.two = (TestServer({"chat": Chat()}, broker=_Node(shared, nodes)) for _ in range(2))
        for server in (self.one, self.two):
            self.addCleanup(server.stop)
        self.addCleanup(shared.stop)

    def test_oneRoom(self) -> None:
        """Who is on another node is here, is heard, and has its name to itself."""
        ann, bob = Person(self.one), Person(self.two, "Bob")
        self.assertEqual(ann.hear(), [{"type": "join", "id": bob.id, "name": "Bob"}])
        self.assertEqual(names(bob.members), ["Ann", "Bob"])
        bob.say("hi")
        self.assertEqual(ann.hear(), bob.hear())
        other = Person(self.two)
        self.assertEqual((other.name, [event["text"] for event in other.history]), ("Ann-2", ["hi"]))
        bob.do("rename", name="Rob")
        ann.do("who")
        self.assertEqual(names(ann.hear()[-1]), ["Ann", "Ann-2", "Rob"])
        bob.client.drop()
        self.assertEqual(ann.hear()[-1], {"type": "leave", "id": bob.id, "name": "Rob"})
        tom = self.one.connect("/chat?name=Tom")
        self.assertEqual(tom.messages[1:], ["Bob: hi", "* Here: Ann, Ann-2, Tom"])


class GoneTests(ChatTestCase):
    """Clients that go while they are being taken in."""

    def test_beforeAnnounced(self) -> None:
        """Of who is gone before the others were told of it, they hear neither join nor leave."""
        ann = self.person()
        waiting: list[Deferred[list[object]]] = []

        def look() -> Deferred[list[object]]:
            waiting.append(Deferred())
            return waiting[-1]

        self.patch(self.room, "_members", look)
        bob = self.server.connect("/chat?name=Bob&format=json")
        bob.drop()
        self.assertEqual(ann.hear(), [])
        while waiting:
            waiting.pop().callback([])
        self.server.advance(1)
        self.assertEqual(ann.hear(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class TerminalClientTests(ChatTestCase):
    """Clients that read and write lines."""

    def test_lines(self) -> None:
        """A terminal reads lines and is heard by those who read JSON, and the other way."""
        ann = self.person()
        tom = self.terminal("?name=Tom")
        welcome, here = tom.messages
        self.assertTrue(welcome.startswith("* Welcome to lobby, Tom."), welcome)
        self.assertEqual(here, "* Here: Ann, Tom")
        self.assertEqual([(e["type"], e["name"]) for e in ann.hear()], [("join", "Tom")])
        tom.send("hi all\n")
        self.assertEqual(tom.messages, ["Tom: hi all"])
        self.assertEqual([(e["name"], e["text"]) for e in ann.hear()], [("Tom", "hi all")])
        ann.say("hi\nTom: I owe Ann 5")
        self.assertEqual(tom.messages, ["Ann: hi\n    Tom: I owe Ann 5"])
        bob = self.person("Bob")
        bob.do("rename", name="Rob")
        bob.client.close()
        self.assertEqual(tom.messages, ["* Bob joined", "* Bob is now Rob", "* Rob left"])
        tom.close()
        self.assertEqual([(e["type"], e["name"]) for e in ann.hear()][-1], ("leave", "Tom"))

    def test_anyClient(self) -> None:
        """Whoever does not ask for JSON is a terminal, with or without a name or subprotocol."""
        for query in ("", "?format=text", "?name=", "?format=JSON"):
            tom = self.terminal(query)
            self.assertTrue(tom.messages[0].startswith("* Welcome to lobby, guest-"))

    def test_everythingIsSaid(self) -> None:
        """A line is said whatever it is, JSON too; an empty one is nothing."""
        tom = self.terminal("?name=Tom")
        tom.messages.clear()
        for text in ('{"type": "who"}', "", "  \n", "/whoever", "/shrug"):
            tom.send(text)
        self.assertEqual(tom.messages, ['Tom: {"type": "who"}', "Tom: /whoever", "Tom: /shrug"])

    def test_history(self) -> None:
        """A terminal is given what was said, in lines, between the welcome and who is here."""
        self.person().say("one")
        tom = self.terminal("?name=Tom")
        self.assertEqual(tom.messages[1:], ["Ann: one", "* Here: Ann, Tom"])

    def test_commands(self) -> None:
        """A terminal can ask who is here and take another name."""
        tom = self.terminal("?name=Tom")
        tom.messages.clear()
        tom.send("/who\n")
        tom.send("/name  Tim ")
        tom.send("/name")
        who, renamed, refused = tom.messages
        self.assertEqual((who, renamed), ("* Here: Tom", "* Tom is now Tim"))
        self.assertTrue(refused.startswith("! Not sent: a name is"))

    def test_errors(self) -> None:
        """What cannot be said is told to its sender."""
        ann = self.person()
        tom = self.terminal("?name=Tom")
        ann.hear()
        tom.messages.clear()
        for message, part in (
            (b"\x00", "binary"),
            ("x" * 4_001, "4,001 characters"),
            ("\x01", "nothing in it"),
        ):
            tom.send(message)
            (line,) = tom.messages
            self.assertTrue(line.startswith("! Not sent: ") and part in line, line)
        self.assertEqual(ann.hear(), [])


class OptionTests(ChatTestCase):
    """What `--app chat:...` may say."""

    def test_options(self) -> None:
        """Room and title are told to newcomers."""
        self.serve(Chat(room="Grüner Salon", title="Salon", history=0))
        welcome = self.person().welcome
        self.assertEqual(
            (welcome["room"], welcome["title"], welcome["history"]), ("Grüner Salon", "Salon", 0)
        )

    def test_refused(self) -> None:
        """What cannot be is said with its value, before anything is served."""
        for options in ({"room": ""}, {"room": " x"}, {"room": "x" * 33}, {"title": " "}, {"history": -1}):
            error = self.assertRaises(ValueError, Chat, **options)
            ((key, value),) = options.items()
            self.assertIn(f"{key}={value!r}", str(error))
