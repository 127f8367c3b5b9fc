// Who is asking: a token, kept for this tab, and what it is good for.

import { read, token } from "./api.js";
import { actions, answer } from "./dialog.js";
import { h } from "./dom.js";

/** `{token, tokens, may}`, as the runner says who is asking; `null` while it is not known. */
export let identity = null;

const changed = new EventTarget();

/** Calls `listener` whenever somebody logged in or out. */
export function onIdentity(listener, options) {
  changed.addEventListener("change", listener, options);
}

/** Whether whoever asks may do this. */
export function may(what) {
  return identity?.may.includes(what) ?? false;
}

/** Finds out who is asking. */
export async function identify() {
  identity = await read("/whoami").catch(() => null);
  changed.dispatchEvent(new Event("change"));
  return identity;
}

export function logOut() {
  token.clear();
  return identify();
}

let open = null;

/** Asks for a token; resolves to whether there is one now. A second call is answered with the first. */
export function logIn(why) {
  open ??= ask(why).finally(() => (open = null));
  return open;
}

async function ask(why) {
  const field = h("input", { type: "password", id: "token", required: true, autocomplete: "current-password", spellcheck: false });
  const error = h("p", { class: "error", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    const before = token.get();
    token.set(field.value.trim());
    error.textContent = "";
    const known = await read("/whoami").catch((problem) => ({ problem }));
    error.textContent = known.problem ? known.problem.message : flaw(known);
    if (error.textContent === "") {
      await identify();
      dialog.close("in");
      return;
    }
    if (before) token.set(before);
    else token.clear();
    field.select();
  };
  const dialog = h("dialog", { class: "login", "aria-labelledby": "login-title" }, h("form", { onsubmit: submit },
    h("h2", { id: "login-title" }, "Log in"),
    h("p", { class: "muted" }, why ?? "A bearer token of this runner. It is kept until this tab is closed, and sent to nobody else."),
    h("label", { for: "token" }, "Token"),
    field,
    error,
    actions("Log in")));
  return (await answer(dialog)) === "in";
}

/** Why what was found out of a token makes it of no use here; empty if it is of use. */
function flaw({ token, may }) {
  if (!token) return "this runner knows no tokens; see [http.auth] in its configuration";
  return may.includes("read") ? "" : lacksRead(token, may);
}

/** What there is to say of a token that nothing can be read with. */
export function lacksRead(token, may) {
  return `the token “${token}” lacks the scope “read”: it may ${may.join(" and ") || "do nothing here"}; log in with one that has it, or add it to the “scopes” of this one`;
}
