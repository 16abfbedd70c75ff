// The log of the chat page: messages, grouped by who said them, and notices of what happened.
// All that people write enters the document as text, never as HTML.

const KEEP = 500; // entries that stay in the document
const TOGETHER = 5 * 60 * 1000; // messages of one person within this many milliseconds stand together
const HUES = 8;

const scroller = document.getElementById("scroller");
const messages = document.getElementById("messages");
const newest = document.getElementById("newest");

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const last = { from: null, time: 0, day: "" };
let following = true; // whether the newest message is in view, and is to stay there

export function element(tag, className = "", data = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  Object.assign(made.dataset, data);
  return made;
}

export function bubble(said) {
  const made = element("p", "bubble");
  made.dir = "auto";
  made.textContent = said;
  return made;
}

function hueOf(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
  return sum % HUES;
}

export function avatar(name) {
  const made = element("span", "avatar", { hue: hueOf(name) });
  made.setAttribute("aria-hidden", "true");
  made.textContent = [...name][0].toUpperCase();
  return made;
}

/** Append what somebody said; gives its entry. */
export function say(event, own) {
  const when = new Date(event.time);
  if (day.format(when) !== last.day) {
    last.day = day.format(when);
    notice(day.format(when) === day.format(new Date()) ? "Today" : last.day, "day");
  }
  const entry = element("li", own ? "message own" : "message", { id: event.id, from: event.from, name: event.name });
  const follows = last.from === event.from + event.name && event.time - last.time < TOGETHER;
  if (follows) entry.classList.add("follows");
  const head = element("p", "head");
  const who = element("bdi", "name");
  who.textContent = own ? "You" : event.name;
  const time = element("time");
  time.dateTime = when.toISOString();
  time.textContent = clock.format(when);
  head.append(who, " ", time);
  if (!own) entry.append(avatar(event.name));
  entry.append(head, bubble(event.text));
  last.from = event.from + event.name;
  last.time = event.time;
  add(entry);
  return entry;
}

function noticed(said, kind = "notice") {
  const entry = element("li", "notice", { kind });
  entry.dir = "auto";
  entry.textContent = said;
  return entry;
}

/** Append what happened: `kind` is "notice", "day", "announcement" or "error". */
export function notice(said, kind) {
  last.from = null;
  add(noticed(said, kind));
}

/** Put a notice before an entry. */
export function noteBefore(entry, said) {
  entry.before(noticed(said));
}

export function isEmpty() {
  return messages.childElementCount === 0;
}

function add(entry) {
  messages.append(entry);
  while (messages.childElementCount > KEEP) messages.firstElementChild.remove();
  if (entry.classList.contains("message")) document.getElementById("empty").hidden = true;
  if (following || entry.classList.contains("own")) toNewest();
  else if (entry.classList.contains("message")) newest.hidden = false;
}

export function toNewest() {
  following = true;
  scroller.scrollTop = scroller.scrollHeight;
  newest.hidden = true;
}

scroller.addEventListener("scroll", () => {
  following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  if (following) newest.hidden = true;
});
newest.addEventListener("click", toNewest);
// A phone's keyboard comes, a window shrinks: what was in view stays so.
new ResizeObserver(() => following && toNewest()).observe(scroller);
