"""One whole connection, in memory and virtual time, and all that must be true of it after each step.

A :class:`Conduct` plays a client that sends, reads, stalls and leaves, and an application that
answers late, sends, closes and fails; a fuzzer or hypothesis says in which order.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher

from tests.fuzz.inputs import Wrong, need
from tests.peers import NUMBERS, Recorder, World, opening
from tests.wire.machines import cut, deflated, frame
from wsapp.client import Client
from wsapp.errors import UnsupportedByVersion, WsappError
from wsapp.limits import Limits
from wsapp.wire.deflate import Compression, Inflater
from wsapp.wire.events import Close, Ping, Pong, Violation
from wsapp.wire.hixie import HixieReceiver
from wsapp.wire.selection import HybiReceiver

__all__ = ["LIMITS", "WAYS", "Conduct"]

#: Small, so that they are met.
LIMITS: dict[str, Any] = {
    "maxMessage": 2000,
    "maxFragments": 8,
    "maxQueue": 3,
    "maxSendBuffer": 3000,
    "stallTimeout": 3,
    "pingInterval": 8,
    "pingTimeout": 4,
    "idleTimeout": 30,
    "closeTimeout": 2,
    "maxPings": 2,
}
#: What a client may speak: a version, and whether permessage-deflate is offered.
WAYS = [*((version, False) for version in NUMBERS), ("RFC 6455", True)]

_KEY = b"\x11\x22\x33\x44"
_BUFFER = 1500  # what the transport takes before it asks to pause
# Behind the limit there may still wait: one message, which found room, and control frames.
_MOST_BUFFERED = LIMITS["maxSendBuffer"] + 4 * 140


class Conduct:
    """A client, a server, an application, and what each of them has seen.

    :ivar sent: The messages that the client's stream has said up to now, as long as it is clear what
        it says.
    :ivar failing: Whether hooks raise.
    :ivar late: Whether hooks take their time: until :meth:`finishHook`.
    """

    def __init__(self, version: str = "RFC 6455", deflate: bool = False) -> None:
        self._logged: list[LogEvent] = []
        self._observer = cast(ILogObserver, self._logged.append)
        globalLogPublisher.addObserver(self._observer)
        self.version, self.deflate = version, deflate
        self.number = NUMBERS[version]
        self.late = self.failing = False
        self.failed = 0
        self._hooks: list[Deferred[None]] = []
        self.sent: list[str | bytes] = []
        self.pinged: list[bytes] = []
        self._clear = True  # whether the stream so far is valid, and goes on
        self._closed: Close | None = None  # what the client's Close says
        self._ended = False  # whether this side ended it: then not all need be delivered
        self._stream = b""  # of the client's, not yet on its way to the server
        self.taken: list[str | bytes] = []  # what the application's send() took
        self._largest = 0  # of those frames
        self._told: list[str | bytes] = []  # messages that the client has read
        self._ponged: list[bytes] = []
        self._said: Close | None = None
        self._shaken = False
        hook = self._hook
        self.app = Recorder(onConnect=hook, onMessage=hook, onDisconnect=hook, onError=self._onError)
        self.world = World(self.app, LIMITS, compression=Compression.TAKEOVER)
        self.peer = self.world.peer(bufferSize=_BUFFER)
        self._opening = opening(
            version, *(["Sec-WebSocket-Extensions: permessage-deflate"] if deflate else [])
        )

    # What the application does

    def _hook(self, *arguments: object) -> Deferred[None] | None:
        need(not self._hooks, "a hook is called while another one is not done")
        if self.failing:
            self.failed += 1
            raise ValueError("on purpose")
        if not self.late:
            return None
        hook: Deferred[None] = Deferred()
        self._hooks.append(hook)
        hook.addBoth(self._hookDone)
        return hook

    def _hookDone(self, result: object) -> object:
        self._hooks.clear()
        return result

    def _onError(self, client: object, failure: Any) -> None:
        need(failure.check(ValueError) is not None, f"onError is told {failure!r}")

    def finishHook(self) -> None:
        """The hook that takes its time is done."""
        for hook in self._hooks[:]:
            hook.callback(None)
        self.world.clock.advance(0)

    @property
    def client(self) -> Client | None:
        """The application's client, once there is one."""
        return self.app.known[0] if self.app.known else None

    def send(self, message: str | bytes) -> None:
        """The application sends."""
        if self.client is None:
            return
        try:
            if self.client.send(message):
                self.taken.append(message)
                self._largest = max(
                    self._largest, len(message if isinstance(message, bytes) else message.encode())
                )
        except UnsupportedByVersion:
            need(
                self.number is None and isinstance(message, bytes), f"{self.version} cannot carry {message!r}"
            )

    def closeFromApp(self, code: int, reason: str) -> None:
        """The application closes."""
        if self.client is not None:
            self.client.close(code, reason)
            self._ended = True

    def abortFromApp(self) -> None:
        """The application aborts."""
        if self.client is not None:
            self.client.abort()
            self._ended = True

    def stopServer(self) -> None:
        """The server stops."""
        self._ended = True
        self.world.server.stopService()

    def askFromApp(self) -> None:
        """The application waits: for a pong, and for all to have left."""
        if self.client is not None:
            for waiting in (self.client.ping(), self.client.drained()):
                cast("Deferred[Any]", waiting).addErrback(lambda failure: failure.trap(WsappError))

    # What the client does

    def shake(self, places: list[int]) -> None:
        """The opening handshake, in pieces."""
        for piece in cut(self._opening, places):
            self.peer.feed(piece)
        said, _, rest = self.peer.take().partition(b"\r\n\r\n")
        need(said.startswith(b"HTTP/1.1 101 "), f"{said!r}")
        need((b"permessage-deflate" in said) is self.deflate, f"{said!r}")
        limits = Limits(maxMessage=1 << 30)
        if self.number is not None:
            inflater = Inflater(15, False) if self.deflate else None
            self.peer.receiver = HybiReceiver(limits, self.number, inflater, masked=False)
        else:
            self.peer.receiver = HixieReceiver(limits, self.version == "hixie-76")
            rest = rest[16:] if self.version == "hixie-76" else rest
        self.peer.receiver.receive(rest)
        self._shaken = True

    def say(self, message: str | bytes, places: list[int], compressed: bool, between: bytes | None) -> None:
        """The client sends a message, in fragments, with a ping between them."""
        payload = message if isinstance(message, bytes) else message.encode()
        if self.number is None:
            if isinstance(message, str):
                self._put(b"\x00" + payload + b"\xff", [message])
            return
        rsv = 4 if compressed and self.deflate else 0
        # What deflate makes of each message alone is also right where the window is kept.
        sent = deflated(payload) if rsv else payload
        pieces = cut(sent, places[: LIMITS["maxFragments"] - 1])
        frames = [
            frame(
                0 if number else 1 if isinstance(message, str) else 2,
                piece,
                fin=number == len(pieces) - 1,
                rsv=0 if number else rsv,
                key=_KEY,
            )
            for number, piece in enumerate(pieces)
        ]
        if between is None:
            self._put(b"".join(frames), [message])
        else:
            self._put(frame(9, between, key=_KEY).join(frames), [message], [between] * (len(frames) - 1))

    def pingServer(self, payload: bytes) -> None:
        """The client pings."""
        if self.number is not None:
            self._put(frame(9, payload, key=_KEY), [], [payload])

    def closeFromClient(self, code: int) -> None:
        """The client says its Close."""
        if not self._clear or self.version == "hixie-75" or self.peer.gone:
            return
        if self.number is None:
            self._put(b"\xff\x00")
            self._closed = Close(1005, "")
        else:
            said = 1004 if code == 1009 and self.number < 13 else code  # "too large", as it was then
            self._put(frame(8, said.to_bytes(2, "big") + b"bye", key=_KEY))
            self._closed = Close(code, "bye")
        self._clear = False

    def spoil(self, data: bytes) -> None:
        """The client sends anything, and from then on nobody knows what it says."""
        self._put(data)
        self._ended = True
        self._clear = False

    def _put(self, data: bytes, messages: list[str | bytes] = [], pings: list[bytes] = []) -> None:  # noqa: B006
        if self.peer.gone:
            return
        self._stream += data
        if self._clear:
            self.sent += messages
            self.pinged += pings

    def deliver(self, size: int) -> None:
        """So many bytes of the client's stream reach the server, if it reads."""
        if self.peer.transport.reading and not self.peer.gone and self._stream:
            data, self._stream = self._stream[:size], self._stream[size:]
            self.peer.feed(data)

    def read(self) -> None:
        """The client reads all that there is."""
        if not self._shaken:
            self.peer.take()  # no frames, then
        for event in self.peer.events():
            if isinstance(event, (str, bytes)):
                need(self._said is None, "a message behind a Close")
                self._told.append(event)
            elif isinstance(event, Ping):
                if self._clear and not self.peer.gone:
                    # At once, and before what is still to come: between two frames, not amid one.
                    self._answer(event.payload)
            elif isinstance(event, Pong):
                self._ponged.append(event.payload)
            elif isinstance(event, Close):
                self._said = event
            else:
                assert isinstance(event, Violation)
                raise Wrong(f"the server breaks the protocol: {event}")

    def _answer(self, payload: bytes) -> None:
        self._put(frame(10, payload, key=_KEY))

    def leave(self, clean: bool) -> None:
        """The client's connection ends."""
        self._ended = self._ended or not clean or bool(self._stream)
        if clean:
            self.peer.lose()
        else:
            self.peer.reset()

    def wait(self, seconds: float) -> None:
        """Time passes, in which the client does nothing: the server may lose patience."""
        self.world.advance(seconds)
        self._ended = self._ended or self.peer.transport.ended is not None or self.peer.gone

    # What must be true

    def check(self) -> None:
        """After each step.

        :raises Wrong: It is not so.
        """
        told = self.app.told
        kinds = [entry[0] for entry in told]
        need(kinds.count("connect") == self._shaken, f"{kinds}")
        need(kinds[:1] == ["connect"] or not kinds, f"{kinds}")
        need(kinds.count("disconnect") <= 1, "onDisconnect is called twice")
        if "disconnect" in kinds:
            need(set(kinds[kinds.index("disconnect") + 1 :]) <= {"error"}, f"{kinds}")
        got = self.app.messages
        expected = self.sent[: len(got)] if not self._clear and self._closed is None else self.sent
        need(got[: len(expected)] == expected[: len(got)], f"{got!r} is no beginning of {expected!r}")
        if self._clear or self._closed:
            need(len(got) <= len(self.sent), f"{got!r}, but only {self.sent!r} was said")
        need(self._told == self.taken[: len(self._told)], f"{self._told!r} is no beginning of {self.taken!r}")
        if self._clear or self._closed:
            pings = iter(self.pinged)
            need(all(any(ping == pong for ping in pings) for pong in self._ponged), f"pongs {self._ponged!r}")
        if self.client is not None:
            buffered = self.client.bufferedAmount
            need(0 <= buffered <= _MOST_BUFFERED + self._largest, f"bufferedAmount is {buffered}")
        if self._said is not None and self._said.code != 1005:
            need(
                self._said.code in (*range(1000, 1004), 1004, *range(1007, 1015)) or self._said.code >= 3000,
                f"{self._said}",
            )
        for event in self._logged:
            if "log_failure" in event or event.get("isError"):
                raise Wrong(f"logged: {formatEvent(event)} {event.get('log_failure')}")

    def settle(self) -> None:
        """Let all that is on its way arrive, without letting time pass."""
        self.late = False
        before: tuple[object, ...] = ()
        for _ in range(1000):
            now = (
                len(self._stream),
                len(self.app.told),
                len(self._told),
                len(self._hooks),
                self.peer.transport.reading,
            )
            if now == before:
                break
            before = now
            self.finishHook()
            self.deliver(1 << 20)
            self.read()
            self.world.settle()
            self.check()
        else:
            raise Wrong("it does not settle")
        overrun = self.world.terms.metrics.overrun
        if self._ended or self.failed or overrun or not self.app.known or not (self._clear or self._closed):
            return
        need(self.app.messages == self.sent, f"{self.app.messages!r} of {self.sent!r} were delivered")
        if self._closed is None and not self.peer.gone:
            need(self._told == self.taken, f"{self._told!r} of {self.taken!r} were delivered")
        if self._closed is not None:
            need(self.app.ends == [(*self._closed, True)], f"{self.app.ends}, where {self._closed} was said")

    def end(self) -> None:
        """Settle, and leave: nothing stays behind.

        :raises Wrong: Something does.
        """
        try:
            self.settle()
            self.leave(True)
            self.finishHook()
            self.world.advance(0.5)
            self.check()
            if self.app.known:
                need(len(self.app.ends) == 1, f"onDisconnect was called {len(self.app.ends)} times")
            need(not self.world.factory.listener.connections, "a connection is left")
            need(not list(self.world.app.clients), "a client is left")
            admission = self.world.terms.admission
            need((admission.total, admission.byAddress) == (0, {}), "it still counts")
            calls = [str(call) for call in self.world.clock.getDelayedCalls()]
            need(not [call for call in calls if "LogDateTime" not in call], f"timers are left: {calls}")
        finally:
            self.forget()

    def forget(self) -> None:
        """Look at the log no more."""
        if self._observer is not None:
            globalLogPublisher.removeObserver(self._observer)
            self._observer = cast(ILogObserver, None)
