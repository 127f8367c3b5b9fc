// Pictures of what was: latency over time, and days of use. Each says in words what it shows.

import { tellDays } from "./days.js";
import { h, s } from "./dom.js";
import { CONDITIONS, clock, date, latency, percent, plural, setting, span, utcDay } from "./words.js";

/** The size of a chart in its own units; on the page it is as wide as there is room. */
const [WIDTH, HEIGHT] = [720, 180];
/** Room for the words beside and below. */
const [LEFT, BOTTOM, TOP] = [56, 20, 10];

/**
 * Latency over time: `points` of `{time, value, low, high, condition}`, oldest first, the latter three if known. A band lies
 * between low and high.
 */
export function latencyChart(points, about) {
  const told = points.filter(({ value }) => value != null);
  if (told.length < 2) return h("p", { class: "none" }, "A chart takes two results at least.");
  const times = points.map(({ time }) => Date.parse(time));
  const [from, to] = [times[0], times.at(-1)];
  const most = Math.max(...told.map(({ value, high }) => high ?? value), 1);
  const top = nice(most);
  const x = (time) => LEFT + ((time - from) / (to - from || 1)) * (WIDTH - LEFT - 8);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const at = (point, value) => `${x(Date.parse(point.time)).toFixed(1)} ${y(value).toFixed(1)}`;

  const lines = [0, 0.5, 1].map((share) =>
    s("g", { class: "grid" }, s("path", { d: `M${LEFT} ${y(top * share)}H${WIDTH - 8}` }), s("text", { x: LEFT - 8, y: y(top * share) + 4, "text-anchor": "end" }, setting(top * share))),
  );
  const marks = [0, 0.5, 1].map((share) => {
    const time = from + (to - from) * share;
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    return s("text", { class: "tick", x: x(time), y: HEIGHT - 4, "text-anchor": anchor }, to - from > 2 * 86_400e3 ? date(time) : clock(time));
  });
  const band = told.every(({ low }) => low != null) && s("path", { class: "band", d: `M${told.map((point) => at(point, point.high)).join("L")}L${told.toReversed().map((point) => at(point, point.low)).join("L")}Z` });
  const line = s("path", { class: "line", d: `M${told.map((point) => at(point, point.value)).join("L")}` });
  // A cross for what failed: its shape tells it apart.
  const failed = points.filter(({ condition }) => condition && condition !== "healthy").map((point) => {
    const [cx, cy] = [x(Date.parse(point.time)), y(point.value ?? 0)];
    return s("path", { class: `mark ${point.condition}`, d: point.condition === "degraded" ? `M${cx} ${cy - 4}l4 7h-8Z` : `M${cx - 3} ${cy - 3}l6 6m0-6l-6 6` });
  });
  const cursor = s("g", { class: "cursor", visibility: "hidden" }, s("path", { d: `M0 ${TOP}V${HEIGHT - BOTTOM}` }), s("circle", { r: 3.5 }));
  const values = told.map(({ value }) => value).sort((a, b) => a - b);
  const rank = (share) => values[Math.min(values.length - 1, Math.floor(values.length * share))];
  const words = about ?? `${plural(told.length, "result")}: median ${latency(rank(0.5))}, 9 of 10 within ${latency(rank(0.9))}, longest ${latency(values.at(-1))}`;
  const chart = s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Latency over time. ${words}` }, ...lines, ...marks, ...(band ? [band] : []), line, ...failed, cursor);
  const readout = h("figcaption", {}, words);
  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const position = ((event.clientX - box.left) / box.width) * WIDTH;
    const nearest = told.reduce((best, point) => (Math.abs(x(Date.parse(point.time)) - position) < Math.abs(x(Date.parse(best.time)) - position) ? point : best));
    const [cx, cy] = [x(Date.parse(nearest.time)), y(nearest.value)];
    cursor.setAttribute("visibility", "visible");
    cursor.firstChild.setAttribute("transform", `translate(${cx})`);
    cursor.lastChild.setAttribute("cx", cx);
    cursor.lastChild.setAttribute("cy", cy);
    const between = nearest.high != null ? ` (${latency(nearest.low)} to ${latency(nearest.high)})` : "";
    readout.textContent = `${clock(nearest.time)}: ${latency(nearest.value)}${between}${nearest.condition ? `, ${CONDITIONS[nearest.condition].toLowerCase()}` : ""}`;
  });
  chart.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    readout.textContent = words;
  });
  return h("figure", {}, chart, readout);
}

/** The next number above that is easily read: 1, 2 or 5 and noughts. */
function nice(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * size).find((step) => step >= value);
}

/** Days, oldest first, as `/uptime` gives them: a bar each, as full as the target was of use. */
export function uptimeBars(days) {
  const step = WIDTH / days.length;
  const height = 36;
  const bars = days.map((day, at) => {
    const { up, degraded, down, unknown } = day.time;
    const watched = up + degraded + down + unknown;
    const [left, width] = [(at * step).toFixed(2), Math.max(1, step - 2).toFixed(2)];
    if (!watched) return s("g", { class: "day" }, s("rect", { class: "nothing", x: left, width, y: height - 4, height: 4, rx: 1 }));
    // What went wrong for a minute must be seen: any part that there is has a tenth of the bar.
    const share = (part) => (part ? Math.max(part / watched, 0.1) : 0);
    const parts = [["unhealthy", share(down)], ["degraded", share(degraded)], ["unknown", share(unknown)]];
    const bad = Math.min(1, parts.reduce((sum, [, part]) => sum + part, 0));
    let y = height;
    const drawn = parts.filter(([, part]) => part).map(([name, part]) => {
      const tall = Math.min(part, 1) * height;
      y = Math.max(0, y - tall);
      return s("rect", { class: name, x: left, width, y: y.toFixed(1), height: tall.toFixed(1), rx: 1 });
    });
    const good = bad < 1 ? [s("rect", { class: "healthy", x: left, width, y: 0, height: Math.max(0, y - (drawn.length ? 1 : 0)).toFixed(1), rx: 1 })] : [];
    return s("g", { class: "day" }, ...good, ...drawn);
  });
  const watched = days.filter((day) => day.status !== null);
  const troubled = watched.filter(({ time }) => time.down > 0);
  const words = watched.length === 0
    ? "Not watched in these days"
    : `${plural(watched.length, "day")} watched; down on ${troubled.length === 0 ? "none" : plural(troubled.length, "of them", "of them")}`;
  const picture = s("svg", { class: "bars", viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: "none", "aria-label": `The last ${days.length} days. ${words}` }, ...bars);
  const readout = h("span", {}, words);
  tellDays(picture, readout, days.length, (at) => `${utcDay(days[at].date)}: ${dayInWords(days[at])}`);
  return h("figure", { class: "uptime" }, picture, h("figcaption", {}, h("span", {}, utcDay(days[0].date)), readout, h("span", {}, "today")));
}

function dayInWords({ availability, status, time, incidents }) {
  if (status === null) return "not watched";
  const parts = [availability === null ? "nothing known" : `${percent(availability / 100)} uptime`];
  if (time.down) parts.push(`down for ${span(time.down)}`);
  if (time.degraded) parts.push(`degraded for ${span(time.degraded)}`);
  if (time.unknown) parts.push(`unknown for ${span(time.unknown)}`);
  if (incidents) parts.push(plural(incidents, "incident"));
  return parts.join(", ");
}

/** How much of a budget was used: a bar with both figures beside it. */
export function meter(label, used, most, show) {
  const share = most ? Math.min(1, used / most) : 0;
  const bar = s("svg", { class: `meter ${share >= 0.9 ? "unhealthy" : share >= 0.7 ? "degraded" : "healthy"}`, viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: "whole", width: 100, height: 6 }), s("rect", { class: "used", width: Math.max(share * 100, used ? 0.8 : 0), height: 6 }));
  return h("div", { class: "budget" }, h("span", {}, label), h("span", { class: "amount" }, h("b", {}, show(used)), ` of ${show(most)}`), bar);
}
