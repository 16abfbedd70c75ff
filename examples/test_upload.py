"""Tests of upload.py: `cd examples && python -m twisted.trial test_upload`."""
# mypy: allow-untyped-calls

import hashlib
import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from upload import Upload  # type: ignore[import-not-found]

from wsapp.testing import TestClient, TestServer

SHA = hashlib.sha256(b"Hello, world").hexdigest()


class UploadTests(SynchronousTestCase):
    """Ann has a file of 12 bytes."""

    def setUp(self) -> None:
        self.app = Upload(largest=100, room=150)
        self.server = TestServer(self.app)
        self.addCleanup(self.server.stop)
        self.ann = self.server.connect()

    def begin(self, client: TestClient, size: int) -> Any:
        """:return: The answer to what is announced."""
        client.send(json.dumps({"name": "../../etc/hello.txt", "size": size}))
        return json.loads(client.receive())

    def files(self) -> dict[str, bytes]:
        """:return: What is there."""
        return {path.name: path.read_bytes() for path in Path(self.app.folder).iterdir()}

    def test_upload(self) -> None:
        """It comes in pieces, each is answered, and it is there as it was."""
        self.assertEqual(self.begin(self.ann, 12), {"type": "go", "piece": 65536})
        for piece in (b"Hello, ", b"world"):
            self.ann.send(piece)
        self.assertEqual(
            [json.loads(message) for message in self.ann.messages],
            [
                {"type": "progress", "received": 7},
                {"type": "progress", "received": 12},
                {"type": "done", "sha256": SHA},
            ],
        )
        self.assertEqual(self.files(), {SHA: b"Hello, world"})
        self.server.stop()
        self.assertFalse(self.app.folder.exists())

    def test_empty(self) -> None:
        """An empty file is one, too; and another may follow."""
        self.assertEqual(self.begin(self.ann, 0)["type"], "go")
        self.assertEqual(json.loads(self.ann.receive())["type"], "done")
        self.assertEqual(self.begin(self.ann, 1)["type"], "go")

    def test_room(self) -> None:
        """A file may be too large, and all together; what is not finished gives its room back."""
        self.assertEqual(self.begin(self.ann, 101), {"type": "refused", "why": "it has more than 100 bytes"})
        self.assertEqual(self.begin(self.ann, 100)["type"], "go")
        bob = self.server.connect()
        self.assertEqual(self.begin(bob, 51), {"type": "refused", "why": "there is no room for it now"})
        self.ann.drop()
        self.assertEqual(self.files(), {})
        self.assertEqual(self.begin(bob, 51)["type"], "go")

    def test_twice(self) -> None:
        """The same file once more takes no more room."""
        for _ in range(20):
            self.begin(self.ann, 12)
            self.ann.send(b"Hello, world")
            self.assertEqual(json.loads(self.ann.messages[-1])["type"], "done")
        self.assertEqual(self.files(), {SHA: b"Hello, world"})

    def test_silence(self) -> None:
        """Who does not go on for a minute is given up; who does, however slowly, is not."""
        bob = self.server.connect()
        self.begin(self.ann, 12)
        self.begin(bob, 12)
        for _ in range(5):
            self.server.advance(45)
            if bob.closed is None:
                bob.send(b"x")
        self.assertEqual(self.ann.closed, (4408, "nothing has come for too long"))
        self.assertIsNone(bob.closed)

    def test_noClocksLeft(self) -> None:
        """However many files come, none leaves a clock running."""
        for _ in range(5):
            self.begin(self.ann, 0)
            self.ann.messages  # noqa: B018 - she reads
        before = len(self.server.clock.getDelayedCalls())
        self.begin(self.ann, 0)
        self.assertEqual(len(self.server.clock.getDelayedCalls()), before)

    def test_nonsense(self) -> None:
        """What does not fit ends the connection, and leaves nothing behind."""
        first = 'first comes {"name": ..., "size": BYTES}, in text'
        cases: list[tuple[list[str | bytes], str]] = [
            (["hello"], first),
            (["[" * 30_000], first),
            (['{"name": "x", "size": -1}'], first),
            (['{"name": 7, "size": 1}'], first),
            ([b"x"], "more came than was said"),
            (['{"name": "x", "size": 1}', b"xy"], "more came than was said"),
            (['{"name": "x", "size": 1}', '{"name": "x", "size": 1}'], "one file after the other"),
        ]
        for messages, reason in cases:
            client = self.server.connect()
            for message in messages:
                client.send(message)
            self.assertEqual(client.closed, (4400, reason))
        self.assertEqual(self.files(), {})
        self.assertEqual(self.app.room, 150)
