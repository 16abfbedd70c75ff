"""Headless Chromium on the chat page, as two people who have opened it."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import shutil
import signal
from typing import ClassVar

from tests.live import tools
from tests.live.case import LiveTestCase
from tests.live.redisserver import RedisServer
from tests.live.server import freePort, waitFor
from wsapp import tokens

try:
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:  # then setUp skips, or fails where live tests are required
    pass

#: Root needs ``--no-sandbox``; the rest keeps Chromium from looking for its maker.
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1000,800"
)


class Page:
    """One window of the browser with the chat page in it.

    :param name: Who sits before it.
    """

    def __init__(self, browser: Chrome, name: str) -> None:
        self.browser = browser
        self.window = browser.current_window_handle
        self.name = name

    def look(self) -> Chrome:
        """:return: The browser, with this window in front."""
        self.browser.switch_to.window(self.window)
        return self.browser

    def open(self, address: str) -> Page:
        """Load the page, and come in by keyboard alone."""
        self.look().get(address)
        field = self.look().switch_to.active_element
        assert field.get_attribute("id") == "name", "the name is not what one writes first"
        field.clear()
        field.send_keys(self.name, Keys.ENTER)
        self.online()
        return self

    @property
    def state(self) -> str:
        """What the page says of its connection, as its style sheet has it."""
        return self.look().find_element(By.ID, "status").get_attribute("data-state") or ""

    def online(self) -> None:
        """Wait till it is."""
        waitFor(f"{self.name}'s page to be connected", lambda: self.state == "online")

    def offline(self) -> None:
        """Wait till it has noticed that the server is gone."""
        waitFor(f"{self.name}'s page to notice", lambda: self.state in ("waiting", "connecting"))

    def say(self, text: str) -> None:
        """Write it where the cursor is, and press Enter."""
        self.look().switch_to.active_element.send_keys(text, Keys.ENTER)

    def texts(self) -> list[str]:
        """:return: What stands in the conversation, in order."""
        bubbles: list[str] = self.look().execute_script(
            "return Array.from(document.querySelectorAll('#messages .bubble'), (one) => one.textContent)"
        )
        return bubbles

    def people(self) -> set[str]:
        """:return: Who is here, as the page shows it."""
        names: list[str] = self.look().execute_script(
            "return Array.from(document.querySelectorAll('#members .name'), (one) => one.textContent)"
        )
        return set(names)

    def hears(self, *texts: str) -> None:
        """Wait till the conversation is exactly this."""
        try:
            waitFor(f"{self.name} to read {texts}", lambda: self.texts() == list(texts))
        except AssertionError as error:
            raise AssertionError(f"{error}, read {self.texts()}") from None

    def sees(self, *names: str) -> None:
        """Wait till exactly these people are here."""
        try:
            waitFor(f"{self.name} to see {names}", lambda: self.people() == set(names))
        except AssertionError as error:
            raise AssertionError(f"{error}, saw {self.people()}") from None

    def troubles(self) -> list[str]:
        """:return: What the browser has put in its console since it was last asked: errors, and what the
        page's policy forbids."""
        entries: list[dict[str, str]] = self.look().get_log("browser")
        return [entry["message"] for entry in entries]


class BrowserTestCase(LiveTestCase):
    """A browser of the test's own, with nothing in it."""

    needs: ClassVar[tuple[str, ...]] = ("browser",)

    def setUp(self) -> None:
        super().setUp()
        options = ChromeOptions()
        for flag in FLAGS.split():
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={self.folder()}")
        options.binary_location = tools.chromium() or ""
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # With the driver's own path nothing is looked up or fetched.
        service = ChromeService(shutil.which("chromedriver"))
        self.browser = Chrome(options=options, service=service)
        self.addCleanup(self.browser.quit)


class ChatPageCase(BrowserTestCase):
    """Two people before the chat page."""

    def two(self, port: int, other: int | None = None) -> tuple[Page, Page]:
        """:return: Ann's window and Bob's, both in the chat; Bob's on another port, if there is one."""
        ann = Page(self.browser, "Ann").open(f"http://localhost:{port}/")
        self.browser.switch_to.new_window("window")
        bob = Page(self.browser, "Bob").open(f"http://localhost:{other or port}/")
        return ann, bob


