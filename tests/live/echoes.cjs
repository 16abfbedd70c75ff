// The server of echoes.py, of npm's ws.  argv: port, and for TLS the files of the certificate and its key.
"use strict";
const { WebSocketServer } = require("ws");
const http = require("http");
const https = require("https");
const fs = require("fs");

const [port, certificate, key] = process.argv.slice(2);
const server = certificate
  ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : http.createServer();
const sockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: true,
  maxPayload: 0,
  handleProtocols: (offered) => (offered.has("second") ? "second" : false),
});

server.on("upgrade", (request, socket, head) => {
  if (request.url === "/refuse") {
    socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\nConnection: close\r\n\r\nwho are you\n");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (peer) => {
    peer.on("message", (data, binary) => {
      if (request.url === "/fragments") {
        const step = Math.max(1, Math.floor(data.length / 3));
        peer.send(data.subarray(0, step), { binary, fin: false });
        peer.ping("amid");
        peer.send(data.subarray(step, 2 * step), { binary, fin: false });
        peer.ping("amid");
        peer.send(data.subarray(2 * step), { binary, fin: true });
      } else if (request.url === "/drop") {
        socket.destroy();
      } else if (request.url === "/close") {
        peer.close(4321, "because");
      } else {
        peer.send(data, { binary });
      }
    });
  });
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
