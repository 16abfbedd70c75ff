"""Tests of `wsapp.apps.echo`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsapp.apps.echo import Echo
from wsapp.testing import TestServer


class EchoTests(SynchronousTestCase):
    """What one sends comes back."""

    def test_textAndBinary(self) -> None:
        """Text comes back as text, binary as binary, in order, and to nobody else."""
        server = TestServer(Echo())
        ann, bob = server.connect("/"), server.connect("/")
        messages: list[str | bytes] = ["hi", "", "Grüße 😀", b"", b"\x00\xff", "x" * 70_000, b"y" * 70_000]
        for message in messages:
            ann.send(message)
        self.assertEqual(ann.messages, messages)
        self.assertEqual(bob.messages, [])
        server.stop()
