// What can be done to a check, for whoever may.

import { command } from "./api.js";
import { acknowledgeCheck, silence } from "./care.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { logIn, may, onIdentity } from "./login.js";
import { model } from "./model.js";

/** The modes that an operator can decree. */
const MODES = { auto: "As found", "forced-up": "Forced up", "forced-down": "Forced down", disabled: "Paused" };

/** What the circuit can be told. */
const CIRCUIT = {
  "half-open": ["Half-open", "Let a call through now and see", (circuit) => circuit.state === "open"],
  "force-open": ["Force open", "Let no call through, until told otherwise", (circuit) => circuit.control !== "forced-open"],
  "force-closed": ["Force closed", "Let all calls through, until told otherwise", (circuit) => circuit.control !== "forced-closed"],
  auto: ["Automatic", "Let the outcomes of calls decide again", (circuit) => circuit.control !== "auto"],
};

/** The controls of one check. `update(check)` shows what can be done to it as it is now; `done()` is called after anything. */
export function controls(name, { signal, done }) {
  const said = h("p", { class: "said", role: "status" });
  const element = h("section", { class: "card controls", "aria-labelledby": "controls-title" });
  const path = `/connections/${encodeURIComponent(name)}`;
  let check = null;

  /** Has something done, and says what came of it. What resolves to `false` was not wanted after all. */
  async function act(button, what, work) {
    button.disabled = true;
    said.className = "said";
    said.textContent = `${what}…`;
    try {
      said.textContent = (await work()) === false ? "" : `${what}: done`;
    } catch (error) {
      said.classList.add("error");
      said.textContent = `${what}: ${error.message}`;
    } finally {
      button.disabled = false;
      model.touch(name);
      done();
    }
  }

  const button = (label, title, act, kind = "") => h("button", { type: "button", class: kind, title, onclick: (event) => act(event.currentTarget) }, label);
  const post = (what, route) => (button) => act(button, what, () => command("POST", route));
  const put = (what, mode) => (button) => act(button, what, () => command("PUT", `${path}/mode`, { mode }));

  const run = button("Run now", "Examine the target now, whatever its schedule says", post("Run", `/health/checks/${encodeURIComponent(name)}/run`), "primary");
  const pause = button("Pause", "Examine it no more, until told otherwise", put("Pause", "disabled"));
  const resume = button("Resume", "Examine it again, and count what is found", put("Resume", "auto"));
  const connect = button("Connect", "Connect now, unless it is connected", post("Connect", `${path}/connect`));
  const disconnect = button("Disconnect", "Close the connection, and examine nothing until somebody asks", post("Disconnect", `${path}/disconnect`));
  const reset = button("Reset…", "Forget all that was learned and counted", async (button) => {
    const sure = await confirm(`Reset ${name}?`, "All that was counted is forgotten: runs, failures, and where its connection and its circuit stand. The history stays.", "Reset");
    if (sure) await post("Reset", `${path}/reset`)(button);
  });
  const mode = h("select", { id: "mode" }, Object.entries(MODES).map(([value, label]) => h("option", { value }, label)));
  mode.addEventListener("change", () => put(`Mode “${MODES[mode.value].toLowerCase()}”`, mode.value)(mode));
  const circuit = Object.entries(CIRCUIT).map(([word, [label, title, applies]]) => ({
    applies,
    button: button(label, title, post(`Circuit ${label.toLowerCase()}`, `${path}/circuit/${word}`)),
  }));

  const take = button("Acknowledge…", "Say that somebody takes care: no more is told until it is over, or gets worse", (button) => act(button, "Acknowledge", () => acknowledgeCheck(name)));
  const hush = button("Silence…", "Have nobody told of its trouble for a while", (button) => act(button, "Silence", () => silence(name)));

  const all = [
    h("h2", { id: "controls-title" }, "Controls"),
    h("div", { class: "buttons" }, run, pause, resume, connect, disconnect, reset),
    h("label", { for: "mode" }, "Counts as"),
    mode,
    h("h3", {}, "Circuit"),
    h("div", { class: "buttons" }, circuit.map(({ button }) => button)),
    h("h3", {}, h("a", { href: "#/alerts" }, "Alerts")),
    h("div", { class: "buttons" }, take, hush),
    said,
  ];
  const locked = [
    h("h2", { id: "controls-title" }, "Controls"),
    h("p", { class: "muted" }, "Running, pausing and resetting this check takes a token with the scope “control”."),
    h("button", { type: "button", onclick: () => logIn() }, "Log in"),
  ];

  function update(now) {
    check = now ?? check;
    const allowed = may("control");
    const [shown] = element.childNodes;
    const want = allowed ? all : locked;
    if (shown !== want[0]) element.replaceChildren(...want);
    if (!check || !allowed) return;
    const paused = check.mode === "disabled";
    [pause.hidden, resume.hidden] = [paused, !paused];
    if (document.activeElement !== mode) mode.value = check.mode;
    connect.hidden = check.state === "CONNECTED" || paused;
    disconnect.hidden = check.state === "DISCONNECTED" || paused;
    take.hidden = !["unhealthy", "degraded", "unknown"].includes(check.status);
    if (check.circuit) for (const { button, applies } of circuit) button.hidden = !applies(check.circuit);
  }

  onIdentity(() => update(), { signal });
  update();
  return { element, update };
}
