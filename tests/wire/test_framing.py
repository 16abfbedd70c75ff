"""Tests of `wsapp.wire.framing`, in both builds: the keys.  What frames look like is in ``test_frames``."""

from __future__ import annotations

import os
from types import ModuleType
from unittest import SkipTest

from tests.wire.case import Case
from tests.wire.keys import builds, drawn


def keys(build: ModuleType, count: int) -> list[bytes]:
    """Those of so many masked frames."""
    return [build.frame(0x89, b"", True)[2:6] for _ in range(count)]


class KeyTests(Case):
    """RFC 6455 5.3 and 10.3: unpredictable, and fresh for each frame."""

    def test_blocks(self) -> None:
        """They are what the system's generator gives, in order, each part of it once; it is asked rarely."""
        for build in builds():
            with self.subTest(build.__name__):
                asked: list[bytes] = []
                system = os.urandom

                def source(size: int, asked: list[bytes] = asked, system: object = system) -> bytes:
                    assert callable(system)
                    asked.append(bytes(system(size)))
                    return asked[-1]

                drawn(self, source)
                made = keys(build, 2500)
                self.assertEqual([len(block) for block in asked], [4096] * 3)
                self.assertEqual(b"".join(made), b"".join(asked)[:10_000])

    def test_masked(self) -> None:
        """The key stands before the payload, and masks it."""
        for build in builds():
            with self.subTest(build.__name__):
                drawn(self, lambda size: b"\x01\x02\x03\x04" * (size // 4))
                self.assertEqual(build.frame(0x82, b"\0\0\0\0\0", True), b"\x82\x85\1\2\3\4\1\2\3\4\1")

    def test_forked(self) -> None:
        """A process that was forked does not use what its parent will."""
        if not hasattr(os, "fork"):
            raise SkipTest("there is no fork here")
        for build in builds():
            with self.subTest(build.__name__):
                keys(build, 1)  # so that a block is there
                reading, writing = os.pipe()
                child = os.fork()
                if not child:
                    try:
                        os.write(writing, b"".join(keys(build, 500)))
                    finally:
                        os._exit(0)
                os.close(writing)
                os.waitpid(child, 0)
                with open(reading, "rb") as pipe:
                    told = pipe.read()
                self.assertEqual(len(told), 2000)
                self.assertNotEqual(told, b"".join(keys(build, 500)))
