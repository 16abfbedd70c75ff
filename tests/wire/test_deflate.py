"""Tests of `wsapp.wire.deflate`."""

from __future__ import annotations

import os
import zlib
from unittest.mock import patch

from tests.wire.case import Case
from tests.wire.machines import atOnce, cut, deflated, frame, inPieces
from wsapp.limits import Limits
from wsapp.wire import deflate
from wsapp.wire.deflate import (
    BadDeflate,
    Compression,
    Deflater,
    Deflation,
    Inflater,
    agree,
    sharedDeflater,
)
from wsapp.wire.events import Violation
from wsapp.wire.selection import HybiReceiver

NAME = "permessage-deflate"
SHARED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

# Offers that are accepted: what is agreed to and answered with context takeover allowed.
ACCEPTED = [
    ("", Deflation(False, False), ""),
    ("; server_no_context_takeover", Deflation(True, False), "; server_no_context_takeover"),
    ("; client_no_context_takeover", Deflation(False, True), "; client_no_context_takeover"),
    (
        "; client_no_context_takeover;server_no_context_takeover",
        Deflation(True, True),
        "; server_no_context_takeover; client_no_context_takeover",
    ),
    # RFC 7692 7.1.2.2: without a value it is a hint that may be passed over.
    ("; client_max_window_bits", Deflation(False, False), ""),
    ("; client_max_window_bits=15", Deflation(False, False), ""),
    ("; client_max_window_bits=10", Deflation(False, False, 15, 10), "; client_max_window_bits=10"),
    ('; client_max_window_bits="10"', Deflation(False, False, 15, 10), "; client_max_window_bits=10"),
    ("; client_max_window_bits=8", Deflation(False, False, 15, 8), "; client_max_window_bits=8"),
    # RFC 7692 7.1.2.1: what is accepted of this one is said again.
    ("; server_max_window_bits=15", Deflation(False, False), "; server_max_window_bits=15"),
    ("; server_max_window_bits=9", Deflation(False, False, 9, 15), "; server_max_window_bits=9"),
    (
        "; server_max_window_bits=10; client_max_window_bits",
        Deflation(False, False, 10, 15),
        "; server_max_window_bits=10",
    ),
    (
        "; client_max_window_bits=12; server_max_window_bits=10; server_no_context_takeover",
        Deflation(True, False, 10, 12),
        "; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12",
    ),
]

# Offers that are declined, each for a reason of its own (RFC 7692 7.1).
DECLINED = [
    "; unknown",
    "; unknown=1",
    "; server_no_context_takeover; server_no_context_takeover",
    "; client_no_context_takeover; client_no_context_takeover",
    "; client_max_window_bits; client_max_window_bits=10",
    "; server_max_window_bits=10; server_max_window_bits=10",
    "; server_no_context_takeover=1",
    '; client_no_context_takeover=""',
    "; server_max_window_bits",
    '; server_max_window_bits=""',
    "; server_max_window_bits=8",  # a window that zlib cannot keep to
    "; server_max_window_bits=7",
    "; server_max_window_bits=16",
    "; server_max_window_bits=010",
    "; server_max_window_bits=+9",
    "; server_max_window_bits=1_0",
    "; server_max_window_bits=-9",
    "; server_max_window_bits=x",
    "; client_max_window_bits=7",
    "; client_max_window_bits=16",
    '; client_max_window_bits=" 10"',
    "; Server_Max_Window_Bits=10",
    ";",
    "; =",
    "; server_max_window_bits=",
    '; server_max_window_bits="10',
    " x",
    "=1",
]


