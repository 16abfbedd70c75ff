"""Tests of `wsapp.listening`: endpoint strings, tried out and listened on."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import errno
import gc
import os
import secrets
import socket
import warnings
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.peers import Recorder
from tests.sockets import call, portOf, reactor
from wsapp.listening import BACKLOG, BadEndpoint, Endpoint, _Between
from wsapp.origins import TrustedProxies
from wsapp.rehearsal import Held
from wsapp.service import Server


class RehearsalTests(SynchronousTestCase):
    """What is found out before the server starts."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.before = os.getcwd()
        self.held = Held()
        self.addCleanup(self.held.close)

    def rehearse(self, text: str) -> None:
        """Try an endpoint out, on a reactor that would write down what is listened on."""
        self.reactor = MemoryReactorClock()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Endpoint(self.reactor, text).rehearse(self.held)
        self.assertEqual(
            (self.reactor.tcpServers, self.reactor.sslServers, self.reactor.unixServers), ([], [], [])
        )

    def refused(self, text: str, *words: str) -> str:
        """Assert that it is refused by one line that has these words."""
        line = str(self.assertRaises(BadEndpoint, self.rehearse, text))
        self.assertNotIn("\n", line)
        for word in words:
            self.assertIn(word, line)
        return line

    def short(self, name: str) -> str:
        """A path that is short enough for a UNIX socket."""
        return os.path.relpath(self.folder / name)

    def test_good(self) -> None:
        """What can be listened on is listened on by nobody yet."""
        for text in (
            "tcp:0",
            "tcp:0:interface=127.0.0.1",
            "tcp:port=0:interface=localhost:backlog=5",
            "haproxy:tcp:0:interface=127.0.0.1",
            f"unix:{self.short('s')}",
            "systemd:domain=INET:index=0",
        ):
            with contextlib.suppress(BadEndpoint) if text.startswith("systemd") else contextlib.nullcontext():
                self.rehearse(text)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_handedOver(self) -> None:
        """A UNIX socket of systemd's is only for a reactor that leaves its path and permissions alone."""
        taken: list[tuple[Any, ...]] = []

        class Plain:
            def adoptStreamPort(self, *arguments: Any) -> None:
                taken.append(arguments)

        class Keeping(Plain):
            keepsPaths = True

        error = self.assertRaises(OSError, _Between(Plain(), id).adoptStreamPort, 3, socket.AF_UNIX, None)
        self.assertIn("uvloop", str(error))
        self.assertEqual(taken, [])
        _Between(Plain(), id).adoptStreamPort(3, socket.AF_INET, None)
        _Between(Keeping(), id).adoptStreamPort(4, socket.AF_UNIX, None)
        self.assertEqual(taken, [(3, socket.AF_INET, None), (4, socket.AF_UNIX, None)])

    def test_bad(self) -> None:
        """What is no endpoint, with what would be one."""
        for text in (
            "",
            "tcp",
            "tcp:",
            "tcp:x=y",
            "nosuch:8080",
            "tcp:8080:nosuch=1",
            "ssl:8443:sslmethod=x",
        ):
            self.refused(text, repr(text), "tcp:8080", "unix:/run/wsapp.sock")

    def test_inUse(self) -> None:
        """A port in use, and how to go on; on every kind of endpoint."""
        with socket.socket() as used:
            used.bind(("127.0.0.1", 0))
            used.listen()
            port = used.getsockname()[1]
            for text in (f"tcp:{port}:interface=127.0.0.1", f"haproxy:tcp:{port}:interface=127.0.0.1"):
                self.refused(text, text, "in use")

    def test_twice(self) -> None:
        """A port that the same command line names before is in use, until all are let go."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        text = f"tcp:{port}:interface=127.0.0.1"
        self.rehearse(text)
        self.refused(text, "in use")
        self.held.close()
        self.rehearse(text)

    def test_notOurs(self) -> None:
        """Addresses that are not this machine's, ports that are none."""
        self.refused("tcp:0:interface=203.0.113.77", "203.0.113.77")
        self.refused("tcp:99999", "99999")

    def test_unix(self) -> None:
        """A socket that somebody listens on, a file that is none, a folder that is not there; what was left
        behind by a dead process is no obstacle where Twisted's lock says so, else it is to be removed."""
        path = self.short("s")
        with socket.socket(socket.AF_UNIX) as used:
            used.bind(path)
            self.refused(f"unix:{path}", "left behind", "remove it")
            used.listen()
            self.refused(f"unix:{path}", "in use")
        os.symlink("999999999", f"{path}.lock")
        self.rehearse(f"unix:{path}")
        self.refused(f"unix:{path}:lockfile=0", "left behind")
        (self.folder / "file").write_text("x")
        self.refused(f"unix:{self.short('file')}", "not a socket")
        self.refused("unix:/no/such/folder/s", "/no/such/folder")

    def test_unixTwice(self) -> None:
        """A path that the same command line names before, however it is written."""
        self.rehearse(f"unix:{self.short('s')}")
        self.refused(f"unix:{self.short('s')}", "in use")
        self.refused(f"unix:{self.short('.')}/./s", "in use")
        self.rehearse(f"unix:{self.short('t')}")
        self.held.close()
        self.rehearse(f"unix:{self.short('s')}")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_unixPaths(self) -> None:
        """No path, one that is too long for a socket, and the longest that is not."""
        self.refused("unix:", "no path", "unix:/run/wsapp.sock")
        self.refused(f"unix:{'é' * 60}", "120 bytes", "shorter")
        os.chdir(self.folder)
        self.addCleanup(os.chdir, self.before)
        self.rehearse(f"unix:{'s' * 100}")
        self.rehearse("unix:s")  # any other name that short may be there

    def test_noSocketsThere(self) -> None:
        """A folder in which there can be none, or not by this process."""

        class Refusing(socket.socket):
            def bind(self, address: Any) -> None:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        self.patch(socket, "socket", Refusing)
        self.refused(f"unix:{self.short('s')}", "no socket can be made in", "Permission denied")
        self.refused("unix:s", "no socket can be made in .: Permission denied")

    def test_shortNameTaken(self) -> None:
        """What it is tried out with may be there already: then there can be sockets."""
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(self.short("0"))
            self.patch(secrets, "token_hex", lambda size: "0" * size)
            self.rehearse(f"unix:{self.short('s')}")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["0"])

    def test_noPort(self) -> None:
        """Standard input and output are none."""
        for text in ("stdio:", "haproxy:stdio:"):
            self.refused(text, text, "tcp:8080")

    def test_notHandedOver(self) -> None:
        """Sockets that systemd has not handed over."""
        for text in ("systemd:domain=INET:index=0", "systemd:domain=UNIX:name=web", "haproxy:systemd:INET:7"):
            self.refused(text, text, "systemd has handed over no such socket", ".socket unit")
        self.refused("systemd:domain=INET", "is not an endpoint")

    def test_keys(self) -> None:
        """Keys that are not there, or garbage."""
        (self.folder / "garbage.pem").write_text("garbage")
        self.refused(f"ssl:0:privateKey={self.folder}/missing.pem", "missing.pem", "No such file")
        self.refused(f"ssl:0:privateKey={self.folder}/garbage.pem", "key or certificate")
        self.refused(f"ssl:0:privateKey={self.folder}", "Is a directory")

    def test_nothingToRenew(self) -> None:
        """An endpoint without TLS has no certificate to read again."""
        endpoint = Endpoint(MemoryReactorClock(), "tcp:0")
        endpoint.renew()
        endpoint.listen(Factory.forProtocol(Protocol))
        endpoint.renew()

    def test_backlog(self) -> None:
        """More may wait to be taken than Twisted lets; what is given stands, in whatever way it is."""
        for text, backlog in (
            ("tcp:0", BACKLOG),
            ("tcp:port=0:interface=127.0.0.1", BACKLOG),
            ("tcp:0:interface=\\:\\:1", BACKLOG),
            ("tcp6:0", BACKLOG),
            ("haproxy:tcp:0", BACKLOG),
            ("tcp:0:backlog=7", 7),
            ("tcp:backlog=50:port=0", 50),
            ("tcp:0:127.0.0.1:50", 50),
            ("haproxy:tcp:0:backlog=7", 7),
        ):
            reactor = MemoryReactorClock()
            Endpoint(reactor, text).listen(Factory.forProtocol(Protocol))
            self.assertEqual(reactor.tcpServers[0][2], backlog, text)


