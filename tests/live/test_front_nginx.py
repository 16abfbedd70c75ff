"""Behind nginx."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import signal
from pathlib import Path

from tests.live import tools
from tests.live.fronts import SEEN, Front, FrontCase, FrontSuite, Visitor

#: What is around the file of docs/, which belongs into the http block.
AROUND = """
daemon off;
master_process on;
worker_processes 1;
user root;
pid {folder}/nginx.pid;
error_log stderr notice;
{more}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/1;
    proxy_temp_path {folder}/2;
    fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4;
    scgi_temp_path {folder}/5;
    include {folder}/site;
}}
"""


class NginxTests(FrontSuite, FrontCase):
    """The configuration of docs/."""

    needs = ("nginx",)
    configuration = "nginx.conf"
    patience = {"proxy_read_timeout 60s": "proxy_read_timeout 3s"}
    more = ""

    def changes(self, folder: Path, upstream: int, plain: int, secure: int) -> dict[str, str]:
        """Ports and paths."""
        return {
            "127.0.0.1:8080": f"127.0.0.1:{upstream}",
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
            "/etc/ssl/example.com/fullchain.pem": f"{folder}/front.pem",
            "/etc/ssl/example.com/privkey.pem": f"{folder}/front.key",
        }

    def launch(self, folder: Path, text: str, plain: int, secure: int) -> Front:
        """As ``nginx`` is started; ``nginx -s reload`` sends SIGHUP."""
        (folder / "site").write_text(text)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, more=self.more))
        command = [tools.program("nginx") or "", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        return Front(folder, [*command, "-e", "stderr"], plain, secure, signal.SIGHUP)

    def test_shutdownTimeout(self) -> None:
        """With ``worker_shutdown_timeout`` a reload ends who is there after that time: they see it, as 1006,
        and so does the application."""
        self.more = "worker_shutdown_timeout 1s;"
        _, front = self.both()
        with Visitor(front.plain) as staying:
            staying.upgrade("/")
            staying.seen()
            self.assertTrue(staying.echoes(b"before"))
            front.reload()
            self.assertEqual(staying.rest(), b"")

    def test_unix(self) -> None:
        """Over a UNIX socket it is the same, with ``--trust-proxy unix``."""
        path = self.folder() / "socket"
        file = self.folder() / "seen.py"
        file.write_text(SEEN)
        self.server("--port", f"unix:{path}", "--app", f"{file}:Seen", "--trust-proxy", "unix").start()
        front = self.before(8080, {"server 127.0.0.1:8080": f"server unix:{path}"})
        with Visitor(front.secure, context=self.authority.context(), source="127.0.0.9") as visitor:
            self.assertIn(" 101 ", visitor.upgrade("/", f"Origin: https://{visitor.host}"))
            seen = visitor.seen()
            self.assertEqual((seen["peer"], seen["secure"]), ("127.0.0.9", True))
            self.assertTrue(visitor.end())
