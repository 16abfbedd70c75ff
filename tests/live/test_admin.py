"""The admin port of a real process: health and metrics over HTTP, and the console in headless Chromium."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.raw import TEXT, Raw, frame
from tests.live.server import Server, freePort, waitFor
from tests.live.test_browser import BrowserTestCase
from wsapp.admin import prometheus

try:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:  # then setUp skips, or fails where live tests are required
    pass

#: What must be in no line of any log.
SECRET = "hush-hush-4711"

TOKEN = "a token for tests, which is long enough"


def ask(port: int, path: str) -> tuple[int, str]:
    """:return: The status and the body of a page of the admin port; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


class AdminCase(LiveTestCase):
    """A server with an admin port."""

    def watched(self, *options: str) -> tuple[Server, int, int]:
        """:return: The running server, its port, and its admin port."""
        admin = freePort()
        server, port = self.serve("--admin", str(admin), *options)
        waitFor("the server to be ready", lambda: ask(admin, "/readyz")[0] == 200)
        return server, port, admin


class HealthTests(AdminCase):
    """For probes and collectors."""

    def test_life(self) -> None:
        """Ready while it serves, and numbers that Prometheus reads; gone when the process is."""
        server, _, admin = self.watched()
        self.assertEqual(ask(admin, "/healthz"), (200, "ok\n"))
        status, text = ask(admin, "/metrics")
        if prometheus.available():
            self.assertEqual(status, 200)
            self.assertIn('wsapp_state{state="ready",worker="0"} 1.0', text)
            self.assertIn('wsapp_broker_up{worker="0"} 1.0', text)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(ask(admin, "/healthz")[0], 0)

    def test_loopback(self) -> None:
        """By default nobody else reaches it."""
        server, _, admin = self.watched()
        self.assertIn(f"tcp:{admin}:interface=127.0.0.1", server.log)


