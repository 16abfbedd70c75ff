// The console's page: the way in, what is shown of each snapshot, and the buttons.

import { Charts } from "./charts.js";
import { bytes, count, duration, milliseconds } from "./format.js";
import { Link } from "./link.js";
import { Table, isAsked, rowsOf } from "./tables.js";

const at = (id) => document.getElementById(id);
const sum = (counts) => Object.values(counts).reduce((total, one) => total + one, 0);

let charts = null;
let table = null;
let all = []; // the snapshots of all workers, on all nodes
let workers = []; // those of the node that is chosen
let total = null;
let last = new Map();
let drawn = ""; // the node that the charts are of
let group = null;
let shown = null; // the client in the dialog

// Several workers as one: numbers added up, of states and lags the worst.

const STATES = ["ready", "draining", "starting", "stopping", "silent"];

function added(name, left, right) {
  if (Array.isArray(left)) return left.map((one, number) => added(name, one, right[number]));
  if (typeof left === "object" && left !== null) {
    const all = { ...right, ...left };
    for (const key of Object.keys(left)) if (key in right) all[key] = added(key, left[key], right[key]);
    return all;
  }
  if (typeof left === "number") {
    if (["lag", "worstLag", "time"].includes(name)) return Math.max(left, right);
    return name === "since" ? Math.min(left, right) : left + right;
  }
  if (left === "unknown" || right === "unknown") return left === "unknown" ? right : left;
  if (STATES.includes(left)) return STATES[Math.max(STATES.indexOf(left), STATES.indexOf(right))];
  return left === right ? left : "down";
}

// What is shown

function state(name, text = name) {
  at("state").dataset.state = name;
  at("state").textContent = text;
}

function numbers(facts) {
  at("numbers").replaceChildren(...facts.map(([name, value, bad]) => {
    const box = document.createElement("div");
    if (bad) box.className = "bad";
    const number = document.createElement("b");
    number.textContent = value;
    const label = document.createElement("span");
    label.textContent = name;
    box.append(number, label);
    return box;
  }));
}

function options(select, names, first) {
  const wanted = [...(first === undefined ? [] : [first]), ...names].join("\n");
  if (select.dataset.names === wanted) return;
  select.dataset.names = wanted;
  const chosen = select.value;
  select.replaceChildren(...(first === undefined ? [] : [new Option(first, "")]), ...names.map((name) => new Option(name, name)));
  select.value = names.includes(chosen) ? chosen : select.options[0]?.value ?? "";
}

// Per second since the last snapshots: of those workers that were there then, each by its own clock.  Null where
// none of them was: nothing is known then, which is not 0.
function rates(now) {
  const found = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  let known = false;
  const next = new Map();
  for (const one of now) {
    const sums = { time: one.time };
    for (const name of Object.keys(found)) {
      sums[name] = Object.values(one.apps).reduce((so, app) => so + app[name], 0);
    }
    const key = `${one.node ?? ""}/${one.worker}`;
    const before = last.get(key);
    next.set(key, sums);
    if (!before || sums.time <= before.time) continue;
    known = true;
    for (const name of Object.keys(found)) {
      found[name] += Math.max(0, sums[name] - before[name]) / (sums.time - before.time);
    }
  }
  last = next;
  return known ? found : Object.fromEntries(Object.keys(found).map((name) => [name, null]));
}

const nodesOf = (snapshots) => [...new Set(snapshots.map((one) => one.node ?? ""))];

function snapshot(now) {
  all = now;
  const rate = show(now);
  charts.add(total.time, {
    clients: [clientsOf(total)],
    messages: [rate.messagesIn, rate.messagesOut],
    bytes: [rate.bytesIn, rate.bytesOut],
    lag: [total.lag],
  });
}

const clientsOf = (one) => Object.values(one.apps).reduce((so, app) => so + sum(app.clients), 0);

