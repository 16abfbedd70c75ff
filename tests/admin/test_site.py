"""Tests of `wsapp.admin.site`: the admin port over plain HTTP."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
from pathlib import Path

from twisted.internet.defer import Deferred, fail

import wsapp.admin
from tests.admin.world import HOST, TOKEN, AdminWorld
from tests.peers import ServedCase, World
from wsapp.admin import prometheus

PAGES = Path(wsapp.admin.__file__).with_name("pages")


class SiteCase(ServedCase):
    """An admin port."""

    def setUp(self) -> None:
        super().setUp()
        self.admin = AdminWorld(World())


class HealthTests(SiteCase):
    """For probes and collectors, who have no token."""

    def test_health(self) -> None:
        """Alive while there is an answer at all."""
        status, headers, body = self.admin.ask("/healthz")
        self.assertEqual((status, body, headers["cache-control"]), (200, "ok\n", "no-store"))

    def test_ready(self) -> None:
        """Ready, or 503 and why."""
        self.assertEqual(self.admin.ask("/readyz")[::2], (200, "ok\n"))
        self.admin.node.drain(0)
        self.assertEqual(self.admin.ask("/readyz")[::2], (503, "draining\n"))
        self.assertEqual(self.admin.ask("/healthz")[0], 200)

    def test_metrics(self) -> None:
        """In the text format of Prometheus."""
        status, headers, body = self.admin.ask("/metrics")
        if not prometheus.available():
            self.assertEqual(status, 501)
            return
        self.assertEqual((status, headers["content-type"]), (200, prometheus.CONTENT_TYPE))
        self.assertIn('wsapp_state{state="ready",worker="0"} 1.0', body)

    def test_noPrometheus(self) -> None:
        """Without prometheus-client it is said what is missing."""
        self.patch(prometheus, "available", lambda: False)
        status, _, body = self.admin.ask("/metrics")
        self.assertEqual((status, "pip install wsapp[admin]" in body), (501, True))

    def test_failing(self) -> None:
        """What cannot be gathered is a 500, with the traceback in the log and not in the answer."""
        self.patch(prometheus, "available", lambda: True)
        self.patch(self.admin.node, "snapshots", lambda: fail(KeyError("why")))
        status, _, body = self.admin.ask("/metrics")
        self.assertEqual((status, "KeyError" in body), (500, False))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.patch(self.admin.node, "ready", lambda: fail(KeyError("inner")))
        status, _, body = self.admin.ask("/readyz")
        self.assertEqual((status, "inner" in body), (500, False))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_impatient(self) -> None:
        """Who does not wait for the answer is no trouble."""
        waiting: Deferred[str] = Deferred()
        self.patch(self.admin.node, "ready", lambda: waiting)
        peer = self.admin.peer()
        peer.feed(f"GET /readyz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        self.admin.clock.advance(1)
        self.assertEqual(peer.take(), b"")
        peer.lose()
        waiting.callback("")

    def test_methods(self) -> None:
        """GET and HEAD; for the way in POST."""
        self.assertEqual(self.admin.ask("/healthz", method="HEAD")[::2], (200, ""))
        status, headers, _ = self.admin.ask("/healthz", method="POST")
        self.assertEqual((status, headers["allow"]), (405, "GET, HEAD"))
        status, headers, _ = self.admin.ask("/login")
        self.assertEqual((status, headers["allow"]), (405, "POST"))
        self.assertEqual(self.admin.ask("/healthz/more")[0], 404)

    def test_form(self) -> None:
        """What calls itself a form is not parsed: no traceback, whatever it is."""
        body = "\r\n--b\r\nContent-Disposition: form-data; name*=utf-8''x\r\n\r\nv\r\n--b--\r\n"
        kind = "Content-Type: multipart/form-data; boundary=b"
        self.assertEqual(self.admin.ask("/healthz", kind, method="POST", body=body)[0], 405)
        self.assertEqual(self.flushLoggedErrors(), [])


class CrowdTests(SiteCase):
    """More connections than the port takes."""

    def test_silent(self) -> None:
        """Whoever says nothing, or not all, gives way to probes: the oldest first, at once."""
        peers = [self.admin.peer() for _ in range(200)]
        for peer in peers[::2]:
            peer.feed(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nx")
        for number in range(1, 300):
            self.assertEqual(self.admin.ask("/healthz")[0], 200)
            ended = [peer.transport.ended for peer in peers]
            self.assertEqual(ended, (["abort"] * number + [None] * 200)[:200])
        self.assertEqual(self.admin.admin.terms.admission.total, 200)

    def test_consoles(self) -> None:
        """Consoles do not; where there is nobody else, who comes is refused."""
        cookie = self.admin.cookie()
        consoles = [self.admin.open(f"Cookie: {cookie}")[0] for _ in range(199)]
        self.admin.peer()
        consoles.append(self.admin.open(f"Cookie: {cookie}")[0])
        self.assertEqual(self.admin.ask("/healthz")[0], 503)
        self.assertEqual({console.transport.ended for console in consoles}, {None})


class LoginTests(SiteCase):
    """The way in."""

    def test_right(self) -> None:
        """The token gives a cookie that no script sees and no other site sends."""
        status, headers, body = self.admin.login()
        self.assertEqual((status, body), (204, ""))
        name, _, rest = headers["set-cookie"].partition("=")
        value, *attributes = rest.split("; ")
        self.assertEqual(name, "wsapp-admin-9000")
        self.assertNotIn(TOKEN, value)
        self.assertEqual(attributes, ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"])

    def test_secure(self) -> None:
        """Over TLS it is for TLS only."""
        answer = self.admin.ask("/login", f"Origin: https://{HOST}", method="POST", body=TOKEN, secure=True)
        self.assertIn("; Secure", answer[1]["set-cookie"])

    def test_wrong(self) -> None:
        """Another one gives none; after some there is a pause, but not for who has the right one."""
        for _ in range(10):
            status, headers, _ = self.admin.login("wrong")
            self.assertEqual((status, "set-cookie" in headers), (403, False))
        for _ in range(10):
            status, headers, _ = self.admin.login("wrong")
            self.assertEqual((status, headers["retry-after"]), (429, "6"))
            self.assertEqual(self.admin.login()[0], 204)
        self.admin.clock.advance(6)
        self.assertEqual(self.admin.login("wrong")[0], 403)

    def test_origin(self) -> None:
        """Only the console's own page may try, or every site could by its visitors' browsers."""
        for origin in ("http://evil.example", "http://localhost:8080", f"https://{HOST}", "null", None):
            lines = [f"Origin: {origin}"] if origin else []
            status, headers, _ = self.admin.ask("/login", *lines, method="POST", body=TOKEN)
            self.assertEqual((status, "set-cookie" in headers), (403, False))

    def test_long(self) -> None:
        """A body that is no token is not even read to its end."""
        self.assertEqual(self.admin.login("x" * 4097)[0], 413)

    def test_logout(self) -> None:
        """The cookie is taken away."""
        status, headers, _ = self.admin.ask("/logout", method="POST")
        self.assertEqual(status, 204)
        self.assertTrue(headers["set-cookie"].startswith("wsapp-admin-9000=; Path=/; Max-Age=0;"))

    def test_nothingLogged(self) -> None:
        """No token, right or wrong, gets into the log."""
        self.admin.login("a wrong one, which somebody may have meant for elsewhere")
        self.admin.login()
        self.assertFalse([line for line in self.lines() if TOKEN in line or "wrong" in line])


class HostTests(ServedCase):
    """Under which names it answers (DNS rebinding)."""

    def test_loopback(self) -> None:
        """The loopback's own names and addresses; no other name, whatever is asked for."""
        admin = AdminWorld(World())
        for good in (
            "localhost:9000",
            "127.0.0.1:9000",
            "[::1]:9000",
            "LOCALHOST",
            "192.0.2.7:9000",
            "[2001:db8::1]",
        ):
            self.assertEqual(admin.ask("/healthz", host=good)[0], 200, good)
        for bad in (
            "rebound.example:9000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "1.2.3.4.5",
        ):
            for target in ("/", "/healthz", "/metrics", "/console.js"):
                self.assertEqual(admin.ask(target, host=bad)[0], 403, bad)
        self.assertEqual(admin.ask("/", host="x:y:z")[0], 400)

    def test_elsewhere(self) -> None:
        """So it is on other interfaces; an operator can add names."""
        admin = AdminWorld(World(), ("node1.example",), loopback=False)
        self.assertEqual(admin.ask("/readyz", host="node1.example:9000")[0], 200)
        self.assertEqual(admin.ask("/readyz", host="node2.example:9000")[0], 403)

    def test_none(self) -> None:
        """A health checker may speak HTTP/1.0 and name none; whoever speaks HTTP/1.1 names one."""
        admin = AdminWorld(World())
        for data, status in (
            (b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
            (b"OPTIONS / HTTP/1.0\r\n\r\n", b"405"),
            (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
            (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),
            (b"GET /healthz HTTP/1.0\r\nHost:\r\n\r\n", b"400"),
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n\r\n", b"400"),
        ):
            peer = admin.peer()
            peer.feed(data)
            admin.clock.advance(0)
            self.assertEqual(peer.take().split()[1], status, data)


class PageTests(SiteCase):
    """What the browser gets."""

    def test_files(self) -> None:
        """Every file of the page, under a policy that allows its own files and nothing else."""
        for path in PAGES.iterdir():
            status, headers, _ = self.admin.ask(f"/{path.name}")
            self.assertEqual(status, 200, path.name)
            policy = headers["content-security-policy"]
            self.assertIn("default-src 'none'; script-src 'self'; style-src 'self'", policy)
            self.assertNotIn("unsafe", policy)
        self.assertEqual(self.admin.ask("/")[2], (PAGES / "index.html").read_text(encoding="utf-8"))
        self.assertEqual(self.admin.ask("/nothing")[0], 404)
        self.assertEqual(self.admin.ask("/../node.py")[0], 404)

    def test_whole(self) -> None:
        """All that the page and its scripts name is there, and nothing of it is inline or from elsewhere."""
        page = (PAGES / "index.html").read_text(encoding="utf-8")
        named = re.findall(r'(?:src|href)="([^"]+)"', page)
        for script in PAGES.glob("*.js"):
            named += re.findall(r'from "\./([^"]+)"', script.read_text(encoding="utf-8"))
        self.assertTrue(len(named) > 8)
        for name in named:
            self.assertTrue((PAGES / name).is_file(), name)
        self.assertFalse(re.findall(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", page))

    def test_library(self) -> None:
        """The chart library's licence comes with it, and it is small."""
        (script,) = PAGES.glob("uplot-*.js")
        self.assertTrue(script.stat().st_size < 64 * 1024)
        self.assertIn("MIT License", (PAGES / "uplot-LICENSE.txt").read_text(encoding="utf-8"))
