"""Tests of `wsapp.workers.sockets` and `wsapp.workers.adopting`: one binds, the other listens."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from wsapp.listening import BadEndpoint, Endpoint
from wsapp.workers.adopting import Inheriting
from wsapp.workers.sockets import Sockets


def opened(case: Any, *texts: str, places: int = 2) -> Sockets:
    """:return: Sockets that listen, closed at the test's end."""
    from twisted.internet import reactor

    sockets = Sockets(reactor, [Endpoint(reactor, text) for text in texts], places)
    case.addCleanup(sockets.close)
    sockets.open()
    return sockets


def within(case: Any) -> Path:
    """:return: A path, in what is the working folder until the test's end: UNIX sockets need short ones."""
    path = Path(case.mktemp()).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    case.addCleanup(os.chdir, os.getcwd())
    os.chdir(path.parent)
    return path


class SocketsTests(SynchronousTestCase):
    """What the master binds."""

    def test_tcp(self) -> None:
        """One for each worker, on one port, none of which waits or is left to other programs."""
        for interface, family in (("127.0.0.1", socket.AF_INET), ("\\:\\:1", socket.AF_INET6)):
            sockets = opened(self, f"tcp:0:interface={interface}", places=3)
            found = [place[0][0] for place in sockets.opened]
            self.assertEqual(1, len({one.getsockname() for one in found}))
            self.assertEqual(3, len({one.fileno() for one in found}))
            for one in found:
                self.assertEqual(family, one.family)
                self.assertEqual(1, one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
                self.assertFalse(one.getblocking())
                self.assertFalse(os.get_inheritable(one.fileno()))

    def test_one(self) -> None:
        """A single worker's port is its own: no other program of this user can join in."""
        (place,) = opened(self, "tcp:0:interface=127.0.0.1", places=1).opened
        self.assertEqual(0, place[0][0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))

    def test_wrapped(self) -> None:
        """Behind PROXY headers it is the same."""
        places = opened(self, "haproxy:tcp:0:interface=127.0.0.1").opened
        self.assertEqual(2, len({place[0][0].fileno() for place in places}))

    def test_unix(self) -> None:
        """One for all, with its mode; it is removed, its lock too; what was left behind does not matter."""
        path = within(self)
        name = path.name
        for _ in range(2):
            sockets = opened(self, f"unix:{name}:mode=640")
            first, second = (place[0][0] for place in sockets.opened)
            self.assertIs(first, second)
            self.assertEqual(0o640, stat.S_IMODE(os.stat(name).st_mode))
            error = self.assertRaises(BadEndpoint, opened, self, f"unix:{name}")
            self.assertIn("in use", str(error))
            self.assertTrue(os.path.exists(name))
            sockets.close()
            self.assertEqual([False, False], [os.path.lexists(name), os.path.lexists(f"{name}.lock")])
            # A process that was killed: its lock names nobody, its socket is still there.
            os.symlink("999999999", f"{name}.lock")
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(name)

    def test_anotherInItsPlace(self) -> None:
        """A file that is not ours any more is not removed."""
        path = within(self)
        sockets = opened(self, f"unix:{path.name}")
        path.unlink()
        path.write_text("somebody else's")
        sockets.close()
        self.assertEqual("somebody else's", path.read_text())

    def test_allOrNone(self) -> None:
        """Where one cannot be bound, none is."""
        with socket.create_server(("127.0.0.1", 0)) as other, socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            taken = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
            self.assertRaises(BadEndpoint, opened, self, f"tcp:{port}:interface=127.0.0.1", taken)
            with socket.socket() as probe:
                self.assertNotEqual(0, probe.connect_ex(("127.0.0.1", port)))


class Numbered(Protocol):
    """Tells who connects a word."""

    def connectionMade(self) -> None:
        """Tell, and end."""
        factory: Any = self.factory
        assert self.transport is not None
        self.transport.write(factory.word)
        self.transport.loseConnection()


class InheritingTests(TestCase):
    """How workers listen, on this process's reactor."""

    def worker(self, sockets: Sockets, text: str, place: int) -> tuple[Inheriting, Any]:
        """:return: A worker's way to listen, and its port."""
        from twisted.internet import reactor

        # As in a process of its own: other numbers, for the same sockets.
        known: dict[int, int] = {}
        numbers = [
            [
                known.setdefault(one.fileno(), known.get(one.fileno()) or os.dup(one.fileno()))
                for one in ofPlace[0]
            ]
            for ofPlace in sockets.opened
        ]
        inheriting = Inheriting(reactor, numbers, place)
        factory: Any = Factory.forProtocol(Numbered)
        factory.noisy = False
        factory.word = b"%d" % place
        port = self.successResultOf(Endpoint(inheriting, text).listen(factory))
        self.addCleanup(inheriting.close)
        self.addCleanup(port.stopListening)
        return inheriting, port

    def answers(self, where: Any, count: int) -> Any:
        """:return: A Deferred with the words of so many connections."""
        from twisted.internet import reactor
        from twisted.internet.threads import deferToThreadPool

        def ask() -> list[bytes]:
            found = []
            for _ in range(count):
                family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
                with socket.socket(family) as client:
                    client.settimeout(20)
                    client.connect(where)
                    found.append(client.recv(10))
            return found

        threaded: Any = reactor
        return deferToThreadPool(threaded, threaded.getThreadPool(), ask)

    @inlineCallbacks
    def test_helping(self) -> Any:
        """Who also serves another's sockets gets its connections too, until it leaves them alone."""
        text = "tcp:0:interface=127.0.0.1"
        sockets = opened(self, text)
        where = sockets.opened[0][0][0].getsockname()
        first, _ = self.worker(sockets, text, 0)
        first.also(1)
        first.also(1)
        first.also(0)
        self.assertEqual([b"0"] * 30, (yield self.answers(where, 30)))
        first.without(1)
        first.without(1)
        self.worker(sockets, text, 1)
        self.assertEqual({b"0", b"1"}, set((yield self.answers(where, 60))))

    @inlineCallbacks
    def test_unix(self) -> Any:
        """A shared socket is served by those that are left, and keeps its path and mode."""
        path = within(self)
        text = f"unix:{path.name}:mode=600"
        sockets = opened(self, text)
        first, port = self.worker(sockets, text, 0)
        first.also(1)
        self.worker(sockets, text, 1)
        yield port.stopListening()
        self.assertEqual([b"1"] * 5, (yield self.answers(path.name, 5)))
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
