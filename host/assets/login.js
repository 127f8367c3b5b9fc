// Who is asking: a token, kept for this tab, and what it is good for.

import { read, token } from "./api.js";
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

function ask(why) {
  return new Promise((resolve) => {
    const field = h("input", { type: "password", id: "token", required: true, autocomplete: "current-password", spellcheck: false });
    const error = h("p", { class: "error", role: "alert" });
    const submit = async (event) => {
      event.preventDefault();
      const before = token.get();
      token.set(field.value.trim());
      error.textContent = "";
      const known = await read("/whoami").catch((problem) => {
        error.textContent = problem.message;
        return null;
      });
      if (known?.token) {
        await identify();
        dialog.close("in");
        return;
      }
      if (known) error.textContent = "this runner knows no tokens; see [http.auth] in its configuration";
      if (before) token.set(before);
      else token.clear();
      field.select();
    };
    const dialog = h(
      "dialog",
      { class: "login", "aria-labelledby": "login-title" },
      h(
        "form",
        { onsubmit: submit },
        h("h2", { id: "login-title" }, "Log in"),
        h("p", { class: "muted" }, why ?? "A bearer token of this runner. It is kept until this tab is closed, and sent to nobody else."),
        h("label", { for: "token" }, "Token"),
        field,
        error,
        h("div", { class: "actions" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { type: "submit", class: "primary" }, "Log in")),
      ),
    );
    dialog.addEventListener("close", () => {
      const done = dialog.returnValue === "in";
      dialog.remove();
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
}

/** Has somebody think twice; resolves to whether they want it. */
export function confirm(question, consequence, label) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "confirm-title" }, question),
        h("p", { id: "confirm-text" }, consequence),
        h("div", { class: "actions" }, h("button", { value: "" }, "Cancel"), h("button", { value: "yes", class: "primary" }, label)),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
