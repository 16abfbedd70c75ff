"""Tests of `wsapp.workers.options`."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from wsapp.app import App
from wsapp.workers.options import workerCount


class Alone(App):
    """Has no groups."""

    groups = False


class CountTests(SynchronousTestCase):
    """What goes with what."""

    def refused(self, *words: str, text: str | None = "2", broker: str | None = None, **apps: App) -> None:
        """Assert that it is refused with these words."""
        error = str(self.assertRaises(ValueError, workerCount, text, broker, apps))
        for word in words:
            self.assertIn(word, error)

    def test_none(self) -> None:
        """Without the option, this process serves."""
        self.assertIsNone(workerCount(None, None, {"chat": App()}))
        self.assertIsNone(workerCount(None, "redis://x", {"chat": App()}))
        self.refused("--workers", text=None, broker="embedded", chat=App())

    def test_numbers(self) -> None:
        """It is a number of processes."""
        for text in ("1", "2", "1024"):
            self.assertEqual(int(text), workerCount(text, None, {"echo": Alone()}))
        for text in ("0", "-1", "1.5", "", "two", "1025", "٣"):
            self.refused("--workers", repr(text), "1 to 1024", text=text, echo=Alone())

    def test_groups(self) -> None:
        """Several need a broker for an application with groups, and the line says which and what to do."""
        self.refused(
            "--broker embedded", "groups = False", "chat, talk", chat=App(), talk=App(), echo=Alone()
        )
        for broker in ("embedded", "redis://x"):
            self.assertEqual(2, workerCount("2", broker, {"chat": App()}))
        self.assertEqual(1, workerCount("1", None, {"chat": App()}))

    def test_elsewhere(self) -> None:
        """Where descriptors cannot be handed on there are no workers."""
        self.patch(os, "name", "nt")
        self.refused("POSIX", echo=Alone())