// Show snapshots everywhere but in the charts; gives the rates.
function show(now) {
  const nodes = nodesOf(now);
  at("nodes").hidden = nodes.length < 2;
  options(at("node"), nodes.length < 2 ? [] : nodes, "all");
  workers = now.filter((one) => !at("node").value || one.node === at("node").value);
  total = workers.reduce((sum, one) => (sum ? added("", sum, one) : one), null);
  at("login").hidden = true;
  at("board").hidden = false;
  at("actions").hidden = false;
  charts ??= new Charts();
  if (at("node").value !== drawn) {
    // What was drawn is of others, and how fast the numbers of these rise is not known yet.
    drawn = at("node").value;
    charts.clear();
    last = new Map();
  }
  table ??= new Table(at("table"), { changed: refresh, chosen });

  const apps = Object.values(total.apps);
  const of = (name) => apps.reduce((all, app) => all + app[name], 0);
  const rate = rates(workers);
  numbers([
    ["clients", count(clientsOf(total))],
    ["messages in/s", rate.messagesIn === null ? "–" : count(rate.messagesIn)],
    ["messages out/s", rate.messagesOut === null ? "–" : count(rate.messagesOut)],
    ["to be sent", bytes(of("buffered"))],
    ["slow clients", count(of("slow")), of("slow") > 0],
    ["refused", count(sum(total.refused))],
    ["hooks failed", count(total.counters.failedHooks ?? 0), total.counters.failedHooks > 0],
    ["worst lag, 1 min", milliseconds(total.worstLag), total.worstLag > 0.25],
    ["broker", total.broker.state, total.broker.state === "down"],
  ]);

  state(total.state);
  at("facts").textContent = [
    `up ${duration(total.time - total.since)}`,
    ...(nodes.length > 1 ? [`${nodes.length} nodes`] : []),
    ...(now.length > nodes.length ? [`${now.length} workers`] : []),
  ].join(", ");
  const several = nodes.length > 1 && !at("node").value; // never all of them at once
  at("drain").hidden = several || workers.every((one) => one.state === "draining");
  at("resume").hidden = workers.every((one) => one.state !== "draining");
  at("tab-workers").hidden = now.length < 2;
  table.without([...(nodes.length < 2 ? ["node"] : []), ...(now.length === nodes.length ? ["worker"] : [])]);
  options(at("app"), Object.keys(total.apps), "all");
  options(at("announce-app"), Object.keys(total.apps));
  refresh();
  return rate;
}

async function refresh() {
  const kind = table.kind;
  const app = at("app").value;
  const filter = at("filter").value;
  if (!isAsked(kind)) {
    const rows = rowsOf(kind, workers, total).filter((row) => !app || row.name === app || kind === "workers");
    table.fill(table.arranged(rows, filter));
    at("count").textContent = "";
    return;
  }
  // "For" is how long, the server sorts by since when.
  const descending = table.sort === "since" ? !table.descending : table.descending;
  const query = { app, filter, sort: table.sort, descending, ...(group === null ? {} : { group }) };
  const node = at("node").value;
  try {
    const page = await link.ask({ ask: kind, query, ...there(node) });
    if (table.kind !== kind || filter !== at("filter").value || node !== at("node").value) return;
    table.fill(page.rows);
    const some = page.count > page.rows.length ? `${page.rows.length} of ${count(page.count)}` : count(page.count);
    at("count").textContent = [
      group === null || kind !== "clients" ? some : `${some} in ${group}`,
      ...(page.missing ? [`without ${page.missing.join(", ")}`] : []),
    ].join(", ");
  } catch {
    // The connection was lost: the next snapshot asks again.
  }
}

// To whom a question goes: one node, or all.
const there = (node) => (node ? { node } : {});

function tab(kind) {
  for (const button of document.querySelectorAll("[role=tab]")) {
    button.setAttribute("aria-selected", String(button.id === `tab-${kind}`));
  }
  if (kind !== "clients") group = null;
  table.show(kind);
  refresh();
}

function tell(text) {
  const told = at("told");
  told.textContent = text;
  told.hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { told.hidden = true; }, 5000);
}

async function doing(done, question) {
  try {
    await link.ask(question);
    tell(done);
  } catch (error) {
    tell(`Not done: ${error.message}.`);
  }
}

