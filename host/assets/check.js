// One check: how its target is, what it has been through, and what its probe may do and has used.

import { read, readIfThere } from "./api.js";
import { latencyChart, meter, uptimeBars } from "./charts.js";
import { controls } from "./controls.js";
import { arrange, h, setSign, setText, sign } from "./dom.js";
import { model } from "./model.js";
import { CONDITIONS, ago, bytes, clock, condition, latency, number, percent, plural, setting, short, span } from "./words.js";

/** How often what is known of past days is read anew. */
const PAST = 60_000;
/** How long after a change what is known of the past is read anew: the runner writes it down once a second. */
const WRITTEN = 1_500;
/** Results in the chart of the latest runs: as many points as it is wide, nearly. */
const LATEST = 200;
/** Failures in their table: as many as there are results in theirs. */
const FAILURES = 20;
/** What the chart can show. */
const WINDOWS = { latest: "Latest", "24h": "Day", "7d": "Week", "30d": "Month", "90d": "90 days" };

export function show({ name, signal }) {
  const path = `/health/checks/${encodeURIComponent(name)}`;
  const head = h("div", { class: "head" });
  const body = h("div", { class: "columns" });
  const page = h("article", { class: "one" }, h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Overview"), " / ", name), head, body);
  // What is on the page stays where it is, and only says something else: whoever reads it keeps their place.
  const top = {
    shape: sign("pending"),
    word: h("span", { class: "word" }),
    tags: h("span", { class: "tags" }),
    description: h("p", { class: "description" }),
    message: h("p", { class: "message" }),
  };
  head.append(top.shape, h("h1", { tabIndex: -1 }, name), top.word, top.tags, top.description, top.message);

  const control = controls(name, { signal, done: () => update() });
  const parts = {
    chart: card("Latency", "latency"),
    uptime: card("Uptime", "uptime"),
    facts: card("Now", "facts"),
    said: card("What it said", "said-card"),
    limits: card("Budgets of a run", "limits"),
    grants: card("Grants", "grants"),
    incidents: card("Incidents", "incidents"),
    failures: card("Last failures", "failures"),
    results: card("Recent results", "results"),
  };
  const { chart, uptime, facts, said, limits, grants, incidents, failures, results } = parts;
  const all = h("details", {}, h("summary", {}, "All limits"), h("dl"));
  let state = null;
  let pending = false;
  let chosen = "latest";
  let history = null;
  /** The failures that are kept: those of the runners before this one as well. */
  let kept = [];

  const tables = { failures: scroller("Last failures, as a table"), results: scroller("Recent results, as a table"), incidents: scroller("Incidents, as a table") };
  const windows = h("div", { class: "segments", role: "group", "aria-label": "Time shown" },
    Object.entries(WINDOWS).map(([word, label]) => h("button", { type: "button", "aria-pressed": String(word === chosen), onclick: () => choose(word) }, label)));
  chart.head.append(windows);
  windows.hidden = true;

  function choose(word) {
    chosen = word;
    [...windows.children].forEach((button, at) => button.setAttribute("aria-pressed", String(Object.keys(WINDOWS)[at] === word)));
    past();
  }

  async function update() {
    if (pending) return;
    pending = true;
    try {
      const before = state && condition(state);
      state = await read(path, signal);
      showNow();
      if (before && before !== condition(state)) setTimeout(() => signal.aborted || past(), WRITTEN);
    } catch (error) {
      if (!signal.aborted && error.status) missing(error);
    } finally {
      pending = false;
    }
  }

  function missing(error) {
    body.replaceChildren(h("p", { class: "none" }, error.message));
    state = null;
  }

  async function past() {
    const days = model.runner?.history && await readIfThere(`${path}/uptime?window=24h,7d,30d,90d&days=90`, signal).catch(() => null);
    if (signal.aborted) return;
    history = days || null;
    windows.hidden = !history;
    showUptime();
    showIncidents(history && (await readIfThere(`${path}/incidents?limit=10`, signal).catch(() => null)));
    kept = (history && (await readIfThere(`${path}/history?status=unhealthy,unknown&limit=${FAILURES}`, signal).catch(() => null)))?.results ?? [];
    if (state) showFailures();
    await showChart();
  }

  async function showChart() {
    if (!history) {
      if (state) chart.fill(latencyChart(state.results.toReversed().map(point)));
      return;
    }
    if (chosen === "latest") {
      const told = await readIfThere(`${path}/history?limit=${LATEST}`, signal).catch(() => null);
      if (told) chart.fill(latencyChart(told.results.toReversed().map(point)));
      return;
    }
    const told = await readIfThere(`${path}/latency?window=${chosen}`, signal).catch(() => null);
    if (!told) return;
    const points = told.points.map(({ time, p50, min, p99, failures }) => ({ time, value: p50, low: min, high: p99, condition: failures ? "unhealthy" : undefined }));
    chart.fill(latencyChart(points, `Median, and from the shortest to the 99th percentile, per ${span(told.step)}`));
  }

  function showUptime() {
    if (!history) {
      uptime.fill(h("p", { class: "none" }, "This runner keeps no history."));
      return;
    }
    const figures = history.windows.map(({ window, availability, unknown, incidents, mttr }) =>
      h("div", { class: "figure" }, h("b", {}, availability === null ? "–" : percent(availability / 100)), h("span", {}, { "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days" }[window] ?? window),
        h("span", { class: "muted" }, [plural(incidents, "incident"), mttr && `repaired in ${span(mttr)}`, unknown > 0 && `${percent(unknown / 100)} unknown`].filter(Boolean).join(", "))));
    // Whoever goes from day to day keeps their place.
    const visited = uptime.element.querySelector(".bars:focus")?.closest("figure");
    uptime.fill(h("div", { class: "figures" }, figures), visited ?? uptimeBars(history.days));
  }

  function showIncidents(told) {
    incidents.element.hidden = !told;
    if (!told) return;
    incidents.fill(told.incidents.length === 0
      ? h("p", { class: "none" }, "None in the history.")
      : table(tables.incidents, ["Began", "Lasted", "What began it"], told.incidents.map(({ began, ended, duration, message }) =>
          [clock(began), ended ? span(duration) : h("span", { class: "result unhealthy" }, sign("unhealthy"), `${span(duration)}, goes on`), message])));
  }

  function showFailures() {
    const { failures: latest } = state;
    const since = latest.length === 0 ? Infinity : Date.parse(latest.at(-1).started);
    const older = kept.filter(({ started }) => Date.parse(started) < since);
    failures.fill(runsTable(tables.failures, [...latest, ...older].slice(0, FAILURES), history ? "None in the history." : "None since the runner started."));
  }

  function showNow() {
    const is = condition(state);
    const tags = [state.critical && "critical", state.mode !== "auto" && state.mode.replace("-", " "), state.flapping && "flapping", state.group && `group ${state.group}`, ...Object.entries(state.labels).map(([key, value]) => `${key}=${value}`)].filter(Boolean);
    head.className = `head ${is}`;
    setSign(top.shape, is);
    setText(top.word, CONDITIONS[is]);
    if (top.tags.textContent !== tags.join("")) top.tags.replaceChildren(...tags.map((tag) => h("span", { class: "tag" }, tag)));
    setText(top.description, state.description);
    top.description.hidden = !state.description;
    setText(top.message, state.message);
    const { counters, circuit, probe_circuit: rest } = state;
    const until = (circuit) => circuit.expires_at && h("span", { class: "muted" }, ` until ${clock(circuit.expires_at)}`);
    const verdicts = counters.healthy + counters.degraded + counters.unhealthy;
    facts.fill(list([
      ["Connection", h("span", {}, state.state, h("span", { class: "muted" }, ` since ${clock(state.since)}`))],
      state.attempts > 0 && ["Attempts", number(state.attempts)],
      circuit && ["Circuit", h("span", {}, circuit.state, circuit.control !== "auto" && h("span", { class: "tag" }, circuit.control.replace("-", " ")), until(circuit))],
      rest.state !== "closed" && ["Probe’s circuit", h("span", {}, rest.state, until(rest))],
      ["Schedule", state.schedule],
      ["Next run", h("span", {}, state.next_run ? clock(state.next_run) : "not before somebody asks", rest.state === "open" && h("span", { class: "muted" }, `, as its probe rests: it failed ${plural(counters.consecutive_faults, "time")} in a row`))],
      ["Last run", state.timestamp ? `${clock(state.timestamp)} · ${ago(state.timestamp)}` : "never"],
      ["Latency", latency(state.latency)],
      ["Time-out", setting(state.timeout)],
      ["Runs", `${number(counters.runs)}${verdicts ? `, ${percent((counters.healthy + counters.degraded) / verdicts)} of verdicts good` : ""}`],
      ["Faults", faults(counters.faults)],
      counters.missed_ticks > 0 && ["Missed ticks", number(counters.missed_ticks)],
      ["Probe", h("a", { href: `#/probes?q=${encodeURIComponent(state.probe)}` }, state.probe)],
      ["Generation", String(state.generation)],
      state.digest && ["Digest", h("code", { title: state.digest }, `${state.digest.slice(0, 12)}…`)],
    ]));
    const details = Object.entries(state.details).map(([key, value]) => [key, String(value)]);
    const figures = state.measurements.map(({ name, unit, value }) => [name, unit === "s" && value !== null ? latency(value * 1e9) : `${value ?? "–"} ${unit}`]);
    said.element.hidden = details.length + figures.length === 0;
    said.fill(list([...figures, ...details]));
    showLimits();
    grants.fill(state.grants.length === 0
      ? h("p", { class: "none" }, "None: its probe reaches nothing.")
      : h("ul", { class: "grants" }, state.grants.map((grant) => h("li", {}, h("code", {}, grant)))));
    showFailures();
    results.fill(runsTable(tables.results, state.results, "None yet."));
    if (chosen === "latest") showChart();
    control.update(state);
    if (!body.contains(chart.element)) {
      body.replaceChildren(
        h("div", { class: "wide" }, chart.element, uptime.element, incidents.element, failures.element, results.element),
        h("div", { class: "aside" }, control.element, facts.element, limits.element, grants.element, said.element),
      );
    }
  }

  function showLimits() {
    const { limits: most, usage } = state;
    if (!most) return limits.fill(h("p", { class: "none" }, "Not told."));
    const used = usage ?? { fuel: 0, peak_memory: 0 };
    const rest = Object.entries(most).filter(([key]) => key !== "fuel" && key !== "memory");
    const show = (key, value) => (/bytes|memory|output|message|state/.test(key) ? bytes(value) : number(value));
    limits.fill(
      meter("Fuel", used.fuel, most.fuel, short),
      meter("Memory", used.peak_memory, most.memory, bytes),
      usage ? null : h("p", { class: "muted" }, "It has not run yet."),
      all,
    );
    setList(all.lastChild, rest.map(([key, value]) => [key.replaceAll("_", " "), show(key, value)]));
  }

  model.addEventListener("change", ({ detail }) => (detail === null || detail.has(name)) && update(), { signal });
  const timer = setInterval(past, PAST);
  signal.addEventListener("abort", () => clearInterval(timer));
  update().then(past);
  return page;
}

function point({ started, latency, status, fault }) {
  return { time: started, value: latency, condition: fault ? "unknown" : status };
}

function faults(byKind) {
  const some = Object.entries(byKind).filter(([, count]) => count > 0);
  return some.length === 0 ? "none" : some.map(([kind, count]) => `${number(count)} ${kind}`).join(", ");
}

/** A titled part of the page. */
function card(title, id) {
  const content = h("div", { class: "content" });
  const head = h("div", { class: "card-head" }, h("h2", { id }, title));
  const element = h("section", { class: "card", "aria-labelledby": id }, head, content);
  return { element, head, fill: (...parts) => arrange(content, parts.filter(Boolean)) };
}

function list(pairs) {
  const element = h("dl");
  setList(element, pairs);
  return element;
}

function setList(element, pairs) {
  element.replaceChildren(...pairs.filter(Boolean).flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/** What a table lies in that may be wider than the page. It stays, so that whoever scrolls it is not thrown out. */
function scroller(label) {
  return h("div", { class: "scroll", tabIndex: 0, role: "group", "aria-label": label });
}

function table(within, heads, rows) {
  const cell = (content) => h("td", { role: "cell" }, content);
  // On a narrow page its rows are no rows of a table any more to those who do not see them, unless it is said.
  within.replaceChildren(h("table", { role: "table" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((head) => h("th", { role: "columnheader", scope: "col" }, head)))),
    h("tbody", { role: "rowgroup" }, rows.map((cells) => h("tr", { role: "row" }, cells.map(cell))))));
  return within;
}

function runsTable(within, runs, none) {
  if (runs.length === 0) return h("p", { class: "none" }, none);
  return table(within, ["Started", "Result", "Latency", "Message"], runs.map(({ started, status, fault, latency: took, message }) =>
    [h("time", { dateTime: started }, clock(started)), h("span", { class: `result ${status}` }, sign(status), fault ? `${CONDITIONS[status]}: ${fault}` : CONDITIONS[status]), h("span", { class: "number" }, latency(took)), message]));
}
