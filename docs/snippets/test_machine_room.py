# mypy: allow-untyped-calls
"""The right password, and others."""

import base64
from pathlib import Path

from machine_room import MachineRoom
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import Rejected, TestClient, TestServer


class MachineRoomTests(SynchronousTestCase):
    def setUp(self) -> None:
        file = Path(self.mktemp())
        file.write_text("open sesame\n")
        self.server = TestServer(MachineRoom(str(file)))
        self.addCleanup(self.server.stop)

    def connect(self, text: str) -> TestClient:
        given = base64.b64encode(text.encode()).decode()
        return self.server.connect(headers={"Authorization": f"Basic {given}"})

    def test_right(self) -> None:
        machine = self.connect("machine:open sesame")
        machine.send("it rains")
        self.assertEqual(machine.receive(), "noted: it rains")

    def test_wrong(self) -> None:
        for text in ("machine:", "machine:open", "ann:open sesame", "machine"):
            refused = self.assertRaises(Rejected, self.connect, text)
            self.assertEqual(refused.status, 401)
            self.assertEqual(refused.headers.get("WWW-Authenticate"), 'Basic realm="machines"')
