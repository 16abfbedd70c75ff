"""Tests of `wsapp.web.pages`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site

from tests.web.exchange import Answer, fetch
from wsapp.web import PAGE_POLICY, Page, StaticFolder, siteFor


class Pages:
    """Something with pages."""

    def __init__(self, resource: IResource | None) -> None:
        self._resource = resource

    def resource(self) -> IResource | None:
        return self._resource


class StaticFolderTests(SynchronousTestCase):
    """What a folder answers, and what it does not."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        (self.folder / "deep" / "er").mkdir(parents=True)
        (self.folder / "__pycache__").mkdir()
        self.write("index.html", b"<!doctype html>the front")
        self.write("app.js", b"let a = 1;")
        self.write("look.css", b"a {}")
        self.write("mark.svg", b"<svg/>")
        self.write("data.unheard-of", b"\x00\x01")
        self.write("two words.txt", "grüß".encode())
        self.write("deep/index.html", b"deeper")
        self.write("deep/er/x.txt", b"x")
        self.write(".secret", b"no")
        self.write("code.py", b"no")
        self.write("__pycache__/code.txt", b"no")
        (self.folder.parent / "outside.txt").write_bytes(b"no")
        self.site = siteFor({"it": Pages(StaticFolder(self.folder))}, Clock())

    def write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return fetch(self.site, path, method, {name.replace("_", "-"): headers[name] for name in headers})

    def test_index(self) -> None:
        """The folder itself is its index.html."""
        answer = self.get("/it/")
        self.assertEqual((answer.code, answer.body), (200, b"<!doctype html>the front"))
        self.assertEqual(self.get("/it/index.html").body, answer.body)

    def test_types(self) -> None:
        """Each kind of file has its media type, one that is not known octet-stream."""
        types = {
            "": "text/html; charset=utf-8",
            "app.js": "text/javascript; charset=utf-8",
            "look.css": "text/css; charset=utf-8",
            "mark.svg": "image/svg+xml",
            "data.unheard-of": "application/octet-stream",
            "two%20words.txt": "text/plain; charset=utf-8",
        }
        for name, contentType in types.items():
            answer = self.get(f"/it/{name}")
            self.assertEqual((answer.code, answer.headers["content-type"]), (200, contentType), name)

    def test_headers(self) -> None:
        """A file comes with the headers of a page that trusts nobody else."""
        headers = self.get("/it/").headers
        self.assertEqual(headers["content-security-policy"], PAGE_POLICY)
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertEqual(headers["referrer-policy"], "no-referrer")
        self.assertEqual(headers["cross-origin-opener-policy"], "same-origin")
        self.assertEqual(headers["cache-control"], "no-cache")
        self.assertEqual(headers["server"], "wsapp")

    def test_ownPolicy(self) -> None:
        """An application can give its folder another policy."""
        site = siteFor({"it": Pages(StaticFolder(self.folder, policy="default-src 'self'"))}, Clock())
        self.assertEqual(fetch(site, "/it/").headers["content-security-policy"], "default-src 'self'")

    def test_notChanged(self) -> None:
        """Who has the file already gets 304 and no body; once it is edited, the new one."""
        first = self.get("/it/app.js")
        again = self.get("/it/app.js", If_None_Match=first.headers["etag"])
        self.assertEqual((again.code, again.body), (304, b""))
        self.assertEqual(again.headers["etag"], first.headers["etag"])
        self.write("app.js", b"let a = 22;")
        edited = self.get("/it/app.js", If_None_Match=first.headers["etag"])
        self.assertEqual((edited.code, edited.body), (200, b"let a = 22;"))

    def test_head(self) -> None:
        """HEAD has the headers of GET and no body."""
        get, head = self.get("/it/app.js"), self.get("/it/app.js", "HEAD")
        get.headers.pop("date"), head.headers.pop("date")
        self.assertEqual((head.code, head.headers, head.body), (200, get.headers, b""))

    def test_large(self) -> None:
        """A file of many pieces arrives whole."""
        content = bytes(range(256)) * 2048
        self.write("app.js", content)
        self.assertEqual(self.get("/it/app.js").body, content)

    def test_slowReader(self) -> None:
        """A file goes out as its reader takes it, and is closed when the reader leaves in the middle."""

        class SlowTransport(StringTransport):
            def write(self, data: bytes) -> None:
                super().write(data)
                if self.producer is not None:
                    self.producer.pauseProducing()

        self.write("app.js", bytes(1_000_000))
        opened: list[Any] = []
        openFile = Path.open

        def openAndNote(path: Path, mode: str) -> Any:
            opened.append(openFile(path, mode))
            return opened[-1]

        self.patch(Path, "open", openAndNote)
        wire = SlowTransport()
        channel = self.site.buildProtocol(None)
        assert channel is not None
        channel.makeConnection(wire)
        channel.dataReceived(b"GET /it/app.js HTTP/1.1\r\nHost: example.org\r\n\r\n")
        producer: Any = wire.producer
        for pieces in range(1, 4):
            self.assertLess(len(wire.value()), (pieces + 1) * 65_536)
            producer.resumeProducing()
        self.assertGreater(len(wire.value()), 3 * 65_536)
        self.assertFalse(opened[-1].closed)
        producer.stopProducing()
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(opened[-1].closed)

    def test_foldersBelow(self) -> None:
        """A folder in the folder works too; without its slash it leads to the one with."""
        self.assertEqual(self.get("/it/deep/").body, b"deeper")
        self.assertEqual(self.get("/it/deep/er/x.txt").body, b"x")
        answer = self.get("/it/deep")
        self.assertEqual((answer.code, answer.headers["location"]), (302, "./deep/"))

    def test_elsewhere(self) -> None:
        """A folder works in a site of another make, and there too leads to the address with the slash."""
        root = Resource()
        root.putChild(b"docs", StaticFolder(self.folder))
        site = Site(root, reactor=Clock(), timeout=None)
        self.assertEqual(fetch(site, "/docs").headers["location"], "./docs/")
        self.assertEqual(fetch(site, "/docs/deep/").body, b"deeper")
        headers = fetch(site, "/docs/").headers
        self.assertEqual(headers["content-security-policy"], PAGE_POLICY)

    def test_notThere(self) -> None:
        """What is not in the folder is not found, however the path is written."""
        paths = [
            "nothing", "nothing/", "deep/er", "deep/er/", "app.js/", "app.js/x", "APP.JS",
            ".secret", "code.py", "__pycache__/code.txt", "__pycache__/",
            "../outside.txt", "%2e%2e/outside.txt", "..%2foutside.txt", "deep/../../outside.txt",
            "..\\outside.txt", "..%5coutside.txt", "%2e%2e%5coutside.txt", "/outside.txt", "//outside.txt",
            "%2fetc%2fpasswd", "/etc/passwd", "app.js%00", "%ff%fe", "%", "index.html%20", "./", "%2e/",
        ]  # fmt: skip
        for path in paths:
            answer = self.get(f"/it/{path}")
            self.assertEqual(answer.code, 404, path)
            self.assertNotIn(b"no", re.findall(rb"^no$", answer.body))

    def test_gone(self) -> None:
        """A file that was deleted since the start is not found, without a traceback."""
        (self.folder / "app.js").unlink()
        self.assertEqual(self.get("/it/app.js").code, 404)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_methods(self) -> None:
        """Anything but reading is refused, with what is allowed."""
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
            answer = self.get("/it/app.js", method)
            self.assertEqual((answer.code, answer.headers["allow"]), (405, "GET, HEAD"), method)
            self.assertNotIn(method.encode(), answer.body)

    def test_noFolder(self) -> None:
        """A folder that is not there is said at the start, by its name."""
        error = self.assertRaises(NotADirectoryError, StaticFolder, self.folder / "absent")
        self.assertIn("absent", str(error))

    def test_link(self) -> None:
        """A folder whose files are links, as some installers make it, is served."""
        os.symlink((self.folder / "app.js").resolve(), self.folder / "linked.js")
        site = siteFor({"it": Pages(StaticFolder(str(self.folder)))}, Clock())
        self.assertEqual(fetch(site, "/it/linked.js").body, b"let a = 1;")


