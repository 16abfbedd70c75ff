"""A request's head in two steps, each over all of its bytes: whether it is right, and what fields it has.

The grammar is RFC 9112 3 and 5, as strict as :mod:`wsapp.wire.http` says.  Imports nothing.
"""

from __future__ import annotations

import re

__all__ = ["FIELD", "HTTP", "TARGET", "TOKEN", "byName", "split"]

# What a pattern of a line or of a whole head is made of.  No 0x00-0x1F but HTAB, and no 0x7F, in
# values; what is above stays, as latin-1 (RFC 9110 5.5).  No byte fits two neighbouring parts, so
# that matching never tries anything twice.
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIELD = TOKEN + rb":[ \t]*(?:[^\x00-\x20\x7f][^\x00-\x08\x0a-\x1f\x7f]*)?"
TARGET = rb"[\x21-\x7e\x80-\xff]+"
HTTP = rb"HTTP/1\.[0-9]"

_HEAD = re.compile(rb"(%b) (%b) (%b)\r\n((?:%b\r\n)*)\r\n" % (TOKEN, TARGET, HTTP, FIELD))


def split(data: bytes, end: int) -> tuple[str, str, int, str, int] | None:
    """A head's method, target, version (10 or 11), fields as lines, and how many these are.

    :param end: Where its blank line ends.
    :return: None where anything of it is not as it must be.
    """
    match = _HEAD.fullmatch(data, 0, end)
    if match is None:
        return None
    method, target, version, fields = match.groups()
    return (
        method.decode("latin-1"),
        target.decode("latin-1"),
        10 if version == b"HTTP/1.0" else 11,
        fields.decode("latin-1"),
        fields.count(b"\r\n"),
    )


def byName(lines: str) -> dict[str, list[str]]:
    """The values of each field, in order, by its name in lower case.

    :param lines: Each with its CRLF; one without a colon counts for nothing.
    """
    values: dict[str, list[str]] = {}
    for line in lines.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            name = name.lower()
            value = value.strip(" \t")
            if name in values:
                values[name].append(value)
            else:
                values[name] = [value]
    return values
