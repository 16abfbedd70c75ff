"""Tests of `wsapp.wire.masking`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.profile import STABLE
from tests.wire.vectors import HELLO_KEY
from wsapp.wire.selection import mask


class MaskTests(Case):
    """The mask of RFC 6455 5.3."""

    def test_vector(self) -> None:
        """RFC 6455 5.7."""
        self.assertEqual(mask(b"Hello", HELLO_KEY), bytes.fromhex("7f9f4d5158"))
        self.assertEqual(mask(b"", HELLO_KEY), b"")

    @STABLE
    @given(
        st.binary(max_size=70), st.binary(min_size=4, max_size=4), st.integers(0, 70), st.integers(0, 1 << 40)
    )
    def test_octetByOctet(self, data: bytes, key: bytes, cut: int, offset: int) -> None:
        """Octet i is XORed with octet i mod 4 of the key, in whatever pieces."""
        expected = bytes(octet ^ key[(offset + i) % 4] for i, octet in enumerate(data))
        self.assertEqual(mask(data, key, offset), expected)
        pieces = mask(data[:cut], key, offset) + mask(data[cut:], key, offset + len(data[:cut]))
        self.assertEqual(pieces, expected)
        self.assertEqual(mask(expected, key, offset), data)

    def test_large(self) -> None:
        """However much there is of it."""
        for size in (4095, 4096, 4097, 8192, 10_001):
            data = bytes(range(256)) * 40
            expected = bytes(octet ^ HELLO_KEY[(3 + i) % 4] for i, octet in enumerate(data[:size]))
            self.assertEqual(mask(data[:size], HELLO_KEY, 3), expected)
