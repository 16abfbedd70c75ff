"""What an application holds of the others: clients, groups and users.

None of them knows a socket, a frame or a broker: :class:`Link` and :class:`Rooms` say what they
need of the connection and of the broadcast service.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred

from wsapp.brokers import Member, Publication
from wsapp.request import Request
from wsapp.wire.codes import onTheWire

__all__ = ["Client", "Disconnection", "Group", "Link", "Rooms", "User", "checked", "identities"]


class Disconnection(NamedTuple):
    """How a connection ended.

    :ivar code: The close code of the side that began to close; 1005 where it said none, 1006 where
        the connection was simply gone.
    :ivar reason: What that side said.
    :ivar clean: Whether both sides took leave by a closing handshake (RFC 6455 7.1.4).
    """

    code: int
    reason: str
    clean: bool


class Link(Protocol):
    """What a client needs of its connection."""

    @property
    def bufferedAmount(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    def send(self, message: str | bytes) -> bool: ...

    def sendShared(self, message: str | bytes, encoded: dict[object, bytes]) -> bool: ...

    def ping(self) -> Deferred[float]: ...

    def close(self, code: int, reason: str) -> None: ...

    def overrun(self) -> None: ...

    def abort(self) -> None: ...

    def drained(self) -> Deferred[None]: ...

    def setExpires(self, expires: float | None) -> None: ...


class Rooms(Protocol):
    """What clients, groups and users need of the broadcast service, for one application."""

    @property
    def clients(self) -> Collection[Client]: ...

    def join(self, client: Client, name: str, history: int, info: Any) -> Deferred[None]: ...

    def leave(self, client: Client, name: str) -> Deferred[None]: ...

    def groupsOf(self, client: Client) -> frozenset[str]: ...

    def sendToGroup(self, name: str, message: str | bytes, exclude: frozenset[str]) -> Deferred[None]: ...

    def sendToUser(self, name: str, message: str | bytes) -> Deferred[None]: ...

    def sendToAll(self, message: str | bytes, exclude: frozenset[str]) -> Deferred[None]: ...

    def dismissUser(self, name: str, code: int, reason: str) -> Deferred[None]: ...

    def members(self, name: str) -> Deferred[list[Member]]: ...

    def history(
        self, name: str, limit: int | None, since: tuple[str, int] | None
    ) -> Deferred[list[Publication]]: ...

    def count(self, name: str) -> int: ...


def checked(message: object) -> str | bytes:
    """A message as it can be sent.

    :raises TypeError: Neither ``str`` (a text message) nor bytes (a binary one).
    :raises UnicodeEncodeError: Text with a lone surrogate, which UTF-8 cannot say.
    """
    if isinstance(message, str):
        if not message.isascii():
            message.encode()
        return message
    if isinstance(message, (bytes, bytearray, memoryview)):
        return bytes(message)
    raise TypeError(f"a message is str (text) or bytes (binary), not {type(message).__name__}")


def identities(exclude: Iterable[Client | str] | Client) -> frozenset[str]:
    """The ids of clients, given as clients or as ids; a single one need not be in a list."""
    if isinstance(exclude, (Client, str)):
        exclude = (exclude,)
    return frozenset(one if isinstance(one, str) else one.id for one in exclude)


def _place(since: Publication | Sequence[Any]) -> tuple[str, int]:
    """Where a publication stands in its group's history.

    :raises TypeError: Neither a publication nor an epoch and an offset.
    """
    if isinstance(since, Publication):
        return since.epoch, since.offset
    if isinstance(since, (tuple, list)) and len(since) == 2:
        epoch, offset = since
        if isinstance(epoch, str) and isinstance(offset, int) and not isinstance(offset, bool):
            return epoch, offset
    raise TypeError(f"since is a Publication, or the epoch and offset of one, not {since!r:.100}")


#: Random names that nobody has yet: the system is asked for many at once.
_ids: list[str] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)  # a child must not give the same ones


def _newId() -> str:
    """132 random bits in 22 letters, digits, ``-`` and ``_``."""
    if not _ids:
        text = base64.urlsafe_b64encode(os.urandom(3 * 22 * 64)).decode()
        _ids.extend([text[start : start + 22] for start in range(0, len(text), 22)])
    return _ids.pop()


class Client:
    """One connected client.

    :ivar id: Random, and unique over nodes and restarts.
    :ivar user: Who it is, as ``onHandshake`` said by ``request.user``; else None.
    :ivar request: Its opening handshake.
    :ivar subprotocol: What was agreed to, or None.
    :ivar version: The version of the protocol that it speaks, such as ``RFC 6455``.
    :ivar data: The application's own.
    """

    __slots__ = (
        "_expires",
        "_groups",
        "_link",
        "_rooms",
        "data",
        "id",
        "request",
        "subprotocol",
        "user",
        "version",
    )

    def __init__(self, link: Link, rooms: Rooms, request: Request, subprotocol: str | None) -> None:
        self._link = link
        self._rooms = rooms
        self._groups: frozenset[str] | None = None
        self._expires: float | None = None
        self.id = _newId()
        self.user = request.user
        self.request = request
        self.subprotocol = subprotocol
        self.version = request.version
        self.data: Any = request.data
        if request.expires is not None:
            self.expires = request.expires

    @property
    def peer(self) -> str:
        """The client's address, as trusted proxies say; empty for a UNIX socket."""
        return self.request.peer

    @property
    def bufferedAmount(self) -> int:
        """Bytes that wait to be sent, less up to 64 KiB that the transport holds before it has enough."""
        return self._link.bufferedAmount

    @property
    def dropped(self) -> int:
        """Messages that it was too slow to be sent; see ``backlogPolicy`` of :class:`~wsapp.Limits`."""
        return self._link.dropped

    @property
    def groups(self) -> frozenset[str]:
        """The names of the groups that it is in; in ``onDisconnect``, of those that it was in."""
        return self._rooms.groupsOf(self) if self._groups is None else self._groups

    @property
    def expires(self) -> float | None:
        """When its credentials run out, in seconds since the epoch: it is closed then with 1008."""
        return self._expires

    @expires.setter
    def expires(self, expires: float | None) -> None:
        self._expires = expires
        self._link.setExpires(expires)

    def send(self, message: str | bytes) -> bool:
        """Send a message: ``str`` as text, ``bytes`` as binary.

        :return: Whether it is on its way.  False, and nothing happens, where the client is closing
            or gone; or where too much waits for it already, for which it is closed just now, or only
            this message dropped, as ``backlogPolicy`` of :class:`~wsapp.Limits` says.
        :raises TypeError: Neither text nor bytes.
        :raises UnsupportedByVersion: Bytes to a hixie client.
        """
        if type(message) is not str or not message.isascii():
            message = checked(message)
        return self._link.send(message)

    def ping(self) -> Deferred[float]:
        """Ping it (RFC 6455 5.5.2).

        :return: Fires with the seconds until the pong.  Fails with
            :exc:`~wsapp.errors.UnsupportedByVersion` for a hixie client, and with
            :exc:`~wsapp.errors.ConnectionClosed` where the connection ends before.
        """
        return self._link.ping()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, once everything sent before has left; nothing where it is closing already.

        :param code: 1000-1003, 1007-1014, or 3000-4999 for the application's own.
        :param reason: At most 123 bytes of UTF-8; the rest is cut off.
        :raises ValueError: A code that may not be sent.
        """
        self._link.close(code, reason)

    def abort(self) -> None:
        """End the connection now; what waits to be sent is lost."""
        self._link.abort()

    def drained(self) -> Deferred[None]:
        """Fires once everything sent so far has left for the network.

        What the transport holds before it says that it has enough, up to 64 KiB, counts as having left,
        as does what is in the system's buffers: a client that reads nothing is seen only past that.

        Fails with :exc:`~wsapp.errors.ConnectionClosed` where the connection ends before.
        """
        return self._link.drained()

    def join(self, name: str, history: int = 0, info: Any = None) -> Deferred[None]:
        """Join a group: on this node at once.

        :param history: Send it the group's last messages first, so many; live ones follow without a
            gap and without doubles.
        :param info: What ``members()`` is to show of it, on every node: plain JSON values.  Joining
            once more changes it, and nothing else.
        :return: Fires once every node knows.
        :raises RuntimeError: The application has said ``groups = False``.
        :raises TypeError: *info* is not made of JSON's values.
        :raises ValueError: Nor are its numbers.
        """
        # As other nodes will see it, and out of reach of later changes.
        shown = None if info is None else json.loads(json.dumps(info, allow_nan=False))
        return self._rooms.join(self, name, history, shown)

    def leave(self, name: str) -> Deferred[None]:
        """Leave a group: on this node at once.

        :return: Fires once every node knows.
        """
        return self._rooms.leave(self, name)

    def deliver(self, message: str | bytes, encoded: dict[object, bytes]) -> bool:
        """Send what goes to others too.

        :param encoded: The message by wire form, shared by all that it goes to.
        """
        return self._link.sendShared(message, encoded)

    def overrun(self) -> None:
        """More waits for it than may: it is closed with 1013."""
        self._link.overrun()

    def depart(self) -> None:
        """It is gone: from now on ``groups`` shows those that it was in."""
        self._groups = self._rooms.groupsOf(self)

    def relink(self, link: Link) -> None:
        """Its connection is over: ask *link* from now on."""
        self._link = link

    def __repr__(self) -> str:
        return f"<Client {self.id} {self.user or ''}{'@' if self.user else ''}{self.peer or 'unix'}>"


class Group:
    """Clients of one application that are sent things together, on every node."""

    __slots__ = ("_rooms", "name")

    def __init__(self, rooms: Rooms, name: str) -> None:
        self._rooms = rooms
        self.name = name

    def send(self, message: str | bytes, exclude: Iterable[Client | str] | Client = ()) -> Deferred[None]:
        """Send to every member, on every node; hixie clients are not sent bytes.

        :param exclude: Clients, or their ids, to leave out.
        :return: Fires once it is in the queues of the members on this node.
        :raises TypeError: Neither text nor bytes.
        """
        return self._rooms.sendToGroup(self.name, checked(message), identities(exclude))

    def members(self) -> Deferred[list[Member]]:
        """Who is in the group, on every node."""
        return self._rooms.members(self.name)

    def history(
        self, limit: int | None = None, since: Publication | Sequence[Any] | None = None
    ) -> Deferred[list[Publication]]:
        """What was sent to the group, oldest first, as far as the application keeps it.

        :param limit: At most so many: the last ones, or with *since* the first.
        :param since: Exactly what was sent after this, a publication or the epoch and offset of one.
        :return: With *since* it fails with :exc:`~wsapp.errors.HistoryGone` where that is not all there
            any more.
        :raises TypeError: *since* is something else.
        """
        return self._rooms.history(self.name, limit, None if since is None else _place(since))

    def __len__(self) -> int:
        """How many clients of this node are in it."""
        return self._rooms.count(self.name)

    def __bool__(self) -> bool:
        """A group always is, even without members."""
        return True

    def __repr__(self) -> str:
        return f"<Group {self.name!r}>"


class User:
    """All the clients of one user, on every node."""

    __slots__ = ("_rooms", "name")

    def __init__(self, rooms: Rooms, name: str) -> None:
        self._rooms = rooms
        self.name = name

    def send(self, message: str | bytes) -> Deferred[None]:
        """Send to every client of the user.

        :return: Fires once it is in the queues of those on this node.
        :raises TypeError: Neither text nor bytes.
        """
        return self._rooms.sendToUser(self.name, checked(message))

    def close(self, code: int = 1000, reason: str = "") -> Deferred[None]:
        """Close every client of the user.

        :raises ValueError: A code that may not be sent.
        """
        onTheWire(13, code)
        return self._rooms.dismissUser(self.name, code, reason)

    def __repr__(self) -> str:
        return f"<User {self.name!r}>"
