"""Headless Chromium on the pages of examples/, in two windows where it takes two.

With ``WSAPP_SCREENSHOTS=docs/images`` the pictures of docs/examples.rst are made by the way.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.server import Server, alive, environment, freePort, waitFor
from tests.live.test_browser import BrowserTestCase

try:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.remote.webelement import WebElement
    from selenium.webdriver.support.select import Select
except ImportError:  # then setUp skips, or fails where live tests are required
    pass

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


class ExampleTestCase(BrowserTestCase):
    """One example, served as its docstring says."""

    def setUp(self) -> None:
        if not EXAMPLES.is_dir():
            raise SkipTest(f"{EXAMPLES} is not here: these tests were copied without the project")
        super().setUp()
        self.browser.set_window_size(900, 640)
        self.windows: list[str] = []

    def example(self, name: str, options: str = "") -> str:
        """:return: The address of its page."""
        app = f"{EXAMPLES}/{name}.py:{name.capitalize()}{options}"
        self.twistd, port = self.serve("--app", app)
        return f"http://localhost:{port}/{name}/"

    def open(self, address: str) -> None:
        """Open the page in a window of its own, and wait till it is connected."""
        if self.windows:
            self.browser.switch_to.new_window("window")
            self.browser.set_window_size(900, 640)
        self.windows.append(self.browser.current_window_handle)
        self.browser.get(address)
        self.online()

    def online(self) -> None:
        """Wait till the page in front is connected."""
        waitFor("the page to be connected", lambda: self.state() == "open")

    def state(self) -> str | None:
        """:return: What the page's style sheet knows of its connection."""
        return self.one("state").get_attribute("data-state")

    def look(self, number: int) -> None:
        """Have that window in front."""
        self.browser.switch_to.window(self.windows[number])

    def one(self, identity: str) -> WebElement:
        """:return: An element of the page in front."""
        return self.browser.find_element(By.ID, identity)

    def texts(self, selector: str) -> list[str]:
        """:return: What stands in the elements that a selector finds, in order."""
        found: list[str] = self.browser.execute_script(
            "return Array.from(document.querySelectorAll(arguments[0]), (one) => one.textContent)", selector
        )
        return found

    def waitForTexts(self, selector: str, fits: Callable[[list[str]], bool]) -> list[str]:
        """Wait till they are right.

        :return: They.
        """
        try:
            waitFor(f"{selector} to be right", lambda: fits(self.texts(selector)))
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.texts(selector)}") from None
        return self.texts(selector)

    def picture(self, name: str) -> None:
        """Make a picture of the window in front, if pictures are wanted."""
        if folder := os.environ.get("WSAPP_SCREENSHOTS"):
            self.browser.save_screenshot(str(EXAMPLES.parent / folder / f"example-{name}.png"))

    def noTroubles(self) -> None:
        """Nothing of what the windows have done is an error, or against their policy."""
        for number in range(len(self.windows)):
            self.look(number)
            entries: list[dict[str, str]] = self.browser.get_log("browser")
            # Of rendering only advice is said, on how the test itself reads a canvas.
            self.assertEqual([], [one["message"] for one in entries if one["source"] != "rendering"])


class WhiteboardTests(ExampleTestCase):
    """Two people draw."""

    def draw(self, *corners: tuple[int, int]) -> None:
        """Draw a line between these places, as seen from the middle of the board."""
        board = self.one("board")
        hand = ActionChains(self.browser, duration=60)
        hand.move_to_element_with_offset(board, *corners[0]).click_and_hold()
        for corner in corners[1:]:
            hand.move_to_element_with_offset(board, *corner)
        hand.release().perform()

    def ink(self, x: int, y: int) -> bool:
        """:return: Whether something is drawn near that place of the board in front."""
        found: bool = self.browser.execute_script(
            "const board = document.getElementById('board'), scale = board.width / board.clientWidth;"
            "const x = arguments[0] * scale + board.width / 2, y = arguments[1] * scale + board.height / 2;"
            "return board.getContext('2d').getImageData(x - 6, y - 6, 12, 12).data.some((part) => part > 0)",
            x,
            y,
        )
        return found

    def test_together(self) -> None:
        """What one draws is on the other's board, also after a reload; who clears it clears it for both; and
        what was drawn since is there again after both have left."""
        address = self.example("whiteboard")
        self.open(address)
        self.draw((-200, -80), (0, 90), (200, -80))
        self.assertTrue(self.ink(0, 90))
        self.open(address)
        waitFor("what was drawn before", lambda: self.ink(0, 90) and self.ink(200, -80))
        self.browser.find_elements(By.CSS_SELECTOR, "#colors input")[4].click()
        self.draw((-150, 120), (150, 120))
        self.browser.find_elements(By.CSS_SELECTOR, "#colors input")[2].click()
        self.draw((-100, -110), (-60, -130), (-20, -110))
        self.look(0)
        waitFor("the other's line", lambda: self.ink(0, 120) and self.ink(-100, -110))
        self.assertFalse(self.ink(250, 120))
        self.picture("whiteboard")
        self.browser.refresh()
        self.online()
        waitFor("the board after a reload", lambda: self.ink(0, 90) and self.ink(0, 120))
        self.noTroubles()
        self.one("clear").click()
        for number in (0, 1):
            self.look(number)
            waitFor("a board that is clear", lambda: not self.ink(0, 90) and not self.ink(0, 120))
        self.draw((50, 50), (50, 50))  # a dot
        for number in (0, 1):
            self.look(number)
            waitFor("the dot", lambda: self.ink(50, 50))
        for number in (0, 1):
            self.look(number)
            self.browser.get("about:blank")
        self.browser.get(address)
        waitFor("the dot, when all have left and one comes back", lambda: self.ink(50, 50))
        self.assertFalse(self.ink(0, 90))


