"""A test case whose assertions are typed, and hand out what was raised."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import TypeVar
from unittest import mock

__all__ = ["Case"]

Raised = TypeVar("Raised", bound=BaseException)


class Case(unittest.TestCase):
    """`unittest.TestCase` and the two things of trial's that are wanted here."""

    def raised(self, error: type[Raised], call: Callable[..., object], *arguments: object) -> Raised:
        """Assert that the call raises the error, and return it."""
        with self.assertRaises(error) as context:
            call(*arguments)
        return context.exception

    def put(self, target: object, name: str, value: object) -> None:
        """Put a value in place of an attribute until the test ends."""
        patch = mock.patch.object(target, name, value)
        patch.start()
        self.addCleanup(patch.stop)
