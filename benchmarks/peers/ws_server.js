// ws, of npm. Takes the same words as the peers in Python.
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocket, WebSocketServer } = require('ws');

const [port, ...words] = process.argv.slice(2);
const after = (word) => words[words.indexOf(word) + 1];

const server = words.includes('--certificate')
  ? https.createServer({ key: fs.readFileSync(after('--key')), cert: fs.readFileSync(after('--certificate')) })
  : http.createServer();

const sockets = new WebSocketServer({
  server,
  perMessageDeflate: words.includes('--deflate'),
  maxPayload: 2 * 1024 * 1024,
});

sockets.on('connection', (socket) => {
  socket.on('error', () => socket.terminate());
  socket.on('message', (message, binary) => {
    if (!words.includes('--broadcast')) {
      socket.send(message, { binary });
      return;
    }
    for (const each of sockets.clients) {
      if (each.readyState === WebSocket.OPEN) each.send(message, { binary });
    }
  });
});

server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
