"""The admin port of a master: its workers' numbers, and the console over them in headless Chromium."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

from tests.live.raw import CLOSE, TEXT, Raw, frame
from tests.live.server import LIMIT, Server, freePort, waitFor
from tests.live.test_admin import ConsoleCase, ask
from tests.live.test_workers import WorkersTestCase, who
from wsapp.admin import prometheus

try:
    from selenium.webdriver.common.by import By
except ImportError:  # then setUp skips, or fails where live tests are required
    pass


def counts(admin: int) -> dict[str, float]:
    """:return: What ``/metrics`` has of counts, by name and labels."""
    from prometheus_client.parser import text_string_to_metric_families

    status, text = ask(admin, "/metrics")
    assert status == 200, text
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        if family.type == "counter" or family.name == "wsapp_hook_seconds"
        for sample in family.samples
    }


class MasterCase(WorkersTestCase):
    """A master with an admin port, and two workers.

    :ivar admin: The port.
    """

    admin: int

    def master(self, *options: str) -> tuple[Server, int]:
        """:return: It, running, and its port for clients."""
        self.admin = freePort()
        server = self.workers("--admin", str(self.admin), *options)
        port = self.begin(server)
        waitFor("the server to be ready", lambda: ask(self.admin, "/readyz")[0] == 200)
        return server, port

    def now(self, server: Server) -> dict[int, int]:
        """:return: The process of each worker, the last one that was ready."""
        return dict(self.ready(server))

    def each(self, server: Server, port: int) -> dict[int, Raw]:
        """:return: A client of each worker, by its number; all others are gone."""
        numbers = {pid: number for number, pid in self.now(server).items()}
        found: dict[int, Raw] = {}
        end = time.monotonic() + LIMIT
        while len(found) < 2:
            assert time.monotonic() < end, "the system gives all connections to one worker"
            client = self.client(port)
            number = numbers[who(client)[1]]
            if number in found:
                client.send(frame(CLOSE, b"\x03\xe8"))
                client.frame()
                client.socket.close()
            else:
                found[number] = client
        return found


class MetricsTests(MasterCase):
    """For probes and collectors."""

    def setUp(self) -> None:
        super().setUp()
        if not prometheus.available():
            self.skipTest("prometheus-client is not installed")

    def grow(self, before: dict[str, float]) -> dict[str, float]:
        """:return: The counts now, none of which is less than before or gone."""
        after = counts(self.admin)
        less = {
            name: (count, after.get(name)) for name, count in before.items() if after.get(name, -1) < count
        }
        self.assertEqual(less, {})
        return after

    def test_replaced(self) -> None:
        """Workers are replaced, and one is killed: no count ever goes down, and none of the first is lost."""
        server, port = self.master()
        for client in self.each(server, port).values():
            who(client)
        before = self.grow({})
        handshakes = "wsapp_handshakes_total[('worker', '{}')]"
        took = {number: before[handshakes.format(number)] for number in (1, 2)}
        self.assertTrue(min(took.values()) >= 1, str(took))
        old = self.now(server)
        server.signal(signal.SIGUSR2)

        def replaced() -> bool:
            nonlocal before
            before = self.grow(before)
            return "all workers are replaced" in server.log

        self.until(server, "two new workers", replaced)
        self.assertEqual(set(self.now(server).values()) & set(old.values()), set())
        for number in (1, 2):
            self.assertEqual(before[handshakes.format(number)], took[number])
        os.kill(self.now(server)[2], signal.SIGKILL)
        seen = len(self.ready(server))

        def again() -> bool:
            nonlocal before
            before = self.grow(before)
            return len(self.ready(server)) > seen

        self.until(server, "another worker", again)
        self.each(server, port)
        after = self.grow(before)
        self.assertTrue(after[handshakes.format(2)] > took[2])
        self.assertEqual(ask(self.admin, "/readyz"), (200, "ok\n"))

    def test_frozen(self) -> None:
        """A worker that is frozen is no trouble for the port, which says so; and none once it goes on."""
        server, port = self.master()
        clients = self.each(server, port)
        counts(self.admin)
        pid = self.now(server)[2]
        os.kill(pid, signal.SIGSTOP)
        try:
            status, why = ask(self.admin, "/readyz")
            self.assertEqual(status, 503)
            self.assertIn("worker 2", why)
            began = time.monotonic()
            for _ in range(50):
                self.assertEqual(ask(self.admin, "/healthz")[0], 200)
                self.assertIn('wsapp_state{state="silent",worker="2"} 1.0', ask(self.admin, "/metrics")[1])
            self.assertLess(time.monotonic() - began, LIMIT)
            who(clients[1])
        finally:
            os.kill(pid, signal.SIGCONT)
        waitFor("worker 2", lambda: ask(self.admin, "/readyz")[0] == 200)
        who(clients[2])

    def test_frozenMaster(self) -> None:
        """A master that is frozen amid its questions holds up no worker, and goes on."""
        server, port = self.master()
        clients = self.each(server, port)
        asking = [Raw(self.admin) for _ in range(40)]
        for one in asking:
            self.addCleanup(one.socket.close)
            one.request("/metrics")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            for number in range(200):
                for client in clients.values():
                    who(client, f"word{number}")
        finally:
            os.kill(server.pid, signal.SIGCONT)
        for one in asking:
            self.assertIn(" 200 ", one.head())
        self.assertEqual(ask(self.admin, "/readyz"), (200, "ok\n"))

    def test_stop(self) -> None:
        """The port says that the workers stop, and ends after them."""
        server, port = self.master()
        self.client(port)  # which does not answer the goodbye at once
        server.signal(signal.SIGTERM)
        waitFor("the end of readiness", lambda: ask(self.admin, "/readyz")[0] != 200)
        self.assertEqual(server.ended(server.pid), 0)
        self.assertEqual(ask(self.admin, "/healthz")[0], 0)


class ConsoleTests(ConsoleCase, MasterCase):
    """The console."""

    def until_(self, what: str, found: Callable[[], object]) -> None:
        """Wait for something, while the console is never without its server."""

        def look() -> object:
            self.assertNotEqual(self.at("state"), "connection lost")
            return found()

        waitFor(what, look)

    def tab(self, kind: str) -> None:
        """Show another table."""
        self.browser.find_element(By.ID, f"tab-{kind}").click()

    def test_console(self) -> None:
        """Clients of both workers; one of each is closed; a worker is killed, all are replaced: it stays."""
        server, port = self.master()
        self.enter(server)
        self.shown()
        clients = self.each(server, port)
        self.until_("both", lambda: sorted(row[-1] for row in self.rows()) == ["1", "2"])
        self.assertIn("2 workers", self.at("facts"))

        self.browser.find_element(By.ID, "announce").click()
        self.browser.find_element(By.ID, "announce-text").send_keys("tea is ready")
        self.browser.find_element(By.ID, "announce-send").click()
        for client in clients.values():
            self.assertEqual(client.frame(), (0x80 | TEXT, b"tea is ready"))

        (row,) = [row for row in self.rows() if row[-1] == "2"]
        self.browser.find_element(By.ID, "filter").send_keys(row[0])
        self.until_("that row", lambda: [row[-1] for row in self.rows()] == ["2"])
        self.browser.find_element(By.CSS_SELECTOR, "#table tbody tr").click()
        waitFor("the dialog", lambda: self.browser.find_element(By.ID, "detail").is_displayed())
        self.browser.find_element(By.ID, "close-client").click()
        self.assertEqual(clients[2].frame(), (0x80 | CLOSE, b"\x03\xe9"))
        clients[2].socket.close()
        self.browser.execute_script(
            "const field = document.getElementById('filter');"
            "field.value = ''; field.dispatchEvent(new Event('input'))"
        )
        self.until_("the other", lambda: [row[-1] for row in self.rows()] == ["1"])
        who(clients[1])

        self.tab("workers")
        old = self.now(server)
        self.until_("the workers", lambda: [row[1] for row in self.rows("tr")] == [str(old[1]), str(old[2])])
        os.kill(old[1], signal.SIGKILL)
        self.until_(
            "another one",
            lambda: (
                [row[1:3] for row in self.rows("tr")]
                == [[str(pid), "ready"] for _, pid in sorted(self.now(server).items())]
                and self.now(server)[1] != old[1]
            ),
        )
        old = self.now(server)
        server.signal(signal.SIGUSR2)
        self.until_("the replacement", lambda: "all workers are replaced" in server.log)
        new = self.now(server)
        self.assertEqual(set(new.values()) & set(old.values()), set())
        self.until_("the new ones", lambda: [row[1] for row in self.rows("tr")] == [str(new[1]), str(new[2])])
        self.tab("apps")
        came = int(self.rows("tr")[0][2])
        self.assertTrue(came >= 2, "those of the old ones are counted still")
        self.assertEqual(self.troubles(), [])

    def test_frozen(self) -> None:
        """While a worker is frozen the console goes on with the other one."""
        server, port = self.master()
        self.enter(server)
        self.shown()
        clients = self.each(server, port)
        self.until_("both", lambda: len(self.rows()) == 2)
        pid = self.now(server)[2]
        os.kill(pid, signal.SIGSTOP)
        try:
            self.until_("notice", lambda: self.at("state") == "silent")
            self.until_("what is missing", lambda: "without worker 2" in self.at("count"))
            clients[1].send(frame(CLOSE, b"\x03\xe8"))
            self.until_("the end of the other's client", lambda: self.rows() == [])
        finally:
            os.kill(pid, signal.SIGCONT)
        self.shown()
        self.until_("its client", lambda: [row[-1] for row in self.rows()] == ["2"])
        self.assertEqual(self.troubles(), [])

    def test_drain(self) -> None:
        """All workers are drained, and one that takes another's place too."""
        server, port = self.master()
        self.enter(server)
        self.shown()
        clients = self.each(server, port)
        self.browser.find_element(By.ID, "drain").click()
        self.browser.execute_script("document.getElementById('seconds').value = 0")
        self.browser.find_element(By.ID, "drain-now").click()
        self.until_("the state", lambda: self.at("state") == "draining")
        for client in clients.values():
            self.assertEqual(client.frame()[0], 0x80 | CLOSE)
        self.assertEqual(ask(self.admin, "/readyz"), (503, "draining\n"))
        seen = len(self.ready(server))
        os.kill(self.now(server)[1], signal.SIGKILL)
        self.until(server, "another worker", lambda: len(self.ready(server)) > seen)
        self.until_("it to be drained", lambda: self.at("state") == "draining")
        self.browser.find_element(By.ID, "resume").click()
        self.shown()
        self.each(server, port)
        self.assertEqual(re.findall("not drained", server.log), [])
