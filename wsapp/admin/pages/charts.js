// The charts of the last minutes, by uPlot; each line is a column of numbers against time.

import { bytes, milliseconds, short } from "./format.js";

const KEPT = 600;
const DOUBLING = Array.from({ length: 50 }, (_, power) => 2 ** power);
const clock = (time) => new Date(time * 1000).toLocaleTimeString("en-GB");

const CHARTS = [
  { id: "clients", lines: ["clients"], show: short },
  { id: "messages", lines: ["in", "out"], show: short },
  { id: "bytes", lines: ["in", "out"], show: bytes },
  { id: "lag", lines: ["lag"], show: milliseconds },
];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

class Chart {
  constructor({ id, lines, show }) {
    this.place = document.getElementById(`chart-${id}`);
    this.lines = lines;
    this.show = show;
    this.data = [[], ...lines.map(() => [])];
    this.draw();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.place);
  }

  size() {
    return { width: Math.max(200, this.place.clientWidth), height: 150 };
  }

  draw() {
    this.plot?.destroy();
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--quiet"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
    const colours = [colour("--accent"), colour("--second")];
    this.plot = new uPlot({
      ...this.size(),
      cursor: { y: false },
      legend: { live: true },
      scales: { y: { range: (plot, low, high) => [0, Math.max(high * 1.1, this.show === milliseconds ? 0.01 : 4)] } },
      axes: [
        { ...axis, space: 70, size: 32, values: "{HH}:{mm}:{ss}" },
        {
          ...axis,
          size: 66,
          values: (plot, ticks) => ticks.map(this.show),
          ...(this.show === bytes ? { incrs: DOUBLING } : {}),
        },
      ],
      series: [
        { value: (plot, time) => (time == null ? "now" : clock(time)) },
        ...this.lines.map((label, number) => ({
          label,
          stroke: colours[number],
          fill: number ? undefined : `${colours[number]}22`,
          width: 1.75,
          points: { show: false },
          value: (plot, value, line) => this.said(value ?? plot.data[line].at(-1)),
        })),
      ],
    }, this.data, this.place);
  }

  said(value) {
    return value == null ? "–" : this.show(value);
  }

  clear() {
    this.data = this.data.map(() => []);
    this.plot.setData(this.data);
  }

  add(time, values) {
    // Another node's clock may be behind; a chart's time only goes on.
    this.data[0].push(Math.max(time, (this.data[0].at(-1) ?? 0) + 0.001));
    values.forEach((value, number) => this.data[number + 1].push(value));
    if (this.data[0].length > KEPT) this.data.forEach((column) => column.shift());
    this.plot.setData(this.data);
  }
}

export class Charts {
  constructor() {
    this.charts = Object.fromEntries(CHARTS.map((chart) => [chart.id, new Chart(chart)]));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const chart of Object.values(this.charts)) chart.draw();
    });
  }

  clear() {
    for (const chart of Object.values(this.charts)) chart.clear();
  }

  // A value that is not known is null, and leaves a gap.
  add(time, values) {
    for (const [id, numbers] of Object.entries(values)) this.charts[id].add(time, numbers);
  }
}
