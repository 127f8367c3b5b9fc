// The status page is whole without this: here each day of a target is told of, and it is looked up whether the page is still true.

import { daysInShort, tellDays } from "./days.js";
import { plural, utcDay } from "./words.js";

/** How often to look, in milliseconds; nothing changes for anybody who does not look at the page. */
const EVERY = 30_000;

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

let tag = null;
setInterval(async () => {
  if (document.hidden) return;
  const response = await fetch(location.href, { method: "HEAD", cache: "no-cache" }).catch(() => null);
  const now = response?.headers.get("etag");
  if (tag !== null && now && now !== tag) location.reload();
  tag = now ?? tag;
}, EVERY);
