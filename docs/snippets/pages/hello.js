// Opens a WebSocket to the application whose page this is, and again whenever it closes.

const byId = (id) => document.getElementById(id);
const address = new URL("./", location.href).href.replace(/^http/, "ws");
let socket;
let pause = 500; // milliseconds until the next try

function connect() {
  socket = new WebSocket(address);
  socket.onopen = () => {
    pause = 500;
    byId("state").textContent = "Connected";
  };
  socket.onmessage = (event) => {
    const line = document.createElement("li");
    line.textContent = event.data; // as text, never as HTML
    byId("log").append(line);
  };
  socket.onclose = (event) => {
    byId("state").textContent = `Closed (${event.code}), trying again`;
    // At random, so that after a restart not all come at once.
    setTimeout(connect, pause * (0.5 + Math.random()));
    pause = Math.min(2 * pause, 30000);
  };
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState === WebSocket.OPEN) {
    socket.send(byId("text").value);
    byId("text").value = "";
  }
});
connect();
