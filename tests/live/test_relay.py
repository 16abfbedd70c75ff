"""Sessions at one worker, connections at another: real workers, whose clients come back to any of them."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest

from tests.live.certificates import Authority
from tests.live.clients import ClientTestCase
from tests.live.proxy import Proxy
from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.server import Server, alive, freePort, waitFor
from tests.live.test_admin import ask
from tests.live.test_workers import WorkersTestCase
from wsapp import ReconnectingClient
from wsapp.admin import prometheus

TALKER = '''
import os
from wsapp import App

class Talker(App):
    """Answers each message with it and its process; writes down what becomes of clients."""

    groups = False

    def onHandshake(self, request):
        request.user = request.query.get("user", [None])[0]

    def note(self, what):
        with open("notes", "a") as notes:
            notes.write(f"{os.getpid()} {what}\\n")

    def onConnect(self, client):
        self.note("connect")

    def onMessage(self, client, message):
        if message == "who":
            request = client.request
            client.send(f"{os.getpid()} {request.peer} {request.secure} {request.host} {request.path}")
        elif message == "bye":
            client.close(4001, "so long")
        elif message == "abort":
            client.abort()
        else:
            client.send(message)

    def onDisconnect(self, client, reason):
        self.note(f"gone {reason.code}")
'''

OFFER = "Sec-WebSocket-Protocol: wsapp.resume"
#: So often a client comes back; that it came to the worker with its session each time is one in a million.
OFTEN = 20


def say(client: Raw, text: str) -> None:
    """Send a message."""
    client.send(frame(TEXT, text.encode()))


def hear(client: Raw) -> str:
    """:return: The next message, of the application or about messages."""
    opcode, payload = client.frame()
    assert opcode == 0x80 | TEXT, (opcode, payload)
    return payload.decode()


def hearMessage(client: Raw) -> str:
    """:return: The next message of the application."""
    while (said := hear(client))[:1] != "m":
        assert said[:1] == "a", said
    return said[1:]


class RelayTestCase(WorkersTestCase):
    """Two workers that resume."""

    context: Any = None

    def talkers(self, *options: str, port: str = "", reactor: str = "") -> tuple[Server, int]:
        """:return: The server, and its port."""
        server = self.workers("--app", "talker.py:Talker", "--resume", "30", *options, port=port, code=None)
        (server.folder / "talker.py").write_text(TALKER)
        if reactor:
            server.twistd = ("--reactor", reactor)
        return server, self.begin(server)

    def resumable(self, port: int, path: str = "/") -> Raw:
        """:return: A client that can be resumed."""
        client = Raw(port, context=self.context)
        self.addCleanup(client.socket.close)
        self.assertIn("wsapp.resume", client.upgrade(path, OFFER))
        return client

    def start(self, port: int, path: str = "/") -> tuple[Raw, str]:
        """:return: A client with a session, and its token."""
        client = self.resumable(port, path)
        say(client, "new")
        return client, hear(client).split(" ")[1]

    def again(self, port: int, token: str, arrived: int, path: str = "/") -> tuple[Raw, str]:
        """:return: A client that asks for its session, and the answer."""
        client = self.resumable(port, path)
        say(client, f"resume {token} {arrived}")
        return client, hear(client)

    def places(self, server: Server) -> dict[int, tuple[str, str, str]]:
        """:return: Where each worker that runs is found, by its process: folder, node, name."""
        found = {}
        for _, pid in self.ready(server):
            if alive(pid):
                texts = Path(f"/proc/{pid}/environ").read_text().split("\0")
                told = next(text for text in texts if text.startswith("WSAPP_WORKER="))
                found[pid] = tuple(json.loads(told.partition("=")[2])["siblings"])
        return found

    def notes(self, server: Server) -> list[str]:
        """:return: What became of clients."""
        return [line.partition(" ")[2] for line in (server.folder / "notes").read_text().splitlines()]


class RelayTests(RelayTestCase):
    """Bare sockets."""

    def conversation(self, server: Server, port: int, secure: bool = False) -> None:
        """One session over many connections: it stays where it is, whichever worker they come to."""
        client, token = self.start(port, "/talker?user=ann")
        say(client, "mwho")
        first = hearMessage(client)
        self.assertEqual(first.split(" ")[1:], ["127.0.0.1", str(secure), f"{client.host}", "/talker"])
        for number in range(1, OFTEN + 1):
            if number % 3:
                client.socket.close()  # else the new one takes over
            client, answer = self.again(port, token, number, "/talker?user=ann")
            self.assertTrue(answer.startswith("resumed "), answer)
            say(client, "mwho")
            self.assertEqual(hearMessage(client), first)
        say(client, "mbye")
        self.assertEqual((0x80 | CLOSE, b"\x0f\xa1so long"), client.frame())
        client.send(frame(CLOSE, b"\x0f\xa1"))
        self.assertEqual(b"", client.rest())
        waitFor("the end in the notes", lambda: self.notes(server) == ["connect", "gone 4001"])

    def test_anyWorker(self) -> None:
        """On uvloop."""
        self.conversation(*self.talkers())

    def test_twistedsReactor(self) -> None:
        """On a reactor of Twisted's."""
        self.conversation(*self.talkers(reactor="epoll"))

    def test_secure(self) -> None:
        """With TLS, which the worker speaks that the client came to."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("localhost")
        self.context = authority.context()
        port = f"ssl:{freePort()}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        server, number = self.talkers(port=port)
        self.conversation(server, number, True)

    def test_aborted(self) -> None:
        """An abrupt end is one at the other end: a reset, and no Close."""
        _, port = self.talkers()
        for _ in range(OFTEN // 2):
            client, token = self.start(port)
            client, _ = self.again(port, token, 0)
            say(client, "mabort")
            self.assertNotIn(bytes([0x80 | CLOSE]), client.rest()[:1])

    def test_large(self) -> None:
        """More than any buffer holds, both ways at once, over a relay or none."""
        _, port = self.talkers("--max-send-buffer", "8M")
        text = "x" * 700_000
        for _ in range(6):
            client, token = self.start(port)
            client, _ = self.again(port, token, 0)
            for _ in range(5):
                say(client, "m" + text)
            for _ in range(5):
                self.assertEqual(hearMessage(client), text)
            client.socket.close()

    def test_guessed(self) -> None:
        """Who guesses tokens of either worker gets a new session each time, and leaves nothing behind."""
        server, port = self.talkers("--resume", "0.2")
        client, token = self.start(port)
        node = token.split(".")[0]
        pids = [pid for _, pid in self.ready(server)]
        names = [name for _, _, name in self.places(server).values()]

        def descriptors() -> int:
            return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)

        before = descriptors()
        for number in range(100):
            guess = f"{node}.{names[number % 2]}.1.{'x' * 24}"
            guesser, answer = self.again(port, guess, 0)
            self.assertTrue(answer.startswith("new "), answer)
            guesser.socket.close()
        waitFor("everything's end", lambda: descriptors() <= before)
        say(client, "mwho")
        self.assertIn(str(hearMessage(client).split(" ")[0]), map(str, pids))

    def test_counted(self) -> None:
        """For operators a client is one of its session's worker; to the other it is a connection."""
        if not prometheus.available():
            raise SkipTest("wsapp[admin] is not installed")
        admin = freePort()
        _, port = self.talkers("--admin", str(admin))
        made = [self.start(port) for _ in range(20)]
        for client, _ in made:
            client.socket.close()
        for _, token in made:
            client, answer = self.again(port, token, 0)
            self.assertTrue(answer.startswith("resumed "), answer)
        waitFor("both workers' numbers", lambda: self.sums(admin).get("wsapp_sessions_resumed_total") == 20)
        sums = self.sums(admin)
        self.assertEqual(sums["wsapp_clients"], 20)
        self.assertEqual(sums["wsapp_connections_total"], 40)
        self.assertGreater(sums["wsapp_connections_open"], 20)
        self.assertEqual(sums["wsapp_sessions_afresh_total"], 0)

    @staticmethod
    def sums(admin: int) -> dict[str, float]:
        """:return: Each metric, over all its labels."""
        found: dict[str, float] = {}
        for line in ask(admin, "/metrics")[1].splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                name = name.partition("{")[0]
                found[name] = found.get(name, 0) + float(value)
        return found

    def test_private(self) -> None:
        """Nobody else may come to where workers meet; in the end nothing is left of it."""
        server, _ = self.talkers()
        places = self.places(server)
        folder = Path(next(iter(places.values()))[0])
        self.assertEqual({folder.stat().st_uid, stat.S_IMODE(folder.stat().st_mode)}, {os.getuid(), 0o700})
        self.assertEqual(sorted(os.listdir(folder)), sorted(name for _, _, name in places.values()))
        for _, _, name in places.values():
            self.assertEqual(stat.S_IMODE((folder / name).stat().st_mode), 0o600)
        self.assertEqual(0, server.stop())
        self.assertFalse(folder.exists())

    def test_killed(self) -> None:
        """A worker that was killed: whose session it had begins anew at once, at whichever worker."""
        server, port = self.talkers()
        client, token = self.start(port)
        say(client, "mwho")
        victim = int(hearMessage(client).split(" ")[0])
        folder, _, name = self.places(server)[victim]
        os.kill(victim, signal.SIGKILL)
        self.until(server, "its end in the log", lambda: "was killed by signal 9" in server.log)
        began = time.monotonic()
        for _ in range(OFTEN // 2):
            client, answer = self.again(port, token, 1)
            self.assertTrue(answer.startswith("new "), answer)
            client.socket.close()
        self.assertLess(time.monotonic() - began, 5)  # at once; a slow start of the new one among it
        waitFor("its socket's end", lambda: name not in os.listdir(folder))
        self.until(server, "the next one", lambda: len(self.ready(server)) == 3)
        waitFor("its socket", lambda: len(os.listdir(folder)) == 2)

    def test_replaced(self) -> None:
        """A worker that is replaced takes its sessions with it, and leaves nothing behind."""
        server, port = self.talkers("--close-timeout", "1")
        folder = Path(next(iter(self.places(server).values()))[0])
        made = [self.start(port) for _ in range(6)]
        for client, _ in made[:3]:
            client.socket.close()
        server.signal(signal.SIGUSR2)
        self.until(server, "the replacement", lambda: "all workers are replaced" in server.log)
        for _, token in made:
            client, answer = self.again(port, token, 0)
            self.assertTrue(answer.startswith("new "), answer)
            client.socket.close()
        self.assertEqual(
            sorted(os.listdir(folder)), sorted(name for _, _, name in list(self.places(server).values()))
        )

    def test_holderReplaced(self) -> None:
        """When both are replaced clients hear of it, by a Close or by their connection's end."""
        server, port = self.talkers("--close-timeout", "1")
        clients = []
        for _ in range(8):
            _, token = self.start(port)
            client, answer = self.again(port, token, 0)
            self.assertTrue(answer.startswith("resumed "), answer)
            clients.append(client)
        server.signal(signal.SIGUSR2)
        self.until(server, "the replacement", lambda: "all workers are replaced" in server.log)
        for client in clients:
            client.rest()

    def test_masterKilled(self) -> None:
        """Nothing is left of the folder when the master was killed and the workers have ended."""
        server, _ = self.talkers()
        places = self.places(server)
        folder = next(iter(places.values()))[0]
        os.kill(server.pid, signal.SIGKILL)
        waitFor("the workers' end", lambda: not any(alive(pid) for pid in places))
        self.assertFalse(os.path.exists(folder), os.path.exists(folder) and os.listdir(folder))


class Hooks:
    """A program's: counts, and is counted for."""

    def __init__(self, many: int) -> None:
        self.log: list[Any] = []
        self.got: list[str] = []
        self.all: Deferred[None] = Deferred()
        self._many = many

    def onConnect(self, connection: Any) -> None:
        self.log.append("connect")

    def onMessage(self, connection: Any, message: str) -> None:
        self.got.append(message)
        if len(self.got) == self._many:
            self.all.callback(None)

    def onDisconnect(self, connection: Any, reason: Any) -> None:
        self.log.append(reason.code)


class ClientTests(RelayTestCase, ClientTestCase):
    """``ReconnectingClient``, through a network that is cut."""

    @inlineCallbacks
    def test_cutOften(self) -> Any:
        """Nothing is lost and nothing comes twice, over connections to any worker."""
        _, port = self.talkers()
        proxy = Proxy(port)
        self.addCleanup(proxy.close)
        many = 2000
        hooks = Hooks(many)
        client = ReconnectingClient(
            f"ws://127.0.0.1:{proxy.port}/", hooks, resume=True, delay=0.02, maxDelay=0.1, reactor=reactor
        )
        client.startService()
        self.addCleanup(client.stopService)
        sent = 0
        while sent < many:
            yield deferLater(reactor, 0.02)
            for _ in range(20):
                yield client.send(str(sent))
                sent += 1
            if sent % 80 == 0:
                proxy.cut()
        yield hooks.all
        self.assertEqual(hooks.got, [str(number) for number in range(many)])
        self.assertEqual(hooks.log, ["connect"])
        self.assertGreater(proxy.made, OFTEN // 2)
        yield client.stopService()
        self.assertEqual(hooks.log, ["connect", 1000])
