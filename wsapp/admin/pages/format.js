// Numbers and times as people read them.

export function count(value) {
  return Math.round(value).toLocaleString("en");
}

export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(1)}G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(0)}k`;
  if (size >= 1e3) return `${(value / 1e3).toFixed(1)}k`;
  return size < 10 && size % 1 ? value.toFixed(1) : `${Math.round(value)}`;
}

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function milliseconds(value) {
  return value < 0.0995 ? `${(value * 1000).toFixed(1)} ms` : `${Math.round(value * 1000)} ms`;
}

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => whole >= size);
  if (first < 0) return "0 s";
  const [size, name] = parts[first];
  const rest = parts[first + 1];
  const big = `${Math.floor(whole / size)} ${name}`;
  const small = rest ? Math.floor((whole % size) / rest[0]) : 0;
  return small ? `${big} ${small} ${rest[1]}` : big;
}
