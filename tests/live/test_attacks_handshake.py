"""SECURITY: the opening handshake, against a real process.  What each request is answered is `tests.wire`'s;
here it is memory, time, the log, and the other clients."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from tests.live.watching import MB, AttackCase


class SlowTests(AttackCase):
    """Who does not get to the end."""

    def test_timeout(self) -> None:
        """Heads that drip, stop, or never begin, and hixie keys that never come: all are dropped in the time
        from connecting, and the next ones as well."""
        self.begin("--handshake-timeout", "0.25")
        for name in ("trickle", "silence", "partial line", "hixie without key3"):
            came = self.attack(name, held=300 * 16 * 1024)
            # Three rounds of 300, none of which may last.
            self.assertGreater(came["begun"], 3 * 300, name)
            self.assertGreater(came["reset"] + came["ended"], 300, name)
            self.assertEqual(came["400"], 0)

    def test_floods(self) -> None:
        """Heads without end are answered and closed, whatever still comes; at no cost to the others."""
        self.begin()
        for name, status in (("large head", "431"), ("long line", "414"), ("many headers", "431")):
            came = self.attack(name, held=20 * 16 * 1024)
            self.assertGreater(came[status], 50, name)
            self.assertEqual(came["101"], 0)


class PlainTests(AttackCase):
    """Plain HTTP, by clients that come to no WebSocket."""

    def test_forms(self) -> None:
        """Forms that take half a minute to be parsed, or cannot be: they are not parsed."""
        self.begin()
        self.assertGreater(self.attack("forms", held=3 * 2 * MB)["got"], 10_000)
        self.assertNotIn("Traceback", self.running.log)

    def test_pipelined(self) -> None:
        """A read of 256 KiB holds thousands of requests."""
        self.begin()
        self.assertGreater(self.attack("pipelined", held=4 * 2 * MB)["got"], 100_000)

    def test_chunks(self) -> None:
        """A body in 170,000 chunks."""
        self.begin()
        self.attack("tiny chunks", held=4 * 2 * MB)


class WrongTests(AttackCase):
    """Who asks for what is not to be."""

    def test_refused(self) -> None:
        """Handshakes that are wrong in every way, origins and hosts included: refused as they come."""
        self.begin()
        came = self.attack("bad heads")
        for status in ("400", "403", "404", "405", "426"):
            self.assertGreater(came[status], 10, status)
        self.assertEqual(came["101"], 0)
        self.assertIn("of which no line was written", self.stopped())

    def test_notHttp(self) -> None:
        """A TLS hello and garbage on a plain port."""
        self.begin()
        for name in ("tls hello", "garbage"):
            came = self.attack(name)
            self.assertGreater(came["ended"] + came["reset"], 50)
            self.assertEqual(came["101"], 0)

    def test_tooMany(self) -> None:
        """Over the limit of connections, at no cost to those who are in."""
        self.begin("--max-connections", "30", "--handshake-timeout", "5")
        came = self.attack("partial line")
        self.assertGreater(came["503"] + came["reset"] + came["ended"], 200)
        self.assertIn("503", self.running.log)

    def test_hixie(self) -> None:
        """A length that never ends, and a text that never ends: bounded, closed."""
        self.begin()
        for name in ("hixie length", "hixie text"):
            came = self.attack(name, held=20 * 2 * MB)
            self.assertGreater(came["ended"] + came["reset"], 20, name)

    def test_hixieDiscarded(self) -> None:
        """Very many frames of a type that is to be discarded, now and then."""
        self.begin()
        self.attack("hixie discarded", held=2 * MB)

    def stopped(self) -> str:
        """:return: The log, once the server has ended."""
        self.assertEqual(0, self.running.stop())
        return self.running.log
