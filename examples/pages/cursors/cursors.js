// Sends where the pointer is, and shows where the others' are.

import { WsappSocket } from "../wsapp.js";

const STATES = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "No connection, trying again",
  closed: "The server has turned us away",
};
const END = 10000; // positions run from 0 to this
const PERIOD = 30; // milliseconds between two positions
const REPEAT = 5000; // and between two while nothing moves, so that newcomers see us
const FORGET = 20000; // after which somebody who was not heard of is taken for gone

const byId = (id) => document.getElementById(id);
const area = byId("area");
const others = new Map(); // id -> { element, x, y, heard }
let me = null;
let told = null; // what was sent last

// ?name=Ann in the page's address is the name that others see.
const address = new URL("./", location.href).href.replace(/^http/, "ws") + location.search;

const socket = new WsappSocket(address, [], { resume: false });
socket.onopen = () => {
  told = null;
};
socket.onmessage = ({ data }) => (data.startsWith("{") ? heard(JSON.parse(data)) : announced(data));
socket.onstate = ({ state }) => {
  byId("state").dataset.state = state;
  byId("state").textContent = STATES[state];
  if (state !== "open") for (const id of [...others.keys()]) forget(id);
};

// What is not JSON is an announcement of whoever runs the server.
function announced(text) {
  const said = Object.assign(document.createElement("p"), { className: "announced", textContent: text });
  document.querySelector("header").append(said);
}

function heard(event) {
  if (event.type === "welcome") me = event.id;
  if (event.type === "gone") forget(event.id);
  if (event.type === "moved") for (const cursor of event.cursors) if (cursor.id !== me) move(cursor);
}

function move({ id, name, x, y }) {
  if (!others.has(id)) others.set(id, { element: added(id, name) });
  Object.assign(others.get(id), { x, y, heard: Date.now() });
  put(others.get(id));
}

function put({ element, x, y }) {
  element.style.transform = `translate(${(x / END) * area.clientWidth}px, ${(y / END) * area.clientHeight}px)`;
}

function added(id, name) {
  const element = document.createElement("div");
  element.className = "cursor";
  element.style.setProperty("--hue", [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 0));
  element.innerHTML = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M1 1l5 14 2-6 6-2z"/></svg><span></span>';
  element.lastChild.textContent = name; // what people write enters as text, never as HTML
  area.append(element);
  return element;
}

function forget(id) {
  others.get(id)?.element.remove();
  others.delete(id);
}

let at = null; // where our pointer is, once it has been here
let toldAt = 0;

area.addEventListener("pointermove", (event) => {
  const box = area.getBoundingClientRect();
  const part = (value, size) => Math.round((value / size) * END);
  at = `${part(event.clientX - box.left, box.width)} ${part(event.clientY - box.top, box.height)}`;
});
setInterval(() => {
  if (at === null || socket.readyState !== WebSocket.OPEN) return;
  if (at === told && Date.now() - toldAt < REPEAT) return;
  socket.send(at);
  told = at;
  toldAt = Date.now();
}, PERIOD);
setInterval(() => {
  for (const [id, other] of others) if (Date.now() - other.heard > FORGET) forget(id);
}, 1000);
addEventListener("resize", () => others.forEach(put));
