"""Tests of `wsapp.brokers.redis.address`: which URLs there are, and what is said of others."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from tests.live.certificates import Authority
from wsapp.brokers.redis.address import Address


class AddressTests(SynchronousTestCase):
    """``--broker``."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def test_read(self) -> None:
        """Each part, percent signs undone, and its default."""
        for url, expected, shown in (
            ("redis://host", ("redis", "host", 6379, "", None, None, 0), "redis://host:6379/0"),
            ("redis://host:7/3", ("redis", "host", 7, "", None, None, 3), "redis://host:7/3"),
            ("redis://host?db=2", ("redis", "host", 6379, "", None, None, 2), "redis://host:6379/2"),
            ("redis://:s%40t@host", ("redis", "host", 6379, "", None, "s@t", 0), "redis://host:6379/0"),
            ("rediss://u:p@[::1]:8", ("rediss", "::1", 8, "", "u", "p", 0), "rediss://[::1]:8/0"),
            (
                "redis+unix:///a/b.sock",
                ("redis+unix", "", 6379, "/a/b.sock", None, None, 0),
                "redis+unix:///a/b.sock",
            ),
            (
                "redis+unix://u:p@/a%20b?db=4",
                ("redis+unix", "", 6379, "/a b", "u", "p", 4),
                "redis+unix:///a b?db=4",
            ),
        ):
            address = Address.fromURL(url)
            found = (address.scheme, address.host, address.port, address.path, address.user)
            self.assertEqual((*found, address.password, address.database), expected, url)
            self.assertEqual(str(address), shown)

    def test_wrong(self) -> None:
        """What is wrong is said, and what would be right; never the password."""
        for url, part in (
            ("", "must be redis://"),
            ("host:6379", "must be redis://"),
            ("http://:secret@host", "http:// is no broker's URL"),
            ("redis://", "names no host"),
            ("redis://:secret@", "names no host"),
            ("redis://:secret@host:port", "no address"),
            ("redis://:secret@host:99999", "no address"),
            ("redis://:sec/ret@host", "no address"),
            ("redis://:secret@host/one", "'one': it must be a number"),
            ("redis://host/-1", "must be a number"),
            ("redis://host/1/2", "must be a number"),
            ("redis://host?timeout=3", "'timeout' is not known"),
            ("redis://host#x", "'x' is not known"),
            ("redis://host?ca=x", "goes with rediss://"),
            ("rediss://host?ca=/nowhere/ca.pem", "/nowhere/ca.pem: there is no such file"),
            ("redis+unix://", "needs the path"),
            ("redis+unix://host/path", "needs the path"),
            ("redis://[::1", "no address"),
        ):
            error = self.assertRaises(ValueError, Address.fromURL, url)
            self.assertIn(part, str(error), url)
            self.assertNotIn("secret", str(error))
            self.assertNotIn("ret@", str(error))
            self.assertNotIn("\n", str(error))

    def test_endpoints(self) -> None:
        """Each leads where it says; names are looked up, addresses are not."""
        reactor = MemoryReactor()
        for url, kind in (
            ("redis://127.0.0.1", TCP4ClientEndpoint),
            ("redis://[::1]", TCP6ClientEndpoint),
            ("redis+unix:///a", UNIXClientEndpoint),
        ):
            self.assertIsInstance(Address.fromURL(url).endpoint(reactor), kind)
        from twisted.internet import reactor as real

        self.assertIsInstance(Address.fromURL("redis://localhost").endpoint(real), HostnameEndpoint)

    def test_authority(self) -> None:
        """A file of certificates is read; one without any is refused."""
        reactor = MemoryReactor()
        file = Authority(self.folder).file
        Address.fromURL(f"rediss://127.0.0.1?ca={file}").endpoint(reactor)
        for content in (b"", b"\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            file.write_bytes(content)
            error = self.assertRaises(
                ValueError, Address.fromURL(f"rediss://127.0.0.1?ca={file}").endpoint, reactor
            )
            self.assertIn("has no certificate", str(error))
