// The world of browserclient.mjs: a WebSocket, a window and a clock that the test moves, and wsapp.js in it.
// argv: the path of wsapp.js.
import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { pathToFileURL } from "node:url";

// What listeners throw is reported by way of this; tests take it out.
export const reported = [];
process.on("uncaughtException", (error) => reported.push(error.message));
export const settle = () => new Promise(setImmediate);

/** The network's end is played by the test: accept(), say(), end(). */
export class FakeWebSocket {
  static made = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols, protocol: "", extensions: "", readyState: 0, bufferedAmount: 0 });
    Object.assign(this, { sent: [], closed: null });
    FakeWebSocket.made.push(this);
  }

  send(data) {
    assert.notEqual(this.readyState, 0);
    if (this.readyState === 1) this.sent.push(data);
  }

  close(code, reason = "") {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code < 5000)) {
      throw new DOMException("code", "InvalidAccessError");
    }
    if (Buffer.byteLength(reason) > 123) throw new DOMException("reason", "SyntaxError");
    if (this.readyState > 1) return;
    this.readyState = 2;
    this.closed = [code, reason];
  }

  accept(protocol) {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen({ target: this });
  }

  say(data) {
    this.onmessage({ target: this, data, origin: "ws://x" });
  }

  end(code, reason = "", wasClean = code !== 1006) {
    this.readyState = 3;
    this.onclose({ target: this, code, reason, wasClean });
  }
}

class FakeCloseEvent extends Event {
  constructor(type, { code, reason, wasClean }) {
    super(type);
    Object.assign(this, { code, reason, wasClean });
  }
}

let page; // each test's own
export const look = (type) => page.dispatchEvent(new Event(type));
export const clock = { now: 0, timers: new Map(), number: 0 };
export const advance = (milliseconds) => {
  const end = clock.now + milliseconds;
  for (;;) {
    const due = [...clock.timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at);
    if (!due.length) break;
    const [number, { at, call }] = due[0];
    clock.timers.delete(number);
    clock.now = at;
    call();
  }
  clock.now = end;
};
Object.assign(globalThis, {
  WebSocket: FakeWebSocket,
  CloseEvent: FakeCloseEvent,
  addEventListener: (...what) => page.addEventListener(...what),
  removeEventListener: (...what) => page.removeEventListener(...what),
  setTimeout: (call, milliseconds = 0) => {
    clock.timers.set(++clock.number, { at: clock.now + milliseconds, call });
    return clock.number;
  },
  clearTimeout: (number) => {
    clock.timers.delete(number);
  },
});
Date.now = () => clock.now;

export const anew = () => {
  page = new EventTarget();
  setMaxListeners(0, page);
  clock.timers.clear();
  FakeWebSocket.made.length = 0;
};

export const { WsappSocket } = await import(pathToFileURL(process.argv[2]).href);

export const newest = () => FakeWebSocket.made.at(-1);
/** A socket, the connection that it makes, and what is heard of it. */
export const begin = (options = {}, agreed) => {
  const socket = new WsappSocket("ws://x/", "chat", { maxDelay: 1000, ...options });
  const events = [];
  for (const type of ["open", "message", "error", "close"]) {
    socket.addEventListener(type, ({ code, data }) => events.push([type, code ?? data].join(" ").trim()));
  }
  socket.addEventListener("state", ({ state }) => events.push(state));
  if (agreed !== undefined) newest().accept(agreed);
  if (agreed === "wsapp.resume") newest().say("new token 60 chat");
  return [socket, events];
};
export const resumable = (options) => begin(options, "wsapp.resume");
export const plain = (options) => begin(options, "chat");
export const comeBack = (answer) => {
  advance(1000);
  newest().accept("wsapp.resume");
  newest().say(answer);
};
export const name = (call) => {
  try {
    call();
  } catch (error) {
    return error.name;
  }
  return null;
};
export const throws = () => {
  throw new Error("the application's");
};
