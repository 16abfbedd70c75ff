"""Nodes of one service within the tests' process, over a real broker; the reactor is turned by hand."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from zope.interface import implementer

from tests.live.case import LiveTestCase
from tests.live.redisserver import RedisServer
from tests.live.server import LIMIT
from wsapp.brokers import Channel, Dismissal, Keep, Publication
from wsapp.brokers.redis.address import Address
from wsapp.brokers.redis.broker import RedisBroker

__all__ = ["LOBBY", "NOBODY", "Node", "RedisTestCase", "turn"]

LOBBY = Channel("chat", "group", "lobby")
NOBODY: frozenset[str] = frozenset()
KEEP = Keep(50, 100_000, 60.0)


def turn(seconds: float) -> None:
    """Let the reactor work for a while."""
    from twisted.internet import reactor

    end = time.monotonic() + seconds
    while True:
        reactor.iterate(0.005)
        if time.monotonic() >= end:
            return


class Node:
    """A broker, and what it delivers."""

    def __init__(self, url: str, **options: Any) -> None:
        from twisted.internet import reactor

        options.setdefault("prefix", "test")
        self.broker = RedisBroker(reactor, Address.fromURL(url), **options)
        self.delivered: list[tuple[Channel, Publication | Dismissal]] = []
        self.slowness = 0.0

    def deliver(self, channel: Channel, item: Publication | Dismissal) -> None:
        """As the broadcast service is told."""
        if self.slowness:
            time.sleep(self.slowness)
        self.delivered.append((channel, item))

    @property
    def messages(self) -> list[Any]:
        """What was delivered."""
        return [item.message for _, item in self.delivered if isinstance(item, Publication)]

    def send(
        self, message: str | bytes, channel: Channel = LOBBY, keep: Keep | None = None
    ) -> Deferred[None]:
        """Publish."""
        return self.broker.publish(channel, message, NOBODY, keep)


class RedisTestCase(LiveTestCase):
    """A test with brokers and nodes of its own.

    :ivar lines: What was logged.
    """

    needs: ClassVar[tuple[str, ...]] = ("redis",)

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []

        @implementer(ILogObserver)
        def note(event: Any) -> None:
            if str(event.get("log_namespace", "")).startswith("wsapp"):
                self.lines.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)

    def redis(self, *options: str, program: str | None = None, started: bool = True) -> RedisServer:
        """:return: A server of its own, killed at the test's end."""
        server = RedisServer(self.folder(), options, program)
        self.addCleanup(server.kill)
        return server.start() if started else server

    def node(self, url: str, *channels: Channel, **options: Any) -> Node:
        """:return: A node that has started, and follows the channels."""
        node = Node(url, **options)
        self.addCleanup(self.part, node)
        self.done(node.broker.start(node.deliver))
        for channel in channels:
            self.done(node.broker.subscribe(channel))
        return node

    def part(self, node: Node) -> None:
        """Stop a node."""
        self.done(node.broker.stop())

    def until(self, what: str, found: Callable[[], object], limit: float = LIMIT) -> None:
        """Turn the reactor until something is so."""
        end = time.monotonic() + limit
        while not found():
            if time.monotonic() > end:
                lines = "\n".join(self.lines)
                raise AssertionError(f"waited {limit:g} s in vain for {what}; logged was\n{lines}")
            turn(0)

    def done(self, deferred: Deferred[Any], limit: float = LIMIT) -> Any:
        """:return: What it fires with; a failure is raised."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.until("a Deferred", lambda: results, limit)
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def logged(self, part: str) -> list[str]:
        """:return: The lines that have this in them."""
        return [line for line in self.lines if part in line]
