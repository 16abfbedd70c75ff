"""Real ``twistd wsapp`` processes over one broker, seen by their clients."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from typing import Any

from tests.live.case import LiveTestCase
from tests.live.certificates import Authority
from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.redisserver import RedisServer
from tests.live.server import LIMIT, Server, freePort, waitFor

#: One group; who connects is in it before the server greets.
ROOM = """
from wsapp import App


class Room(App):
    historySize = 20

    async def onConnect(self, client):
        await client.join("room", info=client.request.query.get("name"))
        client.send("hello")

    async def onMessage(self, client, message):
        if message == "who":
            members = await self.group("room").members()
            client.send("who " + " ".join(member.info[0] for member in members))
        else:
            await self.group("room").send(message)
"""


class NodesCase(LiveTestCase):
    """Processes and clients."""

    needs = ("redis",)

    def setUp(self) -> None:
        super().setUp()
        folder = self.folder()
        (folder / "room.py").write_text(ROOM)
        self.app = f"{folder}/room.py:Room"
        self.store = RedisServer(self.folder(), ("--appendonly", "yes", "--appendfsync", "always"))
        self.addCleanup(self.store.kill)

    def nodes(self, count: int) -> list[tuple[Server, int]]:
        """So many processes."""
        return [
            self.serve("--app", self.app, "--broker", self.store.url, "--broker-prefix", "live")
            for _ in range(count)
        ]

    def client(self, port: int, name: str) -> Raw:
        """One that has joined."""
        client = Raw(port)
        self.addCleanup(client.__exit__, None, None, None)
        self.assertIn(" 101 ", client.upgrade(f"/?name={name}"))
        self.assertEqual(client.frame(), (0x80 | TEXT, b"hello"))
        return client

    def read(self, client: Raw, count: int, into: list[bytes]) -> None:
        """Read so many messages."""
        while len(into) < count:
            first, data = client.frame()
            if first == 0x80 | TEXT:  # and no Ping, which comes where all of this takes long
                into.append(data)

    def who(self, client: Raw) -> list[str]:
        """The names that a node lists."""
        client.send(frame(TEXT, b"who"))
        while not (text := client.frame()[1]).startswith(b"who "):
            pass
        return sorted(text.decode().split()[1:])


class NodesTests(NodesCase):
    """Several processes."""

    def flood(self, servers: list[tuple[Server, int]], each: int, disturb: float = 0) -> None:
        """A client of each node sends *each*; every client on every node gets all, once, in one order."""
        clients = [
            self.client(port, f"{place}{number}")
            for place, (_, port) in enumerate(servers)
            for number in range(2)
        ]
        heard: list[list[bytes]] = [[] for _ in clients]
        total = each * len(servers)
        readers = [
            threading.Thread(target=self.read, args=(client, total, into), daemon=True)
            for client, into in zip(clients, heard, strict=True)
        ]

        def send(client: Raw, place: int) -> None:
            for number in range(each):
                client.send(frame(TEXT, b"%d %d" % (place, number)))

        writers = [
            threading.Thread(target=send, args=(client, place), daemon=True)
            for place, client in enumerate(clients[::2])
        ]
        for thread in [*readers, *writers]:
            thread.start()
        if disturb:
            waitFor("some traffic", lambda: len(heard[0]) > total * disturb)
            self.store.kill()
            time.sleep(0.5)
            self.store.start()
        for thread in [*writers, *readers]:
            thread.join(4 * LIMIT)
        self.assertEqual([len(one) for one in heard], [total] * len(heard))
        self.assertEqual(len(set(heard[0])), total)
        for other in heard[1:]:
            self.assertEqual(other, heard[0])
        for place in range(len(servers)):
            own = [one for one in heard[0] if one.startswith(b"%d " % place)]
            self.assertEqual(own, [b"%d %d" % (place, number) for number in range(each)])

    def test_twoProcesses(self) -> None:
        """10,000 messages from each of two."""
        self.store.start()
        self.flood(self.nodes(2), 10_000)

    def test_brokerKilled(self) -> None:
        """The broker is killed and started again amid traffic: no client on any node notices."""
        self.store.start()
        self.flood(self.nodes(2), 3_000, disturb=0.3)

    def test_downAtStart(self) -> None:
        """Without the broker a node starts, serves its page and takes clients; then it all works."""
        ((server, port),) = self.nodes(1)
        with Raw(port) as browser:
            browser.request("/health")
            self.assertIn("HTTP/1.1 ", browser.head())
        client = Raw(port)
        self.addCleanup(client.__exit__, None, None, None)
        self.assertIn(" 101 ", client.upgrade("/?name=early"))
        time.sleep(1.5)
        self.assertEqual(server.log.count("cannot be used"), 1, server.log)
        self.store.start()
        self.assertEqual(client.frame(), (0x80 | TEXT, b"hello"))
        client.send(frame(TEXT, b"hi"))
        self.assertEqual(client.frame(), (0x80 | TEXT, b"hi"))

    def test_stoppedWithoutBroker(self) -> None:
        """The broker is away when a node is told to stop: it sends its goodbyes and ends, without fuss."""
        self.store.start()
        ((server, port),) = self.nodes(1)
        client = self.client(port, "ann")
        self.client(port, "bob")
        self.store.kill()
        waitFor("notice", lambda: "cannot be used" in server.log)
        client.send(frame(TEXT, b"never sent"))
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        opcode, payload = client.frame()
        self.assertEqual((opcode, payload[:2]), (0x80 | CLOSE, b"\x03\xe9"))
        client.send(frame(CLOSE, payload[:2]))
        self.assertEqual(server.ended(server.pid), 0)
        self.assertLess(time.monotonic() - began, 10)

    def test_chat(self) -> None:
        """Those in the chat are in one room, whichever process they came to; newcomers get its history."""
        self.store.start()
        ports = [self.serve("--app", "chat", "--broker", self.store.url)[1] for _ in range(2)]

        def enter(port: int, name: str) -> Raw:
            client = Raw(port)
            self.addCleanup(client.__exit__, None, None, None)
            self.assertIn(" 101 ", client.upgrade(f"/chat?name={name}&format=json"))
            return client

        def wait(client: Raw, kind: str) -> dict[str, Any]:
            while True:
                event: dict[str, Any] = json.loads(client.frame()[1])
                if event["type"] == kind:
                    return event

        ann = enter(ports[0], "Ann")
        wait(ann, "members")
        ann.send(frame(TEXT, b'{"type": "message", "text": "hello"}'))
        wait(ann, "message")
        bob = enter(ports[1], "Bob")
        self.assertEqual(wait(bob, "message")["text"], "hello")
        self.assertEqual([one["name"] for one in wait(bob, "members")["members"]], ["Ann", "Bob"])
        self.assertEqual(wait(ann, "join")["name"], "Bob")
        bob.send(frame(TEXT, b'{"type": "message", "text": "hi"}'))
        self.assertEqual(wait(ann, "message")["text"], "hi")
        bob.send(frame(CLOSE, b"\x03\xe8"))
        self.assertEqual(wait(ann, "leave")["name"], "Bob")

    def test_nodeKilled(self) -> None:
        """A node is killed amid traffic: the others go on, and its clients are listed no more in time."""
        self.store.start()
        (one, first), (_, second) = self.nodes(2)
        ann, bob = self.client(first, "ann"), self.client(second, "bob")
        self.assertEqual(self.who(bob), ["ann", "bob"])
        for number in range(200):
            ann.send(frame(TEXT, b"ann %d" % number))
        one.kill()
        killed = time.monotonic()
        self.assertIn("ann", self.who(bob))
        bob.send(frame(TEXT, b"still here"))
        heard = []
        while (text := bob.frame()[1]) != b"still here":
            heard.append(text)
        self.assertEqual(heard, [b"ann %d" % number for number in range(200)][-len(heard) :] if heard else [])
        waitFor("its end", lambda: self.who(bob) == ["bob"])
        # The lease is 15 seconds.
        self.assertLess(time.monotonic() - killed, 18)


class SecureTests(NodesCase):
    """One process whose broker is reached by TLS and by name."""

    needs = ("redis-server",)

    def test_byName(self) -> None:
        """The certificate is checked for the name in the URL."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("localhost")
        port = freePort()
        self.store.program = shutil.which("redis-server")
        self.store.options = (
            *("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            *("--tls-ca-cert-file", str(authority.file), "--tls-auth-clients", "no"),
        )
        self.store.start()
        url = f"rediss://localhost:{port}?ca={authority.file}"
        server, port = self.serve("--app", self.app, "--broker", url)
        ann = self.client(port, "ann")
        ann.send(frame(TEXT, b"hi"))
        self.assertEqual(ann.frame(), (0x80 | TEXT, b"hi"))
        self.assertIn("connected to the broker at rediss://localhost:", server.log)
