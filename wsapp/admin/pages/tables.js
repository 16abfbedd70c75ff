// The tables: what their columns show, and how rows get onto the page.

import { bytes, count, duration, milliseconds } from "./format.js";

const ago = (time) => duration(Date.now() / 1000 - time);

// name: [heading, how it is shown, class]
const COLUMNS = {
  clients: {
    id: ["Client", (id) => id.slice(0, 8), "code"],
    app: ["Application", String],
    user: ["User", (user) => user || "–"],
    peer: ["Address", String, "code"],
    version: ["Version", String],
    transport: ["By", String],
    since: ["For", ago, "number"],
    messagesIn: ["Messages in", count, "number"],
    messagesOut: ["out", count, "number"],
    bytesIn: ["Bytes in", bytes, "number"],
    bytesOut: ["out", bytes, "number"],
    buffered: ["Waiting", bytes, "number"],
    groups: ["Groups", count, "number"],
    node: ["Node", String],
    worker: ["Worker", String],
  },
  groups: {
    app: ["Application", String],
    name: ["Group", String],
    clients: ["Clients", count, "number"],
  },
  apps: {
    name: ["Application", String],
    clients: ["Clients", count, "number"],
    opened: ["Came", count, "number"],
    messagesIn: ["Messages in", count, "number"],
    messagesOut: ["out", count, "number"],
    bytesIn: ["Bytes in", bytes, "number"],
    bytesOut: ["out", bytes, "number"],
    buffered: ["Waiting", bytes, "number"],
    slow: ["Slow", count, "number"],
    hook: ["onMessage, mean", (value) => (value === null ? "–" : milliseconds(value)), "number"],
  },
  workers: {
    node: ["Node", String],
    worker: ["Worker", String],
    pid: ["Process", String, "number"],
    state: ["State", String],
    since: ["For", ago, "number"],
    open: ["Connections", count, "number"],
    worstLag: ["Worst lag, 1 min", milliseconds, "number"],
    broker: ["Broker", String],
    refused: ["Refused", count, "number"],
  },
};

export const isAsked = (kind) => kind === "clients" || kind === "groups";

const sum = (counts) => Object.values(counts).reduce((total, one) => total + one, 0);

// The rows of what snapshots have in them; clients and groups are asked for instead.
export function rowsOf(kind, workers, total) {
  if (kind === "workers") {
    return workers.map((one) => ({
      ...one, node: one.node ?? "", worker: Number(one.worker), broker: one.broker.state, refused: sum(one.refused),
    }));
  }
  return Object.entries(total.apps).map(([name, app]) => {
    const hook = app.hooks.onMessage;
    const calls = hook ? hook.counts.reduce((all, one) => all + one, 0) : 0;
    return { ...app, name, clients: sum(app.clients), hook: calls ? hook.total / calls : null };
  });
}

export class Table {
  // changed(): the order is another; chosen(kind, row): a row was opened.
  constructor(table, { changed, chosen }) {
    this.head = table.tHead;
    this.body = table.tBodies[0];
    this.changed = changed;
    this.chosen = chosen;
    this.hidden = [];
    this.sorts = { clients: ["since", true], groups: ["name", false], apps: ["name", false], workers: ["worker", false] };
    this.show("clients");
  }

  get sort() {
    return this.sorts[this.kind][0];
  }

  get descending() {
    return this.sorts[this.kind][1];
  }

  get columns() {
    return Object.entries(COLUMNS[this.kind]).filter(([name]) => !this.hidden.includes(name));
  }

  // Columns that would say the same in every row are not shown.
  without(hidden) {
    if (hidden.join() === this.hidden.join()) return;
    this.hidden = hidden;
    this.show(this.kind);
  }

  show(kind) {
    this.kind = kind;
    const row = document.createElement("tr");
    for (const [name, [heading, , style]] of this.columns) {
      const cell = document.createElement("th");
      cell.className = style ?? "";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading;
      button.dataset.column = name;
      button.addEventListener("click", () => {
        const [column, descending] = this.sorts[kind];
        this.sorts[kind] = [name, column === name ? !descending : style === "number"];
        this.#arrows();
        this.changed();
      });
      cell.append(button);
      row.append(cell);
    }
    this.head.replaceChildren(row);
    this.body.replaceChildren();
    this.lines = new Map();
    this.#arrows();
  }

  #arrows() {
    for (const cell of this.head.rows[0].cells) {
      const sorted = cell.firstChild.dataset.column === this.sort;
      if (sorted) cell.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
  }

  // Rows of one's own making are put in order here; those asked for come in order.
  arranged(rows, filter) {
    const text = filter.toLowerCase();
    const fit = rows.filter((row) => !text || Object.values(row).some(
      (value) => typeof value !== "object" && String(value).toLowerCase().includes(text)));
    const way = this.descending ? -1 : 1;
    return fit.sort((one, other) => {
      const [left, right] = [one[this.sort], other[this.sort]];
      return way * (left < right ? -1 : left > right ? 1 : 0);
    });
  }

  // Lines that stay are changed where they stand: one that is just being clicked is not taken away.
  fill(rows) {
    const columns = this.columns;
    let place = this.body.firstChild;
    for (const row of rows) {
      const key = row.id ?? ("pid" in row ? `${row.node}/${row.worker}` : `${row.app}/${row.name}`);
      let line = this.lines.get(key);
      if (!line) {
        line = this.#line(columns);
        this.lines.set(key, line);
      }
      line.row = row;
      columns.forEach(([name, [, show]], number) => {
        const text = show(row[name] ?? "");
        if (line.cells[number].textContent !== text) line.cells[number].textContent = text;
      });
      if (line === place) place = place.nextSibling;
      else this.body.insertBefore(line, place);
    }
    while (place) {
      const gone = place;
      place = place.nextSibling;
      gone.remove();
    }
    const there = new Set(this.body.rows);
    for (const [key, line] of this.lines) if (!there.has(line)) this.lines.delete(key);
    if (!rows.length) this.#empty(columns.length);
  }

  #line(columns) {
    const line = document.createElement("tr");
    for (const [, [, , style]] of columns) {
      const cell = document.createElement("td");
      cell.className = style ?? "";
      line.append(cell);
    }
    if (isAsked(this.kind)) {
      const kind = this.kind;
      line.tabIndex = 0;
      line.addEventListener("click", () => this.chosen(kind, line.row));
      line.addEventListener("keydown", (event) => {
        if (event.key === "Enter") this.chosen(kind, line.row);
      });
    }
    return line;
  }

  #empty(width) {
    const cell = document.createElement("td");
    cell.colSpan = width;
    cell.className = "none";
    cell.textContent = "nobody and nothing";
    const line = document.createElement("tr");
    line.append(cell);
    this.body.replaceChildren(line);
  }
}
