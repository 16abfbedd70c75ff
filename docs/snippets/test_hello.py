# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="union-attr"
"""`python -m twisted.trial test_hello`"""

from hello import Hello
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestServer


class HelloTests(SynchronousTestCase):
    def setUp(self):
        self.server = TestServer(Hello())
        self.addCleanup(self.server.stop)

    def test_everybodyHears(self):
        ann, bob = self.server.connect(), self.server.connect()
        ann.send("hi")
        self.assertEqual(bob.receive(), f"{ann.client.id}: hi")
        self.assertEqual(ann.receive(), f"{ann.client.id}: hi")

    def test_leaving(self):
        ann, bob = self.server.connect(), self.server.connect()
        name = ann.client.id
        ann.close(1001)
        self.assertEqual(bob.receive(), f"{name} left (1001)")

    def test_vanishing(self):
        ann, bob = self.server.connect(), self.server.connect()
        name = ann.client.id
        ann.drop()
        self.assertEqual(bob.receive(), f"{name} left (1006)")
