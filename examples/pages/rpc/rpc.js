// Calls methods of the server: each call is a promise, and answers find theirs by id, in whatever order they come.

import { WsappSocket } from "../wsapp.js";

const STATES = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "No connection, trying again",
  closed: "The server has turned us away",
};
const TRIES = { add: "[2, 3]", divide: '{"a": 7, "b": 0}', wait: '{"seconds": 3}', time: "[]" };

const byId = (id) => document.getElementById(id);
const pending = new Map(); // id -> { resolve, reject }
let lastId = 0;

const socket = new WsappSocket(new URL("./", location.href).href.replace(/^http/, "ws"), [], { resume: false });
socket.onmessage = (event) => {
  const { id, result, error, method, params } = JSON.parse(event.data);
  if (method === "announcement") announced(params.text);
  else if (error) pending.get(id)?.reject(error);
  else pending.get(id)?.resolve(result);
  pending.delete(id);
};
socket.onstate = ({ state }) => {
  byId("state").dataset.state = state;
  byId("state").textContent = STATES[state];
  if (state === "open") return;
  for (const { reject } of pending.values()) reject({ message: "the connection was lost" });
  pending.clear();
};

function announced(text) {
  const said = Object.assign(document.createElement("p"), { className: "announced", textContent: text });
  document.querySelector("header").append(said);
}

function call(method, params) {
  return new Promise((resolve, reject) => {
    if (socket.readyState !== WebSocket.OPEN) throw { message: "there is no connection" };
    const id = ++lastId;
    pending.set(id, { resolve, reject });
    socket.send(JSON.stringify({ jsonrpc: "2.0", method, params, id }));
  });
}

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const entry = document.createElement("li");
  const [asked, answer] = [0, 1].map(() => entry.appendChild(document.createElement("code")));
  asked.textContent = `${byId("method").value} ${byId("params").value}`;
  answer.className = "answer";
  answer.textContent = "…";
  byId("calls").prepend(entry);
  try {
    answer.textContent = JSON.stringify(await call(byId("method").value, JSON.parse(byId("params").value)));
    entry.dataset.state = "result";
  } catch (error) {
    const more = error.data === undefined ? "" : `: ${JSON.stringify(error.data)}`;
    answer.textContent = `${error.code ?? ""} ${error.message}${more}`;
    entry.dataset.state = "error";
  }
});

byId("method").append(...Object.keys(TRIES).map((method) => new Option(method)));
byId("method").addEventListener("change", () => (byId("params").value = TRIES[byId("method").value]));
byId("params").value = TRIES.add;
