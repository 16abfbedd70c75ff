"""What goes over a connection whose session can be resumed: ``docs/reference/resumption.rst`` in code.

Pure functions and two counters, one for each direction; they know neither sockets nor clocks.
Imports nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "ACKNOWLEDGE_BYTES",
    "ACKNOWLEDGE_MESSAGES",
    "ACKNOWLEDGE_SECONDS",
    "ASK",
    "GIVEN_UP",
    "NEW",
    "OVERHEAD",
    "SUBPROTOCOL",
    "Arrived",
    "Begun",
    "Broken",
    "Resume",
    "Resumed",
    "Sent",
    "acknowledgedBy",
    "acknowledgement",
    "parseAnswer",
    "parseHello",
    "unwrapped",
    "weight",
    "wrapped",
]

#: What a client offers that can be resumed, and a server agrees to that resumes.
SUBPROTOCOL = "wsapp.resume"

#: What has arrived is acknowledged after so many messages,
ACKNOWLEDGE_MESSAGES = 64
#: or so many bytes of them,
ACKNOWLEDGE_BYTES = 64 * 1024
#: or so many seconds after the first of them, whichever is first.
ACKNOWLEDGE_SECONDS = 1.0

#: What a message that is kept costs beside its bytes, so that empty ones are bounded too.
OVERHEAD = 64

#: Asks the other side to say soon how many messages have arrived, even if it has said so already.
ASK = "p"

#: The close code of a side that gives up a connection and not the session, where it cannot abort it.
GIVEN_UP = 4900

#: The first message of a client that has no session yet.
NEW = "new"

_COUNT = r"(0|[1-9][0-9]{0,14})"
_ACKNOWLEDGEMENT = re.compile("a" + _COUNT)
_RESUME = re.compile(r"resume ([!-~]{1,200}) " + _COUNT)
_NEW = re.compile(r"new(?: .*)?", re.DOTALL)
_BEGUN = re.compile(r"new ([!-~]{1,200}) ([0-9]{1,9}(?:\.[0-9]{1,9})?)(?: ([!-~]+))?(?: .*)?", re.DOTALL)
_RESUMED = re.compile(rf"resumed {_COUNT}(?: .*)?", re.DOTALL)


class Broken(ValueError):
    """The peer does not keep to the protocol: close with 1002 and this text."""


class Resume(NamedTuple):
    """A client's wish to go on.

    :ivar token: Of the session.
    :ivar arrived: Messages of the session that the client has received.
    """

    token: str
    arrived: int

    def __str__(self) -> str:
        return f"resume {self.token} {self.arrived}"


class Begun(NamedTuple):
    """A server's answer: a new session.

    :ivar token: To resume it by.
    :ivar seconds: How long the server keeps it without a connection.
    :ivar subprotocol: What was agreed to beside resumption; None for nothing.
    """

    token: str
    seconds: float
    subprotocol: str | None

    def __str__(self) -> str:
        return f"new {self.token} {self.seconds:g}" + (f" {self.subprotocol}" if self.subprotocol else "")


class Resumed(NamedTuple):
    """A server's answer: the session goes on.

    :ivar arrived: Messages of the session that the server has received.
    """

    arrived: int

    def __str__(self) -> str:
        return f"resumed {self.arrived}"


def parseHello(message: str | bytes) -> Resume | None:
    """A client's first message.

    :return: None where it begins a new session.
    :raises Broken: It is neither.
    """
    if isinstance(message, str):
        if (match := _RESUME.fullmatch(message)) is not None:
            return Resume(match[1], int(match[2]))
        if _NEW.fullmatch(message):
            return None
    raise Broken("the first message is neither new nor resume TOKEN COUNT")


def parseAnswer(message: str | bytes) -> Begun | Resumed:
    """A server's first message.

    :raises Broken: It is none.
    """
    if isinstance(message, str):
        if (match := _BEGUN.fullmatch(message)) is not None:
            return Begun(match[1], float(match[2]), match[3])
        if (match := _RESUMED.fullmatch(message)) is not None:
            return Resumed(int(match[1]))
    raise Broken("the first message is neither new TOKEN SECONDS nor resumed COUNT")


def wrapped(message: str | bytes) -> str | bytes:
    """An application's message as it goes over the connection."""
    return "m" + message if isinstance(message, str) else b"m" + message


