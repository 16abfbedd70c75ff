"""Tests of `wsapp.loop.reading`, with a loop and a stream that do what they are told."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from wsapp.loop.reading import FULL, READING, Reading, Share


class Loop:
    """Calls back when told."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def call_soon(self, call: Callable[[], object]) -> None:
        self.calls.append(call)

    def turn(self) -> None:
        """One turn."""
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class Stream:
    """uvloop's transport: it reads, or not."""

    def __init__(self) -> None:
        self.reads = True

    def set_protocol(self, protocol: object) -> None:
        """Nothing is to be looked up."""

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_reading(self) -> bool:
        return self.reads


class Half(Reading):
    """A transport's reading half."""

    def __init__(self, loop: Any, share: Share, protocol: Protocol) -> None:
        super().__init__()
        self._ours = loop
        self._all = share
        self._stream: Any = Stream()
        self.connected = True
        self.protocol = protocol
        self._bind()

    @property
    def _loop(self) -> Any:
        return self._ours

    @property
    def _share(self) -> Share:
        return self._all


class Got(Protocol):
    """What it gets."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def dataReceived(self, data: bytes) -> None:
        self.sizes.append(len(data))


class ShareTests(SynchronousTestCase):
    """Nobody keeps a turn of the loop."""

    def setUp(self) -> None:
        self.now = 0.0
        self.loop = cast(Any, Loop())
        self.share = Share(self.loop, lambda: self.now)
        self.got = Got()
        self.half = Half(self.loop, self.share, self.got)

    def arrive(self, size: int, seconds: float = 0.0) -> None:
        """A read; and how long it takes."""
        assert self.half.data_received is not None
        self.half.data_received(bytes(size))
        self.now += seconds

    @property
    def reads(self) -> bool:
        reads: bool = self.half._stream.is_reading()
        return reads

    def test_enough(self) -> None:
        """Full reads go on in one turn until it has had enough; then they go on in the next one."""
        for _ in range(2):
            for _ in range(2):
                self.arrive(FULL, READING / 2)
                self.assertTrue(self.reads)
            self.arrive(FULL, READING)
            self.assertFalse(self.reads)
            self.assertTrue(self.half.isReading())  # as far as its protocol is concerned
            self.loop.turn()
            self.assertTrue(self.reads)
        self.assertEqual(self.got.sizes, [FULL] * 6)
        self.assertEqual(self.loop.calls, [])

    def test_others(self) -> None:
        """What others have read counts; smaller reads, after which nothing is left, do not."""
        other = Half(self.loop, self.share, Got())
        assert other.data_received is not None
        other.data_received(bytes(FULL))
        self.now += READING
        self.arrive(FULL - 1)
        self.assertTrue(self.reads)
        self.arrive(FULL)
        self.assertFalse(self.reads)

    def spend(self) -> None:
        """Have it rest."""
        self.arrive(FULL, READING)
        self.arrive(FULL)
        self.assertFalse(self.reads)

    def test_paused(self) -> None:
        """Who pauses meanwhile is not read from before he resumes."""
        self.spend()
        self.half.pauseProducing()
        self.assertFalse(self.half.isReading())
        self.loop.turn()
        self.assertFalse(self.reads)
        self.half.resumeProducing()
        self.assertTrue(self.reads)

    def test_resumed(self) -> None:
        """Who only resumes has nothing of it: the next turn comes anyway."""
        self.spend()
        self.half.resumeProducing()
        self.assertFalse(self.reads)
        self.loop.turn()
        self.assertTrue(self.reads)

    def test_ended(self) -> None:
        """A connection that ends meanwhile is left alone."""
        for attribute in ("connected", "disconnecting"):
            self.spend()
            setattr(self.half, attribute, attribute == "disconnecting")
            self.loop.turn()
            self.assertFalse(self.reads)
            self.half = Half(self.loop, self.share, self.got)