class CursorsTests(ExampleTestCase):
    """Two people point at things."""

    def where(self) -> list[object]:
        """:return: Of each cursor that is shown whose it is, and where in hundredths of the area."""
        shown: list[object] = self.browser.execute_script(
            "const area = document.getElementById('area').getBoundingClientRect();"
            "return Array.from(document.querySelectorAll('.cursor'), (one) => {"
            " const box = one.getBoundingClientRect();"
            " return [one.textContent, Math.round((100 * (box.left - area.left)) / area.width),"
            " Math.round((100 * (box.top - area.top)) / area.height)]; })"
        )
        return shown

    def point(self, x: int, y: int) -> None:
        """Move there, in hundredths of the area."""
        area = self.one("area")
        size = area.size
        hand = ActionChains(self.browser, duration=60)
        hand.move_to_element_with_offset(
            area, round(size["width"] * (x - 50) / 100), round(size["height"] * (y - 50) / 100)
        ).perform()

    def test_together(self) -> None:
        """Each sees where the other points, not itself; the last position counts; who leaves is gone."""
        address = self.example("cursors")
        self.open(address + "?name=Ann")
        self.point(50, 50)
        self.point(70, 20)
        self.open(address + "?name=" + "%3Cb%3EBob%3C/b%3E")
        waitFor("where Ann has been all the time", lambda: self.where() == [["Ann", 70, 20]])
        self.point(30, 60)
        self.picture("cursors")
        self.look(0)
        waitFor("Bob's cursor", lambda: self.where() == [["<b>Bob</b>", 30, 60]])
        self.noTroubles()
        self.look(1)
        self.browser.close()
        self.look(0)
        waitFor("Bob to be gone", lambda: self.where() == [])


class TickerTests(ExampleTestCase):
    """Prices that move."""

    def test_prices(self) -> None:
        """All are shown and move; two windows have them; the page comes back when the server does."""
        address = self.example("ticker", ":seconds=0.05")
        self.open(address)
        first = self.waitForTexts("tbody td:nth-child(2)", lambda prices: len(prices) == 10)
        self.waitForTexts("tbody td:nth-child(2)", lambda prices: all(map(str.__ne__, prices, first)))
        self.open(address)
        ticks = self.waitForTexts("#counts", lambda counts: " 0 missed" in counts[0] and "Tick" in counts[0])
        self.waitForTexts("#counts", lambda counts: counts != ticks)
        self.noTroubles()
        self.assertEqual(0, self.twistd.stop(), self.twistd.log)
        waitFor("the page to notice", lambda: self.state() == "waiting")
        Server.start(self.twistd)
        self.online()
        self.waitForTexts("#counts", lambda counts: counts != ticks)

    def test_picture(self) -> None:
        """The last minute of each price is drawn."""
        self.open(self.example("ticker", ":seconds=0.1"))
        drawn = (
            "return document.querySelector('canvas').getContext('2d').getImageData(0, 0, 320, 56)"
            ".data.some(Boolean)"
        )
        waitFor("a line", lambda: self.browser.execute_script(drawn))
        if "WSAPP_SCREENSHOTS" in os.environ:
            waitFor("a minute's prices", lambda: int(self.one("counts").text.split()[1][:-1]) > 280, 60)
        self.picture("ticker")