def acknowledgement(count: int) -> str:
    """Says that so many messages have arrived."""
    return f"a{count}"


def acknowledgedBy(message: str) -> int | None:
    """How many of our messages have arrived over there, where *message* says that; else None."""
    match = _ACKNOWLEDGEMENT.fullmatch(message)
    return None if match is None else int(match[1])


def unwrapped(message: str | bytes) -> str | bytes:
    """The application's message.

    :raises Broken: It is none.
    """
    if message[:1] in ("m", b"m"):
        return message[1:]
    raise Broken("a message that is neither m... nor a count of messages received")


def weight(message: str | bytes) -> int:
    """Bytes that keeping a message costs."""
    size = len(message)
    if isinstance(message, str) and not message.isascii():
        size = len(message.encode())
    return size + OVERHEAD


class Sent:
    """The messages of one direction that the other side has not acknowledged, in their order.

    :ivar count: How many messages there have been.
    :ivar acknowledged: How many of them are known to have arrived.
    :ivar size: What those that are kept cost; see :func:`weight`.
    """

    __slots__ = ("_kept", "acknowledged", "count", "size")

    def __init__(self) -> None:
        self._kept: deque[tuple[str | bytes, int]] = deque()
        self.count = 0
        self.acknowledged = 0
        self.size = 0

    @property
    def first(self) -> int:
        """How many messages come before the first that is kept: from there on it can be resumed."""
        return self.count - len(self._kept)

    def add(self, message: str | bytes) -> int:
        """Keep a message, wrapped.

        :return: What it costs.
        """
        cost = weight(message)
        self._kept.append((message, cost))
        self.count += 1
        self.size += cost
        return cost

    def acknowledge(self, count: int) -> int:
        """So many have arrived: forget them.

        :return: What that has freed.
        :raises Broken: More than were sent, or fewer than were acknowledged before.
        """
        if not self.acknowledged <= count <= self.count:
            raise Broken(f"{count} acknowledged, of {self.count} after {self.acknowledged}")
        self.acknowledged = count
        return self._drop(count - self.first)

    def forget(self, most: int) -> int:
        """Keep no more than *most* bytes beside the newest message.

        What is forgotten unacknowledged cannot be sent again: see :attr:`first`.

        :return: What that has freed.
        """
        before = self.size
        while len(self._kept) > 1 and self.size - self._kept[-1][1] > most:
            self._drop(1)
        return before - self.size

    def _drop(self, number: int) -> int:
        freed = 0
        for _ in range(number):
            freed += self._kept.popleft()[1]
        self.size -= freed
        return freed

    def __iter__(self) -> Iterator[str | bytes]:
        return iter([message for message, _ in self._kept])


class Arrived:
    """The messages that have come from the other side.

    :ivar count: How many.
    """

    __slots__ = ("_size", "_told", "count")

    def __init__(self) -> None:
        self.count = 0
        self._told = 0
        self._size = 0

    def add(self, message: str | bytes) -> bool:
        """One more.

        :return: Whether so many have come that the other side should be told now.
        """
        self.count += 1
        self._size += len(message)
        return self.count - self._told >= ACKNOWLEDGE_MESSAGES or self._size >= ACKNOWLEDGE_BYTES

    @property
    def untold(self) -> bool:
        """Whether the other side does not know of all of them."""
        return self.count != self._told

    def tell(self) -> int:
        """The count, which the other side is being told."""
        self._told = self.count
        self._size = 0
        return self.count
