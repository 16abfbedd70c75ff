// The chat's connection: a WebSocket that comes back, with what the page shows of that.
// It knows nothing of what is said over it.

import { WsappSocket } from "./wsapp.js";

const QUIET = 45000; // milliseconds; with nothing heard for so long, ask

// Policy violation, and what applications refuse with: trying again would change nothing.
const refuses = ({ code }) => code === 1008 || (code >= 4400 && code < 4500);

/**
 * `onState(state, detail)` hears each change. The states: "connecting"; "online", once `settled()` was
 * called, or the session goes on; "waiting", with `detail.seconds` until the next attempt; "offline", the
 * same on a device that has no network; "refused", with `detail.reason`, when the server does not want
 * this client. `onMessage(text)` hears each message. `probe()` makes one that the server answers.
 */
export class Link {
  #url;
  #protocols;
  #hooks;
  #socket = null;
  #settled = false;
  #timer = 0;

  state = "idle";
  /** Counts the sessions: what was sent in the present one arrives, unless that ends. */
  session = 0;

  constructor(url, protocols, hooks) {
    this.#url = url;
    this.#protocols = protocols;
    this.#hooks = hooks;
  }

  /** Connect now, whatever the wait was. `url` is a function, for what it holds may have changed. */
  connect() {
    if (this.#socket && this.#socket.readyState !== WsappSocket.CLOSED) {
      this.#socket.reconnect();
      return;
    }
    this.#become("connecting");
    try {
      this.#socket = new WsappSocket(this.#url, this.#protocols, {
        quiet: QUIET,
        probe: this.#hooks.probe,
        retry: (event) => !refuses(event),
      });
    } catch (error) {
      this.#become("refused", { reason: error.message });
      return;
    }
    this.#socket.onmessage = (event) => this.#hooks.onMessage(event.data);
    this.#socket.onstate = (event) => this.#changed(event);
  }

  /** The server has taken us in: now, and not when TCP was there, are we online. */
  settled() {
    this.#settled = true;
    this.#become("online");
  }

  /** Send, and say whether there was a connection to send on. */
  send(text) {
    if (this.state !== "online" || this.#socket.state !== "open") return false;
    this.#socket.send(text);
    return true;
  }

  #changed({ state, resumed, delay, reason }) {
    clearTimeout(this.#timer);
    if (state === "connecting") this.#become("connecting");
    else if (state === "closed") this.#become("refused", { reason });
    else if (state === "waiting") this.#tick(Date.now() + delay);
    else if (!resumed) {
      this.session += 1;
      this.#settled = false;
    } else if (this.#settled) this.#become("online");
  }

  #tick(retryAt) {
    const left = retryAt - Date.now();
    const seconds = Number.isFinite(left) ? Math.max(1, Math.ceil(left / 1000)) : 0;
    // Without a network it goes on trying: a server on this very machine needs none.
    this.#become(navigator.onLine ? "waiting" : "offline", { seconds });
    if (left > 0 && seconds) this.#timer = setTimeout(() => this.#tick(retryAt), left % 1000 || 1000);
  }

  #become(state, detail = {}) {
    this.state = state;
    this.#hooks.onState(state, detail);
  }
}
