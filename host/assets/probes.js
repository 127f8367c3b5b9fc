// What there is to run: which probes are loaded, which were rejected and why, and what changed of them.

import { follow, read } from "./api.js";
import { h, sign } from "./dom.js";
import { model } from "./model.js";
import { bytes, clock, number, plural } from "./words.js";

/** Reloads that are shown: those of the last hours, on an ordinary day. */
const RELOADS = 50;

const SHAPES = { loaded: "healthy", loading: "pending", available: "pending", rejected: "unhealthy" };
const WORDS = { loaded: "Loaded", loading: "Loading", available: "Available", rejected: "Rejected" };
/** What of a file of configuration is in force. */
const IN_FORCE = {
  whole: "in force",
  part: "in force, but for what can’t be had",
  earlier: "has a flaw; what it said before stays in force",
  nothing: "has a flaw; nothing of it is in force",
};
/** What needs somebody comes first, what nobody uses last. */
const ORDER = ["rejected", "loading", "loaded", "available"];

export function show({ query, signal }) {
  const search = h("input", { type: "search", value: query.get("q") ?? "", placeholder: "Name, reason, check…", "aria-label": "Search probes", spellcheck: false });
  const counts = h("p", { class: "muted counts", role: "status" });
  const list = h("ul", { class: "probes" });
  const sources = h("ul", { class: "sources" });
  const reloads = h("ol", { class: "reloads" });
  const unused = h("section", { class: "card", hidden: true }, h("h2", {}, "Not in use"), h("p", { class: "muted" }, "Standard probes that are compiled when a check needs them."), h("ul", { class: "unused" }));
  const open = new Set();
  let told = null;
  const events = [];

  async function update() {
    told = await read("/probes", signal).catch(() => told);
    if (!signal.aborted && told) draw();
  }

  function draw() {
    const text = search.value.trim().toLowerCase();
    const wanted = told.probes.filter((probe) => [probe.name, probe.reason, probe.path, probe.state, ...probe.checks].join("\n").toLowerCase().includes(text));
    wanted.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || (a.name < b.name ? -1 : 1));
    const by = (state) => told.probes.filter((probe) => probe.state === state).length;
    counts.textContent = `${plural(told.total, "probe")}: ${number(by("loaded"))} loaded, ${number(by("rejected"))} rejected, ${number(by("available"))} not in use · ${plural(told.reloads.ok, "change")} taken into use, ${number(told.reloads.failed)} rejected`;
    list.replaceChildren(...wanted.filter(({ state }) => state !== "available").map(entry));
    const available = wanted.filter(({ state }) => state === "available");
    unused.hidden = available.length === 0;
    unused.lastChild.replaceChildren(...available.map(({ name }) => h("li", { class: "tag" }, name)));
    sources.replaceChildren(...told.sources.map(({ path, error, in_force }) =>
      h("li", { class: error ? "unhealthy" : "healthy" }, sign(error ? "unhealthy" : "healthy"), h("code", {}, path), h("span", { class: "word" }, IN_FORCE[in_force]), error && h("pre", {}, error))));
  }

  function entry(probe) {
    const shape = SHAPES[probe.state];
    const details = h("details", { open: open.has(probe.name), ontoggle: (event) => (event.currentTarget.open ? open.add(probe.name) : open.delete(probe.name)) },
      h("summary", {}, "Details"),
      h("dl", {},
        row("Digest", probe.digest && h("code", {}, probe.digest)),
        row("Generation", probe.generation > 0 && String(probe.generation)),
        row("File", probe.path && h("code", {}, probe.path)),
        row("Imports", probe.imports.length > 0 && h("ul", { class: "grants" }, probe.imports.map((name) => h("li", {}, h("code", {}, name)))))));
    return h("li", { class: `probe ${shape} ${probe.state}` },
      sign(shape),
      h("h2", {}, probe.name),
      h("span", { class: "word" }, WORDS[probe.state]),
      h("span", { class: "tags" }, [probe.source === "standard" ? "standard" : "dropped in", probe.version && `version ${probe.version}`, probe.size && bytes(probe.size), probe.hides_standard && "hides the standard probe"].filter(Boolean).map((tag) => h("span", { class: "tag" }, tag))),
      probe.description && h("p", { class: "description" }, probe.description),
      probe.reason && h("pre", { class: "reason" }, probe.reason),
      probe.reason && probe.digest && h("p", { class: "muted" }, "The one that was loaded before runs on in its place."),
      probe.checks.length > 0 && h("p", { class: "used" }, "Used by ", several(probe.checks)),
      details);
  }

  function drawReloads() {
    reloads.replaceChildren(...events.toReversed().map(({ time, data }) =>
      h("li", { class: data.ok ? "healthy" : "unhealthy" }, sign(data.ok ? "healthy" : "unhealthy"), h("time", { dateTime: time }, clock(time)), h("code", {}, data.what), h("span", {}, data.ok ? (data.generation ? `taken into use as generation ${data.generation}` : "taken into use") : "rejected"), data.error && h("pre", {}, data.error))));
    if (events.length === 0) reloads.replaceChildren(h("li", { class: "none" }, "None in the log of events."));
  }

  let drawing = null;
  follow("?after=0&type=reload", {
    event: (event) => {
      if (event.type !== "probity.reload") return;
      events.push(event);
      if (events.length > RELOADS) events.shift();
      drawing ??= requestAnimationFrame(() => {
        drawing = null;
        drawReloads();
      });
    },
  }, signal);
  drawReloads();
  search.addEventListener("input", () => told && draw());
  model.addEventListener("change", ({ detail }) => detail === null && update(), { signal });
  update();
  return h("div", { class: "inventory" },
    h("h1", { tabIndex: -1 }, "Probes"), h("div", { class: "tools" }, counts, search), list, unused,
    h("section", { class: "card" }, h("h2", {}, "Configuration"), sources),
    h("section", { class: "card" }, h("h2", {}, "Reloads"), reloads));
}

function row(term, value) {
  return value ? [h("dt", {}, term), h("dd", {}, value)] : [];
}

/** The checks that use a probe; of many, the first few. */
function several(checks) {
  const few = 12;
  const links = checks.slice(0, few).flatMap((name, at) => [at > 0 && ", ", h("a", { href: `#/check/${encodeURIComponent(name)}` }, name)]);
  return h("span", {}, links, checks.length > few && ` and ${number(checks.length - few)} more`);
}
