// The frame around all pages: where one is, how current what is shown is, and who is looking.

import * as alerts from "./alerts.js";
import { readIfThere, token, whenRefused } from "./api.js";
import * as check from "./check.js";
import { h, setAttribute, setText, sign } from "./dom.js";
import * as events from "./events.js";
import { identify, identity, lacksRead, logIn, logOut, may, onIdentity } from "./login.js";
import { model } from "./model.js";
import * as overview from "./overview.js";
import * as probes from "./probes.js";
import { CONDITIONS, ago, condition } from "./words.js";

const [main, link, banner, node, account, announcer] = ["main", "link", "banner", "node", "account", "announcer"].map((id) =>
  document.getElementById(id),
);

/** Pages, by what follows the `#/`. */
const PAGES = { "": overview, alerts, check, events, probes };

/** What of the page that is shown listens to anything; aborted when another one is shown. */
let shown = new AbortController();

function show() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decodeURIComponent);
  const page = PAGES[name] ?? overview;
  shown.abort();
  shown = new AbortController();
  const content = page.show({ name: rest.join("/"), query: new URLSearchParams(query), signal: shown.signal });
  main.replaceChildren(content);
  setAttribute(main, "aria-busy", null);
  for (const to of document.querySelectorAll("nav a")) {
    const here = to.getAttribute("href") === `#/${name}`;
    setAttribute(to, "aria-current", here && "page");
  }
  entitle();
}

/** The title tells how things are: it is all that is seen of a tab in the background. */
function entitle() {
  const heading = main.querySelector("h1")?.textContent;
  const down = [...model.checks.values()].filter((check) => condition(check) === "unhealthy").length;
  document.title = `${down ? `(${down} down) ` : ""}${heading ? `${heading} · ` : ""}Probity`;
}

addEventListener("hashchange", () => {
  show();
  // Whoever follows a link by keyboard or ear goes on where the page begins.
  (main.querySelector("h1") ?? main).focus({ preventScroll: true });
  scrollTo(0, 0);
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

const LINKS = {
  connecting: ["pending", "Connecting…"],
  live: ["healthy", "Live"],
  lost: ["unhealthy", "Connection lost"],
  resting: ["disabled", "Resting"],
};

function showLink() {
  const [shape, word] = LINKS[model.link];
  if (link.dataset.is !== model.link) {
    link.dataset.is = model.link;
    link.replaceChildren(sign(shape), word);
  }
  const stale = model.link === "lost" && model.loaded;
  document.body.classList.toggle("stale", stale);
  banner.hidden = !stale;
  if (stale) {
    setText(banner, `The runner does not answer. What you see is from ${ago(new Date(model.heard))}; it is asked again and again.`);
  }
}

model.addEventListener("link", showLink);
setInterval(showLink, 5_000);

model.addEventListener("change", entitle);

/** What changed is told to those who do not see it, in one sentence for all that came at once. */
const told = new Map();
model.addEventListener("event", ({ detail: { type, data } }) => {
  const to = type === "probity.unhealthy" ? "unhealthy" : type === "probity.health-change" ? data.to : null;
  if (!to || data.from === "pending") return;
  if (told.size === 0) setTimeout(announce, 1_000);
  told.set(data.check, to);
});

function announce() {
  const sentences = [...told].map(([check, to]) => `${check} is ${CONDITIONS[to].toLowerCase()}`);
  told.clear();
  setText(announcer, sentences.length > 5 ? `${sentences.length} checks changed` : sentences.join(", "));
}

function showAccount() {
  const name = identity?.token;
  account.replaceChildren(name ? "Log out" : "Log in");
  account.title = name ? `The token ${name} may ${identity.may.join(", ")}` : "";
  account.hidden = identity !== null && !name && !identity.tokens;
}

onIdentity(showAccount);
account.addEventListener("click", async () => {
  if (identity?.token) {
    await logOut();
    location.reload();
  } else if (refused) {
    await enter();
  } else if (await logIn()) model.begin();
});

let refused = false;
whenRefused(async (status) => {
  // What was good for something is not any more, or never was.
  if (status === 401 && token.get()) token.clear();
  if (status === 403) await identify();
  if (!may("read") || (status === 401 && identity?.token)) refuse();
});

async function refuse() {
  if (refused) return;
  refused = true;
  // What is not read is neither current nor lost.
  link.hidden = true;
  shown.abort();
  const lacking = identity?.token && token.get() && !may("read");
  const flaw = lacking && lacksRead(identity.token, identity.may);
  const why = flaw ? `${flaw[0].toUpperCase()}${flaw.slice(1)}.` : "Reading takes a token with the scope “read”.";
  main.replaceChildren(
    h("div", { class: "wait" }, h("h1", { tabIndex: -1 }, lacking ? "This token may not read" : "This runner asks who you are"), h("p", {}, why),
      h("button", { type: "button", class: "primary", onclick: enter }, "Log in")),
  );
  await enter();
}

async function enter() {
  if (await logIn("Reading takes a token of this runner with the scope “read”. It is kept until this tab is closed.")) {
    refused = false;
    link.hidden = false;
    begin();
  }
}

async function begin() {
  model.runner = await readIfThere("/").catch(() => null);
  if (model.runner) {
    setText(node, model.runner.node_id);
    node.title = `Probity ${model.runner.version}`;
  }
  show();
  model.begin();
}

await identify();
showAccount();
showLink();
// Whoever may not read is asked who they are, and nothing else is asked for before that.
if (identity && !may("read")) refuse();
else begin();
