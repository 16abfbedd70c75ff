// xterm.js on one end, a shell on the other: bytes both ways, and text for the size of the window.

import { FitAddon } from "./xterm/addon-fit.mjs";
import { Terminal } from "./xterm/xterm.mjs";

const byId = (id) => document.getElementById(id);
const terminal = new Terminal({ theme: { background: "#14171a" }, fontSize: 15 });
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(byId("screen"));
fit.fit();
new ResizeObserver(() => fit.fit()).observe(byId("screen"));

// The token is taken out of the address at once, so that no bookmark or picture has it.
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const encoder = new TextEncoder();
const socket = new WebSocket(new URL("./", location.href).href.replace(/^http/, "ws"), ["terminal", `token.${token}`]);
socket.binaryType = "arraybuffer";
const send = (data) => socket.readyState === WebSocket.OPEN && socket.send(data);
const sendSize = () => send(JSON.stringify([terminal.cols, terminal.rows]));

socket.onopen = () => {
  show("open", "Connected");
  sendSize();
  terminal.focus();
};
socket.onmessage = ({ data }) => {
  // Text is an announcement of whoever runs the server.
  terminal.write(typeof data === "string" ? `\r\n* ${data}\r\n` : new Uint8Array(data));
};
socket.onclose = (event) => {
  show("closed", event.code === 4401 ? "Get a link first, by terminal.py" : `Ended: ${event.reason || event.code}`);
  terminal.options.disableStdin = true;
};
terminal.onData((text) => send(encoder.encode(text)));
terminal.onBinary((text) => send(Uint8Array.from(text, (character) => character.charCodeAt(0))));
terminal.onResize(sendSize);

function show(state, text) {
  byId("state").dataset.state = state;
  byId("state").textContent = text;
}
