"""Conversations whose connections are cut, where the client comes back to another worker each time.

``WSAPP_CUTS=all`` cuts at every byte.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import random
from typing import Any

from tests.outgoing.world import Line
from tests.relay.hall import Hall
from tests.test_resumption import LIMITS, CutBridge, CutTests, Talker
from wsapp import Limits
from wsapp.service import Server


class RelayedCutTests(CutTests):
    """Nothing is lost, and nothing comes twice, whichever worker the client comes to."""

    #: Of every so many connections one comes to the worker that has the session.
    workers = 3

    def launch(self, limits: Limits = LIMITS) -> None:
        """Have several workers; the first connection comes to the first of them."""
        self.others = [Talker() for _ in range(self.workers - 1)]
        hall = self.hall = Hall(self.clock, random.Random(7).choice([1, 7, 1000, 1 << 30]))
        servers = []
        for number, app in enumerate([self.app, *self.others]):
            server = Server(
                self.clock,
                {"app": app},
                wallClock=self.clock.seconds,
                limits=limits,
                resume=30,
                siblings=hall.door(f"{number}-x"),
            )
            servers.append((server, server.factory()))
            server.startService()
        self.server = servers[0][0]
        self.rest = [server for server, _ in servers[1:]]
        self.clock.advance(0)

        def made(line: Line) -> None:
            _, factory = servers[len(self.bridges) % self.workers]
            self.bridges.append(CutBridge(line, factory.buildProtocol(None), self.scissors))

        self.way._made = made

    def settle(self) -> None:
        """Carry bytes until all is quiet, between workers too."""
        while True:
            super().settle()
            now = self.clock.seconds()
            if all(call.getTime() > now for call in self.clock.getDelayedCalls()):
                return

    def end(self, client: Any) -> None:
        """Stop all, and see that nothing is left."""
        stopped = client.stopService()
        self.advance(2)
        self.successResultOf(stopped)
        for server in self.rest:
            server.stopService()
            self.assertEqual(server.terms.metrics.afresh, 0)
        super().end(client)
        for app in self.others:
            self.assertEqual(app.log, [])

    def test_cutOnce(self) -> None:
        """Cut once, anywhere: the second connection is relayed."""
        whole = self.converse([], 200, 20)
        step = 1 if os.environ.get("WSAPP_CUTS") == "all" else whole // 40
        for place in range(760, whole, step):
            self.converse([place], 200, 20)
            self.assertEqual(len(self.hall.pipes), 1)

    def test_cutAnywhereInShort(self) -> None:
        """The first relayed connection is cut at each of its bytes, from its handshake on."""
        first = 700  # amid the first connection's conversation
        self.assertGreater(self.converse([], 20, 2), first)
        whole = self.converse([first], 20, 2)
        self.assertEqual(len(self.hall.pipes), 1)
        self.assertGreater(whole, first + 500)  # a handshake, the first messages, and the rest
        for place in range(first + 1, whole):
            self.converse([first, place], 20, 2)
            self.assertGreater(len(self.bridges), 2, f"cut at {place}")

    def test_cutOften(self) -> None:
        """Cut again and again."""
        for cuts in self.often():
            self.converse(cuts, 300, 20)
            self.assertGreater(len(self.hall.pipes), 5)


del CutTests  # they run where they belong
