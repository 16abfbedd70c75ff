// A WebSocket that comes back: the browser's interface, with reconnection, resumption and a queue.
// It goes on with the session where the server does (wsapp --resume); the protocol, and how to use this,
// are in wsapp's documentation.  No dependencies.

const RESUME = "wsapp.resume";
const WAKING = ["online", "offline", "pagehide", "pageshow", "visibilitychange"]; // they all come to the window
const OVERHEAD = 64; // bytes that keeping a message costs beside its own, so that empty ones are bounded too

const sizeOf = (data) => data.size ?? new TextEncoder().encode(data).length;

/** What a socket does: all its state is here.  `self` is what is seen of it. */
function machine(self, url, protocols, options) {
  const {
    resume = true, // whether to ask for a session
    delay = 1000, // milliseconds before the first new attempt; doubled for each that fails, up to
    maxDelay = 30000,
    timeout = 10000, // for one attempt
    quiet = 20000, // with nothing heard for so long, ask whether anybody is there
    answer = 8000, // and without an answer for so long, take the connection for lost
    steady = 10000, // a connection that has lasted so long makes the next delay a short one again
    maxBuffer = 1 << 24, // bytes kept that are not sent, or not acknowledged
    probe, // makes a message that the server answers, to ask with where sessions are not resumed
    // whether an end is the server's or the network's affair
    retry = (event) => [1001, 1006, 1011, 1012, 1013, 1014].includes(event.code),
  } = options;
  let socket = null; // the connection, or what may become one
  let made; // the one made last, whatever has become of it
  let bare = false; // offer nothing: to browsers it is an error where the server agrees to nothing
  let resumes; // what the connection is; undefined until its first message
  let token = "";
  const queue = []; // what is not acknowledged, with its size: first what has left, then what has not
  let left = 0; // how many of them have
  let kept = 0; // bytes of them all
  let waiting = 0; // and of those that have not
  let base = 0; // how many were acknowledged before
  let arrived = 0;
  let told = 0; // how many of those the server knows of; -1: it has asked
  let size = 0; // bytes of the others
  let failures = 0;
  let opened = 0; // when
  let timer = 0; // of the attempt, of the silence, of its answer, of the wait: one after the other
  let tellTimer = 0;

  // What listeners throw is reported by the browser, and does not come here.
  const fire = (event) => self.dispatchEvent(event);
  const become = (state, detail) => {
    self.state = state;
    self.readyState = { open: 1, closed: 3 }[state] ?? 0;
    fire(Object.assign(new Event("state"), { state }, detail));
  };
  const after = (milliseconds, call) => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
  const isOpen = () => self.readyState === 1;

  /** A page cannot abort a connection: by this code the session outlives it. */
  const drop = (code = 4900) => {
    clearTimeout(timer);
    tellTimer = clearTimeout(tellTimer);
    const dropped = socket;
    socket = null;
    dropped?.close(code);
  };

  const over = (event) => {
    for (const type of WAKING) globalThis.removeEventListener?.(type, wake, true);
    become("closed", { code: event.code, reason: event.reason });
    if (!event.wasClean) fire(new Event("error"));
    fire(new CloseEvent("close", event));
  };

  const lost = (event = { code: 1006, reason: "", wasClean: false }) => {
    const { code, reason } = event;
    const wasOpen = isOpen();
    drop();
    let again;
    try {
      again = self.readyState < 2 && retry(event);
    } finally {
      if (!again) over(event); // also where it throws
    }
    if (!again) return;
    if (code !== 1006) token = "";
    if (wasOpen && Date.now() - opened > steady) failures = 0;
    // Half of the wait is chance, so that a thousand pages do not come back in the same instant.
    let wait = Math.min(maxDelay, delay * 2 ** failures++) * (0.5 + Math.random() / 2);
    if (wasOpen || token || protocols.length || !resume) bare = false;
    else if ((bare = !bare)) wait = 0;
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
    while (left < queue.length) {
      const [data] = queue[left++];
      socket.send(!resumes ? data : typeof data === "string" ? "m" + data : new Blob(["m", data]));
    }
    waiting = 0;
    if (!resumes) forget(left);
  };

  const forget = (some) => {
    for (const [, bytes] of queue.splice(0, some)) kept -= bytes;
    left -= some;
    base += some;
  };

  /** The server has received so many; whether that can be. */
  const acknowledged = (count) => {
    const some = /^(0|[1-9]\d{0,14})$/.test(count) ? count - base : -1;
    const can = some >= 0 && some <= left;
    if (can) forget(some);
    return can;
  };

  const tell = () => {
    clearTimeout(tellTimer);
    tellTimer = size = 0;
    if (told !== arrived) socket.send("a" + (told = arrived));
  };

  const open = (resumed, gone) => {
    opened = Date.now();
    listen();
    flush();
    become("open", { resumed, lost: gone });
    if (!resumed && isOpen()) fire(new Event("open"));
  };

  /** A new session. */
  const begin = (named, protocol) => {
    const gone = left;
    forget(gone);
    token = named;
    base = arrived = told = size = 0;
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
    const isMessage = typeof data === "string" ? data[0] === "m" : new Uint8Array(data)[0] === 109;
    if (resumes === undefined) {
      const [word, first, , protocol] = `${data}`.split(" ");
      resumes = true;
      if (word === "new") begin(first, protocol ?? "");
      else if (word === "resumed" && acknowledged(first)) {
        left = size = 0;
        told = arrived;
        open(true, 0);
      } else broken();
      return;
    }
    listen();
    if (!resumes) deliver(data, origin);
    else if (isMessage) {
      arrived++;
      size += data.byteLength ?? data.length;
      if (arrived - told > 63 || size >> 16) tell();
      else tellTimer ||= setTimeout(tell, 1000);
      deliver(data.slice(1), origin);
    } else if (data === "p") {
      told = -1;
      tell();
    } else if (data[0] !== "a" || !acknowledged(data.slice(1))) broken();
  };

  /** Who was dropped is not heard any more. */
  const mine = (then) => (event) => event.target === socket && then(event);

  const connect = () => {
    socket = made = new WebSocket(
      typeof url === "function" ? url() : url,
      resume && !bare ? [...protocols, RESUME] : protocols,
    );
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
  };

  const reconnect = () => {
    if (self.readyState > 1) return;
    drop();
    try {
      connect();
    } catch {
      lost();
      return;
    }
    become("connecting");
  };

  const wake = ({ type }) => {
    if (type === "pagehide") {
      // A page that is left may be kept for "back", but to others it must not stay here: its session ends.
      if (socket && self.readyState < 2) {
        drop(1000);
        token = "";
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
    buffered: () => waiting + (socket?.bufferedAmount ?? 0),
    send(data) {
      if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) data = new Blob([data]);
      else if (!(data instanceof Blob)) data = `${data}`;
      const bytes = sizeOf(data);
      if (self.readyState < 2) {
        if (queue.length && kept + bytes + (queue.length + 1) * OVERHEAD > maxBuffer) {
          throw new DOMException("too much waits to be sent", "QuotaExceededError");
        }
        queue.push([data, bytes]);
        kept += bytes;
      }
      waiting += bytes;
      if (isOpen()) flush();
    },
    close(code, reason) {
      made.close(code, reason); // which throws where they cannot be, in every state
      const before = self.readyState;
      if (before > 1) return;
      self.readyState = 2;
      if (before === 0) {
        drop();
        after(0, lost); // as the browser, so that who sets a handler only now is told
      }
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

for (const type of ["open", "message", "error", "close", "state"]) {
  const handlers = new WeakMap();
  const call = function (event) {
    handlers.get(this).call(this, event);
  };
  Object.defineProperty(WsappSocket.prototype, "on" + type, {
    configurable: true,
    enumerable: true,
    get() {
      return handlers.get(this) ?? null;
    },
    set(handler) {
      handler = typeof handler === "function" ? handler : null;
      handlers.set(this, handler);
      if (handler) this.addEventListener(type, call); // if it is there already it keeps its place
      else this.removeEventListener(type, call);
    },
  });
}

export default WsappSocket;
