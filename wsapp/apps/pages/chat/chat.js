// The chat page: what comes over the link goes into the document, and what one writes goes out.
// All that people write enters the document as text, never as HTML.

import { Link } from "./link.js";
import { avatar, bubble, element, isEmpty, noteBefore, notice, say, toNewest } from "./log.js";

const SEEN = 2000; // ids of messages that are remembered

const byId = (id) => document.getElementById(id);
const text = byId("text");
const people = byId("people");
const nameDialog = byId("name-dialog");
const nameInput = byId("name");

// ---- What is remembered: in this tab across reloads, and on this device for the next visit.

function remember(store, key, value) {
  try {
    if (value === undefined) return store().getItem("wsapp.chat." + key);
    store().setItem("wsapp.chat." + key, value);
  } catch {
    // Storage can be forbidden; then nothing is remembered.
  }
  return null;
}
const inTab = () => sessionStorage;
const onDevice = () => localStorage;

const me = {
  id: null,
  name: "",
  wanted: "", // what we asked for; the server may have added a number
  ids: new Set(), // those that this tab has had: what was said under them is its own
};

// ---- The link.

const base = new URL("./", location.href); // PREFIX/chat/, also when the page is PREFIX/chat/index.html
const appName = decodeURIComponent(base.pathname.split("/").at(-2) || "");
const subprotocols = /^[\w!#$%&'*+.^`|~-]+$/.test(appName) ? [appName] : [];

function address() {
  const url = new URL(base.href.replace(/\/$/, "").replace(/^http/, "ws"));
  url.search = new URLSearchParams({ name: me.wanted, format: "json" });
  return url.href;
}

const link = new Link(address, subprotocols, {
  onState: showState,
  onMessage: (data) => {
    const event = read(data);
    if (Object.hasOwn(heard, event.type)) heard[event.type](event);
  },
  probe: () => JSON.stringify({ type: "ping" }),
});

const STATES = {
  connecting: "Connecting…",
  online: "Connected",
  waiting: "No connection",
  offline: "No network",
  refused: "The server refused the connection",
};

function showState(state, detail) {
  if (state !== document.body.dataset.state) {
    // Said once for each change: the countdown beside it is for the eye only.
    byId("status-text").textContent = STATES[state] + (detail.reason ? ": " + detail.reason : "");
    document.body.dataset.state = byId("status").dataset.state = state;
    const button = byId("retry");
    if (document.activeElement === button && state === "online") text.focus();
    button.hidden = !["waiting", "offline", "refused"].includes(state);
    for (const [ref, item] of pending) {
      if (item.failed) continue;
      // What has no answer yet arrives if the session goes on; else it is posted again once we are back.
      if (state !== "online") item.entry.dataset.state = "waiting";
      else if (item.session === link.session) item.entry.dataset.state = "sending";
      else post(ref, item);
    }
    if (state === "online" && renaming) rename(me.wanted);
  }
  byId("countdown").textContent = detail.seconds ? `· retry in ${detail.seconds} s` : "";
}

// ---- What is heard.

// An event; what is none, such as a proxy's words or another program's, is shown as it is.
function read(data) {
  try {
    const event = JSON.parse(data);
    if (typeof event?.type === "string") return event;
  } catch {
    // No JSON.
  }
  return { type: "announcement", text: String(data) };
}

const seen = new Set(); // ids of messages that stand in the log, so that none stands there twice
let replaying = false; // between welcome and members come the last messages that the server has
let replayed = null; // meanwhile: how many came, the first one's entry, and whether we knew any of them
let unread = 0;
let room = "";
const here = new Map(); // id -> name; the first few hundred of them, in a large room
let count = 0;

const heard = {
  welcome(event) {
    renaming = false;
    const back = me.id !== null;
    me.id = event.id;
    // Read again each time: a page that one comes back to has missed those of the pages between.
    for (const id of JSON.parse(remember(inTab, "ids") || "[]")) me.ids.add(id);
    me.ids.add(event.id);
    remember(inTab, "ids", JSON.stringify([...me.ids].slice(-50)));
    called(event.name);
    byId("title").textContent = event.title;
    room = event.room;
    showTitle();
    replaying = true;
    replayed = { most: event.history, came: 0, first: null, known: seen.size === 0 };
    byId("log").setAttribute("aria-busy", "true"); // An hour of talk is not to be read out at once.
    if (back) notice("You are back");
    if (!me.wanted) remember(inTab, "name", (me.wanted = event.name)); // A guest stays the same guest.
    link.settled();
  },

  members(event) {
    here.clear();
    for (const person of event.members) here.set(person.id, person.name);
    count = event.count;
    showMembers();
    if (replaying) {
      replaying = false;
      if (replayed.first && !replayed.known && replayed.came >= replayed.most) {
        // We knew none of the messages that the server still has: there may have been more before.
        noteBefore(replayed.first, "Some messages may be missing here");
      }
      byId("log").removeAttribute("aria-busy");
      byId("empty").hidden = !isEmpty();
      for (const [ref, item] of pending) if (!item.failed) post(ref, item);
    }
  },

  message(event) {
    if (event.ref && me.ids.has(event.from)) settle(event.ref);
    if (replaying) replayed.came += 1;
    if (seen.has(event.id)) {
      if (replaying) replayed.known = true;
      return;
    }
    seen.add(event.id);
    if (seen.size > SEEN) seen.delete(seen.values().next().value);
    const own = me.ids.has(event.from);
    const entry = say(event, own);
    if (replaying) replayed.first ??= entry;
    else if (!own && document.hidden) {
      unread += 1;
      showTitle();
    }
  },

  join(event) {
    if (here.has(event.id)) return;
    here.set(event.id, event.name);
    count += 1;
    showMembers();
    notice(`${event.name} joined`);
  },

  leave(event) {
    here.delete(event.id);
    count = Math.max(count - 1, here.size);
    showMembers();
    notice(`${event.name} left`);
    // It was our own earlier connection that still held our name.
    if (me.ids.has(event.id) && me.wanted && me.name !== me.wanted) rename(me.wanted);
  },

  rename(event) {
    if (here.has(event.id)) here.set(event.id, event.name);
    if (event.id === me.id) called(event.name);
    showMembers();
    if (event.name !== event.old) notice(`${event.old} is now ${event.name}`);
  },

  announcement(event) {
    notice(event.text, "announcement");
    if (document.hidden) {
      unread += 1;
      showTitle();
    }
  },

  error(event) {
    const item = event.ref && pending.get(event.ref);
    if (item) fail(event.ref, item, event.text);
    else notice("That did not work: " + event.text, "error");
  },
};

function showTitle() {
  document.title = (unread ? `(${unread}) ` : "") + byId("title").textContent;
}

function called(name) {
  me.name = name;
  byId("own-name").textContent = name;
}

// ---- What is said.

const pending = new Map(); // ref -> {text, entry, failed}: written, and not come back yet

function write(said) {
  const ref = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const item = { text: said, entry: element("li", "message own", { state: "sending" }), failed: false };
  item.entry.append(bubble(said));
  byId("pending").append(item.entry);
  pending.set(ref, item);
  byId("empty").hidden = true;
  post(ref, item);
  toNewest();
}

// What is not confirmed when the connection is lost is posted again; its mark shows the replay of a
// message that did arrive.
function post(ref, item) {
  const sent = !replaying && link.send(JSON.stringify({ type: "message", text: item.text, ref }));
  if (sent) item.session = link.session;
  item.entry.dataset.state = sent ? "sending" : "waiting";
}

function settle(ref) {
  pending.get(ref)?.entry.remove();
  pending.delete(ref);
}

function fail(ref, item, why) {
  item.failed = true;
  item.entry.dataset.state = "failed";
  const again = element("button");
  again.type = "button";
  again.textContent = "Take it back";
  again.addEventListener("click", () => {
    settle(ref);
    text.value = text.value ? `${text.value}\n${item.text}` : item.text;
    composed();
    text.focus();
  });
  const note = element("p", "why");
  note.setAttribute("role", "alert");
  note.append(`Not sent: ${why} `, again);
  item.entry.append(note);
  toNewest();
}

let renaming = false; // whether a name that was asked for could not be sent

function rename(name) {
  me.wanted = name;
  renaming = !link.send(JSON.stringify({ type: "rename", name }));
}

// ---- Who is here.

let membersAsked = 0;

function showMembers() {
  // Once for each frame, however many come at the same time.
  cancelAnimationFrame(membersAsked);
  membersAsked = requestAnimationFrame(() => {
    const sorted = [...here].sort(([, one], [, other]) => one.localeCompare(other, undefined, { numeric: true }));
    byId("members").replaceChildren(
      ...sorted.map(([id, name]) => {
        const entry = element("li", id === me.id ? "self" : "", { id, name });
        const label = element("bdi", "name");
        label.textContent = name;
        entry.append(avatar(name), label);
        if (id === me.id) entry.append(Object.assign(element("span", "you"), { textContent: "you" }));
        return entry;
      }),
    );
    byId("people-count").textContent = count;
    byId("people-title").textContent = `${count} here in ${room}`;
    byId("more").hidden = count <= here.size;
    byId("more").textContent = `and ${count - here.size} more`;
  });
}

function showPeople(open) {
  people.classList.toggle("open", open);
  byId("people-toggle").setAttribute("aria-expanded", String(open));
}

// ---- What one does.

function composed() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
  byId("send").disabled = !text.value.trim();
  const left = text.maxLength - text.value.length;
  byId("room-left").textContent = left < 200 ? `${left} characters left` : "";
}