class LogTests(AdminCase):
    """What is written where."""

    def test_json(self) -> None:
        """Every line that the process prints is JSON, from its first to its last; twistd's own too."""
        port, admin = freePort(), freePort()
        options = ("--port", f"tcp:{port}:interface=127.0.0.1", "--app", "echo", "--admin", str(admin))
        server = self.server(*options, "--log-json", "--log-level", "debug")
        server.launch()
        waitFor("the server to be ready", lambda: ask(admin, "/readyz")[0] == 200)
        self.assertEqual(ask(port, f"/nothing?token={SECRET}")[0], 404)
        self.visit(port)
        server.stop()
        self.assertNotIn(SECRET, server.log)
        lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
        self.assertTrue(any("starting up" in line["message"] for line in lines), server.log)
        self.assertTrue(any(line["message"] == "SIGTERM: stopping" for line in lines), server.log)

    def test_workers(self) -> None:
        """So is what workers say, with the values that it is made of."""
        port = freePort()
        options = ("--port", f"tcp:{port}:interface=127.0.0.1", "--app", "echo", "--log-json")
        server = self.server(*options, "--workers", "2", "--broker", "embedded")
        server.launch()
        waitFor("the workers to be ready", lambda: server.log.count(" is ready") == 3)
        self.visit(port)
        self.assertEqual(self.upgrade(port), 400)
        waitFor("the line", lambda: "refused" in server.log)
        server.stop()
        self.assertNotIn(SECRET, server.log)
        lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
        (line,) = [line for line in lines if line["message"].startswith("refused ")]
        self.assertEqual(line["values"]["status"], 400)
        self.assertEqual((line["values"]["peer"], line["level"]), ("127.0.0.1", "info"))

    def test_access(self) -> None:
        """A refused WebSocket has its line, a client one with its id; after SIGHUP lines go to a new file.

        None, and nothing in the log, has what a token or a cookie may stand in.
        """
        path = self.folder() / "access"
        server, port, _ = self.watched("--access-log", str(path), "--log-level", "debug")
        self.assertEqual(self.upgrade(port), 400)
        waitFor("the line", lambda: "status=400" in path.read_text())
        moved = path.rename(Path(f"{path}.1"))
        server.signal(signal.SIGHUP)
        waitFor("a new file", path.exists)
        self.assertEqual(self.upgrade(port), 400)
        waitFor("the line in the new file", lambda: "status=400" in path.read_text())
        self.assertEqual(moved.read_text().count("status=400"), 1)
        self.assertEqual(ask(port, "/wsapp.js")[0], 200)
        waitFor("the file's line", lambda: "version=HTTP/1.1 status=200 " in path.read_text())
        self.visit(port)
        waitFor("the client's line", lambda: "code=1002" in path.read_text())
        ids = re.findall(r"client=([\w-]{22})$", path.read_text(), re.MULTILINE)
        self.assertEqual(len(ids), 1)
        self.assertIn(f"client {ids[0]} at 127.0.0.1 (RFC 6455) broke the protocol", server.log)
        for written in (moved.read_text(), path.read_text(), server.log):
            self.assertNotIn(SECRET, written)

    def visit(self, port: int) -> None:
        """A client with a secret wherever one may stand is let in, and then breaks the protocol."""
        with Raw(port) as client:
            headers = f"Authorization: Bearer {SECRET}\nCookie: session={SECRET}\nX-Token: {SECRET}"
            self.assertIn(" 101 ", client.upgrade(f"/echo?token={SECRET}", headers))
            client.send(frame(TEXT, SECRET.encode()))
            client.frame()
            client.send(frame(3))
            client.frame()

    def upgrade(self, port: int) -> int:
        """:return: The answer's status to a handshake without a key."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/?token={SECRET}",
            headers={"Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as error:
            with error:
                status = error.code
        return status


class ConsoleCase(BrowserTestCase, AdminCase):
    """An operator before the console."""

    def at(self, name: str) -> str:
        """:return: The text of an element, as it is seen."""
        text: str = self.browser.find_element(By.ID, name).text
        return text

    def rows(self, selector: str = "tr[tabindex]") -> list[list[str]]:
        """:return: The texts of the table's rows: of those that can be chosen, or of others."""
        found: list[list[str]] = self.browser.execute_script(
            "return Array.from(document.querySelectorAll('#table tbody ' + arguments[0]),"
            " (row) => Array.from(row.cells, (cell) => cell.textContent))",
            selector,
        )
        return found

    def shown(self) -> None:
        """Wait till the page shows the server's state."""
        waitFor("the console", lambda: self.at("state") == "ready")

    def troubles(self) -> list[str]:
        """:return: What the browser's console has of errors, and of what the policy forbids."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]

    def another(self, address: str) -> str:
        """Open a page in a window of its own, and come back.

        :return: The window.
        """
        here = self.browser.current_window_handle
        self.browser.switch_to.new_window("tab")
        self.browser.get(address)
        window: str = self.browser.current_window_handle
        self.browser.switch_to.window(here)
        return window

    def enter(self, server: Server) -> None:
        """Open the address that the log has."""
        match = re.search(r"the console is at (\S+#\S+)", server.log)
        assert match is not None, server.log
        self.browser.get(match[1])


class ConsoleTests(ConsoleCase):
    """One server."""

    def test_console(self) -> None:
        """By the log's address one is in; a client comes, is shown, told something, found, and closed."""
        server, port, admin = self.watched()
        self.enter(server)
        self.shown()
        self.assertEqual(
            self.browser.current_url, f"http://localhost:{admin}/", "the token is in the address"
        )
        self.assertEqual(self.browser.execute_script("return document.cookie"), "")
        self.assertEqual(self.rows(), [])
        self.another(f"http://localhost:{port}/")
        waitFor("the client's row", lambda: len(self.rows()) == 1)
        self.assertEqual(self.rows()[0][1:6], ["echo", "–", "127.0.0.1", "RFC 6455", "tcp"])

        self.browser.find_element(By.ID, "announce").click()
        self.browser.find_element(By.ID, "announce-text").send_keys("tea is ready")
        self.browser.find_element(By.ID, "announce-send").click()
        waitFor("the announcement to be counted", lambda: self.rows()[0][8] == "1")

        field = self.browser.find_element(By.ID, "filter")
        field.send_keys("nobody is called that")
        waitFor("no row", lambda: self.rows() == [])
        field.clear()
        field.send_keys(Keys.BACKSPACE)
        waitFor("the row again", lambda: len(self.rows()) == 1)

        self.browser.find_element(By.CSS_SELECTOR, "#table tbody tr").click()
        waitFor("the dialog", lambda: self.browser.find_element(By.ID, "detail").is_displayed())
        self.assertIn("/echo", self.at("facts-of-client"))
        self.browser.find_element(By.ID, "close-client").click()
        waitFor("the line in the log", lambda: "console: close " in server.log)
        waitFor("the row's end", lambda: self.rows() == [])
        drawn = self.browser.execute_script("return document.querySelectorAll('.charts canvas').length")
        self.assertEqual(drawn, 4)
        self.assertEqual(self.troubles(), [])

    def test_drain(self) -> None:
        """The button takes the server out, and another puts it back."""
        file = self.folder() / "token"
        file.write_text(f"{TOKEN}\n")
        server, _, admin = self.watched("--admin-token-file", str(file))
        self.assertNotIn(TOKEN, server.log)
        self.browser.get(f"http://localhost:{admin}/")
        waitFor("the form", lambda: self.browser.find_element(By.ID, "token").is_displayed())
        field = self.browser.find_element(By.ID, "token")
        field.send_keys("not the token", Keys.ENTER)
        waitFor("no entry", lambda: "not the token" in self.at("wrong"))
        field.clear()
        field.send_keys(TOKEN, Keys.ENTER)
        self.shown()
        self.browser.find_element(By.ID, "drain").click()
        seconds = self.browser.find_element(By.ID, "seconds")
        for wrong in ("86401", "-1", ""):
            seconds.clear()
            seconds.send_keys(wrong, Keys.ENTER)
            self.browser.find_element(By.ID, "drain-now").click()
            self.assertTrue(seconds.is_displayed(), f"{wrong!r} is taken")
        self.browser.find_element(By.CSS_SELECTOR, "#draining .back").click()
        self.assertFalse(seconds.is_displayed())
        self.assertEqual(ask(admin, "/readyz")[0], 200)
        self.browser.find_element(By.ID, "drain").click()
        seconds.send_keys("30", Keys.ENTER)
        waitFor("the state", lambda: self.at("state") == "draining")
        self.assertIn("console: drain", server.log)
        self.assertEqual(ask(admin, "/readyz"), (503, "draining\n"))
        self.browser.find_element(By.ID, "resume").click()
        self.shown()
        self.assertEqual(ask(admin, "/readyz")[0], 200)
        self.browser.find_element(By.ID, "leave").click()
        waitFor("the form again", lambda: self.browser.find_element(By.ID, "token").is_displayed())
        self.browser.refresh()
        waitFor("the form still", lambda: self.browser.find_element(By.ID, "token").is_displayed())
