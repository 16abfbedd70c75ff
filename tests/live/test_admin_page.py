"""The console's page in headless Chromium: what it says to clients, how it is closed, and how it looks."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from tests.live.server import waitFor
from tests.live.test_admin import ConsoleCase

try:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select
except ImportError:  # then setUp skips, or fails where live tests are required
    pass

#: Of a dialog: what of it is cut off or makes it scroll sideways, and what can hardly be read, for its
#: contrast to what is behind it is below 4.5 (WCAG 1.4.3).
TROUBLES = """
const dialog = document.getElementById(arguments[0]);
const all = [dialog, ...dialog.querySelectorAll("*")];
const light = (colour) => {
  const [red, green, blue] = colour.match(/[\\d.]+/g).map((part) => part / 255).map(
    (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
};
const behind = (one) => {
  const colour = getComputedStyle(one).backgroundColor;
  return colour.endsWith(", 0)") ? behind(one.parentElement) : colour;
};
const inner = dialog.getBoundingClientRect().right - parseFloat(getComputedStyle(dialog).paddingRight);
const wide = all.slice(1).filter((one) => one.getBoundingClientRect().right > inner);
if (dialog.scrollWidth > dialog.clientWidth) wide.unshift(dialog);
if (dialog.getBoundingClientRect().right > innerWidth) wide.unshift(dialog);
const faint = all.filter((one) => one.localName !== "option").filter((one) => {
  const [ink, paper] = [light(getComputedStyle(one).color), light(behind(one))];
  return Math.max(ink, paper) / Math.min(ink, paper) < 4.5;
});
return [wide, faint].map((found) => found.map((one) => one.outerHTML.slice(0, 80)));
"""


class PageTests(ConsoleCase):
    """One server."""

    def test_announce(self) -> None:
        """What is announced stands in the chat page, markup in it as text;
        the echo page does not take it for an echo."""
        server, port, _ = self.watched("--app", "chat", "--app", "echo")
        self.enter(server)
        self.shown()
        console = self.browser.current_window_handle
        pages = {}
        for app in ("chat", "echo"):
            self.browser.switch_to.new_window("tab")
            self.browser.get(f"http://localhost:{port}/{app}/")
            pages[app] = self.browser.current_window_handle
            if app == "chat":
                self.browser.switch_to.active_element.send_keys("Ann", Keys.ENTER)
            status = self.browser.find_element(By.ID, "status")
            waitFor(
                f"the {app}",
                lambda status=status: status.get_attribute("data-state") in ("online", "open"),  # type: ignore[misc]
            )
        text = "tea is <b>ready</b>"
        self.browser.switch_to.window(console)
        for app in pages:
            self.browser.find_element(By.ID, "announce").click()
            Select(self.browser.find_element(By.ID, "announce-app")).select_by_value(app)
            field = self.browser.find_element(By.ID, "announce-text")
            field.clear()
            field.send_keys(text)
            self.browser.find_element(By.ID, "announce-send").click()
            waitFor("it to be done", lambda: "is sent" in self.at("told"))
        self.browser.switch_to.window(pages["chat"])
        notices = ".notice[data-kind=announcement]"
        waitFor("the notice", lambda: self.browser.find_elements(By.CSS_SELECTOR, notices))
        self.assertEqual([one.text for one in self.browser.find_elements(By.CSS_SELECTOR, notices)], [text])
        self.assertEqual(self.browser.find_element(By.ID, "status").get_attribute("data-state"), "online")
        self.browser.switch_to.window(pages["echo"])
        self.browser.find_element(By.ID, "text").send_keys("hi", Keys.ENTER)
        listed = "return Array.from(document.querySelectorAll('#log li'), (one) => one.dataset.kind)"
        waitFor("the echo", lambda: self.browser.execute_script(listed) == ["text", "announced"])
        self.assertIn(text, self.at("log"))
        self.assertNotIn("NaN", self.at("log"))
        self.assertEqual(self.troubles(), [])

    def test_lateGoodbye(self) -> None:
        """A close by 1008 is no sign-out: the page comes back, signed in where its cookie is good."""
        server, _, _ = self.watched()
        self.enter(server)
        self.shown()
        self.browser.execute_script(
            "const socket = WebSocket.prototype, send = socket.send;"
            "socket.send = function () { socket.send = send; this.send('nonsense'); }"
        )
        waitFor("the loss", lambda: self.at("state") == "connection lost")
        self.shown()
        self.assertTrue(self.browser.find_element(By.ID, "board").is_displayed())

    def test_narrow(self) -> None:
        """On a telephone only the table is wider than the screen; dialogs can be read, also in the dark."""
        server, port, _ = self.watched()
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": True},
        )
        self.enter(server)
        self.shown()
        width = self.browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertEqual(width, [360, 360])
        self.another(f"http://localhost:{port}/")
        waitFor("the client's row", lambda: len(self.rows()) == 1)
        for scheme in ("light", "dark"):
            self.browser.execute_cdp_cmd(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            )
            for dialog, opener in (
                ("detail", "#table tbody tr"),
                ("announcing", "#announce"),
                ("draining", "#drain"),
            ):
                self.browser.find_element(By.CSS_SELECTOR, opener).click()
                waitFor(dialog, lambda dialog=dialog: self.browser.find_element(By.ID, dialog).is_displayed())  # type: ignore[misc]
                wide, faint = self.browser.execute_script(TROUBLES, dialog)
                self.assertEqual((wide, faint), ([], []), f"{dialog}, {scheme}")
                self.browser.find_element(By.CSS_SELECTOR, f"#{dialog} .back").click()
