"""Tests of `wsapp.admin.service`: the port, and the server that it looks at."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred

from tests.admin.world import TOKEN, AdminWorld
from tests.peers import ServedCase, World
from tests.sockets import reactor
from wsapp.admin.gate import Gate
from wsapp.admin.node import Node
from wsapp.admin.service import Watched, adminEndpoint, adminServer, nodeName
from wsapp.app import App
from wsapp.listening import Endpoint
from wsapp.service import Server


class EndpointTests(ServedCase):
    """--admin."""

    def test_loopback(self) -> None:
        """A port is one of the loopback interface, unless another is named."""
        for text, endpoint in (
            ("9000", "tcp:9000:interface=127.0.0.1"),
            ("tcp:9000", "tcp:9000:interface=127.0.0.1"),
            ("ssl:9000:privateKey=k", "ssl:9000:privateKey=k:interface=127.0.0.1"),
            ("tcp:9000:interface=192.0.2.7", "tcp:9000:interface=192.0.2.7"),
            ("tcp:9000:interface=", "tcp:9000:interface="),
            ("unix:/run/admin.sock", "unix:/run/admin.sock"),
            ("systemd:domain=INET:index=1", "systemd:domain=INET:index=1"),
        ):
            self.assertEqual(adminEndpoint(text), endpoint)


class NameTests(ServedCase):
    """What a node is called."""

    def test_name(self) -> None:
        """Its host and its port; where it has none, its process."""
        host = socket.gethostname()
        self.assertEqual(nodeName(["http://localhost:9000/", "http://x:1/"]), f"{host}:9000")
        self.assertEqual(nodeName([]), f"{host}:{os.getpid()}")


class WatchedTests(ServedCase):
    """Both together, in virtual time."""

    def test_order(self) -> None:
        """The admin port is there before the server is ready, says so while it stops, and ends after it."""
        waits: list[Deferred[None]] = []

        class Slow(App):
            def onStart(self) -> Deferred[None]:
                waits.append(Deferred())
                return waits[-1]

            onStop = onStart

        admin = AdminWorld(World())  # for its way to ask
        clock = admin.clock
        server = Server(clock, {"a": Slow()})
        node = Node(server)
        admin.admin = adminServer(clock, node, [], admin.gate)
        admin.factory = admin.admin.factory()
        watched = Watched(server, admin.admin, [node], admin.gate, told=False)
        watched.privilegedStartService()
        watched.startService()
        self.assertEqual(admin.ask("/readyz")[::2], (503, "starting\n"))
        waits.pop().callback(None)
        self.assertEqual(admin.ask("/readyz")[0], 200)
        self.successResultOf(watched.started)
        stopped = watched.stopService()
        self.assertEqual(admin.ask("/readyz")[::2], (503, "stopping\n"))
        self.assertEqual(admin.ask("/healthz")[0], 200)
        self.assertTrue(admin.admin.running)
        waits.pop().callback(None)
        for _ in range(4):
            clock.advance(5)
        self.successResultOf(stopped)
        self.assertFalse(admin.admin.running)
        self.assertEqual(
            [str(call) for call in clock.getDelayedCalls() if "LogDateTime" not in str(call)], []
        )

    def test_both(self) -> None:
        """Hurrying and certificates reach both; workers are the server's."""
        calls: list[str] = []

        class Fake:
            started: Any = None

            def __init__(self, name: str) -> None:
                self.name = name

            def hurry(self) -> None:
                calls.append(f"{self.name} hurry")

            def renewCertificates(self) -> None:
                calls.append(f"{self.name} renew")

            def replaceWorkers(self) -> None:
                calls.append(f"{self.name} replace")

        server: Any = Fake("server")
        admin: Any = Fake("admin")
        nothing: Any = None
        watched = Watched(server, admin, [], nothing, told=False)
        watched.hurry()
        watched.renewCertificates()
        watched.replaceWorkers()
        self.assertEqual(
            calls, ["server hurry", "admin hurry", "server renew", "admin renew", "server replace"]
        )


class TokenTests(ServedCase):
    """What the log says of the way in."""

    def said(self, told: bool) -> list[str]:
        """The lines about the console, of a real port."""
        server = Server(reactor, {"a": App()})
        node = Node(server)
        gate = Gate(TOKEN, server.terms.wallClock, reactor.seconds)
        admin = adminServer(reactor, node, [Endpoint(reactor, "tcp:0:interface=127.0.0.1")], gate)
        watched = Watched(server, admin, [node], gate, told)
        watched.privilegedStartService()
        watched.startService()
        watched.stopService()
        return [line for line in self.lines() if "console" in line]

    def test_told(self) -> None:
        """A token that was made is there once, as a URL's fragment, which goes to no server."""
        (line,) = self.said(True)
        self.assertRegex(line, rf"^the console is at http://localhost:[0-9]+/#{TOKEN}$")

    def test_file(self) -> None:
        """One of a file is not."""
        (line,) = self.said(False)
        self.assertRegex(line, r"^the console is at http://localhost:[0-9]+/$")
