"""Tests of `wsapp.admin.gate`: who has the token, and for how long a browser is believed."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.admin.world import TOKEN
from wsapp.admin.gate import LEAST, SESSION, Gate, readToken


class GateTests(SynchronousTestCase):
    """One gate."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.gate = Gate(TOKEN, self.clock.seconds, self.clock.seconds)

    def test_token(self) -> None:
        """It, and nothing like it; what is no text either."""
        self.assertTrue(self.gate.admits(TOKEN))
        for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\ud800", "ä" * 50):
            self.assertFalse(self.gate.admits(wrong))

    def test_new(self) -> None:
        """Where none is given a new one is made each time, too long to guess."""
        tokens = {Gate(None, self.clock.seconds, self.clock.seconds).token for _ in range(10)}
        self.assertEqual(len(tokens), 10)
        self.assertTrue(all(len(token) >= 43 for token in tokens))

    def test_tries(self) -> None:
        """After so many wrong ones there is a pause for wrong ones; right ones cost nothing, never wait."""
        for _ in range(50):
            self.assertTrue(self.gate.admits(TOKEN))
        tries = 0
        while not self.gate.wait():
            self.gate.admits("wrong")
            tries += 1
        self.assertEqual(tries, 10)
        wait = self.gate.wait()
        for _ in range(1000):
            self.assertFalse(self.gate.admits("wrong"))
        self.assertEqual((self.gate.wait(), self.gate.admits(TOKEN)), (wait, True))
        self.clock.advance(wait)
        self.assertEqual(self.gate.wait(), 0)
        self.gate.admits("wrong")
        self.assertTrue(self.gate.wait() > 0)

    def test_session(self) -> None:
        """A browser is believed until its session runs out, after a restart too; no longer."""
        session = self.gate.session()
        self.assertNotIn(TOKEN, session)
        again = Gate(TOKEN, self.clock.seconds, self.clock.seconds)
        self.assertEqual(again.expires(session), SESSION)
        self.clock.advance(SESSION + 1)
        self.assertIsNone(self.gate.expires(session))

    def test_forged(self) -> None:
        """Nothing else is: of another token, changed, or none."""
        session = self.gate.session()
        other = Gate(TOKEN + "2", self.clock.seconds, self.clock.seconds)
        changed = session[:-2] + ("A" if session[-2] != "A" else "B") + session[-1]
        for wrong in (other.session(), changed, TOKEN, "", None, "x.y.z"):
            self.assertIsNone(self.gate.expires(wrong))

    def test_cookie(self) -> None:
        """Each port has a name of its own."""
        names = [
            Gate.cookie(host)
            for host in ("localhost:9000", "localhost:9001", "localhost", "[::1]:9000", "[::1]")
        ]
        self.assertEqual(
            names, ["wsapp-admin-9000", "wsapp-admin-9001", "wsapp-admin", "wsapp-admin-9000", "wsapp-admin"]
        )


class FileTests(SynchronousTestCase):
    """--admin-token-file."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def test_read(self) -> None:
        """The first line, without what is around it."""
        self.path.write_text(f"  {TOKEN} \nmore\n")
        self.assertEqual(readToken(self.path), TOKEN)

    def test_wrong(self) -> None:
        """What cannot be read, or is too short, is said without the token."""
        self.assertIn("cannot be read", str(self.assertRaises(ValueError, readToken, self.path)))
        self.path.write_bytes(b"\xff" * 50)
        self.assertIn("UTF-8", str(self.assertRaises(ValueError, readToken, self.path)))
        for short in ("", "secret", "s" * (LEAST - 1)):
            self.path.write_text(short)
            error = str(self.assertRaises(ValueError, readToken, self.path))
            self.assertIn(f"{len(short)} characters", error)
            if short:
                self.assertNotIn(short + " ", error)
        self.path.write_text("s" * LEAST)
        self.assertEqual(len(readToken(self.path)), LEAST)
