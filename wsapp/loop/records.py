"""Where TLS records end, told from their headers (RFC 8446 5.1; the same in every version that is spoken).

Whoever knows how many records are complete need not ask OpenSSL once too often, which costs it an exception.
May import nothing of this package.
"""

from __future__ import annotations

__all__ = ["HEADER", "complete"]

HEADER = 5
"""Bytes before the body of a record; the last two are the body's length."""


def complete(data: bytes, rest: int, head: bytes) -> tuple[int, int, bytes]:
    """Count the records that end in the next bytes of a stream.

    :param rest: how many bytes the record that has begun still lacks, its header being known
    :param head: what there is of a header that has begun, if it is not complete; then rest is 0
    :returns: how many records end in data, then rest and head for the call with what follows
    """
    if head:
        data = head + data
    count = 0
    size = len(data)
    at = rest
    if rest:
        if rest > size:
            return 0, rest - size, b""
        count = 1
    while size - at >= HEADER:
        at += HEADER + (data[at + 3] << 8 | data[at + 4])
        if at > size:
            return count, at - size, b""
        count += 1
    return count, 0, data[at:]
