# mypy: allow-untyped-calls
"""Who gets in, who does not, and for how long."""

from pathlib import Path
from typing import Any

from members import Members
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestClient, TestServer
from wsapp.tokens import Keys, mint

SECRET = "only for tests, and long enough to be a key"


class MembersTests(SynchronousTestCase):
    def setUp(self) -> None:
        file = Path(self.mktemp())
        file.write_text(SECRET)
        self.server = TestServer(Members(str(file)))
        self.addCleanup(self.server.stop)

    def mint(self, user: str, **options: Any) -> str:
        """As the website does, by the time of these tests."""
        now = self.server.clock.seconds()
        return mint(Keys(SECRET), user, "members", now=now, **options)

    def connect(self, token: str) -> TestClient:
        """As the page does."""
        return self.server.connect(subprotocols=["members", "token." + token])

    def test_member(self) -> None:
        ann = self.connect(self.mint("ann"))
        self.assertEqual(ann.receive(), "hello, ann")
        self.assertEqual(ann.subprotocol, "members")

    def test_strangers(self) -> None:
        self.assertEqual(self.server.connect().closed, (4401, "log in first"))
        forged = mint(Keys(SECRET[::-1]), "ann", "members", now=0)
        self.assertEqual(self.connect(forged).closed, (4401, "the token is not signed by our key"))

    def test_tooLate(self) -> None:
        token = self.mint("ann", lifetime=60)
        self.server.advance(100)
        self.assertEqual(self.connect(token).closed, (4401, "the token has expired"))

    def test_runsOut(self) -> None:
        ann = self.connect(self.mint("ann", session=600))
        self.server.advance(599)
        self.assertIsNone(ann.closed)
        self.server.advance(2)
        self.assertEqual(ann.closed, (1008, "credentials have run out"))

    def test_everywhere(self) -> None:
        phone, laptop = self.connect(self.mint("ann")), self.connect(self.mint("ann"))
        phone.send("log me out everywhere")
        self.assertEqual(laptop.closed, (4403, "logged out"))
        self.assertEqual(phone.closed, (4403, "logged out"))
