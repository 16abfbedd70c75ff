"""The room of docs/howto/migrating.rst: the same conversation with Autobahn's, websockets' and ours."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from contextlib import suppress as allow
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.case import LiveTestCase
from tests.live.server import LIMIT, freePort, waitFor

try:
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.sync.client import ClientConnection, connect
    from websockets.typing import Origin
except ImportError:  # then setUp skips, or fails where live tests are required
    pass

HERE = Path(__file__).parents[2] / "docs" / "snippets" / "migrating"


class MigratingTests(LiveTestCase):
    """Who changes the server need not change a client."""

    needs = ("websockets", "autobahn package")

    def setUp(self) -> None:
        super().setUp()
        if not HERE.is_dir():
            raise SkipTest(f"{HERE} is not here: these tests were copied without the project")

    def theirs(self, name: str) -> int:
        """:return: The port of a server of *name*'s."""
        port = freePort()
        output = (self.folder() / "output").open("wb")
        self.addCleanup(output.close)
        process = subprocess.Popen(
            [sys.executable, str(HERE / name), str(port)], stdout=output, stderr=subprocess.STDOUT
        )

        def end() -> None:
            process.kill()
            process.wait(LIMIT)

        self.addCleanup(end)

        def listens() -> bool:
            self.assertIsNone(process.poll(), Path(output.name).read_text())
            with allow(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        waitFor(f"{name} on port {port}", listens)
        return port

    def client(self, port: int, path: str) -> ClientConnection:
        """A connection of the package's."""
        return connect(
            f"ws://127.0.0.1:{port}{path}",
            origin=Origin("https://example.com"),
            proxy=None,
            open_timeout=LIMIT,
            close_timeout=LIMIT,
        )

    def conversation(self, port: int) -> list[object]:
        """:return: All that the clients hear."""
        with self.assertRaises(InvalidStatus) as refused:
            self.client(port, "/")
        heard: list[object] = [refused.exception.response.status_code]
        with ExitStack() as stack:
            # Who has heard himself is in the room, and the next may come.
            ann = stack.enter_context(self.client(port, "/?name=ann"))
            ann.send("here")
            heard.append(ann.recv(LIMIT))
            bob = stack.enter_context(self.client(port, "/?name=bob"))
            bob.send("here")
            heard += [ann.recv(LIMIT), bob.recv(LIMIT)]
            bob.send(b"\x00")
            bob.send("hallo")
            heard += [ann.recv(LIMIT), bob.recv(LIMIT)]
            ann.send("bye")
            heard.append(bob.recv(LIMIT))
            with self.assertRaises(ConnectionClosed):
                ann.recv(LIMIT)
            heard += [ann.close_code, ann.close_reason]
            bob.send("x" * 65537)
            with self.assertRaises(ConnectionClosed):
                bob.recv(LIMIT)
            heard.append(bob.close_code)
        return heard

    EXPECTED = [403, "ann: here", "bob: here", "bob: here", "bob: hallo", "bob: hallo"]
    EXPECTED += ["ann left", 1000, "goodbye", 1009]

    def test_websockets(self) -> None:
        """As websockets serves it."""
        self.assertEqual(self.conversation(self.theirs("room_websockets.py")), self.EXPECTED)

    def test_ours(self) -> None:
        """As wsapp does."""
        room = f"{HERE / 'room.py'}:Room"
        _, port = self.serve("--allow-origin", "https://example.com", "--app", room)
        self.assertEqual(self.conversation(port), self.EXPECTED)

    def test_autobahn(self) -> None:
        """As Autobahn does, but that it drops who has sent too much (``failByDrop``)."""
        heard = self.conversation(self.theirs("room_autobahn.py"))
        self.assertEqual(heard, [*self.EXPECTED[:-1], 1006])

    def test_asyncio(self) -> None:
        """A hook awaits something of asyncio's, on the reactor that ``twistd wsapp`` chooses."""
        _, port = self.serve("--allow-origin", "https://example.com", "--app", f"{HERE / 'slowly.py'}:Slowly")
        with self.client(port, "/") as client:
            client.send("well")
            self.assertEqual(client.recv(LIMIT), "well")
