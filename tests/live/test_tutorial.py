"""The page of the tutorial (docs/snippets/pages), in headless Chromium."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.server import freePort, waitFor
from tests.live.test_browser import BrowserTestCase

try:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:  # then setUp skips, or fails where live tests are required
    pass

HELLO = Path(__file__).parents[2] / "docs" / "snippets" / "hello.py"


class TutorialTests(BrowserTestCase):
    """What a reader has after the third step."""

    def setUp(self) -> None:
        if not HELLO.is_file():
            raise SkipTest(f"{HELLO} is not here: these tests were copied without the project")
        super().setUp()

    def lines(self) -> list[str]:
        """:return: What the page in front shows to have been said."""
        found: list[str] = self.browser.execute_script(
            "return Array.from(document.querySelectorAll('#log li'), (one) => one.textContent)"
        )
        return found

    def state(self, begins: str) -> None:
        """Wait till the page in front says so of its connection."""
        waitFor(
            f"the page to be {begins}",
            lambda: self.browser.find_element(By.ID, "state").text.startswith(begins),
        )

    def test_page(self) -> None:
        """``/`` leads to it; what one writes both read; it comes back by itself when the server does."""
        port = freePort()
        server, _ = self.serve("--app", f"{HELLO}:Hello", port=port)
        self.browser.get(f"http://localhost:{port}/")
        self.assertEqual(self.browser.current_url, f"http://localhost:{port}/hello/")
        first = self.browser.current_window_handle
        self.state("Connected")
        self.browser.switch_to.new_window("window")
        self.browser.get(f"http://localhost:{port}/hello/")
        self.state("Connected")
        self.browser.find_element(By.ID, "text").send_keys("<b>hi</b>", Keys.ENTER)
        for window in (self.browser.current_window_handle, first):
            self.browser.switch_to.window(window)
            waitFor("it to be read", self.lines)
            self.assertTrue(self.lines()[0].endswith(": <b>hi</b>"), self.lines())
        troubles = [entry["message"] for entry in self.browser.get_log("browser")]
        # The page has no icon, which a tutorial can do without.
        self.assertEqual([one for one in troubles if "/favicon.ico " not in one], [])
        self.assertEqual(server.stop(), 0)
        self.state("Closed (1001)")
        self.serve("--app", f"{HELLO}:Hello", port=port)
        self.state("Connected")
