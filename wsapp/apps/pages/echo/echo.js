// The echo page: what is typed goes to the server, what comes back is listed with the time it took.

const byId = (id) => document.getElementById(id);
const KEEP = 200; // entries that stay in the list
const base = new URL("./", location.href); // PREFIX/echo/
const name = decodeURIComponent(base.pathname.split("/").at(-2) || "");
const address = base.href.replace(/\/$/, "").replace(/^http/, "ws");
const subprotocols = /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? [name] : [];
let socket = null;
let sentAt = []; // when each message that is not back yet was sent; the server keeps their order

function show(state, text) {
  byId("status").dataset.state = state;
  byId("status-text").textContent = text;
  byId("send").disabled = state !== "open";
  byId("connection").textContent = state === "closed" ? "Connect" : "Disconnect";
}

function connect() {
  show("connecting", "Connecting…");
  sentAt = [];
  socket = new WebSocket(address, subprotocols);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => show("open", "Connected");
  socket.onmessage = (event) => list(event.data, performance.now() - sentAt.shift());
  socket.onclose = (event) => {
    socket = null;
    show("closed", `Closed, ${event.code}${event.reason ? ": " + event.reason : ""}`);
  };
}

function list(data, took) {
  const binary = data instanceof ArrayBuffer;
  const entry = document.createElement("li");
  entry.dataset.kind = binary ? "binary" : "text";
  const content = document.createElement("code");
  content.dir = "auto";
  content.textContent = binary
    ? Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0")).join(" ")
    : data;
  const note = document.createElement("span");
  note.textContent = `${binary ? `${data.byteLength} bytes, ` : ""}${took.toFixed(1)} ms`;
  entry.append(content, note);
  byId("log").prepend(entry);
  while (byId("log").childElementCount > KEEP) byId("log").lastElementChild.remove();
  byId("empty").hidden = true;
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket?.readyState !== WebSocket.OPEN) return;
  const text = byId("text").value;
  sentAt.push(performance.now());
  socket.send(byId("binary").checked ? new TextEncoder().encode(text) : text);
  byId("text").select();
});
byId("connection").addEventListener("click", () => (socket ? socket.close(1000) : connect()));

byId("address").textContent = address;
connect();
