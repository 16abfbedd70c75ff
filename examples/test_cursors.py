"""Tests of cursors.py: `cd examples && python -m twisted.trial test_cursors`."""
# mypy: allow-untyped-calls

import json
from typing import Any

from cursors import Cursors  # type: ignore[import-not-found]
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestClient, TestServer


class CursorsTests(SynchronousTestCase):
    """Ann and Bob point at things."""

    def setUp(self) -> None:
        self.server = TestServer(Cursors(most=2))
        self.addCleanup(self.server.stop)

    def enter(self, name: str) -> tuple[TestClient, str]:
        """:return: Somebody who has come, and the id."""
        client = self.server.connect(f"/?name={name}")
        welcome = json.loads(client.receive())
        self.assertEqual(welcome["name"], name)
        return client, welcome["id"]

    def heard(self, client: TestClient) -> list[Any]:
        """:return: What has come since it was last asked for."""
        return [json.loads(message) for message in client.messages]

    def test_lastPosition(self) -> None:
        """Of many moves all hear of the last, in one message, within the interval."""
        ann, identity = self.enter("Ann")
        bob, _ = self.enter("Bob")
        for x in range(50):
            ann.send(f"{x} 7")
        self.assertEqual(self.heard(bob), [])
        self.server.advance(0.05)
        moved = {"type": "moved", "cursors": [{"id": identity, "name": "Ann", "x": 49, "y": 7}]}
        self.assertEqual(self.heard(bob), [moved])
        self.server.advance(10)
        self.assertEqual(self.heard(bob), [])

    def test_turns(self) -> None:
        """Where too many have moved for one message, the others' turn is the next."""
        people = [self.enter(name) for name in ("Ann", "Bob", "Cem")]
        for client, _ in people:
            client.send("1 1")
        self.server.advance(0.1)
        told = [[one["id"] for one in message["cursors"]] for message in self.heard(people[0][0])]
        identities = [identity for _, identity in people]
        self.assertEqual(told, [identities[:2], identities[2:]])

    def test_leaving(self) -> None:
        """Who leaves is gone, and does not come back by a move that was not told yet."""
        ann, identity = self.enter("Ann")
        bob, _ = self.enter("Bob")
        ann.send("1 1")
        ann.drop()
        self.server.advance(1)
        heard = self.heard(bob)
        self.assertIn({"type": "gone", "id": identity}, heard)
        self.assertNotIn(identity, str([one for one in heard if one["type"] == "moved"]))

    def test_bounds(self) -> None:
        """A position is within the window, a name short and visible; nonsense is turned away."""
        ann, _ = self.enter("A" * 20)
        ann.send("-5 99999999")
        self.server.advance(1)
        cursor = self.heard(ann)[0]["cursors"][0]
        self.assertEqual((cursor["x"], cursor["y"]), (0, 10_000))
        for message in ("", "1", "1 2 3", "x y", b"\xff \xff", "1.5 2"):
            bob = self.server.connect()
            bob.send(message)
            self.assertEqual(bob.closed, (4400, "a message is two whole numbers, x and y"))
        long = json.loads(self.server.connect("/?name=" + "%00%1b" + "B" * 99).receive())
        self.assertEqual(long["name"], "B" * 20)