const DETAIL = {
  id: "Id", app: "Application", user: "User", peer: "Address", version: "Version", transport: "By",
  subprotocol: "Subprotocol", node: "Node", worker: "Worker", path: "Path", host: "Host", origin: "Origin", agent: "User agent",
};

async function chosen(kind, row) {
  if (kind === "groups") {
    at("filter").value = "";
    at("app").value = row.app;
    group = row.name;
    tab("clients");
    return;
  }
  try {
    shown = await link.ask({ ask: "client", client: row.id, ...there(row.node) });
  } catch (error) {
    tell(`Not shown: ${error.message}.`);
    return;
  }
  const when = new Date(shown.since * 1000);
  const facts = [
    ...Object.entries(DETAIL).map(([name, label]) => [label, shown[name] ?? ""]),
    ["Since", `${when.toLocaleString()} (${duration(Date.now() / 1000 - shown.since)})`],
    ["Credentials", shown.expires === null ? "" : `good until ${new Date(shown.expires * 1000).toLocaleString()}`],
    ["Messages", `${count(shown.messagesIn)} in, ${count(shown.messagesOut)} out, ${count(shown.dropped)} dropped`],
    ["Bytes", `${bytes(shown.bytesIn)} in, ${bytes(shown.bytesOut)} out, ${bytes(shown.buffered)} waiting`],
    ["Groups", shown.groups.join(", ")],
  ];
  at("facts-of-client").replaceChildren(...facts.filter(([, value]) => value !== "").flatMap(([label, value]) => {
    const term = document.createElement("dt");
    term.textContent = label;
    const fact = document.createElement("dd");
    fact.textContent = value;
    return [term, fact];
  }));
  at("detail").showModal();
}

// The way in

async function signIn(token) {
  const answer = await fetch("login", { method: "POST", body: token, credentials: "same-origin" });
  if (answer.ok) {
    at("token").value = "";
    at("wrong").textContent = "";
    link.open();
    return;
  }
  at("wrong").textContent = `Not let in: ${(await answer.text()).trim()}.`;
  unknown();
}

function unknown() {
  state("connecting", "signed out");
  at("board").hidden = true;
  at("actions").hidden = true;
  at("facts").textContent = "";
  at("login").hidden = false;
  at("token").focus();
}

const link = new Link({
  snapshot,
  unknown,
  state(name) {
    if (name === "lost") state("lost", "connection lost");
  },
});

at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(at("token").value);
});
at("leave").addEventListener("click", async () => {
  link.close();
  await fetch("logout", { method: "POST" });
  unknown();
});
for (const kind of ["clients", "groups", "apps", "workers"]) {
  at(`tab-${kind}`).addEventListener("click", () => {
    group = null;
    tab(kind);
  });
}
at("app").addEventListener("change", refresh);
at("node").addEventListener("change", () => show(all));
at("filter").addEventListener("input", () => {
  group = null;
  refresh();
});
// A dialog's form is sent by its first button, or Enter, once its fields are right; that closes the dialog.
for (const back of document.querySelectorAll("dialog .back")) {
  back.addEventListener("click", () => back.closest("dialog").close());
}
const sent = (dialog, act) => at(dialog).querySelector("form").addEventListener("submit", act);

sent("detail", async () => {
  const question = { do: "close", client: shown.id, code: Number(at("code").value), reason: at("reason").value, ...there(shown.node) };
  await doing("The client is being closed.", question);
  refresh();
});
at("announce").addEventListener("click", () => at("announcing").showModal());
sent("announcing", () => {
  doing("The announcement is sent.", { do: "announce", app: at("announce-app").value, text: at("announce-text").value, ...there(at("node").value) });
});
at("drain").addEventListener("click", () => at("draining").showModal());
sent("draining", () => {
  doing("The server is being drained.", { do: "drain", seconds: Number(at("seconds").value), ...there(at("node").value) });
});
at("resume").addEventListener("click", () => doing("Clients are taken again.", { do: "resume", ...there(at("node").value) }));

// A token in the address is taken out of it at once; what stands behind # was sent to nobody.
const token = location.hash.slice(1);
if (token) {
  history.replaceState(null, "", location.pathname);
  signIn(token);
} else {
  link.open();
}
