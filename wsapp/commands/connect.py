"""``wsapp connect``: a person, or a pipe, talks to a WebSocket server."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.threads import blockingCallFromThread
from twisted.python.failure import Failure

from wsapp.client import Disconnection
from wsapp.commands.terminal import Screen, harmless
from wsapp.commands.tracing import traced
from wsapp.errors import ConnectFailed, HandshakeRefused, WsappError
from wsapp.outgoing import dial
from wsapp.outgoing.conversation import ClientConnection
from wsapp.outgoing.dialing import Dialing

__all__ = ["Talk", "lines", "talk"]

HELP = """\
A line is sent as a text message. Besides:
  /ping                  ping the server, and show how long the answer takes
  /binary 00 ff 1a       send bytes
  /close [CODE [REASON]] close, and end
  //text                 send /text
  /help                  this"""

#: A line longer than this is cut: nobody's memory is to be filled by a pipe.
LONGEST = 16 << 20
# What a request says that is nobody's business but the server's.
_SECRET = ("authorization", "proxy-authorization", "cookie")


def talk(reactor: Any, read: argparse.Namespace, options: dict[str, Any]) -> Deferred[None]:
    """Connect, and talk until the end.

    :return: Fails with SystemExit.
    """
    return ensureDeferred(_talk(reactor, read, options))


async def _talk(reactor: Any, read: argparse.Namespace, options: dict[str, Any]) -> None:
    conversation = Talk(reactor, Screen(sys.stdout), Screen(sys.stderr), read.verbose, read.wait)
    kind = traced(conversation.note("> "), conversation.note("< ")) if read.verbose else Dialing
    dialing = kind(read.url, **options)
    try:
        connection = await dial(
            dialing, conversation, reactor, dialing.terms(reactor), read.timeout, lambda: None
        )
    except HandshakeRefused as error:
        conversation.refused(error)
        raise SystemExit(3) from None
    except ConnectFailed as error:
        conversation.problem(str(error))
        raise SystemExit(3) from None
    # With anything but two terminals input() holds a lock, which the thread that is left at exit would keep.
    interactive = sys.stdin is not None and sys.stdin.isatty() and conversation.shown
    conversation.begin(connection, interactive)
    closed = await connection.whenClosed()
    raise SystemExit(conversation.ended(closed))


def lines(descriptor: int) -> Iterator[bytes]:
    """The lines of a file, without their ends, as they come.

    Read without the lock of a file object's, which a thread that is left at exit would hold.
    """
    rest = b""
    while True:
        data = os.read(descriptor, 65536)
        if not data:
            break
        *whole, rest = (rest + data).split(b"\n")
        yield from whole
        if len(rest) > LONGEST:
            yield rest
            rest = b""
    if rest:
        yield rest


class Talk:
    """The hooks of the connection, and what is done with input.

    :param out: Where messages are shown.
    :param err: Where everything else is.
    :param wait: Seconds without a message after which the connection is closed, once the input has ended.
    """

    def __init__(self, reactor: Any, out: Screen, err: Screen, verbose: bool, wait: float) -> None:
        self._reactor = reactor
        self._out = out
        self._err = err
        self._verbose = verbose
        self._wait = wait
        self._connection: ClientConnection | None = None
        self._leaving: Any = None  # the call that closes, once the input has ended
        self._over = False
        self._failure: Exception | None = None  # of the input or the output
        self._prompt: Callable[[], str] = str

    @property
    def shown(self) -> bool:
        """Whether a person sees the messages."""
        return self._out.terminal

    # The connection's hooks

    def onMessage(self, connection: ClientConnection, message: str | bytes) -> None:
        """Show a message."""
        if self._leaving is not None and self._leaving.active():
            self._leaving.reset(self._wait)
        if isinstance(message, bytes):
            if self._out.terminal:
                shown = message[:64].hex(" ") + (" ..." if len(message) > 64 else "")
                text = f"({len(message):,} bytes) {shown}"
            else:
                text = message.hex()
        else:
            text = harmless(message) if self._out.terminal else message
        self._show(
            self._out, f"< {text}" if self._out.terminal else text, "green" if self._out.terminal else ""
        )
        if (error := self._out.failure) is not None and not connection.leaving:
            # Who reads the pipe may have had enough, as `head` has: no reason to complain.
            if not isinstance(error, BrokenPipeError):
                self._failed(error, "output cannot be written")
            connection.close()

    # What is shown

    def _show(self, screen: Screen, text: str, colour: str = "") -> None:
        prompt = self._prompt()
        if prompt:
            screen.moment("")
        screen.line(text, colour)
        if prompt:
            self._out.write(prompt)

    def problem(self, text: str) -> None:
        """Say what went wrong."""
        self._show(self._err, f"wsapp: {harmless(text)}", "red")

    def note(self, mark: str) -> Callable[[str], None]:
        """What shows the lines of one direction."""
        return lambda text: self._show(self._err, f"{mark}{text}", "grey")

    def refused(self, error: HandshakeRefused) -> None:
        """Show a refusal."""
        self.problem(str(error))
        if self._verbose:
            for name, value in error.headers:
                self._show(self._err, f"< {harmless(f'{name}: {value}')}", "grey")
        body = error.body.decode("utf-8", "replace").strip()
        if body:
            self._show(self._err, harmless(body[:2000]))

    def begin(self, connection: ClientConnection, interactive: bool) -> None:
        """There is a connection: read the input."""
        self._connection = connection
        if self._verbose:
            self._handshake(connection)
        if interactive:
            agreed = f", {connection.subprotocol}" if connection.subprotocol else ""
            self._show(
                self._err,
                f"connected to {connection.url} ({connection.version}{agreed}); /help helps",
                "blue",
            )
        # Ctrl-C takes leave too.
        self._reactor.addSystemEventTrigger("before", "shutdown", connection.close)
        threading.Thread(target=self._input, args=(interactive,), name="input", daemon=True).start()

    def _handshake(self, connection: ClientConnection) -> None:
        self._show(self._err, f"> GET {connection.url}", "grey")
        for name, value in connection.request.headers:
            shown = "..." if name.lower() in _SECRET else value
            self._show(self._err, f"> {name}: {shown}", "grey")
        for name, value in connection.headers:
            self._show(self._err, f"< {harmless(f'{name}: {value}')}", "grey")

    def ended(self, closed: Disconnection) -> int:
        """The connection is over.

        :return: The exit status.
        :raises Exception: What went wrong with the input, where that is our fault.
        """
        self._over = True
        self._prompt = str
        assert self._connection is not None
        if self._failure is not None:
            if not isinstance(self._failure, OSError):
                raise self._failure
            return 1
        good = self._connection.leaving or (closed.clean and closed.code in (1000, 1001, 1005))
        if self._verbose or self._err.terminal or not good:
            reason = f" {harmless(closed.reason)}" if closed.reason else ""
            how = "" if closed.clean else ", without a closing handshake"
            self._show(self._err, f"closed: {closed.code}{reason}{how}", "blue" if good else "red")
        return 0 if good else 1

    def _failed(self, error: OSError, what: str) -> None:
        self._failure = self._failure or error
        self.problem(f"the {what}: {error.strerror}")

    # Input, in a thread of its own

    def _input(self, interactive: bool) -> None:
        try:
            if interactive:
                self._typed()
            else:
                self._piped()
        except Exception as error:
            self._reactor.callFromThread(self._inputFailed, error)

    def _inputFailed(self, error: Exception) -> None:
        """Nobody would notice that nothing is read any more: end the process."""
        assert self._connection is not None
        if self._over:
            return
        if isinstance(error, OSError):
            self._failed(error, "input cannot be read")
            self._connection.close()
        else:
            self._failure = error
            self._connection.abort()

    # From a pipe

    def _piped(self) -> None:
        # None, where the process was given none, is as good as an empty one.
        for line in lines(sys.stdin.fileno()) if sys.stdin is not None else ():
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            # Back-pressure: the next line is read when this one has room.
            if not blockingCallFromThread(self._reactor, self._send, text):  # type: ignore[arg-type]
                return
        self._reactor.callFromThread(self._inputEnded)

    def _inputEnded(self) -> None:
        if not self._over:
            self._leaving = self._reactor.callLater(self._wait, self._close)

    def _close(self) -> None:
        assert self._connection is not None
        self._connection.close()

    def _send(self, message: str | bytes) -> Deferred[bool]:
        """:return: Whether it is on its way, once there is room for more."""
        assert self._connection is not None
        return self._connection.send(message).addCallbacks(lambda _: True, self._unsent)

    def _unsent(self, failure: Failure) -> bool:
        failure.trap(WsappError)
        assert self._connection is not None
        if not (self._over or self._connection.leaving):
            self.problem(failure.getErrorMessage())
        return False

    # From a person

    def _typed(self) -> None:
        try:
            import readline
        except ImportError:  # Windows: without history
            self._prompt = lambda: "" if self._over else "> "
        else:
            readline.set_auto_history(True)
            self._prompt = lambda: "" if self._over else f"> {readline.get_line_buffer()}"
        restore = _terminalState()
        self._reactor.addSystemEventTrigger("after", "shutdown", restore)
        try:
            while not self._over:
                line = input("> ")
                blockingCallFromThread(self._reactor, self._command, line)
        except EOFError:
            self._reactor.callFromThread(self._close)

    def _command(self, line: str) -> Any:
        result = self.command(line)
        if isinstance(result, Coroutine):
            result = ensureDeferred(result)
        return result

    def command(self, line: str) -> Any:
        """Do what a person says."""
        connection = self._connection
        assert connection is not None
        word, _, rest = line[1:].partition(" ")
        try:
            if not line.startswith("/") or line.startswith("//"):
                return self._send(line.removeprefix("/") if line.startswith("//") else line) if line else None
            if word == "ping":
                connection.ping().addCallbacks(
                    lambda seconds: self._show(self._err, f"pong after {seconds * 1000:.1f} ms", "blue"),
                    self._unsent,
                )
            elif word == "binary":
                return self._send(bytes.fromhex(rest))
            elif word in ("close", "quit"):
                code, _, reason = rest.partition(" ")
                connection.close(int(code or 1000), reason)
            elif word == "help":
                self._show(self._err, HELP)
            else:
                self.problem(f"there is no /{word}; /help says what there is (//{word} sends it)")
        except (ValueError, WsappError) as error:
            self.problem(str(error))
        return None


def _terminalState() -> Callable[[], None]:
    """What puts the terminal back: the thread that reads is simply left."""
    try:
        import termios
    except ImportError:
        return lambda: None
    before = termios.tcgetattr(sys.stdin.fileno())
    return lambda: termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)
