"""``wsapp.js`` beside the browser's own WebSocket in the same page, and in node, without a network."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import subprocess
from typing import Any, ClassVar

from tests.live import tools
from tests.live.case import LiveTestCase
from tests.live.test_browser import BrowserTestCase
from wsapp.web.pages import BROWSER_CLIENT

#: Runs a scenario with each kind of socket: the browser's, and ours with and without sessions.
COMPARE = """
const [url, done] = arguments;
const sleep = (milliseconds) => new Promise((then) => setTimeout(then, milliseconds));
const name = (call) => {
  try {
    call();
  } catch (error) {
    return `${error.name} ${error instanceof DOMException}`;
  }
  return null;
};
const event = (socket, type) => new Promise((then) => socket.addEventListener(type, then, { once: true }));
const opened = async (made) => {
  const socket = made();
  await event(socket, "open");
  return socket;
};
const run = async (made, opened) => { SCENARIO };
(async () => {
  const { WsappSocket } = await import(new URL("/wsapp.js", location.href).href);
  const kinds = {
    native: () => new WebSocket(url, "echo"),
    sessions: () => new WsappSocket(url, "echo"),
    plain: () => new WsappSocket(url, "echo", { resume: false }),
  };
  const found = {};
  for (const [kind, made] of Object.entries(kinds)) found[kind] = await run(made, () => opened(made));
  return found;
})().then(done, (error) => done(`${error.stack}`));
"""

HANDLERS = """
const socket = made();
const types = ["open", "message", "error", "close"];
const log = types.map((type) => [`on${type}` in socket, socket[`on${type}`]]);
const note = (what) => function (event) {
  const { target, currentTarget, eventPhase } = event;
  log.push([what, this === socket, target === socket, currentTarget === socket, eventPhase]);
};
socket.onmessage = note("replaced");
socket.addEventListener("message", note("listener"));
const last = (socket.onmessage = note("handler"));
log.push(socket.onmessage === last);
socket.onopen = note("open");
socket.onerror = note("taken away");
socket.onerror = null;
socket.onclose = 5;
log.push([socket.onerror, socket.onclose]);
await event(socket, "open");
socket.send("x");
await event(socket, "message");
// Taken away and set again, it goes to the end.
socket.onmessage = null;
socket.onmessage = last;
socket.send("x");
await event(socket, "message");
await sleep(0);
socket.onclose = note("close");
socket.close();
await event(socket, "close");
return log;
"""

CLOSE_CONNECTING = """
const socket = made();
const log = [];
const note = (event) => log.push([event.type, event.code, event.reason, event.wasClean, socket.readyState]);
socket.onclose = socket.onopen = note;
socket.close(3000, "enough");
log.push(["called", socket.readyState]);
socket.close();
socket.onclose = socket.onerror = note;
await event(socket, "close");
await sleep(200);
return [log, socket.readyState, socket.bufferedAmount];
"""

CLOSE_CANNOT_BE = """
const long = "é".repeat(62);
const log = [];
const attempt = (socket) => log.push([
  name(() => socket.close(1000, long)), name(() => socket.close(undefined, long)),
  name(() => socket.close(1001)), name(() => socket.close(5000, long)), socket.readyState,
]);
attempt(made());
const socket = await opened();
attempt(socket);
socket.send("still there");
log.push((await event(socket, "message")).data);
socket.close(1000, long.slice(1) + "x");
attempt(socket);
const { code, reason, wasClean } = await event(socket, "close");
log.push([code, reason, wasClean]);
attempt(socket);
return log;
"""

CLOSE_CODES = """
const log = [];
const ways = [
  [], [undefined], ["1000"], ["3000", 5], [3000.4, null], [4999.4], [4999.5], [66536], [null], ["x"], [NaN],
  [1000, "\\ud800"], [{ valueOf: () => 4000 }, ["a", "b"]],
];
for (const way of ways) {
  const socket = await opened();
  const thrown = name(() => socket.close(...way));
  if (thrown) {
    log.push([JSON.stringify(way), thrown, socket.readyState]);
    socket.close();
  }
  const { code, reason, wasClean } = await event(socket, "close");
  if (!thrown) log.push([JSON.stringify(way), code, reason, wasClean]);
}
return log;
"""

THROWING = """
const socket = made();
const log = [];
socket.onopen = socket.onclose = socket.onmessage = ({ type }) => { throw new Error(`in ${type}`) };
for (const type of ["open", "message", "close"]) socket.addEventListener(type, () => log.push(type));
await event(socket, "open");
socket.send("x");
await event(socket, "message");
socket.close(3000);
await event(socket, "close");
await sleep(0);
return [log, socket.readyState];
"""

BUFFERED = """
const socket = await opened();
const log = [socket.bufferedAmount];
socket.close();
for (const data of ["é€", "", "\\ud800", new Uint8Array(3), new Blob(["é"]), 12]) {
  socket.send(data);
  log.push(socket.bufferedAmount);
}
await event(socket, "close");
socket.send("é");
log.push(socket.bufferedAmount);
return log;
"""


class BesideNativeTests(BrowserTestCase):
    """What the browser's WebSocket does, ours does."""

    def compare(self, scenario: str) -> Any:
        """Run a scenario with the browser's WebSocket and with ours.

        :return: What all of them have made of it.
        """
        _, port = self.serve("--app", "echo", "--resume", "30")
        self.browser.get(f"http://localhost:{port}/")
        script = COMPARE.replace("SCENARIO", scenario)  # a page's policy forbids eval
        found = self.browser.execute_async_script(script, f"ws://localhost:{port}/")
        self.assertIsInstance(found, dict, found)
        for kind in ("sessions", "plain"):
            self.assertEqual(found[kind], found["native"], kind)
        return found["native"]

    def test_handlers(self) -> None:
        """Handlers are there from the beginning, and are listeners with a place among the others."""
        log = self.compare(HANDLERS)
        self.assertEqual(log[:6], [[True, None]] * 4 + [True, [None, None]])
        names = ["open", "handler", "listener", "listener", "handler", "close"]
        self.assertEqual(log[6:], [[name, True, True, True, 2] for name in names])

    def test_closeConnecting(self) -> None:
        """Who closes before there is a connection is told later, by the handlers that are there then."""
        ends = [["error", None, None, None, 3], ["close", 1006, "", False, 3]]
        self.assertEqual(self.compare(CLOSE_CONNECTING), [[["called", 2], *ends], 3, 0])

    def test_closeThatCannotBe(self) -> None:
        """A code or reason that cannot be is thrown in every state, and nothing else happens."""
        thrown = ["SyntaxError true"] + ["InvalidAccessError true"] * 3
        self.assertEqual(
            self.compare(CLOSE_CANNOT_BE),
            [
                [*thrown, 0],
                [*thrown, 1],
                "still there",
                [*thrown, 2],
                [1000, "", True],
                [*thrown, 3],
            ],
        )

    def test_closeCodes(self) -> None:
        """Codes are converted as by the browser, and without one there is none."""
        self.assertEqual(self.compare(CLOSE_CODES)[0], ["[]", 1005, "", True])

    def test_throwing(self) -> None:
        """Where a handler throws the other listeners are called."""
        self.assertEqual(self.compare(THROWING), [["open", "message", "close"], 3])

    def test_buffered(self) -> None:
        """What waits is counted in bytes as they would be sent."""
        self.assertEqual(self.compare(BUFFERED), [0, 5, 5, 8, 11, 13, 15, 17])


class NodeTests(LiveTestCase):
    """What would take a browser minutes, or chance."""

    needs: ClassVar[tuple[str, ...]] = ("javascript tools",)

    def test_node(self) -> None:
        """All of ``browserclient.mjs``, where the network, the window and the clock are made up."""
        command = ["node", str(tools.HERE / "browserclient.mjs"), str(BROWSER_CLIENT)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
