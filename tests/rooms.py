"""One application over brokers of several kinds: what tests of the broadcast service begin with."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.slow import Hub, SlowBroker
from wsapp.app import App
from wsapp.broadcast import Audience
from wsapp.brokers import Broker
from wsapp.brokers.memory import MemoryBroker
from wsapp.client import Client, Disconnection
from wsapp.testing import TestClient, TestServer

if TYPE_CHECKING:
    Base = SynchronousTestCase
else:
    Base = object


class Room(App):
    """Does nothing by itself; remembers five messages of each group."""

    historySize = 5

    def __init__(self) -> None:
        self.ends: list[tuple[frozenset[str], int]] = []

    def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        self.ends.append((client.groups, reason.code))


def own(client: TestClient) -> Client:
    """The application's object for a client."""
    assert client.client is not None
    return client.client


def audienceOf(server: TestServer) -> Audience:
    """Of the server's only application."""
    rooms = server.server.terms.choose("/", ())[0].rooms
    assert isinstance(rooms, Audience)
    return rooms


class RoomSuite(Base):
    """A server over a broker; tests that hold for every one are mixed with one of those below.

    :cvar spans: Whether servers of one test are nodes of one broker.
    """

    spans = True

    def makeBroker(self) -> Broker:
        """:return: A broker of its own, or one more node of those that were made."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.clock = Clock()
        self.hub: Hub | None = None
        self.app, self.server = self.makeServer()

    def makeServer(self, **options: Any) -> tuple[Room, TestServer]:
        """One more server on the same clock."""
        app = Room()
        server = TestServer({"room": app}, self.clock, broker=self.makeBroker(), **options)
        server.advance(1)
        return app, server

    def settle(self) -> None:
        """Let everything that is under way arrive."""
        self.server.advance(1)

    def done(self, deferred: Deferred[Any]) -> Any:
        """:return: What it fires with."""
        self.settle()
        return self.successResultOf(deferred)

    def members(self, *groups: str, count: int = 2) -> list[TestClient]:
        """Clients that have joined."""
        clients = [self.server.connect() for _ in range(count)]
        for client in clients:
            for group in groups:
                own(client).join(group)
        self.settle()
        return clients


class InMemory(RoomSuite):
    """Over the broker in memory."""

    spans = False

    def makeBroker(self) -> Broker:
        """In memory; another server's is another one."""
        return MemoryBroker(self.clock, self.clock.seconds)


class Slow(RoomSuite):
    """Over a slow broker, whose answers overtake news."""

    back, telling = 0.02, 0.05
    recalling: float | None = None

    def makeBroker(self) -> SlowBroker:
        """A node of the same hub."""
        if self.hub is None:
            self.hub = Hub(self.clock)
        self.broker = SlowBroker(self.clock, self.hub, 0.02, self.back, self.telling, self.recalling)
        return self.broker


class QuickNews(Slow):
    """The same where news overtakes answers."""

    back, telling = 0.06, 0.01


class SlowHistory(Slow):
    """The same where all else, a publish with its news too, overtakes the answer with a history."""

    recalling = 0.3
