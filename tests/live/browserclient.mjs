// wsapp.js in node, for test_browser_interface.py, in the world of browserworld.mjs.  argv: the path of wsapp.js.
// Prints what is wrong with each test that fails; the exit status says whether any did.
import assert from "node:assert/strict";
import { FakeWebSocket, WsappSocket, advance, anew, begin, clock, comeBack, look, name } from "./browserworld.mjs";
import { newest, plain, reported, resumable, settle, throws } from "./browserworld.mjs";

const tests = {
  "a close that cannot be changes nothing, in whatever state"() {
    const long = "é".repeat(62);
    const places = {
      connecting: () => begin(),
      "not answered": () => {
        const made = begin();
        newest().accept("wsapp.resume");
        return made;
      },
      open: () => plain(),
      resumable: () => resumable(),
      waiting: () => {
        const made = plain();
        newest().end(1006);
        return made;
      },
      closing: () => {
        const made = plain();
        made[0].close();
        return made;
      },
      closed: () => {
        const made = plain();
        newest().end(1000);
        return made;
      },
    };
    for (const [place, make] of Object.entries(places)) {
      const [socket] = make();
      const before = [socket.readyState, socket.state];
      assert.equal(name(() => socket.close(1000, long)), "SyntaxError", place);
      assert.equal(name(() => socket.close(1001)), "InvalidAccessError", place);
      assert.equal(name(() => socket.close(5000, long)), "InvalidAccessError", place);
      assert.deepEqual([socket.readyState, socket.state], before, place);
      socket.close(1000, "short");
      assert.equal(socket.readyState, Math.max(2, before[0]), place);
      if (before[0] === 1) assert.deepEqual(newest().closed, [1000, "short"], place);
    }
  },

  "close() without a code says none"() {
    const [socket, events] = plain();
    socket.close();
    assert.deepEqual(newest().closed, [undefined, ""]);
    newest().end(1005);
    assert.deepEqual(events, ["open", "open", "closed", "close 1005"]);
  },

  "close() without a connection ends it a moment later"() {
    for (const waits of [false, true]) {
      const [socket, events] = waits ? plain() : begin();
      if (waits) newest().end(1006);
      const before = events.length;
      const first = newest();
      socket.close();
      socket.close();
      assert.equal(socket.readyState, 2);
      assert.equal(events.length, before);
      if (!waits) assert.notEqual(first.closed, null);
      let told = 0;
      socket.onclose = () => told++;
      socket.reconnect();
      advance(60000);
      assert.deepEqual(events.slice(before), ["closed", "error", "close 1006"]);
      assert.deepEqual([told, socket.readyState, newest()], [1, 3, first]);
    }
  },

  "close() before the server has answered ends its session, not only the connection"() {
    const [socket] = begin();
    newest().accept("wsapp.resume");
    socket.close(3000, "enough");
    assert.deepEqual(newest().closed, [3000, "enough"]);
    newest().say("new token 60 chat");
    assert.equal(socket.readyState, 2);
  },

  "handlers are as the browser's"() {
    const [socket] = begin();
    const types = ["open", "message", "error", "close", "state"];
    for (const type of types) {
      assert.ok(`on${type}` in socket);
      assert.equal(socket[`on${type}`], null);
    }
    const calls = [];
    const note = (what) =>
      function (event) {
        calls.push([what, this === socket, event.target === socket]);
      };
    const first = note("first");
    socket.onopen = first;
    assert.equal(socket.onopen, first);
    socket.addEventListener("open", note("listener"));
    socket.onopen = note("replaced, at the same place");
    socket.onmessage = note("taken away");
    socket.onmessage = null;
    socket.onclose = "no function";
    assert.deepEqual([socket.onmessage, socket.onclose], [null, null]);
    newest().accept("chat");
    newest().say("x");
    newest().end(1000);
    assert.deepEqual(calls, [
      ["replaced, at the same place", true, true],
      ["listener", true, true],
    ]);
    // Another socket has its own.
    assert.equal(begin()[0].onopen, null);
  },

  async "handlers that throw keep nothing from happening"() {
    const [socket, events] = plain();
    socket.onmessage = socket.onstate = socket.onopen = socket.onerror = socket.onclose = throws;
    socket.addEventListener("message", throws);
    const heard = [];
    socket.addEventListener("message", ({ data }) => heard.push(data));
    newest().say("one");
    newest().end(1006);
    const before = FakeWebSocket.made.length;
    advance(1000);
    assert.deepEqual([heard, FakeWebSocket.made.length], [["one"], before + 1]);
    socket.send("queued");
    newest().accept("chat");
    assert.deepEqual(newest().sent, ["queued"]);
    advance(60000);
    assert.deepEqual([FakeWebSocket.made.length, newest().closed], [before + 1, null]);
    newest().end(4001, "", false);
    assert.deepEqual(events.slice(-3), ["closed", "error", "close 4001"]);
    await settle();
    assert.equal(reported.splice(0).length, 9);
  },

  "a retry that throws is none"() {
    const [, events] = plain({ retry: throws });
    assert.equal(name(() => newest().end(1006)), "Error");
    assert.deepEqual(events.slice(-3), ["closed", "error", "close 1006"]);
    advance(60000);
    assert.equal(clock.timers.size, 0);
  },

  "a URL that throws is an attempt that failed"() {
    let attempts = 0;
    const socket = new WsappSocket(() => (attempts++ === 1 ? throws() : "ws://x/"), "chat");
    newest().accept("chat");
    newest().end(1006);
    advance(1000);
    assert.deepEqual([attempts, socket.state, socket.readyState], [2, "waiting", 0]);
    advance(2000);
    assert.deepEqual([attempts, socket.state, socket.readyState], [3, "connecting", 0]);
  },

  "each message's size is looked at once, however many wait"() {
    let looks = 0;
    class Counted extends Blob {
      get size() {
        looks++;
        return super.size;
      }
    }
    for (const agreed of ["chat", "wsapp.resume"]) {
      const [socket] = begin();
      looks = 0;
      for (let number = 0; number < 500; number++) socket.send(new Counted(["ab"]));
      assert.equal(socket.bufferedAmount, 1000);
      assert.equal(looks, 500);
      newest().accept(agreed);
      if (agreed !== "chat") newest().say("new token 60 chat");
      assert.deepEqual([newest().sent.length - (agreed !== "chat"), socket.bufferedAmount], [500, 0]);
      socket.close();
    }
  },

  "what waits is bounded, empty messages too"() {
    const [socket] = resumable({ maxBuffer: 640 });
    const fill = () => {
      let count = 0;
      while (count < 100 && name(() => socket.send("")) !== "QuotaExceededError") count++;
      return count;
    };
    assert.equal(fill(), 10);
    newest().say("a4"); // what has arrived is not kept
    assert.equal(fill(), 4);
    newest().end(1006);
    assert.equal(fill(), 0);
    comeBack("resumed 9");
    assert.equal(fill(), 5);
    newest().end(1006);
    comeBack("new other 60 chat"); // and what is lost neither
    assert.equal(fill(), 10);
    // Something always fits, and without sessions nothing is kept that has left.
    const [other] = begin({ maxBuffer: 640 });
    other.send("x".repeat(1000));
    assert.equal(name(() => other.send("")), "QuotaExceededError");
    newest().accept("chat");
    for (let count = 0; count < 100; count++) other.send("");
    newest().end(1006);
    other.send("é".repeat(288));
    assert.equal(name(() => other.send("")), "QuotaExceededError");
  },

  "bufferedAmount is in bytes as they are sent"() {
    const [socket] = begin();
    socket.send("é€");
    socket.send("\ud800");
    socket.send(new Uint8Array(3));
    socket.send(new Blob(["é"]));
    socket.send("");
    assert.equal(socket.bufferedAmount, 5 + 3 + 3 + 2);
    newest().accept("chat");
    assert.equal(socket.bufferedAmount, 0);
    newest().bufferedAmount = 7;
    assert.equal(socket.bufferedAmount, 7);
    newest().end(1000);
    // As the browser: what cannot be sent any more counts.
    socket.send("é");
    assert.equal(socket.bufferedAmount, 2);
  },

  "what was not acknowledged is sent again, and no more"() {
    const [socket, events] = resumable();
    for (const word of ["one", "two", "three"]) socket.send(word);
    newest().say("a1");
    newest().end(1006);
    socket.send("four");
    assert.equal(socket.bufferedAmount, 4);
    comeBack("resumed 2");
    assert.deepEqual(newest().sent, ["resume token 0", "mthree", "mfour"]);
    assert.equal(socket.bufferedAmount, 0);
    assert.deepEqual(events.filter((event) => event === "open"), ["open", "open", "open"]);
    newest().say("a4");
    newest().end(1006);
    comeBack("resumed 4");
    assert.deepEqual(newest().sent, ["resume token 0"]);
    // Leaving it at once in the handler loses nothing either.
    socket.send("five");
    newest().end(1006);
    socket.addEventListener("state", ({ state }) => state === "open" && socket.reconnect(), { once: true });
    comeBack("resumed 4");
    newest().end(1006);
    comeBack("resumed 5");
    assert.deepEqual([socket.state, newest().sent], ["open", ["resume token 0"]]);
  },

  "close() in the handler of open: what waited is sent before"() {
    const [socket] = begin();
    socket.onopen = () => socket.close();
    socket.send("x");
    newest().accept("chat");
    assert.deepEqual([newest().sent, newest().closed], [["x"], [undefined, ""]]);
  },

  "a socket that is closed stays so when its page is left and looked at again"() {
    for (const make of [plain, resumable, begin]) {
      const [socket, events] = make();
      const closing = newest();
      socket.close();
      const before = [events.length, FakeWebSocket.made.length];
      for (const type of ["pagehide", "pageshow", "online"]) look(type);
      assert.equal(socket.readyState, 2);
      if (make === begin) advance(0);
      else closing.end(1005);
      advance(60000);
      look("pageshow");
      assert.equal(FakeWebSocket.made.length, before[1]);
      assert.deepEqual([socket.readyState, events.at(-1).slice(0, 5)], [3, "close"]);
    }
  },

  "a page that is left ends its session, and begins one when it is back"() {
    const [socket] = resumable();
    look("pagehide");
    assert.deepEqual(newest().closed, [1000, ""]);
    assert.deepEqual([socket.readyState, socket.state], [0, "waiting"]);
    look("pageshow");
    newest().accept("wsapp.resume");
    assert.deepEqual(newest().sent, ["new"]);
    socket.close();
  },

  "reconnect() while open: there is no connection"() {
    const [socket, events] = resumable();
    const first = newest();
    socket.reconnect();
    assert.equal(first.closed[0], 4900);
    assert.deepEqual([socket.readyState, socket.state], [0, "connecting"]);
    first.end(4900); // the one given up is not heard any more
    socket.send("meanwhile");
    assert.equal(socket.bufferedAmount, 9);
    newest().accept("wsapp.resume");
    newest().say("resumed 0");
    assert.deepEqual([socket.readyState, events.at(-1)], [1, "open"]);
    assert.deepEqual(newest().sent, ["resume token 0", "mmeanwhile"]);
  },

  "a server that asks is told how many messages have arrived"() {
    const [socket, events] = resumable();
    newest().say("p");
    newest().say("mone");
    newest().say("p");
    newest().say("p");
    assert.deepEqual(newest().sent, ["new", "a0", "a1", "a1"]);
    assert.deepEqual([socket.readyState, events.at(-1)], [1, "message one"]);
    advance(2000);
    assert.equal(newest().sent.length, 4);
    newest().say("mtwo");
    advance(1000);
    assert.equal(newest().sent.at(-1), "a2");
  },

  "only what the protocol has is taken"() {
    const bytes = (text) => new TextEncoder().encode(text).buffer;
    const counts = ["", "0x1", " 1", "1 ", "1\n", "01", "1e0", "+1", "-0", "1.0", "3", "1000000000000000"];
    const messages = [...counts.map((count) => "a" + count), "", "x", "pp", "p ", bytes("p"), bytes("a1"), bytes("")];
    for (const message of messages) {
      const [socket, events] = resumable();
      socket.send("one");
      socket.send("two");
      newest().say(message);
      assert.deepEqual([newest().closed?.[0], events.at(-1)], [4002, "waiting"], `${message}`);
      socket.close();
    }
    const answers = ["resumed", "resumedx 1", "", "old", bytes("resumed 1"), bytes("new other 60 chat")];
    // What comes after a space may be a field that is not known yet.
    for (const count of counts) if (!count.endsWith(" ")) answers.push(`resumed ${count}`);
    for (const answer of answers) {
      const [socket] = resumable();
      socket.send("one");
      socket.send("two");
      newest().end(1006);
      comeBack(answer);
      assert.equal(newest().closed?.[0], 4002, `${answer}`);
      socket.close();
    }
    for (const message of ["a0", "a1", "a2"]) {
      const [socket] = resumable();
      socket.send("one");
      socket.send("two");
      newest().say(message);
      assert.equal(socket.readyState, 1, message);
    }
  },
};

let failed = 0;
for (const [title, test] of Object.entries(tests)) {
  anew();
  try {
    await test();
    await settle();
    assert.deepEqual(reported.splice(0), []);
  } catch (error) {
    failed++;
    reported.length = 0;
    console.log(`${title}\n${error.stack}\n`);
  }
}
console.log(`${Object.keys(tests).length} tests, ${failed} failed`);
process.exit(failed ? 1 : 0);
