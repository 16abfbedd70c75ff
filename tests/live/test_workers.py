"""``--workers``: real masters and workers, killed, replaced and stopped amid traffic."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.case import LiveTestCase
from tests.live.certificates import Authority, commonName
from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.server import LIMIT, Server, alive, environment, freePort, waitFor

GOING_AWAY = (0x80 | CLOSE, struct.pack(">H", 1001))

#: Says which code it is, and in which process.
WHO = """
import os
from wsapp import App

class Who(App):
    groups = False

    def onMessage(self, client, message):
        client.send(f"{message} VERSION {os.getpid()}")
"""

READY = re.compile(r"\bworker (\d+) \(process (\d+)\) is ready")


def who(client: Raw, word: str = "hello") -> tuple[str, int]:
    """:return: Which code answers, and which process."""
    client.send(frame(TEXT, word.encode()))
    opcode, said = client.frame()
    assert opcode == 0x80 | TEXT, (opcode, said)
    echoed, version, pid = said.decode().split()
    assert echoed == word, said
    return version, int(pid)


def common(client: Raw) -> str:
    """:return: The name in the certificate that it was shown."""
    assert isinstance(client.socket, ssl.SSLSocket)
    return commonName(client.socket)


class WorkersTestCase(LiveTestCase):
    """A server with workers."""

    def workers(
        self, *options: str, port: str = "", count: int = 2, code: str | None = WHO, daemon: bool = False
    ) -> Server:
        """:return: A server that serves :data:`WHO`, not started yet."""
        port = port or f"tcp:{freePort()}:interface=127.0.0.1"
        apps = () if "--app" in options else ("--app", "who.py:Who")
        server = self.server("--port", port, *apps, "--workers", str(count), *options, daemon=daemon)
        server.meant = "starting another one"
        if code is not None:
            self.write(server, code, "one")
        return server

    def write(self, server: Server, code: str, version: str) -> None:
        """Write the application's file."""
        (server.folder / "who.py").write_text(code.replace("VERSION", version))

    def begin(self, server: Server, ready: int = 2) -> int:
        """Start it, and wait until so many workers are ready.

        :return: Its port; 0 where it has none.
        """
        server.launch()
        if server.daemon:
            assert server.process is not None
            self.assertEqual(0, server.process.wait(LIMIT), server.log)
        self.until(server, f"{ready} workers", lambda: len(self.ready(server)) >= ready)
        port = re.search(r"tcp:(\d+)", server.options[1]) or re.search(r"ssl:(\d+)", server.options[1])
        return int(port[1]) if port else 0

    def until(self, server: Server, what: str, found: object, limit: float = LIMIT) -> None:
        """Wait until something is so, or show the log."""
        assert callable(found)
        try:
            waitFor(what, lambda: found() or (not server.daemon and server._over()), limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{server.log}") from None
        assert found(), f"the server ended\n{server.log}"

    def ready(self, server: Server) -> list[tuple[int, int]]:
        """:return: Number and process of each worker that was ever ready, in that order."""
        return [(int(number), int(pid)) for number, pid in READY.findall(server.log)]

    def client(self, where: int | str) -> Raw:
        """:return: A client that has shaken hands, closed at the test's end."""
        client = Raw(where)
        self.addCleanup(client.socket.close)
        self.assertIn(" 101 ", client.upgrade())
        return client


class AtTerminal(Server):
    """One that has a process group for itself, as a shell gives to what it starts."""

    @property
    def command(self) -> list[str]:
        """The whole command line."""
        return ["setsid", *super().command]


class Crowd:
    """Clients that keep connecting, each in a thread of its own, until they are told to stop.

    :ivar troubles: What went wrong with a connection attempt.
    :ivar versions: How many were answered by which code.
    :ivar open: The clients that have been answered and not been closed by anybody.
    """

    def __init__(self, port: int, size: int = 4) -> None:
        self.troubles: list[str] = []
        self.versions: Counter[str] = Counter()
        self.open: list[Raw] = []
        self._port = port
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._connect, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _connect(self) -> None:
        while not self._enough.is_set():
            try:
                client = Raw(self._port)
                head = client.upgrade()
            except (OSError, EOFError) as error:
                self.troubles.append(f"{type(error).__name__}: {error}")
                continue
            if " 101 " not in head:
                self.troubles.append(head)
                continue
            # It may be told goodbye at once, in order; its attempt to connect has not failed for that.
            try:
                self.versions[who(client)[0]] += 1
                self.open.append(client)
            except AssertionError:
                client.socket.close()
            time.sleep(0.005)

    def stop(self) -> None:
        """Have them stop."""
        self._enough.set()
        for thread in self._threads:
            thread.join(LIMIT)


class SpreadTests(WorkersTestCase):
    """Who gets which connection."""

    def test_evenly(self) -> None:
        """Two workers get about the same share."""
        port = self.begin(self.workers())
        shares = Counter(who(self.client(port))[1] for _ in range(200))
        self.assertEqual(2, len(shares))
        # One in a hundred million times it is not so by chance.
        self.assertGreater(min(shares.values()), 58, shares)

    def test_twistedsReactor(self) -> None:
        """The same on a reactor of Twisted's, which the workers take too."""
        server = self.workers()
        server.twistd = ("--reactor", "epoll")
        port = self.begin(server)
        self.assertIn("worker 1: twisted.scripts", server.log)
        self.assertNotIn("UvloopReactor", server.log)
        self.assertEqual(2, len({who(self.client(port))[1] for _ in range(40)}))

    def test_chosenPort(self) -> None:
        """Port 0 is the same one for all."""
        server = self.workers(port="tcp:0:interface=127.0.0.1")
        self.begin(server)
        addresses = set(server.listening())
        self.assertEqual(1, len(addresses), server.log)
        port = int(addresses.pop().rstrip("/").rpartition(":")[2])
        self.assertEqual(2, len({who(self.client(port))[1] for _ in range(40)}))

    def test_unixSocket(self) -> None:
        """A UNIX socket is shared, keeps its mode through replacements, and is gone afterwards."""
        path = self.folder() / "socket"
        server = self.workers(port=f"unix:{path}:mode=600")
        self.begin(server)
        client = self.client(str(path))
        who(client)
        server.signal(signal.SIGUSR2)
        self.until(server, "the replacement", lambda: "all workers are replaced" in server.log)
        self.assertEqual(GOING_AWAY[1], client.frame()[1][:2])
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        self.assertIn(who(self.client(str(path)))[1], [pid for _, pid in self.ready(server)[2:]])
        self.assertEqual(0, server.stop())
        self.assertFalse(path.exists())
        self.assertFalse(Path(f"{path}.lock").exists() or Path(f"{path}.lock").is_symlink())

    def test_socketOfSystemd(self) -> None:
        """A socket that systemd listens on is shared, and survives the workers."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            server = self.workers(port="systemd:domain=INET:index=0")
            server.handed = listening
            self.begin(server)
            self.assertEqual("one", who(self.client(port))[0])
            server.signal(signal.SIGUSR2)
            self.until(server, "the replacement", lambda: "all workers are replaced" in server.log)
            self.assertEqual("one", who(self.client(port))[0])

    def test_behindHaproxy(self) -> None:
        """PROXY headers are read on inherited sockets."""
        port = freePort()
        server = self.workers("--trust-proxy", "127.0.0.1", port=f"haproxy:tcp:{port}:interface=127.0.0.1")
        self.begin(server)
        for _ in range(4):
            with Raw(port) as client:
                client.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n")
                self.assertIn(" 101 ", client.upgrade())
                self.assertEqual("one", who(client)[0])


class FaultTests(WorkersTestCase):
    """Workers, and masters, that die."""

    def test_killed(self) -> None:
        """A worker killed amid traffic is started again; others' clients notice nothing, and whoever has
        connected to its socket meanwhile is served by the new one."""
        server = self.workers()
        port = self.begin(server)
        clients = [self.client(port) for _ in range(40)]
        victim = self.ready(server)[0][1]
        others = [client for client in clients if who(client)[1] != victim]
        self.assertLess(0, len(others))
        self.assertLess(len(others), 40)
        os.kill(victim, signal.SIGKILL)
        self.until(server, "its end in the log", lambda: "was killed by signal 9" in server.log)
        waiting = [Raw(port) for _ in range(40)]
        for client in waiting:
            self.addCleanup(client.socket.close)
        for client in others:
            self.assertNotEqual(victim, who(client)[1])
        found = []
        for client in waiting:
            self.assertIn(" 101 ", client.upgrade())
            found.append(who(client)[1])
        new = self.ready(server)[2][1]
        self.assertIn(new, found)
        self.assertEqual(self.ready(server)[2][0], self.ready(server)[0][0])

    def test_crashLoop(self) -> None:
        """One that crashes at every start has its socket served by the other."""
        server = self.workers(code=None)
        only = (
            "import fcntl\nLOCK = None\n"
            + WHO
            + "    def onStart(self):\n"
            + "        global LOCK\n"
            + "        LOCK = open('lock', 'w')\n"
            + "        try:\n"
            + "            fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
            + "        except OSError:\n"
            + "            os._exit(7)\n"
        )
        self.write(server, only, "one")
        port = self.begin(server, ready=1)
        self.until(server, "a helper", lambda: "serves the sockets of worker" in server.log, 60)
        self.assertIn("ended with status 7", server.log)
        self.assertEqual({self.ready(server)[0][1]}, {who(self.client(port))[1] for _ in range(40)})
        self.assertEqual(1, len(self.ready(server)))

    def test_masterKilled(self) -> None:
        """When the master is gone workers say goodbye to their clients and end."""
        server = self.workers()
        port = self.begin(server)
        clients = [self.client(port) for _ in range(8)]
        pids = {who(client)[1] for client in clients}
        os.kill(server.pid, signal.SIGKILL)
        for client in clients:
            opcode, payload = client.frame()
            self.assertEqual(GOING_AWAY, (opcode, payload[:2]))
            client.socket.close()
        waitFor("the workers' end", lambda: not any(alive(pid) for pid in pids))
        with self.assertRaises(ConnectionRefusedError):
            Raw(port)

    def test_noneCanStart(self) -> None:
        """Where no worker can start, the server ends with a status, not in a loop."""
        server = self.workers(code=WHO + "    def onStart(self):\n        os._exit(7)\n")
        server.launch()
        assert server.process is not None
        self.assertEqual(1, server.process.wait(LIMIT), server.log)
        self.assertIn("no worker could start", server.log)
        server.meant = "start"


class ReplacementTests(WorkersTestCase):
    """SIGUSR2."""

    def test_underClients(self) -> None:
        """New code, while clients keep connecting: none is refused, and each old one is told goodbye."""
        server = self.workers()
        port = self.begin(server)
        old = {pid for _, pid in self.ready(server)}
        crowd = Crowd(port)
        self.addCleanup(crowd.stop)
        waitFor("clients", lambda: len(crowd.open) > 50)
        early = list(crowd.open)
        self.write(server, WHO, "two")
        server.signal(signal.SIGUSR2)
        self.until(server, "the replacement", lambda: "all workers are replaced" in server.log)
        before = crowd.versions["two"]
        waitFor("clients of the new ones", lambda: crowd.versions["two"] > before + 50)
        crowd.stop()
        self.assertEqual([], crowd.troubles)
        for client in early:
            opcode, payload = client.frame()
            self.assertEqual(GOING_AWAY, (opcode, payload[:2]))
        for client in crowd.open:
            client.socket.close()
        waitFor("the old ones' end", lambda: not any(alive(pid) for pid in old))
        self.assertEqual({"two"}, {who(self.client(port))[0] for _ in range(20)})

    def test_brokenCode(self) -> None:
        """New code that does not start leaves the old workers where they are."""
        server = self.workers()
        port = self.begin(server)
        client = self.client(port)
        before = who(client)
        self.write(server, "1 / 0\n" + WHO, "two")
        server.signal(signal.SIGUSR2)
        self.until(server, "the refusal", lambda: "kept the old workers" in server.log)
        self.assertIn("ZeroDivisionError", server.log)
        self.assertEqual(before, who(client))
        self.assertEqual({"one"}, {who(self.client(port))[0] for _ in range(20)})
        self.write(server, WHO, "three")
        server.signal(signal.SIGUSR2)
        self.until(server, "the replacement", lambda: "all workers are replaced" in server.log)
        self.assertEqual({"three"}, {who(self.client(port))[0] for _ in range(20)})
        server.meant = "#error"

    def test_slowApplication(self) -> None:
        """A new worker takes connections only once its application has started."""
        server = self.workers(count=1)
        port = self.begin(server, ready=1)
        slow = "    async def onStart(self):\n        from twisted.internet import reactor, task\n"
        slow += "        await task.deferLater(reactor, 1.5)\n"
        self.write(server, WHO + slow, "two")
        server.signal(signal.SIGUSR2)
        versions = []
        while "all workers are replaced" not in server.log:
            began = time.monotonic()
            with contextlib.suppress(AssertionError):
                versions.append(who(self.client(port))[0])
            self.assertLess(time.monotonic() - began, 1.4, "it waited for the new one")
            time.sleep(0.02)
        self.assertEqual("two", who(self.client(port))[0])
        self.assertIn("one", versions)


class SignalTests(WorkersTestCase):
    """What else the master passes on."""

    def test_certificates(self) -> None:
        """SIGHUP has all workers read the certificate again, and drops nobody."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("first")
        port = freePort()
        server = self.workers(port=f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}")
        self.begin(server)
        clients = [Raw(port, context=authority.context()) for _ in range(6)]
        for client in clients:
            self.addCleanup(client.socket.close)
            self.assertIn(" 101 ", client.upgrade())
            self.assertEqual("first", common(client))
        for new, old in zip(authority.issue("second"), (key, certificate), strict=True):
            new.replace(old)
        server.signal(signal.SIGHUP)
        self.until(
            server, "both to have read it", lambda: server.log.count("read the certificate again") == 2
        )
        pids = set()
        for _ in range(20):
            with Raw(port, context=authority.context()) as client:
                self.assertEqual("second", common(client))
                self.assertIn(" 101 ", client.upgrade())
                pids.add(who(client)[1])
        self.assertEqual(2, len(pids))
        for client in clients:
            self.assertEqual("one", who(client)[0])

    def test_stopUnderLoad(self) -> None:
        """SIGTERM: each client is told goodbye, and all processes end, with status 0."""
        server = self.workers()
        port = self.begin(server)
        pids = [pid for _, pid in self.ready(server)]
        clients = [self.client(port) for _ in range(40)]
        for client in clients:
            client.send(frame(TEXT, b"amid") * 20)
        self.assertEqual(0, self.stopped(server, clients))
        self.assertFalse(any(alive(pid) for pid in pids))

    def stopped(self, server: Server, clients: list[Raw]) -> int:
        """Stop it, and look at each client's last frames."""
        server.signal(signal.SIGTERM)
        for client in clients:
            answers = 0
            while (got := client.frame())[0] == 0x80 | TEXT:
                answers += 1
            self.assertEqual(20, answers)
            self.assertEqual(GOING_AWAY, (got[0], got[1][:2]))
            client.socket.close()
        return server.ended(server.pid)

    def test_daemon(self) -> None:
        """In the background: the pid file is the master's, all log to one file, and SIGTERM ends all."""
        server = self.workers(daemon=True)
        self.addCleanup(server.kill)
        port = self.begin(server)
        pids = [pid for _, pid in self.ready(server)]
        self.assertNotIn(server.pid, pids)
        self.assertIn(who(self.client(port))[1], pids)
        for number in (1, 2):
            self.assertIn(f"[worker {number}: wsapp.service#info] listening", server.log)
        server.stop()
        self.assertFalse(any(alive(pid) for pid in pids))
        self.assertFalse(server.pidFile.exists())

    def test_otherUser(self) -> None:
        """Bound as root, served as somebody else."""
        if os.getuid() != 0:
            raise SkipTest("only root can become somebody else")
        try:
            subprocess.run([sys.executable, "-c", "import wsapp"], user=65534, env=environment(), check=True)
        except (OSError, subprocess.CalledProcessError):
            raise SkipTest("nobody else may run this Python") from None
        server = self.workers("--app", "echo", code=None)
        server.folder.chmod(0o777)
        server.twistd = ("--uid", "65534", "--gid", "65534")
        port = self.begin(server)
        for _, pid in self.ready(server):
            self.assertEqual(65534, os.stat(f"/proc/{pid}").st_uid)
        client = self.client(port)
        client.send(frame(TEXT, b"hello"))
        self.assertEqual((0x80 | TEXT, b"hello"), client.frame())


class RefusalTests(WorkersTestCase):
    """What is said at once."""

    def refused(self, *options: str) -> str:
        """:return: What a command line that cannot be is answered with."""
        server = self.server(*options)
        server.launch()
        assert server.process is not None
        self.assertEqual(1, server.process.wait(LIMIT), server.log)
        return server.log.rstrip().rpartition("\n")[2]

    def test_portInUse(self) -> None:
        """The port is in use, be it by a server with workers."""
        port = self.begin(self.workers())
        said = self.refused(*("--port", f"tcp:{port}:interface=127.0.0.1", "--app", "echo", "--workers", "2"))
        self.assertIn("the port is in use", said)

    def test_groups(self) -> None:
        """An application with groups, and no broker."""
        said = self.refused("--port", "tcp:0", "--app", "chat", "--workers", "2")
        self.assertIn("--broker embedded", said)


class EmbeddedTests(WorkersTestCase):
    """``--broker embedded``."""

    needs = ("redis",)

    def test_together(self) -> None:
        """Workers share their groups; the broker is private, and is gone afterwards."""
        server = self.workers("--app", "chat", "--broker", "embedded", code=None)
        port = self.begin(server)
        master = server.pid
        found = self.valkey(master)
        self.assertEqual(1, len(found), server.log)
        folder = self.place(server)
        self.assertEqual(0o700, stat.S_IMODE(folder.stat().st_mode))
        clients = [self.client(port) for _ in range(12)]
        self.heard(clients)
        self.assertEqual(0, server.stop())
        self.assertFalse(alive(found[0]))
        self.assertFalse(folder.exists())

    def place(self, server: Server) -> Path:
        """:return: The broker's folder."""
        found = re.search(r"redis\+unix://(\S+)/valkey.sock", server.log)
        assert found is not None, server.log
        return Path(found[1])

    def heard(self, clients: list[Raw]) -> None:
        """What one says each hears."""
        clients[0].send(frame(TEXT, b"to all of you"))
        for client in clients:
            while b"to all of you" not in client.frame()[1]:
                pass

    def test_brokerKilled(self) -> None:
        """The broker is killed: another one is started in its place, and workers find it by themselves."""
        server = self.workers("--app", "chat", "--broker", "embedded", code=None)
        port = self.begin(server)
        (pid,) = self.valkey(server.pid)
        os.kill(pid, signal.SIGKILL)
        self.until(server, "another", lambda: server.log.count("the embedded broker is ready") == 2)
        clients = [self.client(port) for _ in range(12)]
        self.heard(clients)
        self.assertEqual(1, len(self.valkey(server.pid)))
        self.assertEqual(2, len(self.ready(server)), "no worker had to end for it")

    def test_leash(self) -> None:
        """A master that is killed leaves no broker behind."""
        server = self.workers("--broker", "embedded")
        self.begin(server)
        (pid,) = self.valkey(server.pid)
        # What nobody is left to remove: an empty folder.
        self.addCleanup(shutil.rmtree, self.place(server))
        os.kill(server.pid, signal.SIGKILL)
        waitFor("the broker's end", lambda: not alive(pid))
        waitFor("the workers' end", lambda: not any(alive(one) for _, one in self.ready(server)))

    def test_interrupted(self) -> None:
        """Ctrl-C at a terminal is for all processes in the foreground: the broker goes on until the workers
        have drained, none is started in its place, and the end is in order."""
        server = AtTerminal(self.folder(), ())
        self.addCleanup(self.finish, server)
        options = ("--app", "chat", "--workers", "2", "--broker", "embedded", "--drain", "2")
        server.options = ("--port", f"tcp:{freePort()}:interface=127.0.0.1", *options)
        port = self.begin(server)
        (pid,) = self.valkey(server.pid)
        clients = [self.client(port) for _ in range(12)]
        self.heard(clients)
        os.killpg(server.pid, signal.SIGINT)
        time.sleep(0.5)  # amid the drain
        self.assertTrue(alive(pid), server.log)
        self.assertEqual(0, server.ended(server.pid), server.log)
        self.assertFalse(alive(pid))
        for line in ("embedded broker ended", "starting another", "cannot be reached", "is lost"):
            self.assertNotIn(line, server.log)

    def valkey(self, master: int) -> list[int]:
        """:return: The master's children that are no workers."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(master)], capture_output=True, text=True, check=True
        ).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if "valkey-server" in line]
