// What trouble there is, who was told of it and who takes care of it, and what is not told for a while.

import { command, read } from "./api.js";
import { acknowledge, silence } from "./care.js";
import { arrange, h, setText, sign } from "./dom.js";
import { may, onIdentity } from "./login.js";
import { model } from "./model.js";
import { SEVERITIES, clock, plural, severity } from "./words.js";

/** How long changes are collected before the alerts are read anew, in milliseconds. */
const COLLECT = 500;

export function show({ signal }) {
  const said = h("p", { class: "muted counts", role: "status" });
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const alerts = h("ul", { class: "alerts" });
  const silences = h("ul", { class: "silences" });
  const more = h("button", { type: "button", hidden: true, onclick: () => decree(() => silence()) }, "Silence checks…");
  /** What is on the page of each alert and silence, by id: what says the same stays, and with it whoever is at one of its buttons. */
  const entries = new Map();
  let told = null;
  let reading = null;

  async function update() {
    try {
      const [{ alerts }, { silences }] = await Promise.all([read("/alerts", signal), read("/silences", signal)]);
      told = { alerts, silences };
      draw();
    } catch (problem) {
      // The frame says that the runner does not answer, or asks who is there.
      if (!signal.aborted && problem.status && ![401, 403].includes(problem.status)) complain(problem);
    }
  }

  function updateSoon() {
    reading ??= setTimeout(() => {
      reading = null;
      update();
    }, COLLECT);
  }

  function complain({ message }) {
    setText(error, message);
    error.hidden = false;
  }

  /** Has something decreed, by whatever asks for it, and shows what came of it. */
  async function decree(act) {
    error.hidden = true;
    await Promise.resolve().then(act).catch(complain);
    await update();
  }

  function entry(id, about, make) {
    const text = JSON.stringify([about, may("control")]);
    if (entries.get(id)?.text !== text) entries.set(id, { text, element: make() });
    return entries.get(id).element;
  }

  function draw() {
    if (!told) return;
    const open = told.alerts.filter((alert) => !isSeenTo(alert));
    const all = [...told.alerts].sort((a, b) => isSeenTo(a) - isSeenTo(b) || gravity(a) - gravity(b) || (a.since < b.since ? -1 : 1));
    setText(said, told.alerts.length === 0 ? "No check is in trouble." : `${plural(told.alerts.length, "alert")}, ${open.length} of them open`);
    arrange(alerts, all.map((alert) => entry(alert.id, alert, () => alertEntry(alert, decree))));
    arrange(silences, told.silences.length === 0
      ? [entry("none", null, () => h("li", { class: "none" }, "There are none."))]
      : told.silences.map((it) => entry(it.id, it, () => silenceEntry(it, decree))));
    const there = new Set([...all, ...told.silences].map(({ id }) => id));
    for (const id of entries.keys()) if (!there.has(id)) entries.delete(id);
    more.hidden = !may("control");
  }

  model.addEventListener("change", updateSoon, { signal });
  onIdentity(draw, { signal });
  signal.addEventListener("abort", () => clearTimeout(reading));
  update();
  return h("div", { class: "inventory" },
    h("h1", { tabIndex: -1 }, "Alerts"), h("div", { class: "tools" }, said, more), error, alerts,
    h("section", { class: "card" }, h("h2", {}, "Silences"), silences));
}

/** Whether nobody needs to see to it: somebody does, or it was decreed that it is not to be told. */
function isSeenTo({ acknowledged, rules }) {
  const all = Object.values(rules);
  return acknowledged !== null || (all.length > 0 && all.every(({ state }) => state === "suppressed"));
}

function gravity({ severity }) {
  return Object.keys(SEVERITIES).indexOf(severity);
}

function button(label, act) {
  return h("button", { type: "button", onclick: act }, label);
}

function alertEntry(alert, decree) {
  const { id, check, group, labels, severity: word, message, since, acknowledged: care, rules } = alert;
  const { condition, words } = severity(word);
  const tags = [group && `group ${group}`, ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)].filter(Boolean);
  const disown = () => decree(() => command("DELETE", `/alerts/${encodeURIComponent(id)}/acknowledge`));
  const buttons = may("control") && h("div", { class: "buttons" },
    care ? button("Take back", disown) : button("Acknowledge…", () => decree(() => acknowledge(alert))),
    button("Silence…", () => decree(() => silence(check))));
  return h("li", { class: `alert ${condition}${isSeenTo(alert) ? " seen-to" : ""}` },
    sign(condition), h("h2", {}, h("a", { href: `#/check/${encodeURIComponent(check)}` }, check)), h("span", { class: "word" }, words),
    h("span", { class: "tags" }, tags.map((tag) => h("span", { class: "tag" }, tag))),
    h("p", { class: "message" }, message),
    h("p", { class: "muted" }, "Since ", h("time", { dateTime: since }, clock(since))),
    care && h("p", {}, `Acknowledged ${by(care)}${care.until ? `, until ${clock(care.until)}` : ""}`),
    Object.entries(rules).map(([name, standing]) => h("p", { class: "muted" }, `Rule “${name}”: ${inWords(standing)}`)),
    Object.keys(rules).length === 0 && h("p", { class: "muted" }, "No rule has it told."),
    buttons);
}

/** Where an alert stands with a rule. */
function inWords({ state, notifications, last_notified, suppressed_by }) {
  const before = notifications > 0 ? `told ${notifications === 1 ? "once" : `${notifications} times`}, last at ${clock(last_notified)}` : "not told yet";
  return state === "suppressed" ? `kept back by ${suppressed_by.join(", ")}; ${before}` : before;
}

function silenceEntry({ id, checks, groups, labels, until, by: who, comment }, decree) {
  const some = [
    checks.length && `checks ${checks.join(", ")}`,
    groups.length && `groups ${groups.join(", ")}`,
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
  ].filter(Boolean);
  return h("li", {},
    h("span", { class: "what" }, some.length ? some.join("; ") : "all checks"),
    h("span", { class: "muted" }, `until ${clock(until)}, ${by({ by: who, comment })}`),
    h("code", { class: "muted" }, id),
    may("control") && button("End", () => decree(() => command("DELETE", `/silences/${encodeURIComponent(id)}`))));
}

/** Who said something, and what. */
function by({ by, comment }) {
  return `by ${by || "somebody"}${comment ? `: ${comment}` : ""}`;
}
