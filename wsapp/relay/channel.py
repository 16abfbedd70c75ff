"""``Channel``: what two workers say to each other about one client's connection, over a UNIX socket.

Frames of a letter, a length and so many bytes.  The bytes of the client's connection (:data:`DATA`) need
leave: no more than :data:`WINDOW` of them are on their way in either direction that the other side has not
reported as passed on (:data:`TAKEN`).  So each side always reads, hears at once of the other's end, and holds
no more than that.  An end that nobody has announced is an abrupt one, be it a connection's or a worker's.

Imports nothing of wsapp.
"""

from __future__ import annotations

import struct
from typing import Any, Protocol

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["DATA", "END", "HALF", "NO", "OPEN", "WINDOW", "YES", "Channel", "Siblings", "User"]

#: Who the client is, and what it asks for (JSON); the first frame, of who connects.
OPEN = b"o"
#: The answers to that: I go on with it; I cannot, and end.
YES = b"y"
NO = b"n"
#: Bytes of the client's connection.
DATA = b"d"
#: So many of them (4 bytes, big-endian) have been passed on.
TAKEN = b"t"
#: No more will come this way: end that direction of the client's connection; or both.
HALF = b"h"
END = b"e"

#: Bytes of the client's that may be on their way.
WINDOW = 64 * 1024

#: Bytes of any frame: of OPEN most of all, for a certificate may be in it.
_MOST = 256 * 1024

_HEAD = struct.Struct("!cI")
_COUNT = struct.Struct("!I")


class User(Protocol):
    """Whose channel it is."""

    def connected(self) -> None:
        """There is somebody at the other end."""

    def heard(self, kind: bytes, payload: bytes) -> None:
        """The other side says something."""

    def moved(self) -> None:
        """All bytes that waited for leave have left."""

    def gone(self) -> None:
        """The channel has ended, or could not be had."""


class Siblings(Protocol):
    """The workers of this machine, as one of them knows them.

    :ivar node: What all of them are called together.
    :ivar name: What this one is called.
    """

    node: str
    name: str

    def dial(self, name: str, channel: Channel) -> None:
        """Connect a channel to the sibling of that name; its user hears of it, or that there is none."""

    def listen(self, factory: Any) -> Any:
        """Take the channels of siblings.

        :return: An ``IListeningPort``.
        :raises twisted.internet.error.CannotListenError: That is not to be.
        """


@implementer(IProtocol)
class Channel:
    """One end of a channel.

    :ivar user: Whose it is.
    :ivar closed: Whether it has ended.
    """

    __slots__ = (
        "_aborted",
        "_ends",
        "_given",
        "_leave",
        "_transport",
        "_unread",
        "_waiting",
        "closed",
        "user",
    )

    def __init__(self, user: User) -> None:
        self.user = user
        self._transport: Any = None
        self._unread = bytearray()
        self._waiting = bytearray()  # bytes of the client's, for want of leave
        self._leave = WINDOW
        self._given = WINDOW  # what the other side may still send
        self._aborted = False
        self.closed = False
        self._ends: list[bytes] = []  # what is to be said once those have left; then it is closed

    # For its user

    @property
    def full(self) -> bool:
        """Whether bytes wait for leave: give it no more for now."""
        return bool(self._waiting)

    def say(self, kind: bytes, payload: bytes = b"") -> None:
        """Say something that needs no leave."""
        if self._transport is not None:
            self._transport.write(_HEAD.pack(kind, len(payload)) + payload)

    def send(self, data: bytes) -> None:
        """Send bytes of the client's connection, as far as there is leave."""
        if self._transport is not None:
            self._waiting += data
            self._flush()

    def took(self, count: int) -> None:
        """So many bytes have been passed on: give leave for as many."""
        if count:
            self._given += count
            self.say(TAKEN, _COUNT.pack(count))

    def finish(self, kind: bytes, close: bool = False) -> None:
        """Say *kind* once all bytes have left.

        :param close: And then close the channel.
        """
        self._ends += [kind, b""] if close else [kind]
        self._flush()

    def abort(self) -> None:
        """End it now; before there is anybody at the other end, as soon as there is."""
        self._aborted = True
        if self._transport is not None:
            self._transport.abortConnection()

    def _flush(self) -> None:
        waiting = self._waiting
        if waiting and self._leave:
            data = bytes(waiting[: self._leave])
            del waiting[: self._leave]
            self._leave -= len(data)
            self.say(DATA, data)
        if waiting or self._transport is None:
            return
        ends, self._ends = self._ends, []
        for kind in ends:
            if kind:
                self.say(kind)
            else:
                self._transport.loseConnection()

    # IProtocol

    def makeConnection(self, transport: Any) -> None:
        """This is the transport."""
        self._transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """There is somebody at the other end."""
        if self._aborted:
            self._transport.abortConnection()
        else:
            self.user.connected()

    def dataReceived(self, data: bytes) -> None:
        """The other side's bytes have come."""
        unread = self._unread
        unread += data
        position = 0
        while not self._aborted and len(unread) - position >= _HEAD.size:
            kind, size = _HEAD.unpack_from(unread, position)
            if size > _MOST:
                self.abort()  # no sibling of ours
                return
            end = position + _HEAD.size + size
            if len(unread) < end:
                break
            payload = bytes(unread[position + _HEAD.size : end])
            position = end
            self._take(kind, payload)
        del unread[:position]

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == TAKEN and len(payload) == _COUNT.size:
            self._leave += _COUNT.unpack(payload)[0]
            held = bool(self._waiting)
            self._flush()
            if held and not self._waiting:
                self.user.moved()
            return
        if kind == DATA:
            self._given -= len(payload)
            if self._given < 0:
                self.abort()  # it does not keep to its leave
                return
        self.user.heard(kind, payload)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The channel has ended."""
        self._transport = None
        self.closed = True
        self._waiting.clear()
        self._unread.clear()
        self.user.gone()

    def notConnected(self) -> None:
        """It could not be had."""
        self.closed = True
        self.user.gone()
