// The console's WebSocket: questions with answers, snapshots unasked, and coming back after a loss.

export class Link {
  #next = 1;
  #waiting = new Map();
  #socket = null;
  #timer = 0;
  #tries = 0;

  // on: {snapshot(workers), state(name), unknown()}
  constructor(on) {
    this.on = on;
  }

  // Whoever is signed out is told so by 4401, at the door: after 1008, by which the server ends what goes on
  // when the time is over, too.
  open() {
    clearTimeout(this.#timer);
    const url = new URL(".", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onmessage = (event) => this.#read(JSON.parse(event.data));
    socket.onopen = () => this.on.state("open");
    socket.onclose = (event) => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the connection was lost"));
      this.#waiting.clear();
      if (event.code === 4401) {
        this.on.unknown();
        return;
      }
      this.on.state("lost");
      this.#tries += 1;
      this.#timer = setTimeout(() => this.open(), Math.min(10000, 500 * this.#tries * (1 + Math.random())));
    };
  }

  close() {
    clearTimeout(this.#timer);
    if (this.#socket) {
      this.#socket.onclose = null;
      this.#socket.close();
    }
  }

  // Fulfils with the result; rejects with what the server says against it.
  ask(question) {
    if (!this.#socket || this.#socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error("not connected"));
    }
    const id = this.#next++;
    this.#socket.send(JSON.stringify({ ...question, id }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #read(said) {
    if (said.workers) {
      this.#tries = 0;
      this.on.snapshot(said.workers);
      return;
    }
    const waiting = this.#waiting.get(said.id);
    this.#waiting.delete(said.id);
    if (!waiting) return;
    if ("error" in said) waiting.reject(new Error(said.error));
    else waiting.resolve(said.result);
  }
}
