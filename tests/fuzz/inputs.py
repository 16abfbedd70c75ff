"""From a fuzzer's bytes to decisions, and what a target says where something is wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from tests.wire.machines import UNBOUNDED, cut

__all__ = ["Choices", "Handling", "Wrong", "need"]

Option = TypeVar("Option")


class Wrong(AssertionError):
    """Something is not as promised: a finding."""


def need(promise: bool, text: str) -> None:
    """:raises Wrong: The promise is not kept."""
    if not promise:
        raise Wrong(text)


class Handling(NamedTuple):
    """How a stream comes, and how it is pulled: see :func:`tests.wire.machines.inPieces`."""

    pieces: list[bytes]
    budgets: list[tuple[int, int, int]]


class Choices:
    """Decisions that an input begins with; each takes a byte, and 0 where there is none.

    :ivar rest: What follows those taken so far.
    """

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def byte(self) -> int:
        """The next byte."""
        first, self.rest = self.rest[:1], self.rest[1:]
        return first[0] if first else 0

    def one(self, options: Sequence[Option]) -> Option:
        """One of the options."""
        return options[self.byte() % len(options)]

    def take(self, size: int) -> bytes:
        """The next bytes, or as many as there are."""
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def handlings(self) -> Handlings:
        """Ways to handle a stream."""
        return Handlings(self.byte() << 8 | self.byte())


class Handlings:
    """Ways to handle a stream, of a seed's making."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def of(self, data: bytes) -> list[Handling]:
        """Byte by byte (or nearly, where it is long), and in a few pieces under small budgets."""
        chance = self._chance
        step = 1 + len(data) // 2000
        places = [chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 8))]
        near = [chance.randrange(min(len(data), 20) + 1) for _ in range(2)]
        budgets = [
            (chance.randrange(3), chance.randrange(3), chance.choice([0, 1, 126, 1000])) for _ in range(3)
        ]
        return [
            Handling(cut(data, range(0, len(data), step)), [(1, UNBOUNDED, UNBOUNDED)]),
            Handling(cut(data, [*near, *places]), budgets),
        ]
