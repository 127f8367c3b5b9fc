// Values in words, the same everywhere.

const NANOSECONDS = { second: 1e9, minute: 60e9, hour: 3600e9, day: 86_400e9 };

/** The words for what is known of a target. */
export const CONDITIONS = {
  healthy: "Healthy",
  degraded: "Degraded",
  unhealthy: "Down",
  unknown: "Unknown",
  pending: "Pending",
  disabled: "Paused",
  starting: "Starting",
  stopping: "Stopping",
};

/** How grave a condition is: what is worse comes first. */
const GRAVITY = ["unhealthy", "unknown", "degraded", "pending", "disabled", "healthy"];

export function gravity(condition) {
  return GRAVITY.indexOf(condition);
}

/** The words for how bad an alert is, the worst first. */
export const SEVERITIES = { critical: "Critical", unhealthy: "Down", degraded: "Degraded", unknown: "Unknown" };

/** How bad an alert is: in words, and the condition that it is shown as. A word that a newer runner may say is shown as it is. */
export function severity(word) {
  return { words: SEVERITIES[word] ?? word, condition: word === "critical" ? "unhealthy" : word in SEVERITIES ? word : "unknown" };
}

/** What a check counts as, which is what the operator decreed, or else what is known. */
export function condition({ status, mode }) {
  if (mode === "disabled") return "disabled";
  if (mode === "forced-up") return "healthy";
  if (mode === "forced-down") return "unhealthy";
  return status;
}

/** How long a target took: three digits at the most, since nobody reads more. */
export function latency(nanoseconds) {
  if (nanoseconds == null) return "–";
  const [value, unit] =
    nanoseconds < 1e3 ? [nanoseconds, "ns"]
    : nanoseconds < 1e6 ? [nanoseconds / 1e3, "µs"]
    : nanoseconds < 1e9 ? [nanoseconds / 1e6, "ms"]
    : [nanoseconds / 1e9, "s"];
  return `${unit === "ns" || value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

/** The same without noughts at the end, for what somebody set and nobody measured. */
export function setting(nanoseconds) {
  if (nanoseconds === 0) return "0";
  return latency(nanoseconds).replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ");
}

/** A longer time, in its two largest units. */
export function span(nanoseconds) {
  const { second, minute, hour, day } = NANOSECONDS;
  const whole = (unit) => Math.floor(nanoseconds / unit);
  if (nanoseconds < minute) return `${whole(second)} s`;
  if (nanoseconds < hour) return two(whole(minute), "min", whole(second) % 60, "s");
  if (nanoseconds < day) return two(whole(hour), "h", whole(minute) % 60, "min");
  return two(whole(day), whole(day) === 1 ? "day" : "days", whole(hour) % 24, "h");
}

function two(many, large, few, small) {
  return few ? `${many} ${large} ${few} ${small}` : `${many} ${large}`;
}

/** How long ago something was, or how long it is until then. */
export function ago(time, now = Date.now()) {
  const passed = (now - new Date(time)) * 1e6;
  if (passed < -1e9) return `in ${span(-passed)}`;
  return passed < 1e9 ? "now" : `${span(passed)} ago`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DATE = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });

/** The time of day, and the date unless it is today. */
export function clock(time) {
  if (!time) return "–";
  const at = new Date(time);
  const today = at.toDateString() === new Date().toDateString();
  return today ? CLOCK.format(at) : `${DATE.format(at)}, ${CLOCK.format(at)}`;
}

export function date(time) {
  return DATE.format(new Date(time));
}

const DAY = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });

/** A day as the runner counts them, which is by UTC wherever one looks from. */
export function utcDay(date) {
  return DAY.format(new Date(date));
}

const NUMBER = new Intl.NumberFormat("en");

/** A count, its thousands told apart. */
export function number(value) {
  return NUMBER.format(value);
}

/** A size in the unit that fits. */
export function bytes(value) {
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let at = -1;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1)} ${units[at]}`;
}

/** A share from 0 to 1, never rounded up to all or down to nothing. */
export function percent(share) {
  if (share == null) return "–";
  if (share === 0 || share === 1) return `${share * 100}%`;
  const [most, least] = [99.999, 0.001];
  const value = Math.min(most, Math.max(least, share * 100));
  return `${value >= 99 ? value.toFixed(3).replace(/0+$/, "").replace(/\.$/, "") : value.toFixed(value >= 1 ? 1 : 3)}%`;
}

/** Large counts, short. */
export function short(value) {
  const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, unit] = units.find(([size]) => value >= size) ?? [1, ""];
  const scaled = value / size;
  return `${size === 1 || Number.isInteger(scaled) ? scaled : scaled.toFixed(1)} ${unit}`.trim();
}

export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}
