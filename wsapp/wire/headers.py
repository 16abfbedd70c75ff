"""Header fields, and the two grammars that a handshake needs of their values.

Rules from RFC 9110 5 (field names, values, lists, quoted strings) and RFC 6455 9.1
(extensions).  Text is latin-1 here, so that every byte survives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

# A sibling: this source is compiled too, under another name, beside compiled siblings.
from .heading import byName

__all__ = ["Headers", "Offer", "isToken", "parseExtensions", "splitList"]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

# One parameter, "name", "name=token" or "name=\"quoted\"", and what ends it.
_PARAMETER = re.compile(
    r"[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*"
    r"(?:=[ \t]*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|\"((?:[^\"\\]|\\.)*)\")[ \t]*)?"
    r"([;,]|$)"
)

#: An extension's name, and its parameters in order with their values (None where there is none).
Offer = tuple[str, list[tuple[str, "str | None"]]]


def isToken(text: str) -> bool:
    """Whether *text* is a token (RFC 9110 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def splitList(value: str) -> list[str]:
    """The elements of a comma-separated list without those that are empty (RFC 9110 5.6.1)."""
    return [element for part in value.split(",") if (element := part.strip(" \t"))]


def parseExtensions(value: str) -> list[Offer]:
    """Read a ``Sec-WebSocket-Extensions`` value (RFC 6455 9.1).

    What cannot be read is left out, up to the next comma: a malformed offer is declined, the
    connection goes on without it.
    """
    offers: list[Offer] = []
    position = 0
    while position < len(value):
        name: str | None = None
        parameters: list[tuple[str, str | None]] = []
        while True:
            match = _PARAMETER.match(value, position)
            if match is None:
                comma = value.find(",", position)
                position = len(value) if comma < 0 else comma + 1
                name = None
                break
            key, token, quoted, end = match.groups()
            text = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            position = match.end()
            if name is None:
                if text is not None:  # "name=value" where an extension's name must stand
                    name = ""
                else:
                    name = key
            else:
                parameters.append((key, text))
            if end != ";":
                break
        if name:
            offers.append((name, parameters))
    return offers


class Headers:
    """Header fields in the order they came, looked up without regard to case.

    Kept as one text, for connections that idle keep theirs; what is looked up by is made of it when
    somebody looks, and let go again by :meth:`fold`.
    """

    __slots__ = ("_byName", "_lines")

    def __init__(self, fields: Iterable[tuple[str, str]] = (), lines: str = "") -> None:
        """
        :param lines: The fields as lines instead, each with its CRLF, and checked already.
        """
        self._lines = lines or "".join([f"{name}:{value}\r\n" for name, value in fields])
        self._byName: dict[str, list[str]] | None = None

    def fold(self) -> None:
        """Take little memory until the next look."""
        self._byName = None

    def _values(self, name: str) -> Sequence[str]:
        """The values of the field; nothing that may be changed."""
        values = self._byName
        if values is None:
            values = self._byName = byName(self._lines)
        return values.get(name.lower(), ())

    def get(self, name: str) -> str | None:
        """The first value of the field, or None."""
        values = self._values(name)
        return values[0] if values else None

    def getAll(self, name: str) -> list[str]:
        """Every value of the field, in order."""
        return list(self._values(name))

    def getList(self, name: str) -> list[str]:
        """The elements of every value of the field, as one list (RFC 9110 5.3)."""
        return [element for value in self._values(name) for element in splitList(value)]

    def hasToken(self, name: str, token: str) -> bool:
        """Whether *token*, in any case, is an element of the field's list."""
        for value in self._values(name):
            value = value.lower()
            if value == token or token in splitList(value):
                return True
        return False

    def _all(self) -> list[tuple[str, str]]:
        fields = []
        for line in self._lines.split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                fields.append((name, value.strip(" \t")))
        return fields

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self._values(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._all())

    def __len__(self) -> int:
        return self._lines.count("\r\n")

    def __repr__(self) -> str:
        return f"Headers({self._all()!r})"
