"""``wsapp.js`` in headless Chromium: networks that are cut, servers that die, freeze and come back."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any, ClassVar

from tests.live import tools
from tests.live.case import LiveTestCase
from tests.live.proxy import Proxy
from tests.live.server import Server, waitFor
from tests.live.test_browser import BrowserTestCase
from wsapp.web.pages import BROWSER_CLIENT

COUNTER = '''
from twisted.internet.task import LoopingCall
from wsapp import App
from wsapp.web import PAGE_POLICY, Page

class Counter(App):
    """Counts for its client once that says go, and writes down what else it says."""

    groups = False

    def __init__(self):
        self.heard = open("heard", "a", buffering=1)

    def onConnect(self, client):
        client.data = [0, LoopingCall(self.count, client)]
        self.heard.write(f"connect {client.user or ''}\\n")

    def count(self, client):
        if client.data[0] < 300:
            number = client.data[0]
            client.data[0] += 1
            client.send(str(number) if number % 2 else str(number).encode())

    def onMessage(self, client, message):
        if message == "go":
            client.data[1].clock = self.reactor
            client.data[1].start(0.01)
        elif message == "bye":
            client.close(4001, "go")
        elif message == "again":
            client.send(message)
            client.close(1012)
        else:
            self.heard.write(f"{message}\\n")

    def onDisconnect(self, client, reason):
        if client.data[1].running:
            client.data[1].stop()
        self.heard.write(f"gone {reason.code}\\n")

    def resource(self):
        return Page(b"<!doctype html><title>counter</title>", policy=PAGE_POLICY)
'''

BEGIN = """
const [url, protocols, options, many, done] = arguments;
const bytes = async (data) => new TextDecoder().decode(await data.arrayBuffer());
const decode = async (data) => typeof data === "string" ? data : bytes(data);
const module = new URL("/wsapp.js", location.href);
import(module.href).then(({ WsappSocket }) => {
  const made = { got: [], states: [], opens: 0, errors: 0, closes: [], sent: 0, kinds: {} };
  let order = Promise.resolve();
  const socket = new WsappSocket(url, protocols, options);
  socket.onopen = () => { if (made.opens++ === 0 && many) socket.send("go"); };
  socket.onmessage = (event) => {
    const { data } = event;
    made.kinds[typeof data === "string" ? "text" : data.constructor.name] = true;
    order = order.then(async () => { made.got.push(await decode(data)); });
  };
  socket.addEventListener("state", ({ state, resumed, lost, code }) => {
    made.states.push({ state, resumed, lost, code });
  });
  socket.onerror = () => { made.errors++; };
  socket.onclose = ({ code, reason, wasClean }) => made.closes.push([code, reason, wasClean]);
  const timer = setInterval(() => {
    if (made.sent < many) socket.send(`${made.sent++}`);
    else clearInterval(timer);
  }, 10);
  Object.assign(window, { made, socket, WsappSocket });
  done(null);
}).catch((error) => done(`${error}`));
"""

QUICK = {"delay": 100, "maxDelay": 500, "timeout": 2000, "quiet": 800, "answer": 2500}
MANY = 300


class BrowserClientTests(BrowserTestCase):
    """A page with ``wsapp.js``, and a server that counts for it."""

    def setUp(self) -> None:
        super().setUp()
        self.app = self.folder() / "counter.py"
        self.app.write_text(COUNTER)

    def begin(self, *options: str, port: int | None = None) -> tuple[Server, Proxy]:
        """A server, and a proxy before it."""
        server, port = self.serve("--app", f"{self.app}:Counter", *options, port=port)
        proxy = Proxy(port)
        self.addCleanup(proxy.close)
        self.browser.get(f"http://localhost:{proxy.port}/")
        return server, proxy

    def open(self, proxy: Proxy, protocols: Any = "counter", many: int = MANY, **options: Any) -> None:
        """Have the page connect."""
        url = f"ws://localhost:{proxy.port}/"
        done = self.browser.execute_async_script(BEGIN, url, protocols, {**QUICK, **options}, many)
        self.assertIsNone(done)

    def js(self, what: str) -> Any:
        """What an expression is in the page."""
        return self.browser.execute_script(f"return {what};")

    def heard(self, server: Server) -> list[str]:
        """What the server's application has written down."""
        return (server.folder / "heard").read_text().splitlines()

    def until(self, what: str) -> None:
        """Wait until an expression is true in the page."""
        waitFor(what, lambda: self.js(what), 30)

    def exactlyOnce(self, server: Server) -> None:
        """Both sides have all that the other has said, once and in order."""
        expected = [str(number) for number in range(MANY)]
        waitFor("all messages here", lambda: self.js("made.got.length") >= MANY, 30)
        waitFor("all messages there", lambda: len(self.heard(server)) > MANY, 30)
        self.assertEqual(self.js("made.got"), expected)
        self.assertEqual(self.heard(server), ["connect ", *expected])
        self.assertEqual(self.js("[made.opens, made.errors, made.closes]"), [1, 0, []])
        self.assertEqual(self.js("made.kinds"), {"text": True, "Blob": True})

    @property
    def resumed(self) -> int:
        """How often the session has gone on."""
        return int(self.js("made.states.filter((one) => one.resumed).length"))

    def test_networkCut(self) -> None:
        """Cut again and again amid a conversation: nothing is lost and nothing comes twice."""
        server, proxy = self.begin("--resume", "30")
        self.open(proxy)
        for number in range(40, 240, 50):
            self.until(f"made.got.length > {number}")
            proxy.cut()
            self.until(f"made.got.length > {number + 10}")
        self.exactlyOnce(server)
        self.assertGreaterEqual(self.resumed, 4)
        self.assertEqual(
            self.js("[socket.protocol, socket.readyState, socket.state]"), ["counter", 1, "open"]
        )

    def test_workers(self) -> None:
        """Cut again and again, and back at any of two workers: they find the session, wherever it is."""
        server, proxy = self.begin("--resume", "30", "--workers", "2")
        self.open(proxy)
        self.until("made.got.length > 10")
        for number in range(12):
            proxy.cut()
            self.until(f"made.states.filter((one) => one.resumed).length > {number}")
        self.exactlyOnce(server)

    def test_networkSwallows(self) -> None:
        """A network that carries nothing is noticed by silence; what comes late does no harm."""
        server, proxy = self.begin("--resume", "60")
        self.open(proxy)
        self.until("made.got.length > 50")
        proxy.swallow()
        self.until("socket.state === 'waiting'")
        self.until("made.states.filter((one) => one.state === 'connecting').length > 1")
        proxy.heal()
        self.exactlyOnce(server)
        self.assertGreaterEqual(self.resumed, 1)

    def test_serverFrozen(self) -> None:
        """A server that stands still for longer than the page waits."""
        server, proxy = self.begin("--resume", "60")
        self.open(proxy)
        self.until("made.got.length > 50")
        server.signal(signal.SIGSTOP)
        try:
            self.until("made.states.filter((one) => one.state === 'waiting').length > 1")
        finally:
            server.signal(signal.SIGCONT)
        self.exactlyOnce(server)
        self.assertGreaterEqual(self.resumed, 1)

    def test_serverKilled(self) -> None:
        """A server that was killed begins afresh: the page is told, and what waited is sent."""
        server, proxy = self.begin("--resume", "30")
        self.open(proxy, many=0)
        self.until("made.opens === 1")
        self.browser.execute_script("socket.send('before')")
        waitFor("the message", lambda: "before" in self.heard(server))
        server.kill()
        self.until("socket.state === 'waiting'")
        self.assertEqual(self.js("socket.readyState"), 0)
        self.browser.execute_script("for (const word of ['one', 'two']) socket.send(word)")
        self.assertEqual(self.js("socket.bufferedAmount"), 6)
        again = self.server(*server.options).start()
        self.until("made.opens === 2")
        waitFor("the messages", lambda: self.heard(again) == ["connect ", "one", "two"])
        self.assertFalse(self.js("made.states.at(-1).resumed"))
        self.assertEqual(self.js("[made.errors, made.closes, socket.bufferedAmount]"), [0, [], 0])

    def test_serverStopped(self) -> None:
        """An orderly stop is no end for the page: it comes back to the next server."""
        server, proxy = self.begin("--resume", "30")
        self.open(proxy, many=0)
        self.until("made.opens === 1")
        self.assertEqual(server.stop(), 0)
        self.until("socket.state === 'waiting' && made.states.some((one) => one.code === 1001)")
        self.server(*server.options).start()
        self.until("made.opens === 2")

    def test_serverDoesNotResume(self) -> None:
        """Where sessions are not to be had it comes back all the same; even if it offers nothing else."""
        _, proxy = self.begin()
        for protocols, agreed in (("counter", "counter"), ([], "")):
            self.open(proxy, protocols, many=0)
            self.until("made.opens === 1")
            proxy.cut()
            self.until("made.opens === 2")
            self.assertEqual(self.js("[socket.protocol, socket.readyState]"), [agreed, 1])
            self.browser.execute_script("socket.close()")
            self.until("made.closes.length === 1")

    def test_interface(self) -> None:
        """What is the browser's WebSocket's is so here."""
        server, proxy = self.begin("--resume", "30")
        self.open(proxy, many=0, delay=100)
        self.assertEqual(
            self.js("[WsappSocket.OPEN, socket.CLOSED, socket instanceof EventTarget]"), [1, 3, True]
        )
        self.until("socket.readyState === WsappSocket.OPEN")
        self.assertEqual(self.js("socket.url"), f"ws://localhost:{proxy.port}/")
        self.browser.execute_script(
            "socket.send(5); socket.send(new Uint8Array([97, 98]).subarray(1)); socket.send(new Blob(['c']));"
            "socket.send(new Uint8Array([100]).buffer); socket.send('é')"
        )
        waitFor("the messages", lambda: len(self.heard(server)) == 6)
        self.assertEqual(self.heard(server)[1:], ["5", "b'b'", "b'c'", "b'd'", "é"])
        self.browser.execute_script("socket.binaryType = 'arraybuffer'; socket.send('go')")
        self.until("made.kinds.ArrayBuffer && made.kinds.text")
        raises = "(() => {{ try {{ {} }} catch (error) {{ return error.name }} }})()"
        self.assertEqual(self.js(raises.format("socket.close(1001)")), "InvalidAccessError")
        self.assertEqual(self.js(raises.format("new WsappSocket('ftp:x', 'a')")), "SyntaxError")
        self.assertEqual(self.js(raises.format("new WsappSocket(socket.url, 'a b')")), "SyntaxError")
        # An end that is the application's is one.
        self.browser.execute_script("socket.send('bye')")
        self.until("made.closes.length")
        self.assertEqual(
            self.js("[made.closes, socket.readyState, socket.state]"), [[[4001, "go", True]], 3, "closed"]
        )
        self.browser.execute_script("socket.send('nothing happens'); socket.close()")
        self.assertEqual(self.js("made.closes.length"), 1)

    def test_bounded(self) -> None:
        """What waits has a bound."""
        server, proxy = self.begin("--resume", "30")
        self.open(proxy, many=0, maxBuffer=3 * (300 + 64))
        self.until("made.opens === 1")
        server.kill()
        self.until("socket.state === 'waiting'")
        name = self.js(
            "(() => { try { for (;;) socket.send('x'.repeat(300)) } catch (e) { return e.name } })()"
        )
        self.assertEqual((name, self.js("socket.bufferedAmount")), ("QuotaExceededError", 900))
        self.browser.execute_script("socket.close()")
        self.until("made.closes.length")
        self.assertEqual(self.js("[made.closes, made.errors]"), [[[1006, "", False]], 1])

    def test_closed(self) -> None:
        """Who closes ends the session at once, also without a code."""
        server, proxy = self.begin("--resume", "60")
        for code in ("", "4000"):
            before = len(self.heard(server)) if code else 0
            self.open(proxy, many=0)
            self.until("made.opens === 1")
            self.browser.execute_script(f"socket.close({code})")
            self.until("made.closes.length")
            self.assertEqual(self.js("[made.closes, made.errors]"), [[[int(code or 1005), "", True]], 0])
            gone = f"gone {code or 1005}"
            waitFor(gone, lambda: self.heard(server)[-1].startswith("gone"))
            self.assertEqual(self.heard(server)[before:], ["connect ", gone])

    def test_offline(self) -> None:
        """A page that hears of the network's return does not wait any longer."""
        _, proxy = self.begin("--resume", "30")
        self.open(proxy, many=0, delay=20000, maxDelay=20000)
        self.until("made.opens === 1")
        proxy.cut()
        self.until("socket.state === 'waiting'")
        self.browser.execute_script("dispatchEvent(new Event('offline'))")
        self.assertEqual(self.js("socket.state"), "waiting")
        self.browser.execute_script("dispatchEvent(new Event('online'))")
        self.until("socket.state === 'open'")
        self.assertEqual(self.resumed, 1)


