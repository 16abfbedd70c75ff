"""The XOR mask of RFC 6455 5.3.  Imports nothing."""

from __future__ import annotations

__all__ = ["mask", "unmask"]

# Of so many bytes at a time, which stay in the processor's nearest cache with all that is made of them.
_STEP = 4096


def mask(data: bytes, key: bytes, offset: int = 0) -> bytes:
    """Mask or unmask *data*, which is the same.

    :param key: The four bytes of the frame's masking key.
    :param offset: How many bytes of the same payload came before *data*.
    """
    return unmask(data, 0, len(data), key, offset)


def unmask(data: bytes, start: int, size: int, key: bytes, offset: int) -> bytes:
    """Unmask *size* bytes of *data* from *start* on."""
    turn = offset & 3
    if turn:
        key = key[turn:] + key[:turn]
    # One XOR of two big integers: what plain Python has that runs at the speed of C.
    if size <= _STEP:
        pad = (key * (size // 4 + 1))[:size]
        number = int.from_bytes(data[start : start + size], "little") ^ int.from_bytes(pad, "little")
        return number.to_bytes(size, "little")
    wide = int.from_bytes(key * (_STEP // 4), "little")
    end = start + size
    last = end - size % _STEP
    pieces = [
        (int.from_bytes(data[at : at + _STEP], "little") ^ wide).to_bytes(_STEP, "little")
        for at in range(start, last, _STEP)
    ]
    if last < end:
        pieces.append(unmask(data, last, end - last, key, 0))
    return b"".join(pieces)
