# mypy: allow-untyped-calls
"""Notes: who comes back misses nothing."""

import json
from typing import Any

from missed import Notes
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestClient, TestServer


class NotesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.app = Notes()
        self.server = TestServer(self.app)
        self.addCleanup(self.server.stop)

    def ask(self, client: TestClient, **form: Any) -> Any:
        """What it is answered last."""
        client.send(json.dumps(form))
        return json.loads(client.messages[-1])

    def test_comesBack(self) -> None:
        ann, bob = self.server.connect(), self.server.connect()
        self.assertEqual(self.ask(ann, note="one"), {"new": True})
        known = self.ask(bob, since=None)
        self.assertEqual((known["notes"], known["anew"]), (["one"], True))
        bob.drop()
        for note in ("two", "three"):
            self.ask(ann, note=note)
        bob = self.server.connect()
        missed = self.ask(bob, since=known["since"])
        self.assertEqual((missed["notes"], missed["anew"]), (["two", "three"], False))
        self.assertEqual(self.ask(bob, since=missed["since"]), missed | {"notes": []})

    def test_goneForTooLong(self) -> None:
        """What came right after is not kept any more: it begins anew with what is."""
        self.app.historySize = 2
        ann = self.server.connect()
        self.ask(ann, note="0")
        known = self.ask(ann, since=None)
        for number in range(1, 5):
            self.ask(ann, note=str(number))
        found = self.ask(ann, since=known["since"])
        self.assertEqual((found["notes"], found["anew"]), (["3", "4"], True))

    def test_nothingThere(self) -> None:
        ann = self.server.connect()
        self.assertEqual(
            self.ask(ann, since=["another epoch", 7]), {"anew": True, "notes": [], "since": None}
        )