class RpcTests(ExampleTestCase):
    """Calls by hand."""

    def call(self, method: str, params: str) -> None:
        """Fill in the form and send it."""
        self.one("method").send_keys(method)
        field = self.one("params")
        field.clear()
        field.send_keys(params, Keys.ENTER)

    def test_calls(self) -> None:
        """Results, errors, and a call that others overtake; all under the call that they answer."""
        self.open(self.example("rpc"))
        self.call("wait", '{"seconds": 2}')
        self.call("add", "[2, 3]")
        self.waitForTexts("li .answer", lambda answers: answers == ["5", "…"])
        self.call("divide", '{"a": 7, "b": 0}')
        self.call("add", '[1, "2"]')
        self.call("divide", '{"a": 7, "b": 2}')
        answers = self.waitForTexts("li .answer", lambda answers: answers[4:] == ['"2 s later"'])
        self.assertEqual(answers[0], '{"quotient":3,"remainder":1}')
        self.assertTrue(answers[1].startswith("-32602 Invalid params"), answers[1])
        self.assertEqual(answers[2], "1 nothing can be divided by 0")
        self.picture("rpc")
        self.noTroubles()
        self.call("wait", "[10]")
        self.assertEqual(0, self.twistd.stop(), self.twistd.log)
        self.waitForTexts("li .answer", lambda answers: answers[0] == " the connection was lost")


class AnnouncementTests(ExampleTestCase):
    """What an operator says by the console."""

    NAMES = ("cursors", "rpc", "ticker", "upload", "whiteboard")

    def test_announcement(self) -> None:
        """Every page shows it, though some speak JSON alone, and goes on as before."""
        apps = [f"{EXAMPLES}/{name}.py:{name.capitalize()}" for name in self.NAMES]
        options = [word for app in apps for word in ("--app", app)]
        server, port = self.serve(*options, "--admin", str(freePort()))
        for name in self.NAMES:
            self.open(f"http://localhost:{port}/{name}/")
        self.browser.switch_to.new_window("window")
        match = re.search(r"the console is at (\S+#\S+)", server.log)
        assert match is not None, server.log
        self.browser.get(match[1])
        waitFor("the console", lambda: self.one("state").text == "ready")
        for name in self.NAMES:
            self.one("announce").click()
            Select(self.one("announce-app")).select_by_value(name)
            self.one("announce-text").clear()
            self.one("announce-text").send_keys(f"tea for {name}")
            self.one("announce-send").click()
        for number, name in enumerate(self.NAMES):
            self.look(number)
            self.waitForTexts(".announced", lambda texts, name=name: texts == [f"tea for {name}"])  # type: ignore[misc]
        self.noTroubles()


class UploadTests(ExampleTestCase):
    """Files of any size."""

    def test_upload(self) -> None:
        """Four are chosen at once: each comes whole, one after the other, but the one that is too large."""
        self.open(self.example("upload", ":largest=20000000"))
        folder = self.folder()
        files = {"large.bin": os.urandom(15_000_001), "empty.txt": b"", "letter.txt": b"Dear Ann"}
        for name, content in {"huge.bin": bytes(20_000_001), **files}.items():
            (folder / name).write_bytes(content)
        names = ["large.bin", "huge.bin", "empty.txt", "letter.txt"]
        self.one("files").send_keys("\n".join(str(folder / name) for name in names))
        done = self.waitForTexts("li .said", lambda said: len(said) == 4 and "SHA" in said[3])
        self.assertEqual(self.texts("li span:first-child"), names)
        for name, said in zip(names, done, strict=True):
            if name in files:
                self.assertIn(hashlib.sha256(files[name]).hexdigest(), said)
            else:
                self.assertEqual(said, "Refused: it has more than 20,000,000 bytes.")
        full = "return Array.from(document.querySelectorAll('progress'), (bar) => bar.value / bar.max)"
        self.assertEqual(self.browser.execute_script(full), [1, 0, 1, 1])
        self.picture("upload")
        self.noTroubles()

    def test_progress(self) -> None:
        """The bar moves while the file does, and a second window can have its own."""
        address = self.example("upload")
        path = self.folder() / "large.bin"
        path.write_bytes(os.urandom(30_000_000))
        self.open(address)
        self.browser.execute_script(
            "window.seen = [];"
            "const look = () => document.querySelectorAll('progress').forEach((bar) => seen.push(bar.value));"
            "const uploads = document.getElementById('uploads');"
            "new MutationObserver(look).observe(uploads, { subtree: true, childList: true });"
        )
        self.one("files").send_keys(str(path))
        self.waitForTexts("li .said", lambda said: len(said) == 1 and "SHA" in said[0])
        seen: list[int] = self.browser.execute_script("return window.seen")
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len([value for value in set(seen) if 0 < value < 30_000_000]), 3)


