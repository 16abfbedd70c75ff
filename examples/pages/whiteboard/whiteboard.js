// What the pointer draws is shown at once and sent in pieces; what the server sends is drawn in its order.

import { WsappSocket } from "../wsapp.js";

const STATES = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "No connection, trying again",
  closed: "The server has turned us away",
};
const COLORS = ["#24272c", "#1f6f78", "#2f8f5b", "#d99a1c", "#c8452f", "#7a4fb5"];
const PERIOD = 40; // milliseconds between two pieces of a line
const MOST_POINTS = 64; // in one piece

const byId = (id) => document.getElementById(id);
const board = byId("board");
const pen = board.getContext("2d");
pen.lineCap = pen.lineJoin = "round";
let line = null; // what is being drawn: its points that were not sent yet

const socket = new WsappSocket(new URL("./", location.href).href.replace(/^http/, "ws"), [], { resume: false });
socket.onopen = () => {
  pen.clearRect(0, 0, board.width, board.height); // all that is on the board comes now
};
socket.onmessage = ({ data }) => (data.startsWith("{") ? heard(JSON.parse(data)) : announced(data));
socket.onstate = ({ state }) => {
  byId("state").dataset.state = state;
  byId("state").textContent = STATES[state];
  line = null;
};

// What is not JSON is an announcement of whoever runs the server.
function announced(text) {
  const said = Object.assign(document.createElement("p"), { className: "announced", textContent: text });
  document.querySelector("header").append(said);
}

function heard(deed) {
  if (deed.type === "clear") pen.clearRect(0, 0, board.width, board.height);
  // Our own lines come back as well. Drawn once more they look the same, and they are right also where
  // somebody has cleared the board just before.
  if (deed.type === "line") draw(deed);
}

function draw({ color, width, points }) {
  pen.strokeStyle = COLORS[color];
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(points[0][0] - 0.01, points[0][1]); // a line without any length would not even be a dot
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
}

function place(event) {
  const box = board.getBoundingClientRect();
  const within = (part, most) => Math.round(Math.min(Math.max(part, 0), 1) * most);
  return [
    within((event.clientX - box.left) / box.width, board.width),
    within((event.clientY - box.top) / box.height, board.height),
  ];
}

function flush() {
  if (line === null || line.points.length < 2 || socket.readyState !== WebSocket.OPEN) return;
  draw(line);
  socket.send(JSON.stringify({ type: "line", ...line }));
  line.points = line.points.slice(-1); // where the next piece begins
}

board.addEventListener("pointerdown", (event) => {
  if (socket.readyState !== WebSocket.OPEN || !event.isPrimary) return;
  board.setPointerCapture(event.pointerId);
  const color = Number(document.querySelector("#colors input:checked").value);
  const point = place(event);
  line = { color, width: Number(byId("width").value), points: [point, point] }; // a click is a dot
});
board.addEventListener("pointermove", (event) => {
  if (line === null) return;
  line.points.push(place(event));
  if (line.points.length === MOST_POINTS) flush();
});
for (const end of ["pointerup", "pointercancel"]) {
  board.addEventListener(end, () => {
    flush();
    line = null;
  });
}
setInterval(flush, PERIOD);
byId("clear").addEventListener("click", () => {
  if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"clear"}');
});

COLORS.forEach((color, number) => {
  const choice = document.createElement("input");
  Object.assign(choice, { type: "radio", name: "color", value: number, checked: number === 1, title: color });
  choice.style.background = color;
  byId("colors").append(choice);
});