TYPES = """
import Default, { WsappSocket, type WsappStateEvent } from "./wsapp.js";
const dropsIn: WebSocket = new Default("ws://localhost/", ["chat"], { delay: 500 });
dropsIn.onmessage = ({ data }) => console.log(data);
const socket = new WsappSocket(() => new URL("ws://localhost/"));
socket.onstate = (event: WsappStateEvent) => console.log(event.state === "waiting" && event.delay);
socket.addEventListener("state", (event) => console.log(event.resumed, event.lost));
socket.addEventListener("close", (event) => console.log(event.code));
socket.reconnect();
// @ts-expect-error
socket.onstate = (event: WsappStateEvent) => event.nothing;
// @ts-expect-error
new WsappSocket("ws://localhost/", [], { dealy: 500 });
"""


class PackageTests(LiveTestCase):
    """What is published."""

    needs: ClassVar[tuple[str, ...]] = ("javascript tools",)

    def tool(self, package: str, command: str, *arguments: str, folder: Path) -> str:
        """What a package's command says."""
        found = subprocess.run(
            ["node", "-p", f"require.resolve('{package}/package.json')"],
            cwd=tools.HERE,
            capture_output=True,
            text=True,
            check=True,
        )
        path = Path(found.stdout.strip()).parent / command
        done = subprocess.run(
            [str(path), *arguments], cwd=folder, capture_output=True, text=True, timeout=120
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_size(self) -> None:
        """At most 4 KB, minified, and nothing is imported."""
        self.assertNotRegex(BROWSER_CLIENT.read_text(), r"(?m)^import|\bimport\(")
        minified = self.tool(
            "esbuild", "bin/esbuild", str(BROWSER_CLIENT), "--minify", "--format=esm", folder=self.folder()
        )
        self.assertIn("wsapp.resume", minified)
        self.assertLessEqual(len(minified.encode()), 4096)

    def test_types(self) -> None:
        """The types say what it is, and that it takes a WebSocket's place."""
        folder = self.folder()
        for name in ("wsapp.js", "wsapp.d.ts", "package.json"):
            (folder / name).write_text(BROWSER_CLIENT.with_name(name).read_text())
        (folder / "test.ts").write_text(TYPES)
        options = ["--target", "es2022", "--lib", "es2022,dom", "--module", "nodenext", "--types", ""]
        self.tool("typescript", "bin/tsc", "--noEmit", "--strict", *options, "test.ts", folder=folder)