class AgreeTests(Case):
    """Which offer is taken, and what is answered."""

    def test_accepted(self) -> None:
        """Each parameter as the offer and the server's own readiness have it."""
        for parameters, deflation, answer in ACCEPTED:
            self.assertEqual(
                agree(NAME + parameters, Compression.TAKEOVER), (deflation, NAME + answer), parameters
            )

    def test_shared(self) -> None:
        """By default neither side keeps a context, whatever was offered."""
        for parameters, deflation, _ in ACCEPTED:
            agreed = agree(NAME + parameters, Compression.SHARED)
            assert agreed is not None
            self.assertEqual(
                agreed[0], deflation._replace(serverNoContextTakeover=True, clientNoContextTakeover=True)
            )
            self.assertTrue(agreed[1].startswith(SHARED), parameters)

    def test_declined(self) -> None:
        """What is not understood is declined, and the connection goes on without compression."""
        for parameters in DECLINED:
            for compression in (Compression.SHARED, Compression.TAKEOVER):
                self.assertIsNone(agree(NAME + parameters, compression), parameters)

    def test_others(self) -> None:
        """What browsers offered before is passed over."""
        for value in (
            "",
            "deflate-stream",
            "x-webkit-deflate-frame",
            "permessage-bzip2",
            "permessage-deflate2",
            ",",
        ):
            self.assertIsNone(agree(value, Compression.TAKEOVER))

    def test_off(self) -> None:
        """Nothing is agreed to by a server that does not compress."""
        self.assertIsNone(agree(NAME, Compression.OFF))

    def test_firstAcceptable(self) -> None:
        """Of several offers the first that can be accepted is (RFC 7692 5.1)."""
        for parameters in DECLINED:
            if parameters.endswith('"10'):
                continue  # the quotation mark goes on over the next offer
            offered = f"x-webkit-deflate-frame, {NAME}{parameters}, {NAME}; client_max_window_bits=10, {NAME}"
            self.assertEqual(
                agree(offered, Compression.TAKEOVER),
                (Deflation(False, False, 15, 10), f"{NAME}; client_max_window_bits=10"),
                parameters,
            )

    def test_browsers(self) -> None:
        """Chrome's and Firefox's offer; Safari's."""
        for offered in ("permessage-deflate; client_max_window_bits", "permessage-deflate"):
            self.assertEqual(agree(offered, Compression.SHARED), (Deflation(), SHARED))

    def test_case(self) -> None:
        """The extension's name in any case."""
        self.assertIsNotNone(agree("Permessage-Deflate", Compression.SHARED))


class DeflaterTests(Case):
    """RFC 7692 7.2.1."""

    def test_vectors(self) -> None:
        """RFC 7692 7.2.3.1 and 7.2.3.2: the second "Hello" refers to the first, if it may."""
        keeping, fresh = Deflater(15, fresh=False), Deflater(15, fresh=True)
        self.assertEqual(keeping.deflate(b"Hello").hex(), "f248cdc9c90700")
        self.assertEqual(keeping.deflate(b"Hello").hex(), "f200110000")
        self.assertEqual(fresh.deflate(b"Hello").hex(), "f248cdc9c90700")
        self.assertEqual(fresh.deflate(b"Hello").hex(), "f248cdc9c90700")

    def test_empty(self) -> None:
        """An empty message is one byte (RFC 7692 7.2.3.6); so is one after others."""
        for fresh in (True, False):
            deflater, inflater = Deflater(15, fresh), Inflater(15, fresh)
            for message in (b"", b"Hello", b"", b"", b"Hello"):
                payload = deflater.deflate(message)
                self.assertTrue(payload)
                self.assertEqual(inflater.inflate(payload, 100) + inflater.finish(100), message)

    def test_shared(self) -> None:
        """One deflater of a window serves every connection: it carries nothing from one to another."""
        self.assertIs(sharedDeflater(12), sharedDeflater(12))
        self.assertIsNot(sharedDeflater(12), sharedDeflater(13))
        secret = os.urandom(500)
        first = sharedDeflater(12).deflate(secret)
        self.assertEqual(len(sharedDeflater(12).deflate(secret)), len(first))

    def test_atRest(self) -> None:
        """One that has compressed nothing takes nothing: many clients only wait."""
        with patch.object(zlib, "compressobj", wraps=zlib.compressobj) as made:
            deflater = Deflater(15, fresh=False)
            self.assertEqual(made.call_count, 0)
            for _ in range(2):
                deflater.deflate(b"Hello")
            self.assertEqual(made.call_count, 1)

    def test_window(self) -> None:
        """Every window from 9 on is kept to, by a peer that has no larger one."""
        block = os.urandom(400)
        for bits in range(9, 16):
            message = block + os.urandom(1 << bits) + block
            for fresh in (True, False):
                deflater = Deflater(bits, fresh)
                peer = zlib.decompressobj(-bits)
                for _ in range(2):
                    payload = deflater.deflate(message) + b"\x00\x00\xff\xff"
                    self.assertEqual(peer.decompress(payload), message)


