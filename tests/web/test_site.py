"""Tests of `wsapp.web.site`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import email.parser
from io import BytesIO
from urllib.parse import urljoin

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request
from zope.interface import implementer

from tests.web.exchange import fetch
from wsapp.app import App
from wsapp.apps.chat import Chat
from wsapp.web import Page, siteFor
from wsapp.web.pages import BROWSER_CLIENT, StaticFolder


class Pages:
    """An application that has one page, or none."""

    def __init__(self, body: bytes | None = None) -> None:
        self._body = body

    def resource(self) -> IResource | None:
        return None if self._body is None else Page(self._body)


class Asked(Resource):
    """A page that answers to anything, and the application that has it.

    :ivar asked: Its last request's arguments, body and type.
    """

    isLeaf = True

    def resource(self) -> IResource:
        return self

    def render(self, request: Request) -> bytes:
        self.content = content = request.content
        assert content is not None
        self.asked = (request.args, content.read(), request.getHeader(b"Content-Type"))
        return b"so"


class SiteTests(SynchronousTestCase):
    """What stands at ``/`` and where applications' pages are."""

    def test_onePage(self) -> None:
        """With one application that has pages, ``/`` leads to them."""
        for apps in ({"chat": Pages(b"chat")}, {"echo": Pages(), "chat": Pages(b"chat")}):
            site = siteFor(apps, Clock())
            answer = fetch(site, "/")
            self.assertEqual((answer.code, answer.headers["location"]), (302, "./chat/"))
            self.assertEqual(fetch(site, "/chat/").body, b"chat")

    def test_pagesThatCannotBeMade(self) -> None:
        """Pages that cannot be made are one line, which says whose they are."""

        class Missing(App):
            def resource(self) -> IResource:
                return StaticFolder("no such folder")

        class Broken(App):
            def resource(self) -> IResource:
                raise KeyError("two\nlines")

        for app, words in ((Missing(), "is not a folder"), (Broken(), "KeyError")):
            error = self.assertRaises(ValueError, siteFor, {"echo": Pages(), "mine": app}, Clock())
            self.assertIn("the pages of mine: ", str(error))
            self.assertIn(words, str(error))
            self.assertNotIn("\n", str(error))

    def test_index(self) -> None:
        """With several, ``/`` lists those that have pages, in the order given."""
        site = siteFor({"zebra": Pages(b"z"), "quiet": Pages(), "ant": Pages(b"a")}, Clock())
        answer = fetch(site, "/")
        self.assertEqual(answer.code, 200)
        self.assertNotIn(b"quiet</a>", answer.body)
        self.assertLess(answer.body.index(b'href="./zebra/"'), answer.body.index(b'href="./ant/"'))
        self.assertEqual(fetch(site, "/ant/").body, b"a")
        self.assertEqual(fetch(site, "/quiet/").code, 404)

    def test_browserClient(self) -> None:
        """The client for browsers is at ``/wsapp.js``, and nothing else of its folder; an application may be
        called that."""
        for apps in ({}, {"chat": Pages(b"c"), "echo": Pages(b"e")}):
            site = siteFor(apps, Clock())
            answer = fetch(site, "/wsapp.js")
            self.assertEqual((answer.code, answer.body), (200, BROWSER_CLIENT.read_bytes()))
            self.assertEqual(answer.headers["content-type"], "text/javascript; charset=utf-8")
            self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
            for path in (
                "/wsapp.js/",
                "/wsapp.js/wsapp.js",
                "/package.json",
                "/wsapp.d.ts",
                "/wsapp.js/package.json",
            ):
                self.assertEqual(fetch(site, path).code, 404, path)
        site = siteFor({"wsapp.js": Pages(b"mine")}, Clock())
        self.assertEqual(fetch(site, "/wsapp.js").code, 302)
        site = siteFor({"chat": Chat()}, Clock())
        self.assertEqual(fetch(site, "/chat/wsapp.js").body, BROWSER_CLIENT.read_bytes())

    def test_noPages(self) -> None:
        """With none, ``/`` says so."""
        answer = fetch(siteFor({"quiet": Pages()}, Clock()), "/")
        self.assertEqual(answer.code, 200)
        self.assertIn(b"no pages", answer.body)

    def test_slash(self) -> None:
        """Without its slash a name leads to the one with, also behind a reverse proxy's path."""
        site = siteFor({"chat": Pages(b"c"), "echo": Pages(b"e")}, Clock())
        answer = fetch(site, "/chat?name=Ann")
        self.assertEqual((answer.code, answer.headers["location"]), (302, "./chat/"))
        self.assertEqual(
            urljoin("https://example.org/rooms/chat", "./chat/"), "https://example.org/rooms/chat/"
        )

    def test_oddNames(self) -> None:
        """A name of any characters is quoted in links and escaped in text."""
        name = 'a:b/"<i>&é'
        site = siteFor({name: Pages(b"odd"), "chat": Pages(b"c")}, Clock())
        answer = fetch(site, "/")
        self.assertIn(b'href="./a%3Ab%2F%22%3Ci%3E%26%C3%A9/"', answer.body)
        self.assertIn("a:b/&quot;&lt;i&gt;&amp;é".encode(), answer.body)
        self.assertEqual(fetch(site, "/a%3Ab%2F%22%3Ci%3E%26%C3%A9/").body, b"odd")

    def test_notFound(self) -> None:
        """Anything else is a small page that repeats nothing of what was asked for."""
        site = siteFor({"chat": Pages(b"c")}, Clock())
        for path in ("/nothing", "/<script>", "/%3Cscript%3E", "//", "//chat", "//example.net/", "/%ff",
                     "/favicon.ico", "/chat%2f", "/CHAT/", "/?", "/x?<script>"):  # fmt: skip
            answer = fetch(site, path)
            self.assertEqual(answer.code, 302 if path == "/?" else 404, path)
            self.assertNotIn(b"script", answer.body)
            self.assertNotIn("example.net", answer.headers.get("location", ""))
            self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")

    def test_methods(self) -> None:
        """The front page is only read."""
        for method in ("POST", "DELETE", "BREW"):
            answer = fetch(siteFor({}, Clock()), "/", method, body=b"a=1")
            self.assertEqual((answer.code, answer.headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(fetch(siteFor({}, Clock()), "/", "HEAD").body, b"")

    def test_forms(self) -> None:
        """Nothing that calls itself a form is parsed: some take half a minute, some make a traceback."""
        odd = b"\r\n--b0\r\nContent-Disposition: form-data; name*=utf-8''x\r\n\r\nv\r\n--b0--\r\n"
        nested = b"\r\n--b0\r\n" + b"".join(
            b"Content-Type: multipart/x; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1, 2000)
        )
        for body, kind in (
            (odd, "multipart/form-data; boundary=b0"),
            (nested, "multipart/form-data; boundary=b0"),
            (nested[:20_000] + b"\n" * 1_000_000, "multipart/form-data; boundary=b0"),
            (b"a=1&b=2", "application/x-www-form-urlencoded"),
        ):
            page = Asked()
            self.patch(email.parser.FeedParser, "feed", None)
            answer = fetch(siteFor({"it": page}, Clock()), "/it/x?a=0", "POST", {"Content-Type": kind}, body)
            self.assertEqual(answer.code, 200)
            self.assertEqual(page.asked, ({b"a": [b"0"]}, body, kind.encode()))

    def test_bodies(self) -> None:
        """They stay in memory, be they large or in chunks: a file for each would be a descriptor for each."""
        for lines, body in (
            (["Content-Length: 200000"], b"x" * 200_000),
            (["Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n"),
        ):
            page = Asked()
            channel = siteFor({"it": page}, Clock()).buildProtocol(None)
            assert channel is not None
            channel.makeConnection(StringTransport())
            head = ["POST /it/ HTTP/1.1", "Host: example.org", *lines, "", ""]
            channel.dataReceived("\r\n".join(head).encode() + body)
            self.assertIsInstance(page.content, BytesIO)
            self.assertEqual(page.asked[1:], (body if len(body) > 100 else b"hello", None))
            channel.connectionLost(Failure(ConnectionDone()))

    def test_foreignPages(self) -> None:
        """Pages of another make get the headers as well, and may change them."""

        class Own(Resource):
            isLeaf = True

            def render_GET(self, request):  # type: ignore[no-untyped-def]
                request.setHeader("Referrer-Policy", "origin")
                return b"own"

        class Owner:
            def resource(self) -> IResource:
                return Own()

        answer = fetch(siteFor({"own": Owner()}, Clock()), "/own/")
        self.assertEqual((answer.body, answer.headers["referrer-policy"]), (b"own", "origin"))
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")

    def test_quiet(self) -> None:
        """No request leaves a line in the log, and no timer runs for one."""
        events: list[LogEvent] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            events.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        clock = Clock()
        site = siteFor({"chat": Pages(b"c")}, clock)
        site.doStart()
        for method in ("GET", "HEAD", "POST", "BREW"):
            for path in ("/", "/chat", "/chat/", "/nothing", "*"):
                fetch(site, path, method)
        site.doStop()
        self.assertEqual(events, [])
        self.assertEqual(clock.getDelayedCalls(), [])
