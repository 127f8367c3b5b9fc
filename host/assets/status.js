// The status page is whole without this: here each day of a target is told of, and it is looked up whether the page is still true.

import { daysInShort, tellDays } from "./days.js";
import { h, setText } from "./dom.js";
import { clock, plural, utcDay } from "./words.js";

/** How often to look, in milliseconds; nothing changes for anybody who does not look at the page. */
const EVERY = 30_000;
/** How long an answer may take, likewise: a server that is frozen takes the question and never answers. */
const PATIENCE = 10_000;

for (const svg of document.querySelectorAll(".bars")) {
  const days = daysInShort(svg.dataset.days, svg.dataset.last);
  const [, readout] = svg.closest("figure").querySelectorAll("figcaption span");
  tellDays(svg, readout, days.length, (at) => `${utcDay(days[at].date)}: ${inWords(days[at])}`);
}

function inWords({ share, incidents }) {
  if (share === "-") return "not watched";
  const uptime = share === "?" ? "nothing known" : `${share}% uptime`;
  return `${uptime}, ${incidents ? plural(incidents, "incident") : "no incident"}`;
}

const { title } = document;
const stamp = document.querySelector(".as-of");
const time = stamp.querySelector("time");
const lost = h("p", { class: "banner", role: "status", hidden: true });
document.querySelector("main").prepend(lost);
setText(time, clock(time.dateTime));

/** Says that what is shown was true at its time, and why no later one is known. */
function lose(why) {
  setText(lost, `${why} What you see is as of ${clock(time.dateTime)}; it is asked again and again.`);
  lost.hidden = false;
  document.body.classList.add("stale");
  document.title = `No answer · ${title}`;
}

/** Says that what is shown is true now. */
function confirm() {
  time.dateTime = new Date().toISOString();
  setText(time, clock(time.dateTime));
  lost.hidden = true;
  document.body.classList.remove("stale");
  document.title = title;
}

let looking = false;
async function look() {
  if (document.hidden || looking) return;
  looking = true;
  const options = { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
  const response = await fetch(location.href, options).catch(() => null);
  looking = false;
  if (!response) lose("The server does not answer.");
  else if (!response.ok) lose(`The server does not tell how it is now (${response.status}).`);
  else if (response.headers.get("etag") === stamp.dataset.tag) confirm();
  else location.reload();
}

setInterval(look, EVERY);
// Whoever comes back to the page does not wait for that.
document.addEventListener("visibilitychange", look);
addEventListener("online", look);
addEventListener("pageshow", ({ persisted }) => persisted && look());
