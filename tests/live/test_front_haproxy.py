"""Behind HAProxy, which speaks HTTP or the PROXY protocol to wsapp."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from tests.live import tools
from tests.live.fronts import Front, FrontCase, FrontSuite, Visitor
from tests.live.server import waitFor


class Haproxy(Front):
    """A master and its workers."""

    def reload(self) -> None:
        """As systemd does; but the master is deaf for a moment after its start, when it runs itself anew."""
        known = self.log.count("Reloading HAProxy")

        def heard() -> bool:
            super(Haproxy, self).reload()
            with contextlib.suppress(AssertionError):
                waitFor("the master", lambda: self.log.count("Reloading HAProxy") > known, 1)
                return True
            return False

        waitFor("a reload", heard)


class HaproxyCase(FrontCase):
    """HAProxy as Debian's unit starts it: a master, which reloads by SIGUSR2."""

    needs = ("haproxy",)

    def changes(self, folder: Path, upstream: int, plain: int, secure: int) -> dict[str, str]:
        """Ports and paths."""
        return {
            "127.0.0.1:8080": f"127.0.0.1:{upstream}",
            "bind :80\n": f"bind 127.0.0.1:{plain}\n",
            "bind :443 ": f"bind 127.0.0.1:{secure} ",
            "/etc/haproxy/example.com.pem": f"{folder}/both.pem",
            "/run/haproxy/admin.sock": f"{folder}/admin.sock",
        }

    def launch(self, folder: Path, text: str, plain: int, secure: int) -> Front:
        """As ``systemctl start haproxy``; its ``reload`` sends SIGUSR2."""
        (folder / "site").write_text(text)
        command = [tools.program("haproxy") or "", "-W", "-db", "-f", str(folder / "site")]
        return Haproxy(folder, command, plain, secure, signal.SIGUSR2)


class HaproxyTests(FrontSuite, HaproxyCase):
    """The configuration of docs/ for HTTP."""

    configuration = "haproxy.cfg"
    alone = {"check inter 5s": "check inter 600s"}
    patience = {"timeout tunnel 60s": "timeout tunnel 3s"}

    def test_hardStop(self) -> None:
        """With ``hard-stop-after`` a reload ends who is there after that time: they see it, as 1006."""
        _, front = self.both(**{"global\n": "global\n    hard-stop-after 1s\n"})
        with Visitor(front.plain) as staying:
            staying.upgrade("/")
            staying.seen()
            self.assertTrue(staying.echoes(b"before"))
            front.reload()
            self.assertFalse(staying.idle(10))


class ProxyProtocolTests(HaproxyCase):
    """The configuration of docs/ for the PROXY protocol."""

    configuration = "haproxy-proxy.cfg"

    def upstream(self, port: int) -> tuple[str, ...]:
        """The port that takes PROXY headers."""
        return "--port", f"haproxy:tcp:{port}:interface=127.0.0.1"

    def test_versions(self) -> None:
        """Either version says who connects, for a page and then for a WebSocket on the same connection."""
        for version in ("send-proxy-v2", "send-proxy"):
            _, front = self.both(**{"send-proxy-v2": version})
            with Visitor(front.plain, source="127.0.0.8") as visitor:
                visitor.request("/seen/", "X-Forwarded-For: 203.0.113.7")
                self.assertIn(b"<html", visitor.response()[1])
                self.assertIn(" 101 ", visitor.upgrade("/", "X-Forwarded-For: 203.0.113.7"))
                self.assertEqual(visitor.seen()["peer"], "127.0.0.8")
                self.assertTrue(visitor.echoes(b"x" * 300_000))
                self.assertTrue(visitor.end())

    def test_tls(self) -> None:
        """That HAProxy speaks TLS is not said to wsapp: the site's origin must be allowed."""
        for options, status in (((), " 403 "), (("--allow-origin", "https://example.com"), " 101 ")):
            _, front = self.both(*options)
            with Visitor(front.secure, context=self.authority.context(), source="127.0.0.8") as visitor:
                visitor.host = "example.com"
                self.assertIn(status, visitor.upgrade("/", "Origin: https://example.com"))
                if "101" in status:
                    seen = visitor.seen()
                    self.assertEqual((seen["peer"], seen["secure"]), ("127.0.0.8", False))
                    self.assertTrue(visitor.end())

    def test_timeout(self) -> None:
        """Pings count for either side's patience."""
        short = {f"timeout {side} 60s": f"timeout {side} 3s" for side in ("client", "server")}
        for interval, survives in (("1", True), ("50", False)):
            _, front = self.both("--ping-interval", interval, **short)
            with Visitor(front.plain) as visitor:
                visitor.upgrade("/")
                visitor.seen()
                self.assertEqual(visitor.idle(8), survives)

    def test_reload(self) -> None:
        """Who is there stays, who comes is served."""
        _, front = self.both()
        with Visitor(front.plain) as staying:
            staying.upgrade("/")
            staying.seen()
            self.rewrite(front, "send-proxy-v2", "send-proxy")
            front.reload()
            waitFor("the new process", lambda: front.log.count("Loading success") > 1)
            for number in range(50):
                self.assertTrue(staying.echoes(b"%d" % number))
                with Visitor(front.plain) as visitor:
                    self.assertIn(" 101 ", visitor.upgrade("/"))
            self.assertTrue(staying.end())