class ListenTests(TestCase):
    """Listening in earnest, on the loopback interface."""

    timeout = 20

    def serve(self, text: str, **options: Any) -> Server:
        """A started server, which ends with the test."""
        self.app = Recorder()
        server = Server(reactor, {"app": self.app}, [Endpoint(reactor, text)], **options)
        server.startService()
        self.addCleanup(server.stopService)
        return server

    def run_(self, test: Any) -> Deferred[None]:
        """Run a coroutine as a test."""
        return Deferred.fromCoroutine(test)

    def test_listenFails(self) -> None:
        """What fails only then is one line too."""
        server = self.serve("tcp:0:interface=127.0.0.1")
        text = f"tcp:{portOf(server)}:interface=127.0.0.1"
        error = self.failureResultOf(
            Endpoint(reactor, text).listen(Factory.forProtocol(Protocol)), BadEndpoint
        )
        self.assertIn("in use", str(error.value))
        # Twisted 24 leaves the socket that it could not bind to the collector.
        gc.collect()
        self.flushWarnings()

    def test_locked(self) -> None:
        """A UNIX socket whose lock another process has."""
        path = os.path.relpath(Path(self.mktemp()).absolute())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(str(os.getppid()), f"{path}.lock")
        listening = Endpoint(reactor, f"unix:{path}").listen(Factory.forProtocol(Protocol))
        self.assertIn(".lock", str(self.failureResultOf(listening, BadEndpoint).value))

    def test_unix(self) -> Deferred[None]:
        """A UNIX socket: any Host is answered to, peers have no address."""

        async def test() -> None:
            path = os.path.relpath(Path(self.mktemp()).absolute())
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.serve(f"unix:{path}")
            caller = await call(UNIXClientEndpoint(reactor, path))
            self.addCleanup(caller.hangUp)
            head = await caller.open(host="any.example")
            self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
            self.assertEqual(self.app.known[0].peer, "")
            self.assertIn("unix", repr(self.app.known[0]))

        return self.run_(test())

    def test_haproxy(self) -> Deferred[None]:
        """Behind a ``haproxy:`` endpoint the PROXY header counts where the proxy is trusted."""

        async def test() -> None:
            for trusted, peer in ((["127.0.0.1"], "203.0.113.9"), ([], "127.0.0.1")):
                server = self.serve("haproxy:tcp:0:interface=127.0.0.1", proxies=TrustedProxies(trusted))
                caller = await call(TCP4ClientEndpoint(reactor, "127.0.0.1", portOf(server)))
                self.addCleanup(caller.hangUp)
                caller.write(b"PROXY TCP4 203.0.113.9 192.0.2.1 51000 80\r\n")
                head = await caller.open()
                self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
                self.assertEqual(self.app.known[0].peer, peer)

        return self.run_(test())
