"""A shell in the browser: `twistd -n wsapp --app examples/terminal.py:Terminal:keys=keys`.

Make the keys first, then for each visit a link, which is good for a minute::

    touch keys && chmod 600 keys
    python -c "import secrets; print(secrets.token_urlsafe(32))" >> keys
    python examples/terminal.py keys

Who has a shell can do all that its user can.  So this answers to this machine alone, and to nobody without a
token, which stands behind the link's ``#``: that part browsers keep to themselves, and no log has it.
It needs pseudo-terminals, which Windows has not.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import sys
import termios
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.internet.error import ConnectionDone, ProcessExitedAlready
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from zope.interface import implementer

from wsapp import App, Client, Disconnection, Reject, Request
from wsapp.authentication import authenticate
from wsapp.tokens import Keys, mint
from wsapp.web import PAGE_POLICY, StaticFolder

PAGES = Path(__file__).with_name("pages")

NAME = "terminal"
LOOPBACK = ("127.0.0.1", "::1")
MOST_SHELLS = 8
#: Bytes that may wait for the browser before the shell has to.
MUCH = 256 * 1024
#: Seconds for which more than 64 KiB of what was typed may wait for a shell that does not read.
PATIENCE = 30.0
#: Seconds that a shell has to end, once it is told to.
GRACE = 3.0


@implementer(IPushProducer)
class Shell(ProcessProtocol):
    """One shell, between its terminal and a client; neither can make the other hold more than a little."""

    transport: Any

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ended: Deferred[None] = Deferred()
        self.writable: Deferred[None] | None = None  # while the shell does not read what was typed

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    # From the shell to the browser

    def outReceived(self, data: bytes) -> None:
        self.client.send(data)
        if self.client.bufferedAmount > MUCH:
            self.transport.pauseProducing()
            self.client.drained().addCallbacks(lambda _: self.transport.resumeProducing(), lambda gone: None)

    def processEnded(self, reason: Failure) -> None:
        self.client.close(1000, "the shell has ended")
        self.ended.callback(None)

    # From the browser to the shell

    def type(self, data: bytes, reactor: Any) -> Deferred[None] | None:
        """:return: What the client's next message is to wait for."""
        self.transport.write(data)
        if self.writable is not None:
            # The last hook waits for this one, also where the client has gone: it must not be for ever.
            self.writable.addTimeout(PATIENCE, reactor).addErrback(self.unread)
        return self.writable

    def unread(self, failure: Failure) -> None:
        """What was typed has waited for too long."""
        failure.trap(TimeoutError)
        self.client.close(4408, "the shell does not read what is typed")

    def pauseProducing(self) -> None:
        self.writable = Deferred()

    def resumeProducing(self) -> None:
        waiting, self.writable = self.writable, None
        if waiting is not None:
            waiting.callback(None)

    stopProducing = resumeProducing

    def resize(self, columns: int, rows: int) -> None:
        """The browser's window has another size, in characters."""
        if self.transport.connected:  # else its descriptor may be another's by now
            fcntl.ioctl(self.transport.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hangUp(self, reactor: Any) -> None:
        """Nobody sits before it any more."""
        if not self.ended.called:
            kill = reactor.callLater(GRACE, self.kill)
            self.ended.addCallback(lambda _: kill.cancel() if kill.active() else None)
            self.signal(signal.SIGHUP)
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def kill(self) -> None:
        """It has not ended by itself, or what it has started keeps the terminal."""
        self.signal(signal.SIGKILL)
        if self.transport.connected:
            self.transport.connectionLost(Failure(ConnectionDone()))

    def signal(self, number: int) -> None:
        """Signal it, if it is still there."""
        try:
            self.transport.signalProcess(number)
        except ProcessExitedAlready:
            pass


class Terminal(App):
    """Gives everybody who has a token a shell of its own, as the server's own user.

    :param keys: The file with the keys that tokens are signed with.
    :param shell: The program.
    """

    groups = False  # clients are reached one by one: any number of nodes need no broker
    limits = {"maxMessage": 64 * 1024}

    def __init__(self, keys: str, shell: str = os.environ.get("SHELL", "/bin/sh")) -> None:
        super().__init__()
        self.keys = Keys.fromFile(keys)
        if os.stat(keys).st_mode & 0o077:
            raise ValueError(f"{keys} may be read by others, who could get a shell by it: chmod 600 {keys}")
        self.shell = shell
        self.shells: set[Shell] = set()

    def resource(self) -> IResource:
        # xterm.js writes style sheets of its own into the page (its issue 4445).  Scripts stay ours alone.
        policy = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
        return StaticFolder(PAGES / "terminal", policy, also={"base.css": PAGES / "base.css"})

    def onHandshake(self, request: Request) -> None:
        if request.peer not in LOOPBACK:
            raise Reject(403, "only from this machine")
        authenticate(request, self.keys, self.name)
        if len(self.shells) >= MOST_SHELLS:
            raise Reject(503, f"there are {MOST_SHELLS} shells already", 4503)

    def onConnect(self, client: Client) -> None:
        shell = Shell(client)
        keep = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "USER")  # no secrets of the server's
        environment = {name: os.environ[name] for name in keep if name in os.environ}
        environment["TERM"] = "xterm-256color"
        self.reactor.spawnProcess(
            shell, self.shell, [self.shell], environment, environment.get("HOME"), usePTY=True
        )
        client.data = shell
        self.shells.add(shell)
        shell.ended.addCallback(lambda _: self.shells.discard(shell))

    def onMessage(self, client: Client, message: str | bytes) -> Deferred[None] | None:
        """Bytes are typed; text is the size of the window, ``[COLUMNS, ROWS]``."""
        shell: Shell = client.data
        if isinstance(message, bytes):
            return shell.type(message, self.reactor)
        try:
            columns, rows = (min(max(int(number), 1), 1000) for number in json.loads(message))
        except (ValueError, TypeError, RecursionError, OverflowError):
            client.close(4400, "text is [COLUMNS, ROWS]")
        else:
            shell.resize(columns, rows)
        return None

    def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        if client.data is not None:
            client.data.hangUp(self.reactor)

    def onStop(self) -> Deferred[Any]:
        return DeferredList([shell.ended for shell in self.shells])


if __name__ == "__main__":
    file, place = [*sys.argv[1:], "http://localhost:8080/terminal/"][:2]
    print(f"{place}#{mint(Keys.fromFile(file), user=os.environ.get('USER', 'somebody'), audience=NAME)}")
