"""What things are called in Redis, and how a publication is written there.

Every key and channel begins with the prefix; pub/sub channels have the database's number too, for
Redis itself does not part them by database.
"""

from __future__ import annotations

import json
import struct
from typing import NamedTuple
from urllib.parse import quote

from wsapp.brokers import Channel, Dismissal, Member, Publication

__all__ = ["Names", "Notice", "follows", "memberFrom", "pack", "parse", "sameStream", "shown"]

# The first byte of a payload.
_TEXT, _BYTES, _DISMISSAL = b"t", b"b", b"d"
_KEPT_TEXT, _KEPT_BYTES = b"T", b"B"


class Names:
    """The keys of one service.

    :param prefix: What all of them begin with.
    :param database: The number of the database.
    """

    def __init__(self, prefix: str, database: int) -> None:
        self._prefix = prefix
        self._database = database
        self.origin = self._key("origin")
        self.nodes = self._key("nodes")
        self.turn = self._key("turn")
        #: A pub/sub channel for finding out whether one may listen and speak there.
        self.trial = self._key(f"news:{database}")
        #: What stands before an incarnation in the key of its list.
        self.list = self._key("node:")

    def _key(self, rest: str) -> bytes:
        return f"{self._prefix}:{rest}".encode("utf-8", "surrogatepass")

    def _of(self, what: str, channel: Channel) -> bytes:
        # The name comes last, so that it may have any characters, colons too.
        return self._key(f"{what}:{channel.kind}:{quote(channel.app, safe='')}:{channel.name}")

    def stream(self, channel: Channel) -> bytes:
        """What was published, by offset."""
        return self._of("stream", channel)

    def place(self, channel: Channel) -> bytes:
        """How far it goes, and what is kept of it."""
        return self._of("place", channel)

    def members(self, channel: Channel) -> bytes:
        """Who is in it."""
        return self._of("members", channel)

    def news(self, channel: Channel) -> bytes:
        """The pub/sub channel."""
        return self._of(f"news:{self._database}", channel)

    def sequence(self, publisher: bytes) -> bytes:
        """The last that a publisher has published."""
        return self._key("sequence:") + publisher


class Notice(NamedTuple):
    """A publication as the broker tells of it.

    :ivar before: The offset of the one before it; where that is not the last one heard of, some are missing.
    :ivar publisher: The random id of who published it, and
    :ivar sequence: the number that it gave to it.
    """

    epoch: str
    offset: int
    before: int
    publisher: bytes
    sequence: int
    item: Publication | Dismissal


def sameStream(one: str, other: str) -> bool:
    """:return: Whether epochs are of one stream, under whichever start of the server."""
    return one.partition(".")[0] == other.partition(".")[0]


def follows(later: str, earlier: str) -> bool:
    """:return: Whether an epoch of a stream is of a later start of the server than another: ``hello.lua``."""
    return _start(later) > _start(earlier)


def _start(epoch: str) -> int:
    number = epoch.partition(".")[2].partition("-")[0]
    return int(number) if number.isdigit() else 0


def pack(item: str | bytes | Dismissal, exclude: frozenset[str], kept: bool) -> tuple[bytes, int]:
    """Write a payload.

    :return: It, and how many bytes of it are the message.
    """
    if isinstance(item, Dismissal):
        return _DISMISSAL + struct.pack(">IH", 0, item.code) + item.reason.encode(), 0
    if isinstance(item, str):
        kind, message = _KEPT_TEXT if kept else _TEXT, item.encode()
    else:
        kind, message = _KEPT_BYTES if kept else _BYTES, item
    left = json.dumps(sorted(exclude)).encode() if exclude else b""
    return b"".join((kind, struct.pack(">I", len(left)), left, message)), len(message)


def parse(notice: bytes) -> Notice:
    """Read what ``publish.lua`` wrote.

    :raises ValueError: Something else has been written there.
    """
    head, _, payload = notice.partition(b"\n")
    try:
        epoch, offset, before, milliseconds, publisher, sequence = head.split(b" ")
        place = (epoch.decode("ascii"), int(offset))
        return Notice(
            *place, int(before), publisher, int(sequence), _item(payload, place, int(milliseconds) / 1000)
        )
    except (ValueError, struct.error, RecursionError):
        raise ValueError(f"{notice[:80]!r} is no publication of wsapp's") from None


def _item(payload: bytes, place: tuple[str, int], time: float) -> Publication | Dismissal:
    kind = payload[:1]
    (size,) = struct.unpack_from(">I", payload, 1)
    if kind == _DISMISSAL:
        (code,) = struct.unpack_from(">H", payload, 5)
        return Dismissal(code, payload[7:].decode())
    exclude: frozenset[str] = frozenset()
    if size:
        left = json.loads(payload[5 : 5 + size])
        if not isinstance(left, list) or not all(isinstance(one, str) for one in left):
            raise ValueError(left)
        exclude = frozenset(left)
    rest = payload[5 + size :]
    if kind not in (_TEXT, _BYTES, _KEPT_TEXT, _KEPT_BYTES):
        raise ValueError(kind)
    message = rest.decode() if kind in (_TEXT, _KEPT_TEXT) else rest
    epoch, offset = place if kind in (_KEPT_TEXT, _KEPT_BYTES) else ("", 0)
    return Publication(message, epoch, offset, time, exclude)


def shown(member: Member) -> bytes:
    """What the list has of a member beside its id."""
    return json.dumps([member.user, member.info], separators=(",", ":")).encode()


def memberFrom(identity: bytes, written: bytes) -> Member:
    """The other way round.

    :raises ValueError: Something else has been written there.
    """
    try:
        user, info = json.loads(written)
        return Member(identity.decode("utf-8", "surrogatepass"), user, info)
    except (ValueError, TypeError, RecursionError):
        raise ValueError(f"{written[:80]!r} is no member of wsapp's") from None
