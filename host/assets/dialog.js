// What asks, above all else on the page.

import { h } from "./dom.js";

/** Shows a dialog until it is closed, and resolves to what it was closed with. */
export function answer(dialog) {
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** The buttons of a dialog: one that closes it, and one that does what it is there for. */
export function actions(label) {
  return h("div", { class: "actions" },
    h("button", { type: "button", onclick: (event) => event.currentTarget.closest("dialog").close("") }, "Cancel"),
    h("button", { type: "submit", class: "primary", value: "yes" }, label));
}

/** Has somebody think twice; resolves to whether they want it. */
export async function confirm(question, consequence, label) {
  const form = h("form", { method: "dialog" }, h("h2", { id: "confirm-title" }, question), h("p", { id: "confirm-text" }, consequence), actions(label));
  return (await answer(h("dialog", { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" }, form))) === "yes";
}
