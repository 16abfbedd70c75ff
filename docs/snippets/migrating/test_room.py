"""The room, without a socket."""

from room import Room
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import Rejected, TestServer


class RoomTests(SynchronousTestCase):
    def setUp(self):
        self.server = TestServer(Room())
        self.addCleanup(self.server.stop)

    def test_room(self):
        ann, bob = self.server.connect("/?name=ann"), self.server.connect("/?name=bob")
        ann.send("hi")
        ann.send("bye")
        self.assertEqual(bob.messages, ["ann: hi", "ann left"])
        self.assertEqual(ann.closed, (1000, "goodbye"))

    def test_nobody(self):
        refused = self.assertRaises(Rejected, self.server.connect, "/")
        self.assertEqual(refused.status, 403)
