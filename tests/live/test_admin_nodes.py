"""The console over several nodes: real processes, a real broker, headless Chromium."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import signal
from typing import ClassVar

from tests.live.raw import CLOSE, TEXT, Raw
from tests.live.redisserver import RedisServer
from tests.live.server import Server, waitFor
from tests.live.test_admin import ConsoleCase, ask

try:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select
except ImportError:  # then setUp skips, or fails where live tests are required
    pass


#: Messages per second, in and out.
RATES = "return Array.from(document.querySelectorAll('#numbers b'), (one) => one.textContent).slice(1, 3)"

#: Chooses the node whose name ends so; gives what is shown then: the rates, and the charts' values.
CHOOSE = f"""
const [end, done] = arguments, select = document.getElementById("node");
select.value = Array.from(select.options, (one) => one.value).find((name) => name.endsWith(end));
select.dispatchEvent(new Event("change"));
const rates = (() => {{ {RATES} }})();
const values = document.querySelectorAll(".u-series:not(:first-child) .u-value");
setTimeout(() => done([rates, Array.from(values, (one) => one.textContent)]), 0);
"""


class NodesTests(ConsoleCase):
    """Two nodes, of which one has workers."""

    needs: ClassVar[tuple[str, ...]] = (*ConsoleCase.needs, "redis")

    def setUp(self) -> None:
        super().setUp()
        self.store = RedisServer(self.folder())
        self.addCleanup(self.store.kill)
        self.store.start()

    def begin(self, *options: str) -> tuple[Server, int, int]:
        """:return: A node, its port and its admin port."""
        return self.watched("--broker", self.store.url, *options)

    def client(self, port: int) -> Raw:
        """:return: A client that has shaken hands."""
        client = Raw(port)
        self.addCleanup(client.socket.close)
        self.assertIn(" 101 ", client.upgrade())
        return client

    def nodes(self) -> list[str]:
        """:return: The nodes that can be chosen, by their admin ports."""
        shown: list[str] = self.browser.execute_script(
            "return Array.from(document.getElementById('node').options, (one) => one.value)"
        )
        return sorted(one.rpartition(":")[2] for one in shown if one)

    def column(self, number: int) -> list[str]:
        """:return: A column of the table, for nodes by their admin ports."""
        return sorted(row[number].rpartition(":")[2] for row in self.rows())

    def choose(self, admin: int | None) -> None:
        """Choose a node by its admin port, or all."""
        select = Select(self.browser.find_element(By.ID, "node"))
        (name,) = [
            one.get_attribute("value")
            for one in select.options
            if (one.get_attribute("value") or "").endswith(f":{admin}" if admin else "")
            and (admin or not one.get_attribute("value"))
        ]
        select.select_by_value(name or "")

    def announce(self, text: str) -> None:
        """Announce something to those shown."""
        self.browser.find_element(By.ID, "announce").click()
        field = self.browser.find_element(By.ID, "announce-text")
        field.clear()
        field.send_keys(text)
        self.browser.find_element(By.ID, "announce-send").click()

    def test_nodes(self) -> None:
        """Clients of both are shown, told, closed; one node is drained; one dies, and is gone in time."""
        here, port, admin = self.begin()
        there, otherPort, otherAdmin = self.begin("--workers", "2")
        self.enter(here)
        self.shown()
        both = sorted([str(admin), str(otherAdmin)])
        waitFor("the nodes", lambda: self.nodes() == both)
        self.assertIn("2 nodes, 3 workers", self.at("facts"))
        one, other = self.client(port), self.client(otherPort)
        waitFor("both clients", lambda: self.column(-2) == both)

        self.announce("tea is ready")
        for client in (one, other):
            self.assertEqual(client.frame(), (0x80 | TEXT, b"tea is ready"))
        self.choose(otherAdmin)
        waitFor("its client", lambda: self.column(-2) == [str(otherAdmin)])
        self.announce("cake too")
        self.assertEqual(other.frame(), (0x80 | TEXT, b"cake too"))

        rates, legends = self.browser.execute_async_script(CHOOSE, f":{admin}")
        self.assertEqual(rates, ["–"] * 2, "a rate that is not known is shown")
        self.assertEqual(legends, ["–"] * 6, "the charts are still of the other node")
        waitFor("rates", lambda: "–" not in self.browser.execute_script(RATES))
        self.choose(otherAdmin)
        waitFor("its client again", lambda: self.column(-2) == [str(otherAdmin)])

        self.browser.find_element(By.CSS_SELECTOR, "#table tbody tr").click()
        waitFor("the dialog", lambda: self.browser.find_element(By.ID, "detail").is_displayed())
        self.assertIn(f":{otherAdmin}", self.at("facts-of-client"))
        self.browser.find_element(By.ID, "close-client").click()
        self.assertEqual(other.frame(), (0x80 | CLOSE, b"\x03\xe9"))
        waitFor("its line there", lambda: "console of another node: close " in there.log)

        self.browser.find_element(By.ID, "drain").click()
        self.browser.find_element(By.ID, "drain-now").click()
        waitFor("the other node to be drained", lambda: ask(otherAdmin, "/readyz") == (503, "draining\n"))
        self.assertEqual(ask(admin, "/readyz")[0], 200)
        waitFor("the button", lambda: self.browser.find_element(By.ID, "resume").is_displayed())
        self.browser.find_element(By.ID, "resume").click()
        waitFor("the other node", lambda: ask(otherAdmin, "/readyz")[0] == 200)
        self.choose(None)
        waitFor("both", lambda: self.column(-2) == [str(admin)])
        self.assertFalse(self.browser.find_element(By.ID, "drain").is_displayed())
        self.assertNotIn(str(otherAdmin), ask(admin, "/metrics")[1])

        there.signal(signal.SIGSTOP)
        try:
            waitFor("the silent one", lambda: self.at("state") == "silent")
        finally:
            there.signal(signal.SIGCONT)
        self.shown()
        there.kill()
        waitFor("the end of its lease", lambda: self.nodes() == [])
        self.shown()
        waitFor("one's row", lambda: len(self.rows()) == 1)
        self.assertEqual(self.troubles(), [])

    def test_brokerAway(self) -> None:
        """Without the broker the own node goes on; with it again the other is back."""
        here, _, admin = self.begin()
        _, _, otherAdmin = self.begin()
        here.meant = "cannot be used"
        self.enter(here)
        self.shown()
        both = sorted([str(admin), str(otherAdmin)])
        waitFor("the nodes", lambda: self.nodes() == both)
        self.store.kill()
        waitFor("notice", lambda: self.at("state") == "silent")
        self.choose(admin)
        waitFor("this one", lambda: self.at("state") == "ready")
        self.store.start()
        self.choose(None)
        waitFor("both", lambda: self.at("state") == "ready" and self.nodes() == both)
        self.assertEqual(self.troubles(), [])
