// Days that are drawn side by side: the one that is pointed at, or that the arrows come to, is told in words.

import { s, setText } from "./dom.js";

/** How far a key leads that turns a page. */
const WEEK = 7;

/**
 * Has `svg`, on which so many days lie side by side, tell of each in `readout`: `told(at)` is what there is to say of one. To those who
 * do not see it, it is a slider from the first day to the last.
 */
export function tellDays(svg, readout, count, told) {
  const words = readout.textContent;
  let [at, cursor] = [count - 1, null];
  for (const [name, value] of Object.entries({ role: "slider", tabindex: 0, "aria-valuemin": 1, "aria-valuemax": count })) svg.setAttribute(name, value);

  function choose(day) {
    at = Math.max(0, Math.min(count - 1, day));
    svg.setAttribute("aria-valuenow", at + 1);
    svg.setAttribute("aria-valuetext", told(at));
  }

  function tell(day) {
    choose(day);
    setText(readout, told(at));
    const { width, height } = svg.viewBox.baseVal;
    if (!cursor) svg.append((cursor = s("rect", { class: "cursor", width: width / count, height })));
    cursor.setAttribute("x", (at * width) / count);
    cursor.setAttribute("visibility", "visible");
  }

  function rest() {
    if (document.activeElement === svg) return;
    cursor?.setAttribute("visibility", "hidden");
    setText(readout, words);
  }

  const keys = {
    ArrowLeft: () => at - 1, ArrowDown: () => at - 1, ArrowRight: () => at + 1, ArrowUp: () => at + 1,
    PageDown: () => at - WEEK, PageUp: () => at + WEEK, Home: () => 0, End: () => count - 1,
  };
  svg.addEventListener("pointermove", ({ clientX }) => {
    const box = svg.getBoundingClientRect();
    tell(Math.floor(((clientX - box.left) / box.width) * count));
  });
  svg.addEventListener("pointerleave", rest);
  svg.addEventListener("focus", () => tell(at));
  // By then it is not the one that has the focus any more.
  svg.addEventListener("blur", () => queueMicrotask(rest));
  svg.addEventListener("keydown", (event) => {
    const to = keys[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    tell(to());
  });
  choose(at);
}

/**
 * The days that the status page has in short: what each came to, the oldest first, `last` being the date of the latest. Each is a
 * share in percent and, after a slash, how many incidents began; `-` is a day on which nobody watched, and `?` one of which nothing is
 * known. What is the same for several days is there once, after their number and an `x`.
 */
export function daysInShort(text, last) {
  const days = text.split(" ").flatMap((token) => {
    const [, times = 1, share, incidents = 0] = token.match(/^(?:(\d+)x)?([^/]+)(?:\/(\d+))?$/);
    return Array(Number(times)).fill({ share, incidents: Number(incidents) });
  });
  const begins = Date.parse(last) - (days.length - 1) * 86_400_000;
  return days.map((day, at) => ({ ...day, date: new Date(begins + at * 86_400_000) }));
}
