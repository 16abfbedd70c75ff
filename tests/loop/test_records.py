"""Tests of `wsapp.loop.records`."""

from __future__ import annotations

import unittest

from hypothesis import given
from hypothesis import strategies as st

from wsapp.loop.records import complete


def record(size: int) -> bytes:
    """A record whose body is of a size."""
    return b"\x17\x03\x03" + size.to_bytes(2, "big") + b"\xff" * size


class CompleteTests(unittest.TestCase):
    """How many records end in a piece of the stream."""

    def test_whole(self) -> None:
        """Nothing is left of whole records, even of an empty one."""
        self.assertEqual(complete(record(3) + record(0) + record(300), 0, b""), (3, 0, b""))
        self.assertEqual(complete(b"", 0, b""), (0, 0, b""))

    def test_body(self) -> None:
        """What a body lacks is counted down."""
        data = record(10)
        self.assertEqual(complete(data[:5], 0, b""), (0, 10, b""))
        self.assertEqual(complete(data[5:9], 10, b""), (0, 6, b""))
        self.assertEqual(complete(data[9:] + data[:2], 6, b""), (1, 0, data[:2]))

    def test_header(self) -> None:
        """A header in two halves is put together."""
        data = record(10)
        self.assertEqual(complete(data[:4], 0, b""), (0, 0, data[:4]))
        self.assertEqual(complete(data[4:], 0, data[:4]), (1, 0, b""))

    @given(st.lists(st.integers(0, 700), max_size=8), st.lists(st.integers(1, 400), max_size=30))
    def test_anyCuts(self, sizes: list[int], cuts: list[int]) -> None:
        """However it is cut, each record is counted once, with the piece that it ends in."""
        data = b"".join(map(record, sizes))
        ends, at = [], 0
        for size in sizes:
            at += 5 + size
            ends.append(at)
        at, rest, head = 0, 0, b""
        for cut in [*cuts, len(data)]:
            piece = data[at : at + cut]
            count, rest, head = complete(piece, rest, head)
            self.assertEqual(count, sum(at < end <= at + len(piece) for end in ends))
            at += len(piece)
        self.assertEqual((rest, head), (0, b""))


__all__ = ["CompleteTests"]
