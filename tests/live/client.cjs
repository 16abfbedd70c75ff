// Drives the npm package ws, for test_ws.py.  argv: a URL and a JSON object of what to do; prints what
// happened as one JSON object.  CommonJS, because NODE_PATH counts for require() alone.
"use strict";
const WebSocket = require("ws");

const [url, text] = process.argv.slice(2);
const plan = JSON.parse(text);
// Sizes to send, as text and as bytes; then a close code and reason, or to wait for the server's.
const { sizes = [], subprotocols = [], options = {}, code, reason, pings = 0, fragments = 0 } = plan;

const result = { echoed: 0, wrong: 0, pongs: 0 };
const finish = () => {
  console.log(JSON.stringify(result));
  process.exit(0);
};
const socket = new WebSocket(url, subprotocols, options);
const pending = [];

const content = (size) => Buffer.from(Array.from({ length: size }, (_, index) => 32 + ((index * 7 + size) % 95)));

const done = () => {
  if (pending.length === 0 && result.pongs === pings && code !== undefined) socket.close(code, reason);
};

socket.on("upgrade", (response) => {
  result.extensions = response.headers["sec-websocket-extensions"] ?? "";
});
socket.on("open", () => {
  result.protocol = socket.protocol;
  for (const size of sizes) {
    const body = content(size);
    for (const binary of [false, true]) {
      pending.push([body, binary]);
      socket.send(body, { binary });
    }
  }
  if (fragments) {
    pending.push([Buffer.from("x".repeat(fragments)), false]);
    for (let index = 1; index <= fragments; index++) socket.send("x", { binary: false, fin: index === fragments });
  }
  for (let index = 0; index < pings; index++) socket.ping(`ping ${index}`);
  done();
});
socket.on("message", (data, binary) => {
  const [expected, asBinary] = pending.shift() ?? [];
  if (expected !== undefined && expected.equals(data) && asBinary === binary) result.echoed += 1;
  else result.wrong += 1;
  done();
});
socket.on("pong", (data) => {
  if (data.toString() === `ping ${result.pongs}`) result.pongs += 1;
  done();
});
socket.on("unexpected-response", (request, response) => {
  result.status = response.statusCode;
  finish();
});
socket.on("close", (number, text) => {
  result.code = number;
  result.reason = text.toString();
  finish();
});
socket.on("error", (error) => {
  result.error = error.message;
});
