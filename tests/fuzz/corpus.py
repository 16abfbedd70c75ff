"""The corpus: for each target a text file with an input in hex on each line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import wsapp
from tests.fuzz.targets import TARGETS

__all__ = ["HOME", "inputs", "keep", "kept", "smallest"]

HOME = Path(__file__).with_name("corpus")


def _file(name: str) -> Path:
    return HOME / f"{name}.txt"


def kept(name: str) -> list[bytes]:
    """The committed inputs of a target."""
    path = _file(name)
    return [bytes.fromhex(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(name: str, found: Iterable[bytes]) -> None:
    """Make these the committed inputs of a target, the shortest first."""
    lines = [one.hex() for one in sorted(set(found), key=lambda one: (len(one), one))]
    if lines:
        _file(name).write_text("".join(f"{line}\n" for line in lines))
    else:
        _file(name).unlink(missing_ok=True)


def inputs(name: str) -> list[bytes]:
    """What a target is tried with by the tests, and what a fuzzer begins from."""
    return [b"", *TARGETS[name].seeds, *kept(name)]


def _reached(name: str, data: bytes) -> set[tuple[CodeType, int, int]]:
    """The steps from line to line of wsapp that an input takes (of what is not compiled)."""
    ours = os.path.dirname(wsapp.__file__)
    steps: set[tuple[CodeType, int, int]] = set()
    last: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(ours):
            return None
        if event == "line":
            steps.add((frame.f_code, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        elif event == "return":
            last.pop(frame, None)
        return trace

    sys.settrace(trace)
    try:
        with contextlib.suppress(Exception):
            TARGETS[name].run(data)
    finally:
        sys.settrace(None)
    return steps


def smallest(name: str, found: Sequence[bytes], most: int) -> list[bytes]:
    """Inputs that reach what the seeds do not, each something that no shorter one does.

    :param most: They have so many bytes together at most.
    """
    reached = set().union(*(_reached(name, one) for one in (b"", *TARGETS[name].seeds)))
    small = []
    for one in sorted(found, key=lambda one: (len(one), one)):
        steps = _reached(name, one)
        if steps - reached and len(one) <= most:
            most -= len(one)
            reached |= steps
            small.append(one)
    return small