class TerminalTests(ExampleTestCase):
    """A shell in the browser."""

    def setUp(self) -> None:
        super().setUp()
        self.keys = self.folder() / "keys"
        self.keys.write_text("only for tests, and long enough to be a key\n")
        self.keys.chmod(0o600)

    def link(self, address: str) -> str:
        """:return: What terminal.py prints for its user."""
        script = [sys.executable, str(EXAMPLES / "terminal.py"), str(self.keys), address]
        return subprocess.run(
            script, env=environment(), check=True, capture_output=True, text=True
        ).stdout.strip()

    def type(self, text: str) -> None:
        """Type it where the cursor is, and Enter."""
        self.browser.switch_to.active_element.send_keys(text, Keys.ENTER)

    def screen(self) -> str:
        """:return: What stands in the terminal."""
        return "\n".join(self.texts(".xterm-rows > div")).replace("\xa0", " ")

    def shows(self, text: str) -> None:
        """Wait till a line of the terminal begins with a text."""
        try:
            waitFor(f"{text!r} on the screen", lambda: f"\n{text}" in f"\n{self.screen()}")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.screen()}") from None

    def running(self, mark: str) -> int:
        """Have the shell say who it is.

        :return: Its process.
        """
        self.type(f"echo {mark}-$$-")
        pattern = re.compile(rf"{mark}-(\d+)-")
        waitFor("the shell to answer", lambda: pattern.search(self.screen()))
        return int(pattern.findall(self.screen())[0])

    def test_shell(self) -> None:
        """Type, resize, print much, and go: no shell is left, and no token in the log."""
        address = self.example("terminal", f":keys={self.keys}:shell=/bin/sh")
        link = self.link(address)
        token = link.partition("#")[2]
        self.open(link)
        self.assertEqual(self.browser.current_url, address)
        shell = self.running("first")
        self.type("seq 200000 | tail -n 3; printf '\\033[1;32mgr\\303\\274n\\033[0m\\n'")
        self.shows("199999")
        self.shows("grün")
        self.type("stty size")
        rows = len(self.texts(".xterm-rows > div"))
        self.shows(f"{rows} ")
        self.browser.set_window_size(700, 400)
        waitFor("fewer rows", lambda: len(self.texts(".xterm-rows > div")) < rows)
        rows = len(self.texts(".xterm-rows > div"))
        self.type("clear; stty size")
        self.shows(f"{rows} ")
        self.type("sleep 600")
        time.sleep(0.2)  # so that it is the sleep that gets it, mostly; right either way
        self.browser.switch_to.active_element.send_keys(Keys.CONTROL, "c")
        self.browser.switch_to.active_element.send_keys(Keys.NULL)
        self.open(self.link(address))
        other = self.running("second")
        self.noTroubles()
        self.look(0)
        self.assertEqual(self.running("third"), shell)
        self.browser.close()
        waitFor("the shell to end with its window", lambda: not alive(shell))
        self.look(1)
        self.type("exit")
        waitFor("the page to say so", lambda: self.state() == "closed")
        self.assertEqual(self.one("state").text, "Ended: the shell has ended")
        self.assertFalse(alive(other))
        self.browser.get("about:blank")
        self.open(self.link(address))
        last = self.running("last")
        self.assertEqual(0, self.twistd.stop(), self.twistd.log)
        self.assertFalse(alive(last))
        self.assertNotIn(token[:20], self.twistd.log)
        self.assertNotIn(token[-20:], self.twistd.log)

    def test_door(self) -> None:
        """Who opens the page without a link gets no shell, and is told how; a bad token is none."""
        address = self.example("terminal", f":keys={self.keys}")
        for place in (address, address + "#a.b.c"):
            self.browser.get("about:blank")
            self.browser.get(place)
            waitFor("the page to be turned away", lambda: self.state() == "closed")
            self.assertEqual(self.one("state").text, "Get a link first, by terminal.py")
        self.assertEqual(self.screen().strip(), "")

    def test_picture(self) -> None:
        """Colours arrive as such."""
        self.open(self.link(self.example("terminal", f":keys={self.keys}:shell=/bin/bash")))
        self.type(f"PS1='\\[\\e[1;36m\\]wsapp\\[\\e[0m\\] $ '; cd {EXAMPLES.parent}; clear")
        self.type("ls --color examples; head -n 9 examples/hello.py")
        self.shows("from wsapp import App")
        self.assertTrue(
            self.browser.execute_script("return document.querySelector('.xterm-rows .xterm-fg-14')")
        )
        self.picture("terminal")
