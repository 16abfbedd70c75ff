"""Thousands of honest clients in one thread, who say a little now and then and know how long its echo takes.

Imports nothing of wsapp.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import struct
import time
from collections import Counter

from tests.live.raw import CLOSE, KEY, PING, PONG, TEXT, frame

__all__ = ["People", "percentile"]

REQUEST = (
    "GET /?asks HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()


def percentile(values: list[float], share: float) -> float:
    """:return: The value below which that share of them lies; not a number where there are none."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


class Person:
    """One client."""

    __slots__ = ("buffer", "open", "said", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.buffer = b""
        self.open = False
        self.said = 0.0
        with contextlib.suppress(BlockingIOError):
            self.socket.connect(("127.0.0.1", port))


class People:
    """So many clients of the server at a port.

    :ivar taken: Round trips in seconds.
    :ivar lost: Clients that the server has dropped, by what it said: a close code, "reset", "ended".
    """

    def __init__(self, port: int, count: int) -> None:
        self.port = port
        self.count = count
        self.selector = selectors.DefaultSelector()
        self.all: list[Person] = []
        self.taken: list[float] = []
        self.lost: Counter[str] = Counter()
        self.message = frame(TEXT, b"x" * 32)

    def connect(self, ahead: int = 40, limit: float = 300) -> float:
        """Connect all, so many at a time.

        :return: The seconds that it took.
        :raises AssertionError: Not all are there in time.
        """
        began = time.monotonic()
        while sum(self.lost.values()) == 0 and time.monotonic() - began < limit:
            opening = sum(not one.open for one in self.all[-ahead * 2 :])
            while opening < ahead and len(self.all) < self.count:
                person = Person(self.port)
                self.all.append(person)
                self.selector.register(person.socket, selectors.EVENT_WRITE, person)
                opening += 1
            if not opening and len(self.all) == self.count and all(one.open for one in self.all):
                return time.monotonic() - began
            self.look(0.05)
        raise AssertionError(f"{len(self.all)} have come, {dict(self.lost)} were lost, in {limit:g} s")

    def look(self, seconds: float) -> None:
        """Wait so long for something, and attend to it."""
        for key, events in self.selector.select(seconds):
            person = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    person.socket.send(REQUEST)
                    self.selector.modify(person.socket, selectors.EVENT_READ, person)
                else:
                    self.read(person)
            except BlockingIOError:
                pass
            except OSError:
                self.gone(person, "reset")

    def gone(self, person: Person, how: str) -> None:
        """The server has dropped one."""
        self.lost[how] += 1
        self.all.remove(person)
        self.selector.unregister(person.socket)
        person.socket.close()

    def read(self, person: Person) -> None:
        """Take what has come."""
        data = person.socket.recv(65536)
        if not data:
            self.gone(person, "ended")
            return
        person.buffer += data
        if not person.open:
            head, end, rest = person.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self.gone(person, head[9:12].decode())
                return
            person.open, person.buffer = True, rest
        while len(person.buffer) >= 2 and len(person.buffer) >= 2 + person.buffer[1]:
            opcode, size = person.buffer[0] & 15, person.buffer[1]
            payload, person.buffer = person.buffer[2 : 2 + size], person.buffer[2 + size :]
            if opcode == TEXT:
                self.taken.append(time.perf_counter() - person.said)
                person.said = 0.0
            elif opcode == PING:
                person.socket.send(frame(PONG, payload))
            elif opcode == CLOSE:
                self.gone(person, str(struct.unpack(">H", payload[:2])[0]))
                return

    def talk(self, seconds: float, rate: float) -> None:
        """Let them talk for a while, so many messages a second in all, by whoever has none in flight.

        :ivar taken: Is begun anew.
        """
        self.taken = []
        begun, said = time.perf_counter(), 0
        while (now := time.perf_counter()) < begun + seconds:
            while said < (now - begun) * rate and self.all:
                said += 1
                person = random.choice(self.all)
                if person.open and not person.said:
                    person.said = time.perf_counter()
                    with contextlib.suppress(OSError):
                        person.socket.send(self.message)
            self.look(0.001)

    def leave(self) -> None:
        """All go, without a word."""
        for person in self.all:
            self.selector.unregister(person.socket)
            person.socket.close()
        self.all.clear()