class ChatPageTests(ChatPageCase):
    """Newcomers open the page and chat."""

    def test_twoWindows(self) -> None:
        """Both hear both and see who is here; after a reload the conversation is there again; who closes the
        window is gone."""
        _, port = self.serve("--app", "chat")
        ann, bob = self.two(port)
        for page in (ann, bob):
            page.sees("Ann", "Bob")
        ann.say("hello <b>Bob</b>")
        bob.hears("hello <b>Bob</b>")
        bob.say("Grüß dich \u00abAnn\u00bb & all")
        said = ("hello <b>Bob</b>", "Grüß dich «Ann» & all")
        for page in (ann, bob):
            page.hears(*said)

        bob.look().refresh()
        bob.online()
        bob.hears(*said)
        bob.sees("Ann", "Bob")
        bob.say("back again")
        ann.hears(*said, "back again")
        ann.sees("Ann", "Bob")
        for page in (ann, bob):
            self.assertEqual([], page.troubles())

        bob.look().close()
        ann.sees("Ann")

    def test_serverRestarts(self) -> None:
        """The server is stopped: both pages say so, and keep what was said.  It is started again: both come
        back without a hand, what was written meanwhile is sent, and they chat on."""
        server, port = self.serve("--app", "chat")
        ann, bob = self.two(port)
        ann.say("before")
        bob.hears("before")
        self.assertEqual(0, server.stop(), server.log)
        for page in (ann, bob):
            page.offline()
            self.assertEqual(["before"], page.texts())
        ann.look()
        ann.say("meanwhile")

        again = self.server(*server.options).start()
        self.assertNotEqual(server.folder, again.folder)
        for page in (ann, bob):
            page.online()
        for page in (ann, bob):
            page.hears("before", "meanwhile")
            page.sees("Ann", "Bob")
        bob.look()
        bob.say("after")
        for page in (ann, bob):
            page.hears("before", "meanwhile", "after")

    def test_phone(self) -> None:
        """On a phone's screen nothing sticks out sideways, and one writes, sends and sees the others with a
        finger."""
        _, port = self.serve("--app", "chat")
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": True},
        )
        ann = Page(self.browser, "Ann").open(f"http://localhost:{port}/")
        self.browser.find_element(By.ID, "text").send_keys("on my way " + "wide" * 40)
        self.browser.find_element(By.ID, "send").click()
        ann.hears("on my way " + "wide" * 40)
        width = self.browser.execute_script(
            "return [document.documentElement.scrollWidth, innerWidth, document.body.scrollWidth]"
        )
        self.assertEqual([360, 360, 360], width)
        for name in ("text", "send", "status"):
            box = self.browser.find_element(By.ID, name).rect
            self.assertTrue(box["x"] >= 0 and box["x"] + box["width"] <= 360, f"{name}: {box}")
            self.assertTrue(box["y"] >= 0 and box["y"] + box["height"] <= 640, f"{name}: {box}")
        people = self.browser.find_element(By.ID, "people")
        if not people.is_displayed():
            self.browser.find_element(By.ID, "people-toggle").click()
            waitFor("the list of people", people.is_displayed)
        ann.sees("Ann")

    def test_lightAndDark(self) -> None:
        """The page follows the device's colours, and its text stands out in both."""
        _, port = self.serve("--app", "chat")
        Page(self.browser, "Ann").open(f"http://localhost:{port}/")
        shown = {}
        for scheme in ("light", "dark"):
            self.browser.execute_cdp_cmd(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            )
            shown[scheme] = [
                sum(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3]))
                for colour in self.browser.execute_script(
                    "const style = getComputedStyle(document.body);"
                    "return [style.color, style.backgroundColor]"
                )
            ]
        # Sums of red, green and blue, of text and ground.
        self.assertGreater(shown["light"][1], shown["light"][0] + 300, str(shown))
        self.assertGreater(shown["dark"][0], shown["dark"][1] + 300, str(shown))

    def test_nothingFromOutside(self) -> None:
        """Everything that the page loads comes from the server itself."""
        port = freePort()
        self.server("--port", f"tcp:{port}:interface=127.0.0.1", "--app", "echo", "--app", "chat").start()
        Page(self.browser, "Ann").open(f"http://localhost:{port}/chat/")
        loaded: list[str] = self.browser.execute_script(
            "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        )
        self.assertTrue(loaded)
        own = (f"http://localhost:{port}/", f"ws://localhost:{port}/")
        self.assertEqual([], [address for address in loaded if not address.startswith(own)])


class ManyProcessesTests(ChatPageCase):
    """The room is one, whichever process a page has come to."""

    needs = ("browser", "redis")

    def cara(self, ann: Page, port: int, *said: str) -> None:
        """Somebody comes to one of the processes, reads what was said before, and goes."""
        ann.look()
        self.browser.switch_to.new_window("window")
        cara = Page(self.browser, "Cara").open(f"http://localhost:{port}/")
        cara.hears(*said)
        cara.sees("Ann", "Bob", "Cara")
        self.assertEqual([], cara.troubles())
        cara.look().close()

    def test_twoNodes(self) -> None:
        """Ann and Bob on two nodes: each hears both and sees who is here; newcomers to either read it all."""
        store = RedisServer(self.folder()).start()
        self.addCleanup(store.kill)
        # They are stopped before it: what is added last is done first.
        ports = [self.serve("--app", "chat", "--broker", store.url)[1] for _ in range(2)]
        ann, bob = self.two(*ports)
        for page in (ann, bob):
            page.sees("Ann", "Bob")
        ann.look()
        ann.say("from the first node")
        bob.hears("from the first node")
        bob.look()
        bob.say("from the second")
        said = ("from the first node", "from the second")
        for page in (ann, bob):
            page.hears(*said)
        for port in ports:
            self.cara(ann, port, *said)
        for page in (ann, bob):
            page.sees("Ann", "Bob")
            self.assertEqual([], page.troubles())
        bob.look().close()
        ann.sees("Ann")

    def test_workersReplaced(self) -> None:
        """Both workers are replaced: the pages come back by themselves, with all that was said."""
        server, port = self.serve("--app", "chat", "--workers", "2", "--broker", "embedded")
        ann, bob = self.two(port)
        ann.look()
        ann.say("before")
        bob.hears("before")
        server.signal(signal.SIGUSR2)
        waitFor("the replacement", lambda: "all workers are replaced" in server.log)
        for page in (ann, bob):
            page.online()
            page.sees("Ann", "Bob")
        bob.look()
        bob.say("after")
        for page in (ann, bob):
            page.hears("before", "after")
        self.cara(ann, port, "before", "after")


class EchoPageTests(BrowserTestCase):
    """The page to try an echo server with."""

    def test_echo(self) -> None:
        """What is written comes back, as text and as binary; the connection is ended and made again."""
        _, port = self.serve()
        self.browser.get(f"http://localhost:{port}/")
        status = self.browser.find_element(By.ID, "status")
        waitFor("the page to be connected", lambda: status.get_attribute("data-state") == "open")
        field = self.browser.find_element(By.ID, "text")
        field.send_keys("Grüße", Keys.ENTER)
        self.browser.find_element(By.ID, "binary").click()
        field.send_keys(Keys.ENTER)
        self.shows("47 72 c3 bc c3 9f 65", "Grüße")
        button = self.browser.find_element(By.ID, "connection")
        button.click()
        waitFor("the page to be disconnected", lambda: "1000" in status.text)
        button.click()
        waitFor("the page to be connected again", lambda: status.get_attribute("data-state") == "open")
        field.clear()
        field.send_keys("!", Keys.ENTER)
        self.shows("21", "47 72 c3 bc c3 9f 65", "Grüße")

    def shows(self, *echoes: str) -> None:
        """Wait till the page lists exactly these, the newest first."""
        listed = "return Array.from(document.querySelectorAll('#log code'), (one) => one.textContent)"
        waitFor(f"the page to list {echoes}", lambda: self.browser.execute_script(listed) == list(echoes))


#: Asks for a WebSocket, and says what comes first: its subprotocol and a message, or how it was closed.
ASK = """
const [url, protocols, done] = arguments;
const socket = new WebSocket(url, protocols);
socket.onmessage = (event) => done([socket.protocol, event.data]);
socket.onclose = (event) => done(["closed", event.code]);
"""

MEMBERS = """
from wsapp import App
from wsapp.authentication import authenticate
from wsapp.tokens import Keys

class Members(App):
    def onHandshake(self, request):
        authenticate(request, Keys("only for tests, and long enough to be a key"), self.name)

    def onConnect(self, client):
        client.send(f"hello, {client.user}")
"""


class TokenTests(BrowserTestCase):
    """A page that brings a token."""

    def ask(self, port: int, token: str) -> object:
        """:return: What the page in front gets."""
        url = f"ws://localhost:{port}/members"
        return self.browser.execute_async_script(ASK, url, ["members", f"token.{token}"])

    def test_token(self) -> None:
        """It comes in, and is told 4401 where the token is not good; no page of another origin ever does."""
        (folder := self.folder()).joinpath("members.py").write_text(MEMBERS)
        _, port = self.serve("--app", "chat", "--app", f"{folder}/members.py:Members")
        token = tokens.mint(tokens.Keys("only for tests, and long enough to be a key"), "ann", "members")
        self.browser.get(f"http://localhost:{port}/")
        self.assertEqual(self.ask(port, token), ["members", "hello, ann"])
        self.assertEqual(self.ask(port, token[:-1] + ("A" if token[-1] != "A" else "B")), ["closed", 4401])
        self.browser.get("about:blank")  # whose origin is null
        self.assertEqual(self.ask(port, token), ["closed", 1006])
