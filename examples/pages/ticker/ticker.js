// Shows the last price of everything, and where it has been for the last minute.

import { WsappSocket } from "../wsapp.js";

const STATES = {
  connecting: "Connecting",
  open: "Connected",
  waiting: "No connection, trying again",
  closed: "The server has turned us away",
};
const KEPT = 60000; // milliseconds of each price that are drawn

const byId = (id) => document.getElementById(id);
const rows = new Map(); // symbol -> { price, change, canvas, first, past: [[time, price], ...] }
const counts = { ticks: 0, missed: 0 };

const socket = new WsappSocket(new URL("./", location.href).href.replace(/^http/, "ws"), [], { resume: false });
socket.onmessage = ({ data }) => (data.startsWith("{") ? heard(JSON.parse(data)) : announced(data));
socket.onstate = ({ state }) => {
  byId("state").dataset.state = state;
  byId("state").textContent = STATES[state];
};

// What is not JSON is an announcement of whoever runs the server.
function announced(text) {
  const said = Object.assign(document.createElement("p"), { className: "announced", textContent: text });
  document.querySelector("header").append(said);
}

function heard({ type, number, prices, missed }) {
  if (type === "tick") counts.ticks += 1;
  else counts.missed += missed;
  const now = Date.now();
  for (const [symbol, price] of Object.entries(prices)) {
    if (!rows.has(symbol)) rows.set(symbol, added(symbol, price));
    update(rows.get(symbol), price, now);
  }
  byId("counts").textContent = `Tick ${number}; ${counts.ticks} received, ${counts.missed} missed.`;
}

function added(symbol, price) {
  const row = byId("prices").insertRow();
  row.dataset.symbol = symbol;
  row.insertCell().textContent = symbol;
  const cells = [row.insertCell(), row.insertCell()];
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 320, height: 56 });
  row.insertCell().append(canvas);
  return { price: cells[0], change: cells[1], canvas, first: price, past: [] };
}

function update(row, price, now) {
  const change = (price / row.first - 1) * 100;
  row.price.textContent = price.toFixed(2);
  row.change.textContent = `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)} %`;
  row.change.className = change < 0 ? "down" : "up";
  row.past.push([now, price]);
  while (row.past[0][0] < now - KEPT) row.past.shift();
}

function draw() {
  const now = Date.now();
  for (const { canvas, change, past } of rows.values()) {
    const { width, height } = canvas;
    const prices = past.map(([, price]) => price);
    const low = Math.min(...prices);
    const range = Math.max(...prices) - low || 1;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.strokeStyle = getComputedStyle(change).color;
    pen.lineWidth = 3;
    pen.beginPath();
    for (const [time, price] of past) {
      pen.lineTo(width - ((now - time) / KEPT) * width, height - 4 - ((price - low) / range) * (height - 8));
    }
    pen.stroke();
  }
}
setInterval(draw, 250);
