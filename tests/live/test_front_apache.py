"""Behind Apache httpd: ``mod_proxy_http`` with ``upgrade=websocket``, and ``mod_proxy_wstunnel``."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import signal
from pathlib import Path

from tests.live import tools
from tests.live.fronts import AWAY, Front, FrontCase, FrontSuite, Visitor

#: What Debian's apache2.conf and its enabled modules have, as far as it takes.
AROUND = """
ServerRoot {folder}
ServerName example.com
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
LogLevel notice
User www-data
Group www-data
{modules}
StartServers 1
ThreadsPerChild 25
ServerLimit 8
MaxRequestWorkers 50
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{secure}
IncludeOptional {folder}/site
"""

MODULES = (
    *("mpm_event", "authz_core", "headers", "ssl", "socache_shmcb", "rewrite"),
    *("proxy", "proxy_http", "proxy_wstunnel"),
)


class ApacheTests(FrontSuite, FrontCase):
    """The configuration of docs/."""

    needs = ("apache",)
    configuration = "apache.conf"
    patience = {"timeout=60": "timeout=3", " Timeout 60": " Timeout 3"}
    more = ""

    def changes(self, folder: Path, upstream: int, plain: int, secure: int) -> dict[str, str]:
        """Ports and paths."""
        return {
            "127.0.0.1:8080": f"127.0.0.1:{upstream}",
            "*:80>": f"127.0.0.1:{plain}>",
            "*:443>": f"127.0.0.1:{secure}>",
            "/etc/ssl/example.com/fullchain.pem": f"{folder}/front.pem",
            "/etc/ssl/example.com/privkey.pem": f"{folder}/front.key",
        }

    def launch(self, folder: Path, text: str, plain: int, secure: int) -> Front:
        """As ``apachectl -DFOREGROUND``; ``apachectl graceful`` sends SIGUSR1."""
        (folder / "site").write_text(text)
        modules = "\n".join(
            f"LoadModule {name}_module {tools.APACHE_MODULES}/mod_{name}.so" for name in MODULES
        )
        around = AROUND.format(folder=folder, modules=modules, plain=plain, secure=secure)
        (folder / "apache2.conf").write_text(around + self.more)
        command = [tools.program("apache2") or "", "-f", str(folder / "apache2.conf"), "-DFOREGROUND"]
        return Front(folder, command, plain, secure, signal.SIGUSR1)


class TunnelTests(ApacheTests):
    """The configuration of docs/ for an httpd before 2.4.47."""

    configuration = "apache-wstunnel.conf"
    more = "ProxyWebsocketFallbackToProxyHttp Off\n"

    def test_pool(self) -> None:
        """It has connections of its own for WebSockets, so that there is no room for one here."""
        _, front = self.both("--max-connections", "1")
        with Visitor(front.plain) as visitor:
            visitor.request("/seen/")
            self.assertIn(" 200 ", visitor.response()[0])
            self.assertRegex(visitor.upgrade("/"), AWAY)

    def test_timeout(self) -> None:
        """It has no patience to lose with WebSockets, whatever the others are told."""
        self.more += "Timeout 2\nProxyTimeout 2\n"
        _, front = self.both("--ping-interval", "50")
        with Visitor(front.plain) as visitor:
            visitor.upgrade("/")
            visitor.seen()
            self.assertTrue(visitor.idle(5))
            self.assertTrue(visitor.echoes(b"still here"))
