"""One frame's bytes (RFC 6455 5.2).  Where the wire is compiled, ``_c/framing.pyx`` makes them in one go."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from wsapp.wire.codes import BINARY, TEXT
from wsapp.wire.masking import mask

__all__ = ["FIN", "forgetKeys", "frame", "head", "whole"]

#: The bit that says that a frame is its message's last.
FIN = 0x80

# Bytes of randomness that are asked for at once: a system call for each frame would cost more than the frame.
_BLOCK = 4096

_keys: Iterator[tuple[bytes]] = iter(())


def _key() -> bytes:
    """Four bytes from the system's CSPRNG that no other frame has had (RFC 6455 5.3, 10.3).

    An iterator's step cannot be split, so threads do not get the same ones.
    """
    global _keys
    for (key,) in _keys:
        return key
    fresh: Iterator[tuple[bytes]] = struct.iter_unpack("4s", os.urandom(_BLOCK))
    (key,) = next(fresh)
    _keys = fresh
    return key


def forgetKeys() -> None:
    """Throw away what is left of the block, of which a process that was forked has the same."""
    global _keys
    _keys = iter(())


# Where there is no fork there is nothing to share.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=forgetKeys)


def frame(first: int, payload: bytes, masked: bool = False) -> bytes:
    """One frame.

    :param first: FIN, the reserved bits and the opcode, as the byte that they make.
    """
    begin = head(first, len(payload), masked)
    if masked:
        key = _key()
        return begin + key + mask(payload, key)
    return begin + payload


def head(first: int, size: int, masked: bool) -> bytes:
    """What stands before a frame's key and payload."""
    bit = 0x80 if masked else 0
    if size < 126:
        return bytes((first, bit | size))
    if size < 65536:
        return bytes((first, bit | 126, size >> 8, size & 255))
    return bytes((first, bit | 127)) + size.to_bytes(8, "big")


def whole(message: str | bytes) -> bytes:
    """A message as one frame, neither compressed nor masked.

    :raises UnicodeEncodeError: A lone surrogate, which UTF-8 cannot say.
    """
    if isinstance(message, str):
        return frame(FIN | TEXT, message.encode())
    return frame(FIN | BINARY, message)
