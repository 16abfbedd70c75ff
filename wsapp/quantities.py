"""Sizes and times as people write them on a command line.  Imports nothing of wsapp."""

from __future__ import annotations

import math
import re

__all__ = ["parseByteRate", "parseCount", "parseRate", "parseSeconds", "parseSize"]

_SIZE = re.compile(r"([0-9]+)([kKmMgG]?)")
_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}

_YEAR = 365 * 86400


def parseSize(text: str) -> int:
    """Bytes: ``1048576``, ``1024K``, ``1M`` or ``2G``.

    :raises ValueError: It is no size, or nothing.
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(match[1]) * _FACTORS[match[2].lower()] if match and len(match[1]) < 16 else 0
    if not size:
        raise ValueError(f"{text!r} is not a size: it must be bytes such as 1048576, or 1024K, or 1M")
    return size


def parseCount(text: str) -> int:
    """A whole number from 1.

    :raises ValueError: It is none.
    """
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text)):
        raise ValueError(f"{text!r} is not a whole number from 1")
    return int(text)


def parseSeconds(text: str) -> float:
    """Seconds: ``20`` or ``0.5``, at most a year; 0 too, which some options take for "off".

    :raises ValueError: It is no time, or more than event loops can wait for.
    """
    seconds = _number(text)
    if not seconds <= _YEAR:
        raise ValueError(
            f"{text!r} is not a time: it must be seconds such as 20 or 0.5, at most {_YEAR} (a year)"
        )
    return seconds


def _number(text: str) -> float:
    """From 0; NaN for what is none, or has no end."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if 0 <= number < math.inf else math.nan


def parseRate(text: str) -> float:
    """How often in a second: ``20`` or ``0.5``; 0 for ``off``.

    :raises ValueError: It is no rate.
    """
    if text.strip().lower() == "off":
        return 0.0
    rate = _number(text)
    if math.isnan(rate):
        raise ValueError(f"{text!r} is not a rate: it must be how many per second, such as 20 or 0.5, or off")
    return rate


def parseByteRate(text: str) -> int:
    """How many bytes in a second: ``65536`` or ``64K``; 0 for ``off``.

    :raises ValueError: It is no rate.
    """
    if text.strip().lower() in ("off", "0"):
        return 0
    try:
        return parseSize(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a rate: it must be bytes per second, such as 65536 or 64K, or off"
        ) from None
