// All checks by group: what is wrong in full, what is well as densely as it can be read.

import { keep } from "./address.js";
import { readIfThere } from "./api.js";
import { arrange, breathe, h, setAttribute, setSign, setText, sign } from "./dom.js";
import { model } from "./model.js";
import { CONDITIONS, clock, condition, gravity, latency, number, percent, plural } from "./words.js";

/** How often the uptime of all checks is read anew, in milliseconds: in less time it hardly changes. */
const PAST = 60_000;

/** How many checks are put on the page before the browser may do something else. */
const AT_ONCE = 60;

/** What can be shown alone. */
const FILTERS = ["unhealthy", "unknown", "degraded", "pending", "disabled", "healthy"];

export function show({ query, signal }) {
  const wanted = { condition: FILTERS.find((name) => name === query.get("is")) ?? null, group: query.get("group"), text: query.get("q") ?? "" };
  const summary = h("div", { class: "summary" });
  const filters = h("div", { class: "filters", role: "group", "aria-label": "Show only" });
  const search = h("input", { type: "search", id: "search", placeholder: "Name, message, label…", value: wanted.text, "aria-label": "Search checks", spellcheck: false });
  const groups = h("div", { class: "groups" });
  const none = h("p", { class: "none", hidden: true });
  const legend = h("p", { class: "legend", hidden: true }, "Uptime over 24 hours · last latency");
  const rows = new Map();
  /** What `/uptime` tells of each check, if a history is kept. */
  let uptimes = null;
  const sections = new Map();
  const buttons = new Map(FILTERS.map((name) => [name, filterButton(name)]));

  function filterButton(name) {
    const count = h("b", {}, "0");
    const press = () => {
      wanted.condition = wanted.condition === name ? null : name;
      choose();
    };
    const button = h("button", { type: "button", class: `filter ${name}`, onclick: press }, sign(name), count, h("span", {}, CONDITIONS[name]));
    return { button, count };
  }

  filters.append(...[...buttons.values()].map(({ button }) => button));
  search.addEventListener("input", () => {
    wanted.text = search.value;
    choose();
  });

  /** Shows what is wanted now. */
  function choose() {
    const query = new URLSearchParams();
    if (wanted.condition) query.set("is", wanted.condition);
    if (wanted.group !== null) query.set("group", wanted.group);
    if (wanted.text.trim()) query.set("q", wanted.text.trim());
    keep("", query);
    draw();
  }

  function row(name) {
    const parts = {
      sign: sign("pending"),
      name: h("span", { class: "name" }, name),
      word: h("span", { class: "word" }),
      message: h("span", { class: "message" }),
      tags: h("span", { class: "tags" }),
      available: h("span", { class: "available" }),
      latency: h("span", { class: "latency" }),
      time: h("time", { class: "time" }),
    };
    const link = h("a", { href: `#/check/${encodeURIComponent(name)}` }, parts.sign, parts.name, parts.word, parts.message, parts.tags, parts.available, parts.latency, parts.time);
    return { element: h("li", {}, link), ...parts };
  }

  function patch(row, name, check) {
    const is = condition(check);
    setText(row.available, uptime(name));
    if (row.is !== is) {
      row.is = is;
      row.element.className = `check ${is}`;
      setSign(row.sign, is);
      setText(row.word, CONDITIONS[is]);
    }
    setText(row.message, check.message);
    setText(row.latency, check.timestamp ? latency(check.latency) : "–");
    setText(row.time, check.timestamp ? clock(check.timestamp) : "");
    const tags = [
      check.critical && is !== "healthy" && "critical",
      check.mode !== "auto" && check.mode !== "disabled" && check.mode.replace("-", " "),
      check.circuitState !== "closed" && check.circuitState && `circuit ${check.circuitState}`,
      check.flapping && "flapping",
      check.fault?.kind,
    ].filter(Boolean);
    const said = tags.join("\n");
    if (row.said !== said) {
      row.said = said;
      row.tags.replaceChildren(...tags.map((tag) => h("span", { class: "tag" }, tag)));
    }
  }

  /** The share of the last 24 hours in which a target was of use, as far as it is known. */
  function uptime(name) {
    const share = uptimes?.[name]?.windows[0].availability;
    return share == null ? "" : percent(share / 100);
  }

  /** Reads the uptime of all checks, which is one question. */
  async function past() {
    if (document.hidden && uptimes) return;
    const told = model.runner?.history && await readIfThere("/uptime?window=24h", signal).catch(() => null);
    if (!told || signal.aborted) return;
    uptimes = told.checks;
    legend.hidden = false;
    for (const [name, { available }] of rows) setText(available, uptime(name));
  }

  function section(name) {
    const list = h("ul", { class: "checks" });
    const count = h("span", { class: "count" });
    const shape = sign("healthy");
    const worst = h("span", { class: "worst" });
    const heading = h("h2", {}, name || "Ungrouped");
    const element = h("details", { open: true, class: "group" }, h("summary", {}, heading, shape, worst, count), list);
    return { element, list, count, shape, worst };
  }

  /** Every check that is wanted, by group: the worst group first, and in each the worst check. */
  function chosen() {
    const text = wanted.text.trim().toLowerCase();
    const counts = Object.fromEntries(FILTERS.map((name) => [name, 0]));
    const found = new Map();
    for (const [name, check] of model.checks) {
      const group = check.group ?? "";
      if (wanted.group !== null && group !== wanted.group) continue;
      if (text && !searched(name, check).includes(text)) continue;
      const is = condition(check);
      counts[is] += 1;
      if (wanted.condition && wanted.condition !== is) continue;
      if (!found.has(group)) found.set(group, []);
      found.get(group).push({ name, check, is });
    }
    const grave = (a, b) => gravity(a.is) - gravity(b.is) || b.check.critical - a.check.critical || (a.name < b.name ? -1 : 1);
    for (const members of found.values()) members.sort(grave);
    const isCritical = ({ check, is }) => is !== "healthy" && check.critical;
    // Checks of no group come after those that somebody sorted, unless something is wrong with them.
    const order = ([a, [first]], [b, [other]]) => gravity(first.is) - gravity(other.is) || isCritical(other) - isCritical(first) || (a === "") - (b === "") || (a < b ? -1 : 1);
    return { groups: [...found].sort(order), counts };
  }

  let drawing = 0;
  async function draw() {
    const turn = ++drawing;
    if (!model.loaded) return;
    const { groups: found, counts } = chosen();
    for (const [name, { button, count }] of buttons) {
      setText(count, number(counts[name]));
      setAttribute(button, "aria-pressed", String(wanted.condition === name));
      button.hidden = counts[name] === 0 && wanted.condition !== name;
    }
    showSummary();
    const listed = new Set();
    const placed = [];
    let since = 0;
    for (const [group, members] of found) {
      if (!sections.has(group)) sections.set(group, section(group));
      const part = sections.get(group);
      const elements = [];
      for (const { name, check } of members) {
        if (!rows.has(name)) {
          rows.set(name, row(name));
          since += 1;
        }
        patch(rows.get(name), name, check);
        elements.push(rows.get(name).element);
        listed.add(name);
        if (since >= AT_ONCE) {
          since = 0;
          // What there is so far is shown, so that a page of thousands is there at once.
          place(part, group, members, elements);
          placed.push(part.element);
          arrange(groups, [...new Set(placed)]);
          await breathe();
          if (turn !== drawing || signal.aborted) return;
        }
      }
      place(part, group, members, elements);
      placed.push(part.element);
    }
    arrange(groups, [...new Set(placed)]);
    for (const name of rows.keys()) if (!model.checks.has(name)) rows.delete(name);
    none.hidden = listed.size > 0;
    setText(none, model.checks.size === 0 ? "There are no checks yet. Drop a component into the watched folder, or add a [[check]] to the configuration." : "No check is as you want it.");
    performance.mark("probity:drawn", { detail: listed.size });
  }

  function place(part, group, members, elements) {
    arrange(part.list, elements);
    const worst = members[0].is;
    setSign(part.shape, worst);
    const many = members.filter(({ is }) => is === worst).length;
    setText(part.worst, many === members.length ? `all ${CONDITIONS[worst].toLowerCase()}` : `${number(many)} ${CONDITIONS[worst].toLowerCase()}`);
    setText(part.count, plural(members.length, "check"));
    setAttribute(part.list, "aria-label", group || "Ungrouped");
  }

  const [state, words] = [sign("pending"), h("h1", { tabIndex: -1 })];
  const message = h("p", { class: "message" });
  summary.append(state, words, message);

  function showSummary() {
    const { status, message: said } = model.overall;
    setSign(state, status);
    summary.className = `summary ${status}`;
    setText(words, { healthy: "All is well", degraded: "Degraded", unhealthy: "Unhealthy", starting: "Starting", stopping: "Stopping" }[status] ?? status);
    setText(message, said);
  }

  groups.addEventListener("keydown", walk);
  model.addEventListener("change", draw, { signal });
  draw();
  past();
  const timer = setInterval(past, PAST);
  signal.addEventListener("abort", () => clearInterval(timer));
  const scope = wanted.group !== null && h("p", { class: "scope" }, `Group ${wanted.group || "of no name"} · `, h("a", { href: "#/" }, "show all groups"));
  return h("div", { class: "overview" }, summary, h("div", { class: "tools" }, filters, search), scope, none, legend, groups);
}

function searched(name, { message, group, probe, labels, description }) {
  const words = [name, message, group, probe, description, ...Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`)];
  return words.join("\n").toLowerCase();
}

/** Arrows go from check to check, since the tab key takes a thousand strokes to get past a thousand. */
function walk(event) {
  if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...event.currentTarget.querySelectorAll("details[open] .checks a")];
  const [at, last] = [links.indexOf(document.activeElement), links.length - 1];
  if (at < 0) return;
  event.preventDefault();
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
  links[Math.max(0, Math.min(last, to))].focus();
}
