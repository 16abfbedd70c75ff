"""Files in binary messages, with their progress: `twistd -n wsapp --app examples/upload.py:Upload`.

A text message says what comes, ``{"name": "a.png", "size": 12345}``, and once that is answered by ``go``
its bytes come in binary messages.  Each is answered with how much is there, the last one with the file's
SHA-256.  The page has a few of them under way at once, so that neither side holds more of a file than that.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.web.resource import IResource

from wsapp import App, Client, Disconnection
from wsapp.web import StaticFolder

PAGES = Path(__file__).with_name("pages")

#: Bytes of a file in one message, at most.
PIECE = 64 * 1024
#: Seconds that a piece may take to come; then the upload is given up, and its room is free again.
PATIENCE = 60.0


class Incoming:
    """A file that is not complete yet.

    :param end: What happens if nothing comes for too long.
    """

    def __init__(self, path: Path, size: int, end: IDelayedCall) -> None:
        self.path = path
        self.size = size
        self.received = 0
        self.digest = hashlib.sha256()
        self.end = end
        self.file = path.open("wb")

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        # Into the kernel's cache, in microseconds.  For a disk over a network: await deferToThread(...)
        self.file.write(piece)
        self.digest.update(piece)
        self.received += len(piece)
        if self.end.active():  # else it has come too late
            self.end.reset(PATIENCE)

    def close(self) -> None:
        """No more bytes come."""
        if self.end.active():
            self.end.cancel()
        self.file.close()


class Upload(App):
    """Takes files, and keeps them, each named by its SHA-256, until the server stops.

    What a client calls a file is shown by its own page only; it never becomes part of a path.

    :param largest: Bytes of one file, at most.
    :param room: Bytes of all files together, at most, those under way included.
    """

    reactor: IReactorTime
    groups = False  # clients are reached one by one: any number of nodes need no broker
    limits = {"maxMessage": PIECE}

    def __init__(self, largest: int = 64 * 1024**2, room: int = 1024**3) -> None:
        super().__init__()
        self.largest = largest
        self.room = room

    def resource(self) -> IResource:
        return StaticFolder(PAGES / "upload", also={"base.css": PAGES / "base.css"})

    def onStart(self) -> None:
        self.temporary = tempfile.TemporaryDirectory(prefix="wsapp-upload-")
        self.folder = Path(self.temporary.name)

    def onStop(self) -> None:
        self.temporary.cleanup()

    def onConnect(self, client: Client) -> None:
        client.data = None  # or an Incoming

    def onMessage(self, client: Client, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                self.begin(client, message)
            else:
                self.goOn(client, message)
        except ValueError as error:
            client.close(4400, str(error))

    def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        incoming: Incoming | None = client.data
        if incoming is not None:  # half a file is none
            incoming.close()
            incoming.path.unlink()
            self.room += incoming.size

    def begin(self, client: Client, message: str) -> None:
        """A client says what comes.

        :raises ValueError: It is not understood.
        """
        try:
            match json.loads(message):
                case {"name": str(), "size": int(size)} if size >= 0:
                    pass
                case _:
                    raise ValueError
        except (ValueError, RecursionError):
            raise ValueError('first comes {"name": ..., "size": BYTES}, in text') from None
        if client.data is not None:
            raise ValueError("one file after the other")
        if size > self.largest:
            say(client, "refused", why=f"it has more than {self.largest:,} bytes")
        elif size > self.room:
            say(client, "refused", why="there is no room for it now")
        else:
            self.room -= size
            end = self.reactor.callLater(PATIENCE, client.close, 4408, "nothing has come for too long")
            client.data = Incoming(self.folder / f"incoming-{client.id}", size, end)
            say(client, "go", piece=PIECE)
            self.finish(client)

    def goOn(self, client: Client, piece: bytes) -> None:
        """The next bytes of a file.

        :raises ValueError: They are none.
        """
        incoming: Incoming | None = client.data
        if incoming is None or incoming.received + len(piece) > incoming.size:
            raise ValueError("more came than was said")
        incoming.write(piece)
        say(client, "progress", received=incoming.received)
        self.finish(client)

    def finish(self, client: Client) -> None:
        """Keep the file, if it is complete."""
        incoming: Incoming = client.data
        if incoming.received < incoming.size:
            return
        client.data = None
        incoming.close()
        kept = self.folder / incoming.digest.hexdigest()
        if kept.exists():
            self.room += incoming.size
        incoming.path.replace(kept)
        say(client, "done", sha256=kept.name)


def say(client: Client, kind: str, **more: object) -> None:
    """Tell the client something, in JSON."""
    client.send(json.dumps({"type": kind, **more}))
