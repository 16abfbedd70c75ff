"""What has come for a program that takes its messages one by one: a few at most, so that the peer waits."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred, succeed

from wsapp.errors import ConnectionClosed
from wsapp.limits import Limits
from wsapp.waiter import failed

__all__ = ["Inbox", "Message"]

Message = str | bytes


class Inbox:
    """Messages on their way to one reader.

    :param limits: Holds ``maxQueue`` messages, or ``maxMessage`` bytes and the message that passes
        that; then it asks whoever brings them to wait.
    """

    __slots__ = ("_end", "_limits", "_messages", "_reader", "_rooms", "_size")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._messages: deque[Message] = deque()
        self._size = 0
        self._reader: Deferred[Message] | None = None
        self._rooms: list[Deferred[None]] = []  # those who wait for some
        self._end: ConnectionClosed | None = None

    def put(self, message: Message) -> Deferred[None] | None:
        """A message has come.

        :return: What to wait for before the next one; None for nothing.
        """
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.callback(message)
            return None
        self._messages.append(message)
        self._size += len(message)
        if not self._full:
            return None
        room: Deferred[None] = Deferred(self._rooms.remove)
        self._rooms.append(room)
        return room

    @property
    def _full(self) -> bool:
        return len(self._messages) >= self._limits.maxQueue or self._size >= self._limits.maxMessage

    def end(self, reason: ConnectionClosed) -> None:
        """No more come; those that have can still be taken."""
        self._end = reason
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.errback(reason)

    def reopen(self) -> None:
        """More may come after all."""
        self._end = None

    @property
    def waiting(self) -> bool:
        """Whether there is a message to be taken at once."""
        return bool(self._messages)

    def take(self) -> Message:
        """The next message, of which there must be one."""
        message = self._messages.popleft()
        self._size -= len(message)
        while self._rooms and not self._full:
            self._rooms.pop(0).callback(None)
        return message

    def get(self) -> Deferred[Any]:
        """The next message.

        :return: Fails with what :meth:`end` was told, once all that has come is taken.  Cancelling it
            loses no message.
        :raises RuntimeError: Somebody waits for the next one already.
        """
        if self._messages:
            return succeed(self.take())
        if self._end is not None:
            return failed(self._end)
        if self._reader is not None:
            raise RuntimeError("the next message is awaited already: one reader at a time")

        def forget(_: object) -> None:
            self._reader = None

        self._reader = Deferred(forget)
        return self._reader