class PageTests(SynchronousTestCase):
    """Pages kept in memory."""

    def test_answer(self) -> None:
        """A page is answered with its type, length and policy; HEAD without its body."""
        site = siteFor({"it": Pages(Page(b"hello", contentType="text/plain"))}, Clock())
        get, head = fetch(site, "/it/"), fetch(site, "/it/", "HEAD")
        self.assertEqual((get.code, get.body, get.headers["content-type"]), (200, b"hello", "text/plain"))
        self.assertEqual((head.code, head.body, head.headers["content-length"]), (200, b"", "5"))

    def test_styleIsAllowed(self) -> None:
        """The policy of wsapp's own pages names exactly the style that stands in them."""
        answer = fetch(siteFor({}, Clock()), "/")
        match = re.search(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
        assert match is not None
        digest = base64.b64encode(hashlib.sha256(match[1]).digest()).decode()
        self.assertIn(f"style-src 'sha256-{digest}'", answer.headers["content-security-policy"])

    def test_noBodyInLog(self) -> None:
        """Neither a page nor a failing one writes to its reader what went wrong."""

        class Broken(Resource):
            isLeaf = True

            def render(self, request: object) -> bytes:
                raise RuntimeError("a private matter")

        answer = fetch(siteFor({"it": Pages(Broken())}, Clock()), "/it/")
        self.assertEqual(answer.code, 500)
        self.assertNotIn(b"private", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
