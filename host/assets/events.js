// What happened, and what happens: every event as it is told, by check, group and kind.

import { keep } from "./address.js";
import { follow } from "./api.js";
import { h, sign } from "./dom.js";
import { model } from "./model.js";
import { CONDITIONS, clock, latency, severity, span } from "./words.js";

/** Events that are kept on the page: more are read by nobody, and a search shows others. */
const KEPT = 500;

/** The kinds of events, in words. */
const KINDS = {
  unhealthy: "Down",
  "health-change": "Health",
  "state-change": "Connection",
  connected: "Connected",
  disconnected: "Disconnected",
  reconnecting: "Reconnecting",
  "max-reconnect-attempts-reached": "Given up",
  error: "Failure",
  fault: "Fault",
  "circuit-change": "Circuit",
  "flapping-start": "Flapping began",
  "flapping-end": "Flapping ended",
  "mode-change": "Mode",
  alert: "Alert",
  resolved: "Resolved",
  suppressed: "Suppressed",
  acknowledged: "Acknowledged",
  unacknowledged: "Acknowledgement taken back",
  silenced: "Silenced",
  unsilenced: "Silence ended",
  "delivery-failed": "Not delivered",
  reload: "Reload",
};

/** What is told in the place of events that are not in the log, in words. */
const GAPS = { expired: "Not in the log any more", "left-out": "Numbers left out", restarted: "Numbers begin anew" };

export function show({ query, signal }) {
  const names = h("datalist", { id: "names" });
  const groups = h("datalist", { id: "group-names" });
  const check = h("input", { id: "by-check", list: "names", value: query.get("check") ?? "", placeholder: "any", spellcheck: false });
  const group = h("input", { id: "by-group", list: "group-names", value: query.get("group") ?? "", placeholder: "any", spellcheck: false });
  const wanted = new Set((query.get("type") ?? "").split(",").filter((kind) => kind in KINDS));
  const boxes = Object.entries(KINDS).map(([kind, label]) =>
    h("label", { class: "box" }, h("input", { type: "checkbox", name: "type", value: kind, checked: wanted.has(kind) }), label));
  const list = h("ol", { class: "events", tabIndex: 0, "aria-label": "Events, the latest first" });
  const said = h("p", { class: "muted counts", role: "status" }, "Reading the log…");
  const pause = h("button", { type: "button", "aria-pressed": "false" }, "Pause");
  const kinds = h("details", { open: wanted.size > 0, class: "kinds" }, h("summary", {}, "Kinds"), h("div", { class: "boxes" }, boxes));
  const form = h("form", { class: "tools", onsubmit: (event) => { event.preventDefault(); apply(); } },
    h("label", { for: "by-check" }, "Check"), check, names,
    h("label", { for: "by-group" }, "Group"), group, groups,
    kinds, pause);

  let following = null;
  let kept = [];
  let drawing = null;
  let paused = false;
  let heard = 0;

  function chosen() {
    const kinds = [...form.querySelectorAll("input[name=type]:checked")].map((box) => box.value);
    const chosen = new URLSearchParams();
    if (check.value.trim()) chosen.set("check", check.value.trim());
    if (group.value.trim()) chosen.set("group", group.value.trim());
    if (kinds.length) chosen.set("type", kinds.join(","));
    return chosen;
  }

  /** Begins anew with what is wanted. */
  function apply() {
    const filter = chosen();
    keep("events", filter);
    following?.abort();
    following = new AbortController();
    [kept, heard] = [[], 0];
    list.replaceChildren();
    filter.set("after", "0");
    said.textContent = "Reading the log…";
    follow(`?${filter}`, {
      open: drawSoon,
      event: (event) => {
        heard += 1;
        kept.push(event);
        if (kept.length > KEPT) kept.splice(0, kept.length - KEPT);
        drawSoon();
      },
      lost: () => (said.textContent = "Connection lost; asking again…"),
      refused: (error) => (said.textContent = error.message),
    }, following.signal);
  }

  function drawSoon() {
    if (!paused) drawing ??= setTimeout(draw, 100);
  }

  function draw() {
    drawing = null;
    const shown = new Map([...list.children].map((element) => [element.dataset.id, element]));
    const elements = kept.map((event) => shown.get(event.id) ?? entry(event)).reverse();
    list.replaceChildren(...elements);
    said.textContent = kept.length === 0 ? "Nothing of this kind is in the log." : kept.length < heard ? `The latest ${kept.length} of ${heard}` : `${kept.length} in the log`;
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) said.textContent = "Paused: what happens now is shown when it goes on";
    else draw();
  });

  function suggest() {
    const all = [...model.checks.entries()];
    names.replaceChildren(...all.map(([name]) => h("option", { value: name })));
    groups.replaceChildren(...[...new Set(all.map(([, { group }]) => group).filter(Boolean))].map((name) => h("option", { value: name })));
  }

  form.addEventListener("change", apply);
  check.addEventListener("focus", suggest);
  group.addEventListener("focus", suggest);
  signal.addEventListener("abort", () => following?.abort());
  apply();
  return h("div", { class: "log" }, h("h1", { tabIndex: -1 }, "Events"), form, said, list);
}