class InflaterTests(Case):
    """RFC 7692 7.2.2."""

    def test_windows(self) -> None:
        """What any window made inflates, with and without a context."""
        message = os.urandom(300) * 3
        for bits in range(8, 16):
            for fresh in (True, False):
                inflater = Inflater(bits, fresh)
                peer = zlib.compressobj(wbits=-max(bits, 9))
                for _ in range(3):
                    if fresh:
                        peer = zlib.compressobj(wbits=-max(bits, 9))
                    payload = (peer.compress(message) + peer.flush(zlib.Z_SYNC_FLUSH))[:-4]
                    half = len(payload) // 2
                    out = inflater.inflate(payload[:half], 1000) + inflater.inflate(payload[half:], 1000)
                    self.assertEqual(out + inflater.finish(1000), message)

    def test_noMoreThanAsked(self) -> None:
        """However much there is, no more than asked for comes out."""
        payload = deflated(b"x" * 1_000_000)
        for most in (1, 2, 1000, 999_999):
            self.assertEqual(Inflater(15, True).inflate(payload, most), b"x" * most)

    def test_bad(self) -> None:
        """Bad data is told from too much of it, at any cut and by what comes first."""
        for limit in range(1, 12):
            payload = deflated(b"abcdefgh")[:-1] + b"\x06\xff"
            seen = set()
            for pieces in ([payload], cut(payload, range(len(payload))), cut(payload, [4])):
                inflater = Inflater(15, True)
                out = b""
                try:
                    for piece in pieces:
                        out += inflater.inflate(piece, limit - len(out))
                        if len(out) == limit:
                            break
                except BadDeflate as error:
                    self.assertTrue(str(error))
                    out = b"bad"
                seen.add(out)
            self.assertEqual(len(seen), 1, (limit, seen))

    def test_freshForgets(self) -> None:
        """Without takeover nothing of the message before can be referred to."""
        for fresh in (True, False):
            inflater = Inflater(15, fresh)
            inflater.inflate(bytes.fromhex("f248cdc9c90700"), 100)
            self.assertEqual(inflater.finish(100), b"")
            if fresh:
                self.raised(BadDeflate, inflater.inflate, bytes.fromhex("f200110000"), 100)
            else:
                self.assertEqual(inflater.inflate(bytes.fromhex("f200110000"), 100), b"Hello")


class Watched:
    """zlib, with an eye on how much it is asked for."""

    error, DEFLATED, Z_DEFAULT_COMPRESSION = zlib.error, zlib.DEFLATED, zlib.Z_DEFAULT_COMPRESSION

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.given: list[int] = []

    def decompressobj(self, bits: int) -> WatchedInflater:
        """As zlib's."""
        return WatchedInflater(self, zlib.decompressobj(bits))


class WatchedInflater:
    """One of its inflaters."""

    def __init__(self, watched: Watched, inner: zlib._Decompress) -> None:
        self._watched, self._inner = watched, inner

    def decompress(self, data: bytes, most: int) -> bytes:
        """As zlib's, where *most* of 0 would mean "all"."""
        out = self._inner.decompress(data, most)
        self._watched.asked.append(most)
        self._watched.given.append(len(out))
        return out

    def copy(self) -> WatchedInflater:
        """As zlib's."""
        return WatchedInflater(self._watched, self._inner.copy())

    @property
    def eof(self) -> bool:
        """As zlib's."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """As zlib's."""
        return self._inner.unused_data


class BombTests(Case):
    """A decompression bomb stops at the limit."""

    def test_neverAskedForMore(self) -> None:
        """zlib is never asked for more than one byte past the limit, over all of the message's pieces."""
        payload = deflated(b"\0" * 5_000_000)
        data = (
            frame(2, payload[:1500], rsv=4, fin=False)
            + frame(0, payload[1500:], fin=False)
            + frame(0, size=4000)
        )
        for limit in (9_000, 1_000_000):
            for pieces in ([data], cut(data, range(0, len(data), 100))):
                watched = Watched()
                self.put(deflate, "zlib", watched)
                receiver = HybiReceiver(Limits(maxMessage=limit), 13, Inflater(15, True))
                (event,) = inPieces(receiver, pieces)
                self.assertIsInstance(event, Violation)
                self.assertEqual(event[0], 1009)
                self.assertTrue(all(0 < most <= limit + 1 for most in watched.asked))
                self.assertEqual(sum(watched.given), limit + 1)

    def test_ofFragments(self) -> None:
        """A message may not grow past the limit by many small pieces either."""
        piece = deflated(b"\0" * 1000) + b"\0\0\xff\xff"
        receiver = HybiReceiver(Limits(maxMessage=10_000), 13, Inflater(15, True))
        data = frame(2, piece, rsv=4, fin=False) + frame(0, piece, fin=False) * 100
        (event,) = atOnce(receiver, data)
        self.assertEqual(event[0], 1009)
