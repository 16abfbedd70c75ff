# mypy: allow-untyped-calls
"""Rooms: who hears what."""

from rooms import Rooms
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestClient, TestServer


class RoomsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = TestServer(Rooms())
        self.addCleanup(self.server.stop)

    def enter(self, user: str, room: str = "kitchen") -> TestClient:
        return self.server.connect(f"/rooms?room={room}", user=user)

    def test_presence(self) -> None:
        ann = self.enter("ann")
        self.assertEqual(ann.messages, ["here: ann"])
        bob = self.enter("bob")
        self.assertEqual(bob.messages, ["here: ann, bob"])
        self.assertEqual(ann.messages, ["bob is here"])
        bob.drop()
        self.assertEqual(ann.messages, ["bob is gone"])

    def test_history(self) -> None:
        ann = self.enter("ann")
        ann.send("the kettle is on")
        self.assertEqual(self.enter("bob").messages, ["ann: the kettle is on", "here: ann, bob"])

    def test_oneUser(self) -> None:
        """Wherever that user is; nobody else hears it."""
        ann, bob, cat = self.enter("ann"), self.enter("bob", "garden"), self.enter("cat")
        for each in (ann, bob, cat):
            each.messages.clear()
        ann.send("@bob come in")
        self.assertEqual(bob.messages[-1], "ann, to you alone: come in")
        self.assertEqual(cat.messages, [])
