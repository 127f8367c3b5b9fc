// What somebody says who takes care of trouble: an alert that they acknowledge, or checks that they silence.

import { command, read } from "./api.js";
import { actions, answer } from "./dialog.js";
import { h } from "./dom.js";
import { identity } from "./login.js";

/** For how long something can be decreed, as the runner takes it. */
const SPANS = { "30m": "30 minutes", "1h": "An hour", "2h": "2 hours", "8h": "8 hours", "24h": "A day", "168h": "A week" };

/** Takes care of an alert; resolves to whether somebody did. */
export function acknowledge({ id, check }) {
  return ask({
    title: `Acknowledge ${check}`,
    text: "No more is told of it until it is over, or gets worse.",
    spans: { "": "Until it is over", ...SPANS },
    label: "Acknowledge",
    act: (said) => command("POST", `/alerts/${encodeURIComponent(id)}/acknowledge`, said),
  });
}

/** The same of the alert of a check, if it has one. */
export async function acknowledgeCheck(name) {
  const { alerts } = await read("/alerts");
  const alert = alerts.find(({ check }) => check === name);
  if (!alert) throw new Error("there is no alert of this check");
  return acknowledge(alert);
}

/** Silences checks, this one unless somebody wants others; resolves to whether somebody did. */
export function silence(check = "") {
  const names = h("input", { id: "silence-checks", value: check, required: true, spellcheck: false, "aria-describedby": "silence-hint" });
  return ask({
    title: check ? `Silence ${check}` : "Silence checks",
    text: "Their trouble is noticed, and nobody is told of it. The end of what was told before is told all the same.",
    fields: [h("label", { for: names.id }, "Checks"), names, h("p", { class: "muted", id: "silence-hint" }, "Names with commas between them; * stands for any letters.")],
    spans: SPANS,
    label: "Silence",
    act: (said) => command("POST", "/silences", { ...said, checks: names.value.split(",").map((name) => name.trim()).filter(Boolean) }),
  });
}

/** Asks for how long, who says so and why, and has `act` done with it. What is wrong with that is said where it was asked. */
async function ask({ title, text, fields = [], spans, label, act }) {
  const span = h("select", { id: "care-for" }, Object.entries(spans).map(([value, words]) => h("option", { value }, words)));
  const by = h("input", { id: "care-by", value: identity?.token ?? "", autocomplete: "name" });
  const comment = h("input", { id: "care-comment", autocomplete: "off" });
  const error = h("p", { class: "error", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    error.textContent = "";
    try {
      await act({ by: by.value.trim(), comment: comment.value.trim(), ...(span.value && { for: span.value }) });
      dialog.close("done");
    } catch (problem) {
      error.textContent = problem.message;
    }
  };
  const dialog = h("dialog", { "aria-labelledby": "care-title" }, h("form", { onsubmit: submit },
    h("h2", { id: "care-title" }, title), h("p", { class: "muted" }, text), fields,
    h("label", { for: span.id }, "For how long"), span,
    h("label", { for: by.id }, "Who says so"), by,
    h("label", { for: comment.id }, "Why"), comment,
    error, actions(label)));
  return (await answer(dialog)) === "done";
}
