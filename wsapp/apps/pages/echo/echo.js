// The echo page: what is typed goes to the server, what comes back is listed with the time it took.

const byId = (id) => document.getElementById(id);
const KEEP = 200; // entries that stay in the list
const base = new URL("./", location.href); // PREFIX/echo/
const name = decodeURIComponent(base.pathname.split("/").at(-2) || "");
const address = base.href.replace(/\/$/, "").replace(/^http/, "ws");
const subprotocols = /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? [name] : [];
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
let socket = null;
let sent = []; // what is not back yet: {said, at}, in the server's order too

function show(state, text) {
  byId("status").dataset.state = state;
  byId("status-text").textContent = text;
  byId("send").disabled = state !== "open";
  byId("connection").textContent = state === "closed" ? "Connect" : "Disconnect";
}

function connect() {
  show("connecting", "Connecting…");
  sent = [];
  socket = new WebSocket(address, subprotocols);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => show("open", "Connected");
  socket.onmessage = (event) => list(event.data);
  socket.onclose = (event) => {
    socket = null;
    show("closed", `Closed, ${event.code}${event.reason ? ": " + event.reason : ""}`);
  };
}

function list(data) {
  const binary = data instanceof ArrayBuffer;
  const shown = binary
    ? Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0")).join(" ")
    : data;
  // What was not sent is no echo: an operator's announcement.
  const back = sent[0]?.said === (binary ? decoder.decode(data) : data) ? sent.shift() : null;
  const took = back ? `${(performance.now() - back.at).toFixed(1)} ms` : "announced";
  const entry = document.createElement("li");
  entry.dataset.kind = back ? (binary ? "binary" : "text") : "announced";
  const content = document.createElement("code");
  content.dir = "auto";
  content.textContent = shown;
  const note = document.createElement("span");
  note.textContent = `${binary ? `${data.byteLength} bytes, ` : ""}${took}`;
  entry.append(content, note);
  byId("log").prepend(entry);
  while (byId("log").childElementCount > KEEP) byId("log").lastElementChild.remove();
  byId("empty").hidden = true;
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket?.readyState !== WebSocket.OPEN) return;
  const text = byId("text").value;
  sent.push({ said: text.toWellFormed?.() ?? text, at: performance.now() });
  socket.send(byId("binary").checked ? new TextEncoder().encode(text) : text);
  byId("text").select();
});
byId("connection").addEventListener("click", () => (socket ? socket.close(1000) : connect()));

byId("address").textContent = address;
connect();
