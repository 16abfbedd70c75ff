// Sends files piece by piece, one file after the other; how far it is, is what the server says that it has.

import { WsappSocket } from "../wsapp.js";

const STATES = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "No connection, trying again",
  closed: "The server has turned us away",
};
const UNDER_WAY = 8; // pieces that were sent and not answered yet, at most

const byId = (id) => document.getElementById(id);
const waiting = []; // { file, entry }
let current = null; // what is being sent: { file, entry, piece, sent }

const socket = new WsappSocket(new URL("./", location.href).href.replace(/^http/, "ws"), [], { resume: false });
socket.onopen = next;
socket.onmessage = ({ data }) => (data.startsWith("{") ? heard(JSON.parse(data)) : announced(data));
socket.onstate = ({ state, reason }) => {
  byId("state").dataset.state = state;
  byId("state").textContent = STATES[state];
  if (state !== "open" && current !== null) end("failed", reason || "The connection was lost.");
};

// What is not JSON is an announcement of whoever runs the server.
function announced(text) {
  const said = Object.assign(document.createElement("p"), { className: "announced", textContent: text });
  document.querySelector("header").append(said);
}

function heard({ type, piece, received, sha256, why }) {
  if (type === "go") {
    current.piece = piece;
    for (let count = 0; count < UNDER_WAY; count++) sendPiece();
  } else if (type === "progress") {
    current.entry.bar.value = received;
    current.entry.said.textContent = `${megabytes(received)} of ${megabytes(current.file.size)}`;
    sendPiece(); // one is answered, so another may go
  } else if (type === "done") {
    current.entry.bar.value = current.entry.bar.max;
    end("done", `${megabytes(current.file.size)}, SHA-256 ${sha256}`);
    next();
  } else if (type === "refused") {
    end("failed", `Refused: ${why}.`);
    next();
  }
}

function sendPiece() {
  const { file, piece, sent } = current;
  if (sent >= file.size) return;
  socket.send(file.slice(sent, sent + piece)); // a Blob: the browser reads it when its turn comes
  current.sent += piece;
}

function next() {
  if (current !== null || waiting.length === 0 || socket.readyState !== WebSocket.OPEN) return;
  current = { ...waiting.shift(), sent: 0 };
  socket.send(JSON.stringify({ name: current.file.name, size: current.file.size }));
}

function end(state, text) {
  current.entry.element.dataset.state = state;
  current.entry.said.textContent = text;
  current = null;
}

function add(files) {
  for (const file of files) {
    const element = document.createElement("li");
    const [name, bar, said] = ["span", "progress", "span"].map((tag) => document.createElement(tag));
    name.textContent = file.name;
    Object.assign(bar, { max: file.size || 1, value: 0, ariaLabel: file.name });
    said.className = "said";
    said.textContent = "Waiting";
    element.append(name, bar, said);
    byId("uploads").append(element);
    waiting.push({ file, entry: { element, bar, said } });
  }
  next();
}

function megabytes(bytes) {
  return bytes < 1e5 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
}

byId("files").addEventListener("change", () => {
  add(byId("files").files);
  byId("files").value = "";
});
for (const type of ["dragover", "dragleave", "drop"]) {
  byId("drop").addEventListener(type, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", type === "dragover");
    if (type === "drop") add(event.dataTransfer.files);
  });
}
