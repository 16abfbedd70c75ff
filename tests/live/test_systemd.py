"""The units of docs/, read by systemd's own tools; their command, started by ``systemd-socket-activate``."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.server import LIMIT, Server, script, waitFor

UNITS = Path(__file__).parents[2] / "docs" / "snippets" / "systemd"

#: The first byte of a frame that is a whole message.
FIN = 0x80

#: ``MemoryDenyWriteExecute=yes``, by the kernel's own means where it has them (prctl(2), PR_SET_MDWE), then
#: the command that follows.
STRICTLY = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""

APP = """
import time
from wsapp import App

class Hello(App):
    def onMessage(self, client, message):
        time.sleep(float(message))
        client.send(message)
"""


class Activated(Server):
    """The unit's command, started by the first who connects.

    :param notify: What its NOTIFY_SOCKET is.
    :ivar socket: Where it listens.
    """

    def __init__(self, folder: Path, notify: Path) -> None:
        super().__init__(folder, ())
        self.notify = notify
        self.socket = folder / "socket"
        (folder / "hello.py").write_text(APP)

    @property
    def command(self) -> list[str]:
        """The unit's own, with the paths of this test."""
        unit = (UNITS / "wsapp.service").read_text(encoding="utf-8")
        (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.M)
        words = shlex.split(line.replace("/srv/wsapp/venv/bin/twistd", script("twistd")))
        command = [word.replace("/srv/wsapp/", f"{self.folder}/") for word in words]
        assert f"{self.folder}/hello.py:Hello" in command and "systemd:domain=UNIX:index=0" in command
        return [
            "systemd-socket-activate",
            # Twisted wants the name that systemd itself always gives.
            *("--listen", str(self.socket), "--fdname=wsapp.socket"),
            *(f"--setenv={name}" for name in ("PATH", "PYTHONPATH", "PYTHONUNBUFFERED")),
            *(f"--setenv=NOTIFY_SOCKET={self.notify}", "--setenv=WATCHDOG_USEC=400000"),
            *(sys.executable, "-c", STRICTLY, *command),
        ]

    def listen(self) -> None:
        """Have systemd's tool listen; the server itself starts with the first who connects."""
        self.launch()
        waitFor("systemd-socket-activate", lambda: self.socket.exists())


class UnitTests(LiveTestCase):
    """What systemd says of the units."""

    needs = ("systemd",)

    def test_units(self) -> None:
        """They are read without a complaint, and leave the service little that could harm."""
        folder = self.folder()
        for unit in UNITS.iterdir():
            text = unit.read_text(encoding="utf-8")
            if unit.suffix == ".service":  # see test_workers: what a signal to all processes does
                self.assertIn("\nKillMode=mixed\n", text)
            # It looks whether the command is there.
            (folder / unit.name).write_text(text.replace("/srv/wsapp/venv/bin/twistd", "/bin/true"))
        run = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *map(str, folder.iterdir())],
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        run = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--threshold=10", f"{folder}/wsapp.service"],
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


class ActivationTests(LiveTestCase):
    """A server that systemd starts, listens to and watches."""

    needs = ("systemd",)

    def setUp(self) -> None:
        super().setUp()
        folder = self.folder()
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(str(folder / "notify"))
        self.systemd.settimeout(LIMIT)
        self.activated = Activated(self.folder(), folder / "notify")
        self.addCleanup(self.finish, self.activated)

    def heard(self, but: str = "WATCHDOG=1") -> str:
        """The next that systemd is told, but for one thing."""
        while (said := self.systemd.recv(4096).decode()) == but:
            pass
        return said.partition("\n")[0]

    def test_activation(self) -> None:
        """Who connects first is served, with no right to make code; a reload and the end are told, too."""
        self.activated.listen()
        with Raw(str(self.activated.socket)) as client:
            self.assertIn(" 101 ", client.upgrade())
            client.send(frame(TEXT, b"0"))
            self.assertEqual(client.frame(), (FIN | TEXT, b"0"))
            self.assertEqual(self.heard(), "READY=1")
            self.assertEqual(self.heard(""), "WATCHDOG=1")
            self.activated.signal(signal.SIGHUP)
            self.assertEqual([self.heard(), self.heard()], ["RELOADING=1", "READY=1"])
            self.activated.signal(signal.SIGTERM)
            self.assertEqual(self.heard(), "STOPPING=1")
            opcode, payload = client.frame()
            self.assertEqual((opcode, payload[:2]), (FIN | CLOSE, b"\x03\xe9"))
            client.send(frame(CLOSE, payload))
            self.assertEqual(client.rest(), b"")
        self.assertEqual(self.activated.ended(self.activated.pid), 0)
        self.assertTrue(self.activated.socket.exists(), "the socket is systemd's")

    def test_stuck(self) -> None:
        """A reactor that does not turn tells the watchdog nothing; one that turns again does."""
        self.activated.listen()
        with Raw(str(self.activated.socket)) as client:
            client.upgrade()
            self.assertEqual(self.heard(), "READY=1")
            begun = time.monotonic()
            client.send(frame(TEXT, b"2"))
            gaps = []
            while len(client.buffer) == 0 and time.monotonic() < begun + 2:
                last = time.monotonic()
                self.assertEqual(self.heard(""), "WATCHDOG=1")
                gaps.append(time.monotonic() - last)
            # systemd would have waited 0.4 s.
            self.assertGreater(max(gaps), 1.5)
            self.assertEqual(client.frame(), (FIN | TEXT, b"2"))
            self.assertEqual(self.heard(""), "WATCHDOG=1")

    def test_restart(self) -> None:
        """Who connects while nothing runs waits, and is served by the next process."""
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def start() -> Server:
                server = self.server("--port", "systemd:domain=INET:index=0", "--app", "echo")
                server.handed = listening
                return server.start()

            port = listening.getsockname()[1]
            first = start()
            with Raw(port) as client:
                self.assertIn(" 101 ", client.upgrade())
            self.assertEqual(first.stop(), 0)
            with Raw(port) as client:
                client.request(
                    "/",
                    "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                )
                start()
                self.assertIn(" 101 ", client.head())
                client.send(frame(TEXT, b"still here"))
                self.assertEqual(client.frame(), (FIN | TEXT, b"still here"))
