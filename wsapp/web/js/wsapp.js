// A WebSocket that comes back: the browser's interface, with reconnection, resumption and a queue.
// It goes on with the session where the server does (wsapp --resume); the protocol, and how to use this,
// are in wsapp's documentation.  No dependencies.

const RESUME = "wsapp.resume";
const RETRIED = [1001, 1006, 1011, 1012, 1013, 1014]; // an end that is the server's or the network's affair
const GIVEN_UP = 4900; // a page cannot abort a connection: by this code the session outlives it
const GONE = { code: 1006, reason: "", wasClean: false };
const WAKING = ["online", "offline", "pagehide", "pageshow", "visibilitychange"]; // they all come to the window

const sizeOf = (data) => data.size ?? data.byteLength ?? data.length;
const total = (messages) => messages.reduce((sum, data) => sum + sizeOf(data), 0);

/** What a socket does: all its state is here.  `self` is what is seen of it. */
function machine(self, url, protocols, options) {
  const { resume, delay, maxDelay, timeout, quiet, answer, steady, maxBuffer, probe, retry } = {
    resume: true, // whether to ask for a session
    delay: 1000, // milliseconds before the first new attempt; doubled for each that fails, up to
    maxDelay: 30000,
    timeout: 10000, // for one attempt
    quiet: 20000, // with nothing heard for so long, ask whether anybody is there
    answer: 8000, // and without an answer for so long, take the connection for lost
    steady: 10000, // a connection that has lasted so long makes the next delay a short one again
    maxBuffer: 1 << 24, // bytes kept that are not sent, or not acknowledged
    probe: null, // makes a message that the server answers, to ask with where sessions are not resumed
    retry: (event) => RETRIED.includes(event.code),
    ...options,
  };
  let socket = null;
  let bare = false; // offer nothing: to browsers it is an error where the server agrees to nothing
  let resumes; // what the connection is; undefined until its first message
  let token = "";
  let queue = []; // what is not acknowledged: first what has left, then what has not
  let left = 0; // how many of them have
  let base = 0; // how many were acknowledged before
  let arrived = 0;
  let told = 0; // how many of those the server knows of
  let size = 0; // bytes of the others
  let failures = 0;
  let opened = 0; // when
  let timer = 0; // of the attempt, of the silence, of its answer, of the wait: one after the other
  let tellTimer = 0;

  const fire = (event) => {
    self["on" + event.type]?.(event);
    self.dispatchEvent(event);
  };
  const become = (state, detail) => {
    self.state = state;
    fire(Object.assign(new Event("state"), { state }, detail));
  };
  const after = (milliseconds, call) => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
  const isOpen = () => self.state === "open";

  const drop = (code = GIVEN_UP) => {
    clearTimeout(timer);
    tellTimer = clearTimeout(tellTimer);
    const dropped = socket;
    socket = null;
    dropped?.close(code);
  };

  const over = ({ code, reason, wasClean }) => {
    drop();
    for (const type of WAKING) globalThis.removeEventListener?.(type, wake, true);
    self.readyState = 3;
    become("closed", { code, reason });
    if (!wasClean) fire(new Event("error"));
    fire(new CloseEvent("close", { code, reason, wasClean }));
  };

  const lost = (event = GONE) => {
    const { code, reason } = event;
    drop();
    if (self.readyState === 2 || !retry(event)) {
      over(event);
      return;
    }
    if (code !== 1006) token = "";
    if (isOpen() && Date.now() - opened > steady) failures = 0;
    // Half of the wait is chance, so that a thousand pages do not come back in the same instant.
    let wait = Math.min(maxDelay, delay * 2 ** failures++) * (0.5 + Math.random() / 2);
    if (isOpen() || token || protocols.length || !resume) bare = false;
    else if ((bare = !bare)) wait = 0;
    self.readyState = 0;
    after(wait, reconnect);
    become("waiting", { delay: wait, code, reason });
  };

  const ask = () => {
    // A dead connection can look open for many minutes.
    if (resumes || probe) {
      socket.send(resumes ? "p" : probe());
      after(answer, lost);
    }
  };
  const listen = () => after(quiet, ask);

  const flush = () => {
    while (isOpen() && left < queue.length) {
      const data = queue[left];
      if (resumes) left++;
      else queue.shift();
      socket.send(!resumes ? data : typeof data === "string" ? "m" + data : new Blob(["m", data]));
    }
  };

  /** The server has received so many; whether that can be. */
  const acknowledged = (count) => {
    const some = count - base;
    const can = some >= 0 && some <= left;
    if (can) {
      queue.splice(0, some);
      left -= some;
      base = count;
    }
    return can;
  };

  const tell = () => {
    clearTimeout(tellTimer);
    tellTimer = size = 0;
    if (told !== arrived) socket.send("a" + (told = arrived));
  };

  const open = (resumed, gone) => {
    self.readyState = 1;
    opened = Date.now();
    listen();
    become("open", { resumed, lost: gone });
    if (!resumed && isOpen()) fire(new Event("open"));
    flush();
  };

  /** A new session. */
  const begin = (named, protocol) => {
    const gone = left;
    queue.splice(0, gone);
    token = named;
    left = base = arrived = told = size = 0;
    self.protocol = protocol;
    open(false, gone);
  };

  const broken = () => {
    socket.close(4002, "not " + RESUME);
    token = "";
    lost();
  };

  const deliver = (data, origin) => {
    if (typeof data !== "string" && self.binaryType === "blob") data = new Blob([data]);
    fire(new MessageEvent("message", { data, origin }));
  };

  const heard = ({ data, origin }) => {
    const isText = typeof data === "string";
    const prefix = isText ? data[0] : String.fromCharCode(new Uint8Array(data)[0]);
    if (resumes === undefined) {
      const [word, first, , protocol] = `${data}`.split(" ");
      resumes = true;
      if (word === "new") begin(first, protocol ?? "");
      else if (word === "resumed" && acknowledged(+first)) {
        left = size = 0;
        told = arrived;
        open(true, 0);
      } else broken();
      return;
    }
    listen();
    if (!resumes) deliver(data, origin);
    else if (prefix === "m") {
      arrived++;
      size += sizeOf(data);
      if (arrived - told > 63 || size >> 16) tell();
      else tellTimer ||= setTimeout(tell, 1000);
      deliver(data.slice(1), origin);
    } else if (!(isText && prefix === "a" && acknowledged(+data.slice(1)))) broken();
  };

  const connect = () => {
    const made = new WebSocket(
      typeof url === "function" ? url() : url,
      resume && !bare ? [...protocols, RESUME] : protocols,
    );
    const mine = (then) => (event) => socket === made && then(event);
    socket = made;
    resumes = undefined;
    self.url = made.url;
    made.binaryType = "arraybuffer";
    made.onopen = mine(() => {
      self.extensions = made.extensions;
      if (made.protocol === RESUME) made.send(token ? `resume ${token} ${arrived}` : "new");
      else {
        resumes = false;
        begin("", made.protocol);
      }
    });
    made.onmessage = mine(heard);
    made.onclose = mine(lost);
    after(timeout, lost);
    become("connecting");
  };

  const reconnect = () => {
    if (self.readyState > 1) return;
    drop();
    try {
      connect();
    } catch {
      lost();
    }
  };

  const wake = ({ type }) => {
    if (type === "pagehide") {
      // A page that is left may be kept for "back", but to others it must not stay here: its session ends.
      if (socket) {
        drop(1000);
        token = "";
        self.readyState = 0;
        become("waiting", { delay: Infinity, code: 1000, reason: "" });
      }
    } else if (!globalThis.document?.hidden) {
      if (isOpen()) ask();
      else if (self.state === "waiting" && type !== "offline") reconnect();
    }
  };

  connect();
  for (const type of WAKING) globalThis.addEventListener?.(type, wake, true);

  return {
    reconnect,
    buffered: () => total(queue.slice(left)) + (socket?.bufferedAmount ?? 0),
    send(data) {
      if (self.readyState > 1) return;
      if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) data = new Blob([data]);
      else if (!(data instanceof Blob)) data = `${data}`;
      if (queue.length && total(queue) + sizeOf(data) > maxBuffer) {
        throw new DOMException("too much waits to be sent", "QuotaExceededError");
      }
      queue.push(data);
      flush();
    },
    close(code = 1000, reason = "") {
      if (code !== 1000 && !(code >= 3000 && code < 5000)) {
        throw new DOMException(`${code} is neither 1000 nor 3000 to 4999`, "InvalidAccessError");
      }
      if (self.readyState > 1) return;
      self.readyState = 2;
      if (isOpen()) socket.close(code, reason);
      else over(GONE);
    },
  };
}

export class WsappSocket extends EventTarget {
  binaryType = "blob";
  extensions = "";
  protocol = "";
  readyState = 0;
  state = "connecting";
  url = "";
  #machine;

  constructor(url, protocols = [], options = {}) {
    super();
    this.#machine = machine(this, url, [].concat(protocols), options);
  }

  /** Bytes that wait to be sent. */
  get bufferedAmount() {
    return this.#machine.buffered();
  }

  /** Send, or keep until there is a connection; throws where too much is kept. */
  send(data) {
    this.#machine.send(data);
  }

  /** Close for good. */
  close(code, reason) {
    this.#machine.close(code, reason);
  }

  /** Try now, whatever the wait was. */
  reconnect() {
    this.#machine.reconnect();
  }
}

for (const [number, name] of ["CONNECTING", "OPEN", "CLOSING", "CLOSED"].entries()) {
  WsappSocket[name] = WsappSocket.prototype[name] = number;
}

export default WsappSocket;