function entry({ id, type, time, data, subject, group }) {
  const kind = type.replace("probity.", "");
  const shape = gravity(kind, data);
  const about = subject ? h("a", { href: `#/check/${encodeURIComponent(subject)}` }, subject) : h("code", {}, data.what ?? data.sink ?? "");
  return h("li", { class: `event ${shape}`, "data-id": id },
    h("time", { dateTime: time }, clock(time)), sign(shape), h("span", { class: "kind" }, KINDS[kind] ?? (kind === "gap" ? GAPS[data.reason] : kind)), about,
    h("span", { class: "what" }, inWords(kind, data)), group && h("span", { class: "tag" }, group));
}

function gravity(kind, data) {
  switch (kind) {
    case "unhealthy": return "unhealthy";
    case "health-change": return data.to;
    case "connected": return "healthy";
    case "error": case "max-reconnect-attempts-reached": return "unhealthy";
    case "alert": return severity(data.severity).condition;
    case "delivery-failed": return data.dropped ? "unhealthy" : "degraded";
    case "resolved": return "healthy";
    case "fault": return "unknown";
    case "reload": return data.ok ? "healthy" : "unhealthy";
    case "reconnecting": case "flapping-start": return "degraded";
    case "circuit-change": return data.to === "closed" ? "healthy" : "degraded";
    case "state-change": return { CONNECTED: "healthy", FAILED: "unhealthy", RECONNECTING: "degraded" }[data.to] ?? "pending";
    default: return "pending";
  }
}

/** Which checks a silence is about. */
function whatIsSilent({ checks, groups, labels }) {
  const of = Object.entries(labels).map(([name, said]) => `${name}=${said}`);
  const parts = [["checks", checks], ["groups", groups], ["labels", of]].filter(([, names]) => names.length > 0);
  return parts.map(([what, names]) => `${what} ${names.join(", ")}`).join("; ");
}

/** What happened, in one line. */
function inWords(kind, data) {
  switch (kind) {
    case "unhealthy": case "health-change": return `${CONDITIONS[data.from]} → ${CONDITIONS[data.to]}: ${data.message}`;
    case "state-change": return `${data.from} → ${data.to} (${data.cause})`;
    case "circuit-change": return `${data.of === "probe" ? "of the probe: " : ""}${data.from} → ${data.to} (${data.cause})`;
    case "mode-change": return `${data.from} → ${data.to}`;
    case "connected": return data.lost_for ? `after ${span(data.lost_for)}` : "";
    case "disconnected": return data.cause;
    case "reconnecting": return `attempt ${data.attempt}, in ${latency(data.delay)}`;
    case "max-reconnect-attempts-reached": return `after ${data.attempts} attempts`;
    case "fault": return `${data.kind}: ${data.message}`;
    case "error": return data.message;
    case "flapping-start": case "flapping-end": return `${Math.round(data.share * 100)}% of its verdicts changed`;
    case "alert": return `${severity(data.severity).words}: ${data.message} (rule ${data.rule})`;
    case "resolved": return `${data.message} (rule ${data.rule})`;
    case "suppressed": return `${severity(data.severity).words}, kept back by ${data.suppressed_by.join(", ")}: ${data.message} (rule ${data.rule})`;
    case "acknowledged": return `by ${data.by || "somebody"}${data.comment ? `: ${data.comment}` : ""}`;
    case "unacknowledged": return `by ${data.by || "somebody"}`;
    case "silenced": case "unsilenced": return `${whatIsSilent(data)}, by ${data.by || "somebody"}${data.comment ? `: ${data.comment}` : ""}`;
    case "delivery-failed": return `${data.title}: ${data.error}; ${data.dropped ? "given up" : "tried again"}`;
    case "reload": return data.ok ? (data.generation ? `generation ${data.generation}` : "taken into use") : data.error;
    case "gap": return {
      expired: `events ${data.from} to ${data.to}`,
      "left-out": `the runner was killed, and what it told last may be missing; it goes on with number ${data.to + 1}`,
      restarted: "the runner started anew",
    }[data.reason];
    default: return "";
  }
}
