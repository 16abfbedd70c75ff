"""Tests of `wsapp.outgoing.dialing`: which way a URL leads."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from wsapp.closing import CLIENT_TABLE
from wsapp.limits import Limits
from wsapp.outgoing.dialing import Dialing
from wsapp.outgoing.tunnel import TunnelEndpoint
from wsapp.wire.versions import HIXIE_76


@implementer(IReactorPluggableNameResolver)
class Reactor(MemoryReactorClock):
    """One that is never asked for a name's address, but could be."""

    nameResolver: Any = None

    def installNameResolver(self, resolver: Any) -> Any:
        raise NotImplementedError


class WayTests(SynchronousTestCase):
    """The endpoint."""

    def way(self, url: str, **options: Any) -> Any:
        """The endpoint for a URL."""
        with mock.patch.dict("os.environ", clear=True):
            return Dialing(url, **options).way(Reactor())

    def test_network(self) -> None:
        """Whichever address of the host answers first."""
        way = self.way("ws://example.com:81/")
        self.assertIsInstance(way, HostnameEndpoint)
        self.assertEqual((way._hostText, way._port), ("example.com", 81))
        self.assertEqual(self.way("ws://[::1]/")._hostText, "::1")

    def test_unix(self) -> None:
        """A socket's path."""
        way = self.way("ws+unix:/run/a.sock:/x")
        self.assertIsInstance(way, UNIXClientEndpoint)
        self.assertEqual(way._path, "/run/a.sock")

    def test_proxy(self) -> None:
        """Through one that is named; None means none, whatever the environment says."""
        way = self.way("ws://[::1]:81/", proxy="http://u:p@proxy.example:3128")
        self.assertIsInstance(way, TunnelEndpoint)
        self.assertEqual(way._proxy._hostText, "proxy.example")
        self.assertIn(b"CONNECT [::1]:81 HTTP/1.1\r\n", way._request)
        with mock.patch.dict("os.environ", {"http_proxy": "other:1", "no_proxy": "direct"}, clear=True):
            reactor = Reactor()
            self.assertIsInstance(Dialing("ws://h/").way(reactor), TunnelEndpoint)
            self.assertIsInstance(Dialing("ws://h/", proxy=None).way(reactor), HostnameEndpoint)
            self.assertIsInstance(Dialing("ws://h/", proxy=False).way(reactor), HostnameEndpoint)
            self.assertIsInstance(Dialing("ws://direct/").way(reactor), HostnameEndpoint)

    def test_secure(self) -> None:
        """TLS around whatever way it is, for the server's name."""
        way = self.way("wss://example.com/")
        self.assertIsInstance(way._wrappedEndpoint, HostnameEndpoint)
        way = self.way("wss://example.com/", proxy="https://proxy.example")
        self.assertIsInstance(way._wrappedEndpoint, TunnelEndpoint)
        self.assertIsInstance(way._wrappedEndpoint._proxy._wrappedEndpoint, HostnameEndpoint)

    def test_place(self) -> None:
        """As error messages have it."""
        self.assertEqual(Dialing("ws://u:p@h:1/", proxy=None).place, "h:1")
        self.assertEqual(Dialing("ws://h/", proxy="http://u:p@q:3").place, "h through the proxy q:3")
        self.assertEqual(Dialing("ws+unix:/run/a").place, "/run/a")


class DialingTests(SynchronousTestCase):
    """The rest."""

    def test_repr(self) -> None:
        """No secrets."""
        shown = repr(Dialing("ws://u:secret@h/", headers={"A": "secret"}, proxy="http://u:secret@q"))
        self.assertNotIn("secret", shown)

    def test_terms(self) -> None:
        """A client's way to close, and the limits."""
        limits = Limits(maxMessage=5)
        terms = Dialing("ws://h/", limits=limits).terms(Reactor())
        self.assertIs(terms.closing, CLIENT_TABLE)
        self.assertIs(terms.limits, limits)
        with self.assertRaises(AssertionError):
            terms.choose("/", [])

    def test_asking(self) -> None:
        """Each time another request; a generator of headers serves them all."""
        dialing = Dialing("ws://h/", headers=iter([("A", "b")]), version="hixie-76")
        first, second = dialing.asking(), dialing.asking()
        self.assertIs(first.version, HIXIE_76)
        self.assertNotEqual(first.request, second.request)
        self.assertIn(b"A: b\r\n", second.request)