function askName() {
  const joined = me.id !== null;
  byId("name-title").textContent = joined ? "Change your name" : "What shall we call you?";
  byId("name-submit").textContent = joined ? "Change" : "Join";
  byId("name-cancel").hidden = !joined;
  nameInput.value = me.wanted || remember(onDevice, "name") || "";
  nameDialog.showModal();
  nameInput.select();
}

function enter(name) {
  nameDialog.close();
  if (!matchMedia("(pointer: coarse)").matches) text.focus(); // On a phone this would open the keyboard.
  const atTheDoor = link.state === "idle";
  if (!name && !atTheDoor) return;
  if (name) remember(onDevice, "name", name);
  remember(inTab, "name", name);
  me.wanted = name;
  if (atTheDoor) link.connect();
  else rename(name); // If there is no connection now, the next one asks for this name, or we do on it.
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const said = text.value.trim();
  if (!said) return;
  write(said);
  text.value = "";
  composed();
  text.focus();
});
text.addEventListener("input", composed);
text.addEventListener("keydown", (event) => {
  // While an input method composes (Japanese, Chinese, ...), Enter belongs to it.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
    event.preventDefault();
    byId("composer").requestSubmit();
  }
});
byId("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(nameInput.value.trim());
});
nameDialog.addEventListener("cancel", (event) => {
  if (link.state !== "idle") return;
  event.preventDefault(); // Escape at the door: come in as a guest.
  enter("");
});
byId("name-cancel").addEventListener("click", () => nameDialog.close());
byId("rename").addEventListener("click", askName);
byId("retry").addEventListener("click", () => link.connect());
byId("people-toggle").addEventListener("click", () => showPeople(!people.classList.contains("open")));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && people.classList.contains("open")) {
    showPeople(false);
    byId("people-toggle").focus();
  }
});
byId("scroller").parentElement.addEventListener("pointerdown", () => showPeople(false));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  showTitle();
  // Who was lost with a server that fell is not announced; looking again is cheap.
  link.send(JSON.stringify({ type: "who" }));
});
// A phone's keyboard shrinks what is seen of the page but, on some, not the page.
globalThis.visualViewport?.addEventListener("resize", () => {
  if (visualViewport.scale === 1) document.body.style.setProperty("--height", `${visualViewport.height}px`);
});

const known = remember(inTab, "name");
if (known === null) askName();
else enter(known);
