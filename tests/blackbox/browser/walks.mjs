// What is done in a browser: a walk each. Nothing here waits for a time to pass, but for what is to be seen.

import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { CHROMIUM, PACKAGES, PICTURES, HOME, PORT, TOKEN, CONTROLLER } = process.env;
const { chromium } = await import(pathToFileURL(path.join(PACKAGES, "node_modules/playwright-core/index.mjs")));
const axe = fs.readFileSync(path.join(PACKAGES, "node_modules/axe-core/axe.min.js"), "utf8");

/** Where the runner is; a walk may put something in between. */
let BASE = process.env.BASE;

/** How long anything may take to be seen. */
const PATIENCE = 20_000;

/** Starts nothing but the browser: no updates, no look-ups, no requests of its own. */
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];

/** Everything that went wrong on any page, but for what a walk expects. */
const wrong = [];
let expected = null;

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });

/** A page that is watched: what it complains of, and what it asks of anybody else, ends the walk. */
async function open(where, { clock = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  // Its time can be moved on.
  if (clock) await page.clock.install();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !expected?.test(message.text())) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(error.stack));
  page.on("request", (request) => {
    if (!request.url().startsWith(BASE) && !request.url().startsWith("data:")) wrong.push(`it asked for ${request.url()}`);
  });
  await page.goto(BASE + where);
  return page;
}

const picture = (page, name, more = {}) => page.screenshot({ path: path.join(PICTURES, `${name}.png`), ...more });

/** Waits until what `look` finds is as wanted. */
async function until(what, look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen === true) return;
    assert(Date.now() < end, `waited for ${what}; last seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A target at the port that the check `orders-db` looks at. */
function target() {
  return new Promise((resolve) => {
    const sockets = new Set();
    let isStopped = false;
    const server = net.createServer((socket) => {
      // Whoever came at the last moment would keep it from ending.
      if (isStopped) return void socket.destroy();
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    });
    server.stop = () => {
      isStopped = true;
      sockets.forEach((socket) => socket.destroy());
      return new Promise((resolve) => server.close(resolve));
    };
    server.listen(Number(PORT), "127.0.0.1", () => resolve(server));
  });
}

/** Puts a cable between the browser and the runner that can be cut and mended. */
async function wire() {
  const there = new URL(BASE);
  const sockets = new Set();
  let isCut = false;
  const relay = () => net.createServer((socket) => {
    if (isCut) return void socket.destroy();
    const other = net.connect(Number(there.port), there.hostname);
    for (const [one, another] of [[socket, other], [other, socket]]) {
      sockets.add(one);
      one.pipe(another);
      one.on("error", () => {}).on("close", () => { sockets.delete(one); another.destroy(); });
    }
  });
  let server = relay();
  const listen = (port) => new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address();
  BASE = `http://127.0.0.1:${port}`;
  return {
    cut: () => {
      isCut = true;
      sockets.forEach((socket) => socket.destroy());
      return new Promise((resolve) => server.close(resolve));
    },
    mend: () => {
      isCut = false;
      server = relay();
      return listen(port);
    },
  };
}

const checkRow = (page, name) => page.locator("li.check", { has: page.locator(".name", { hasText: new RegExp(`^${name}$`) }) });

async function sees(page, name, condition) {
  await until(`${name} to be ${condition}`, async () => {
    const classes = (await checkRow(page, name).getAttribute("class").catch(() => null)) ?? "not there";
    return classes.split(" ").includes(condition) || classes;
  });
}

async function logIn(page, token = TOKEN) {
  await page.getByRole("button", { name: "Log in" }).first().click();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("dialog").getByRole("button", { name: "Log in" }).click();
}

/** Waits until every word of these elements is on one line: a break within one makes another word of it. */
async function keepsWordsWhole(elements) {
  await until("no word to be broken", () => elements.evaluateAll((all) => {
    const broken = all.flatMap((element) => {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      const found = [];
      while (walker.nextNode()) {
        for (const { index, 0: word } of walker.currentNode.data.matchAll(/\S+/g)) {
          const range = document.createRange();
          range.setStart(walker.currentNode, index);
          range.setEnd(walker.currentNode, index + word.length);
          if (range.getClientRects().length > 1) found.push(word);
        }
      }
      return found;
    });
    return all.length > 0 && (broken.length === 0 || broken);
  }));
}

/** Whether each of ninety days is told of, to whoever points at it and to whoever comes by keyboard. */
async function tellsDays(figure, today) {
  const [bars, words] = [figure.locator("svg"), figure.locator("figcaption span").nth(1)];
  await figure.locator("svg[role=slider]").waitFor();
  const before = await words.textContent();
  const says = (part) => until(`“${part}” to be told`, async () => { const told = await words.textContent(); return (/^[A-Z][a-z]{2} \d+, \d{4}: /.test(told) && told.includes(part)) || told; });
  await bars.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await bars.boundingBox();
  const page = figure.page();
  await page.mouse.move(x + width - 1, y + height / 2);
  await says(today);
  await page.mouse.move(x + 1, y + height / 2);
  await says("not watched");
  await page.mouse.move(0, 0);
  await until("the sum to be back", async () => (await words.textContent()) === before || words.textContent());
  await bars.focus();
  const day = async () => [await bars.getAttribute("aria-valuenow"), (await bars.getAttribute("aria-valuetext")) === (await words.textContent())];
  for (const [key, at] of [["End", "90"], ["ArrowLeft", "89"], ["PageDown", "82"], ["Home", "1"], ["ArrowDown", "1"], ["ArrowRight", "2"]]) {
    await page.keyboard.press(key);
    assert.deepEqual(await day(), [at, true], key);
  }
  await page.keyboard.press("Tab");
  await until("the sum to be back", async () => (await words.textContent()) === before || words.textContent());
}

/** Whether everybody can use the pages, in light or in dark. */
async function accessible(colorScheme) {
  const orders = await target();
  for (const [name, where, there] of [
    ["overview", "/", ".check.unhealthy"],
    ["check", "/#/check/orders-db", ".columns .chart"],
    ["check-down", "/#/check/archive", ".head.unhealthy"],
    ["events", "/#/events", ".event"],
    ["alerts", "/#/alerts", ".alert"],
    ["probes", "/#/probes", ".probe.loaded"],
    ["status", "/status", ".public li"],
  ]) {
    const page = await open(where, { colorScheme });
    await page.locator(there).first().waitFor();
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
    assert.deepEqual(told, [], `${name}, ${colorScheme}`);
    assert(passes.some(({ id }) => id === "color-contrast"), `${name}, ${colorScheme}: contrast was looked at`);
    if (colorScheme === "dark") await picture(page, `${name}-dark`);
    await page.context().close();
  }
  // The dialog, too.
  const page = await open("/", { colorScheme });
  await page.getByRole("button", { name: "Log in" }).click();
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document.querySelector("dialog")));
  assert.deepEqual(violations.map(({ id, help }) => `${id}: ${help}`), []);
  // Whoever wants no motion gets none.
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  await orders.stop();
}

const walks = {
  async overview() {
    const orders = await target();
    const page = await open("/");
    await sees(page, "orders-db", "healthy");
    await sees(page, "archive", "unhealthy");
    await sees(page, "traps", "unknown");
    await sees(page, "slow", "degraded");
    await until("the stream to be live", async () => (await page.locator("#link").textContent()) === "Live" || page.locator("#link").textContent());
    assert.equal(await page.locator("h1").textContent(), "Degraded");
    // What was of use so far, of all of them by one question.
    const available = (name) => checkRow(page, name).locator(".available").textContent();
    await until("its uptime", async () => { if ((await available("cache")) === "100%") return true; await page.reload(); return available("cache"); });
    assert.deepEqual([await available("archive"), await available("slow")], ["0%", "100%"]);
    await page.getByText("Uptime over 24 hours").waitFor();
    await until("the stream to be live again", async () => (await page.locator("#link").textContent()) === "Live" || page.locator("#link").textContent());
    await picture(page, "overview");
    const loads = await page.evaluate(() => performance.timeOrigin);

    await orders.stop();
    await sees(page, "orders-db", "unhealthy");
    assert.match(await checkRow(page, "orders-db").locator(".message").textContent(), /refused/);
    await until("the whole to be unhealthy", async () => (await page.locator("h1").textContent()) === "Unhealthy");
    assert.match(await page.locator(".summary .message").textContent(), /^orders-db and archive are down/);
    assert.match(await page.title(), /^\(2 down\) /);
    await until("it to be announced", async () => /orders-db is down/.test(await page.locator("#announcer").textContent()));
    // What is worst comes first.
    assert.equal(await page.locator(".group").first().locator("h2").textContent(), "storage");
    assert.equal(await page.locator(".check .name").first().textContent(), "orders-db");
    await picture(page, "overview-down");

    const again = await target();
    await sees(page, "orders-db", "healthy");
    assert.equal(await page.evaluate(() => performance.timeOrigin), loads, "it was not loaded again");

    await page.getByRole("button", { name: /Down/ }).click();
    const alone = (what) => until(what, async () => (await page.locator(".check").count()) === 1 || page.url());
    await alone("only what is down");
    assert.match(page.url(), /#\/\?is=unhealthy$/);
    // It is there again for whoever comes back, or loads the page anew.
    await checkRow(page, "archive").locator("a").click();
    await page.getByRole("heading", { name: "archive" }).waitFor();
    await page.goBack();
    await alone("only what is down, on the way back");
    await page.reload();
    await alone("only what is down, loaded anew");
    await page.getByRole("button", { name: /Down/ }).click();
    await page.getByLabel("Search checks").fill("team=orders");
    await alone("only what is searched");
    assert.match(page.url(), /#\/\?q=team%3Dorders$/);
    await page.reload();
    await alone("only what is searched, loaded anew");
    assert.equal(await page.getByLabel("Search checks").inputValue(), "team=orders");
    await page.getByLabel("Search checks").fill("nothing like this");
    await page.getByText("No check is as you want it.").waitFor();

    // A check that is added while one looks is there as well.
    await page.getByLabel("Search checks").fill("");
    fs.appendFileSync(path.join(HOME, "probity.toml"), '[[check]]\nname = "newcomer"\nprobe = "degraded"\n');
    await sees(page, "newcomer", "degraded");
    await again.stop();
    const small = await open("/", { viewport: { width: 390, height: 844 } });
    await sees(small, "archive", "unhealthy");
    assert(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it is as wide as a telephone");
    await picture(small, "overview-small");
  },

  async check() {
    const orders = await target();
    const page = await open("/#/check/orders-db");
    await page.getByRole("heading", { name: "orders-db" }).waitFor();
    await page.locator(".head.healthy").waitFor();
    const text = () => page.locator("main").innerText();
    for (const part of ["the orders database", "critical", "group storage", "team=orders", "CONNECTED", "closed", "every 200ms", `tcp:127.0.0.1:${PORT}`, "Fuel", "of 1 G", "of 64 MiB"]) {
      await until(`“${part}” to be there`, async () => (await text()).includes(part) || text());
    }
    await page.locator(".chart .line").waitFor();
    assert.match(await page.locator(".chart").getAttribute("aria-label"), /^Latency over time\. \d+ results: median /);
    await page.getByText("All limits").click();
    await page.getByText("bytes received").waitFor();
    await until("results", async () => (await page.locator("section", { has: page.locator("#results") }).locator("tbody tr").count()) >= 5);
    await until("its uptime", async () => (await page.locator(".figures .figure").count()) === 4);
    assert.match(await page.locator(".bars").getAttribute("aria-label"), /^The last 90 days\. /);
    assert.equal(await page.locator(".day").count(), 90);
    await tellsDays(page.locator("figure.uptime"), "% uptime");
    await picture(page, "check", { fullPage: true });
    await page.getByRole("button", { name: "Day", exact: true }).click();
    await until("the day's latency", async () => { const told = await page.locator("section", { has: page.locator("#latency") }).innerText(); return /Median, and from the shortest|takes two results/.test(told) || told; });
    await orders.stop();
    await page.locator(".head.unhealthy").waitFor();
    await page.locator("section", { has: page.locator("#incidents") }).getByText("goes on").first().waitFor();
    await picture(page, "check-down", { fullPage: true });
    await until("its failure", async () => (await page.locator("section", { has: page.locator("#failures") }).locator("tbody tr").count()) >= 1);
    for (const width of [320, 414]) {
      const small = await open("/#/check/orders-db", { viewport: { width, height: 800 } });
      await small.locator("section", { has: small.locator("#incidents") }).locator("tbody tr").first().waitFor();
      await keepsWordsWhole(small.locator("td"));
      assert(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it is as wide as a telephone");
      await picture(small, `check-${width}`, { fullPage: true });
      await small.context().close();
    }
    await page.goto(`${BASE}/#/check/traps`);
    await page.locator(".head.unknown").waitFor();
    assert.match(await text(), /the probe crashed/);
    // It keeps failing, and rests.
    await until("why it does not run", async () => /Probe’s circuit\s+open until .*as its probe rests: it failed \d+ times in a row/s.test(await text()) || text());
    await picture(page, "check-unknown", { fullPage: true });
  },

  async probes() {
    const page = await open("/#/probes");
    await page.getByRole("heading", { name: "Probes" }).waitFor();
    await page.locator(".probe.loaded h2", { hasText: "degraded" }).waitFor();
    fs.writeFileSync(path.join(HOME, "probes.d/broken.wasm"), "this is no component");
    const broken = page.locator(".probe.rejected", { has: page.locator("h2", { hasText: "broken" }) });
    await broken.waitFor();
    assert.match(await broken.locator(".reason").textContent(), /this is not WebAssembly/);
    await page.locator(".reloads li.unhealthy code", { hasText: "broken" }).waitFor();
    // What was loaded before runs on.
    fs.writeFileSync(path.join(HOME, "probes.d/degraded.wasm"), "broken as well");
    await page.locator(".probe.rejected", { hasText: "The one that was loaded before runs on in its place." }).waitFor();
    fs.writeFileSync(path.join(HOME, "probes.d/degraded.toml"), "[[check]]\nnonsense = 1\n");
    await page.locator(".sources li.unhealthy", { hasText: "nonsense" }).waitFor();
    await picture(page, "probes", { fullPage: true });
    await page.getByLabel("Search probes").fill("tcp");
    await until("only that one", async () => (await page.locator(".probe").count()) === 1);
    await page.locator(".probe details summary").click();
    await page.getByText("wasi:sockets/tcp").first().waitFor();
  },

  async events() {
    const page = await open("/#/events");
    await page.locator(".event").first().waitFor();
    const kinds = () => page.locator(".event .kind").allTextContents();
    await until("a fault", async () => (await kinds()).includes("Fault") || kinds());
    await picture(page, "events");
    await page.getByText("Kinds").click();
    await page.getByRole("checkbox", { name: "Fault" }).check();
    await until("faults alone", async () => { const all = await kinds(); return (all.length > 0 && all.every((kind) => kind === "Fault")) || all; });
    assert.match(page.url(), /#\/events\?type=fault$/);
    await page.getByRole("checkbox", { name: "Fault" }).uncheck();
    await page.getByLabel("Check", { exact: true }).fill("archive");
    await page.getByLabel("Check", { exact: true }).press("Enter");
    await until("one check alone", async () => { const all = await page.locator(".event a").allTextContents(); return (all.length > 0 && all.every((name) => name === "archive")) || all; });
    await page.getByLabel("Check", { exact: true }).fill("");
    await page.getByLabel("Group", { exact: true }).fill("web");
    await page.getByLabel("Group", { exact: true }).press("Enter");
    await until("one group alone", async () => { const all = await page.locator(".event .tag").allTextContents(); return (all.length > 0 && all.every((name) => name === "web")) || all; });

    // What happens while it is paused is there when it goes on.
    await page.goto(`${BASE}/#/events?check=orders-db`);
    await page.locator(".event", { hasText: "orders-db" }).first().waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    const orders = await target();
    const probe = await open("/#/check/orders-db");
    await probe.locator(".head.healthy").waitFor();
    assert(!(await kinds()).includes("Connected"), "it is paused");
    await page.getByRole("button", { name: "Go on" }).click();
    await until("that it connected", async () => (await kinds()).includes("Connected") || kinds());
    await orders.stop();
  },

  async alerts() {
    const page = await open("/#/events");
    const row = (kind) => page.locator(".event", { has: page.locator(".kind", { hasText: new RegExp(`^${kind}$`) }) }).first();
    const says = async (kind, words) => {
      await until(`“${kind}” to say ${words}`, async () => { const told = await row(kind).textContent().catch(() => "nothing"); return words.test(told) || told; });
    };
    await says("Alert", /slowDegraded: the queue is rather long \(rule page\)/);
    assert.match(await row("Alert").getAttribute("class"), /^event degraded$/);
    await says("Not delivered", /nowhere.*slow.*: .*127\.0\.0\.1:1.*; tried again/s);
    // What a probe says is no name of a class.
    const classes = await page.locator(".event").evaluateAll((all) => all.map((element) => element.className));
    for (const name of classes) assert.match(name, /^event (healthy|degraded|unhealthy|unknown|pending|disabled)$/);
    await page.goto(`${BASE}/#/alerts`);
    const alert = page.locator(".alert", { hasText: "slow" });
    await alert.getByText("the queue is rather long").waitFor();
    await alert.getByText(/Rule “page”: told once/).waitFor();
    assert.equal(await page.getByRole("button", { name: "Acknowledge…" }).count(), 0, "not without a token");
    await logIn(page);
    await alert.getByRole("button", { name: "Acknowledge…" }).click();
    await page.getByLabel("Who says so").fill("ann");
    await page.getByLabel("Why").fill("on it");
    await picture(page, "acknowledge");
    await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
    await alert.getByText("Acknowledged by ann: on it").waitFor();
    await picture(page, "alerts");
    await alert.getByRole("button", { name: "Take back" }).click();
    await alert.getByRole("button", { name: "Acknowledge…" }).waitFor();
    // From the page of the check.
    await page.goto(`${BASE}/#/check/slow`);
    await page.getByRole("button", { name: "Silence…" }).click();
    assert.equal(await page.getByLabel("Checks").inputValue(), "slow");
    await page.getByLabel("Checks").fill("slow, new*");
    await page.getByLabel("For how long").selectOption("2h");
    await page.getByRole("dialog").getByRole("button", { name: "Silence" }).click();
    await page.getByText("Silence: done").waitFor();
    await page.getByRole("button", { name: "Acknowledge…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("link", { name: "Alerts" }).first().click();
    const silence = page.locator(".silences li", { hasText: "checks slow, new*" });
    await silence.waitFor();
    // Of a check that comes later nobody is told.
    fs.appendFileSync(path.join(HOME, "probity.toml"), '[[check]]\nname = "newcomer"\nprobe = "degraded"\ngroup = "web"\n');
    await page.locator(".alert", { hasText: "newcomer" }).getByText(/Rule “page”: kept back by silence:[0-9a-f]+; not told yet/).waitFor();
    await silence.getByRole("button", { name: "End" }).click();
    await page.getByText("There are none.").waitFor();
    await page.goto(`${BASE}/#/events?type=acknowledged,suppressed`);
    await says("Acknowledged", /slowby ann: on it/);
    await says("Suppressed", /newcomerDegraded, kept back by .*: the queue is rather long \(rule page\)/);
  },

  async control() {
    const page = await open("/#/check/shop");
    await page.locator(".head.healthy").waitFor();
    assert.equal(await page.getByRole("button", { name: "Run now" }).count(), 0, "not without a token");
    expected = /401/;
    await logIn(page, "wrong-wrong-wrong-wrong");
    await page.getByRole("alert").getByText("this is not a token of this runner").waitFor();
    await picture(page, "login");
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("dialog").getByRole("button", { name: "Log in" }).click();
    await page.getByRole("button", { name: "Run now" }).waitFor();
    expected = null;
    assert.equal(await page.getByRole("dialog").count(), 0);
    const kept = await page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie]);
    assert(kept[0].includes(TOKEN) && !kept[1].includes(TOKEN) && !kept[2].includes(TOKEN), "for this tab alone");

    await page.getByRole("button", { name: "Run now" }).click();
    await page.getByText("Run: done").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".head.disabled").waitFor();
    await picture(page, "control");
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(".head.healthy").waitFor();
    await page.getByRole("button", { name: "Force open" }).click();
    await page.getByRole("button", { name: "Automatic" }).click();
    await page.getByText("Circuit automatic: done").waitFor();
    await page.getByLabel("Counts as").selectOption("forced-down");
    await page.locator(".head.unhealthy").waitFor();
    await page.getByLabel("Counts as").selectOption("auto");
    await page.locator(".head.healthy").waitFor();
    await page.getByRole("button", { name: "Reset…" }).click();
    await page.getByRole("dialog").getByText("All that was counted is forgotten").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Reset" }).click();
    await page.getByText("Reset: done").waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByText("takes a token with the scope").waitFor();
  },

  async keyboard() {
    const page = await open("/");
    await sees(page, "archive", "unhealthy");
    const focused = () => page.evaluate(() => document.activeElement?.innerText.trim() || document.activeElement?.getAttribute("aria-label") || document.activeElement?.id);
    const ringed = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to content");
    await page.keyboard.press("Enter");
    // From the content on: the filters, the search, the first group, and then its checks.
    const passed = [];
    const onCheck = () => page.evaluate(() => document.activeElement.closest("li.check") !== null);
    while (!(await onCheck())) {
      await page.keyboard.press("Tab");
      passed.push(await focused());
      assert.equal(await ringed(), "solid", `the focus is seen on ${passed.at(-1)}`);
      assert(passed.length < 20, `never came to the checks: ${passed.join(" | ")}`);
    }
    assert(passed.some((name) => /Down/.test(name)) && passed.includes("Search checks"), passed.join(" | "));
    await page.keyboard.press("ArrowDown");
    assert.match(await focused(), /^archive/);
    await page.keyboard.press("End");
    assert.match(await focused(), /^edge-11/, "the last of all groups");
    await page.keyboard.press("Home");
    assert.match(await focused(), /^orders-db/);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "archive" }).waitFor();
    await until("the page to have the focus", async () => (await focused()) === "archive" || focused());
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
    // The way in, by keyboard alone.
    await page.locator("#account").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Run now" }).waitFor();
    assert.equal(await focused(), "Log out", "the focus is back where it was");
    await page.goBack();
    await page.getByRole("heading", { name: /Degraded|Unhealthy/ }).waitFor();
    // A row that moves keeps the focus.
    const row = checkRow(page, "orders-db").locator("a");
    await row.focus();
    const orders = await target();
    await sees(page, "orders-db", "healthy");
    assert.match(await focused(), /orders-db/);
    await orders.stop();
  },

  light: () => accessible("light"),
  dark: () => accessible("dark"),

  async broken() {
    const cable = await wire();
    const page = await open("/");
    await sees(page, "archive", "unhealthy");
    await until("the stream to be live", async () => (await page.locator("#link").textContent()) === "Live");
    // Something happens, after which it can ask for what follows.
    const first = await target();
    await sees(page, "orders-db", "healthy");
    await first.stop();
    await sees(page, "orders-db", "unhealthy");
    // From here on nothing gets through, as where a cable was pulled.
    expected = /ERR_/;
    const asked = [];
    page.on("request", (request) => request.url().includes("/events") && asked.push(request.headers()["last-event-id"]));
    await cable.cut();
    await until("it to be said", async () => /Connection lost/.test(await page.locator("#link").textContent()) || page.locator("#link").textContent());
    await page.locator("#banner").getByText("The runner does not answer.").waitFor();
    assert.match(await page.locator("#banner").textContent(), /What you see is from (now|\d+ s ago);/);
    await picture(page, "overview-stale");
    const orders = await target();
    await cable.mend();
    await sees(page, "orders-db", "healthy");
    await until("the stream to be live", async () => (await page.locator("#link").textContent()) === "Live");
    assert(await page.locator("#banner").isHidden());
    assert(asked.some(Boolean), "it asks for what it missed");
    await orders.stop();
    await cable.cut();
  },

  async guarded() {
    const page = await open("/");
    await page.getByRole("heading", { name: "This runner asks who you are" }).waitFor();
    await picture(page, "guarded");
    // A token that may do something else is told that it can't read, when it is given and when it lies there already.
    await page.getByLabel("Token").fill(CONTROLLER);
    await page.getByRole("dialog").getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("the token “pilot” lacks the scope “read”: it may run and control").waitFor();
    await page.evaluate((token) => sessionStorage.setItem("probity.token", token), CONTROLLER);
    await page.reload();
    await page.getByRole("heading", { name: "This token may not read" }).waitFor();
    assert(!(await page.locator("body").innerText()).includes("Connection lost"), "it is not the connection");
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("dialog").getByRole("button", { name: "Log in" }).click();
    await sees(page, "hidden", "unhealthy");
    await until("the stream to be live", async () => (await page.locator("#link").textContent()) === "Live");
    // It is remembered by the tab.
    await page.reload();
    await sees(page, "here", "healthy");
    // What is public needs none of that, and shows no more than it is to.
    const everybody = await open("/status");
    await everybody.getByRole("heading", { name: "Acme & Sons" }).waitFor();
    const text = await everybody.locator("body").innerText();
    assert(text.includes("here") && !text.includes("hidden") && !text.includes("127.0.0.1"), text);
    assert.equal((await fetch(`${BASE}/badge/here/status.svg`)).status, 200);
    assert.equal((await fetch(`${BASE}/badge/hidden/status.svg`)).status, 404);
    assert.equal((await fetch(`${BASE}/health`)).status, 401);
    // What is in every binary is kept by browsers all the same; the page that names it is not.
    const html = await fetch(BASE, { headers: { accept: "text/html" } });
    const file = (await html.text()).match(/\/assets\/[^"]+\/style\.css/)[0];
    assert.match((await fetch(BASE + file)).headers.get("cache-control"), /immutable/);
    assert.equal(html.headers.get("cache-control"), "no-store");
  },

  async forgetful() {
    const page = await open("/#/check/here");
    await page.locator(".chart .line").waitFor();
    await page.getByText("This runner keeps no history.").waitFor();
    assert.equal(await page.getByRole("group", { name: "Time shown" }).count(), 0, "there is nothing else to show");
    const status = await open("/status");
    await status.locator("li.healthy", { hasText: "here" }).waitFor();
    assert.equal(await status.locator(".bars").count(), 0);
  },

  async anonymous() {
    const page = await open("/#/check/here");
    await page.getByRole("button", { name: "Run now" }).click();
    await page.getByText("Run: done").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator(".head.disabled").waitFor();
  },

  async status() {
    const orders = await target();
    const page = await open("/status");
    await page.locator("li.unhealthy", { hasText: "archive" }).waitFor();
    await until("the rest to be well", async () => { const told = await page.locator(".overall strong").textContent(); if (told !== "Not all is well") await page.reload(); return told === "Not all is well" || told; });
    assert(!(await page.locator("body").innerText()).includes("refused"), "what probes say is not for everybody");
    const archive = page.locator("li.unhealthy", { hasText: "archive" });
    await until("its day", async () => { const days = await archive.locator(".bars").getAttribute("data-days"); if (days.endsWith("-")) await page.reload(); return !days.endsWith("-") || days; });
    await tellsDays(archive.locator("figure"), "0% uptime, 1 incident");
    await picture(page, "status", { fullPage: true });
    await page.getByRole("link", { name: "web" }).click();
    await page.getByRole("heading", { name: "web" }).waitFor();
    assert.deepEqual(await page.locator(".line h3").allTextContents(), ["api", "shop", "slow"]);
    const plain = await open("/status", { javaScriptEnabled: false });
    await plain.locator("li.unhealthy", { hasText: "archive" }).waitFor();
    assert.equal(await plain.locator(".bars").first().getAttribute("role"), "img", "without a script it is a picture");
    // A badge is a picture, wherever it is shown.
    for (const [name, words] of [["archive/status", "archive: down"], ["shop/status", "shop: healthy"], ["shop/latency", /^latency: [\d.]+.s$/], ["shop/status", "<i>&: healthy"]]) {
      const label = typeof words === "string" && words.startsWith("<") ? `?label=${encodeURIComponent("<i>&")}` : "";
      await page.goto(`${BASE}/badge/${name}.svg${label}`);
      const title = await page.evaluate(() => document.querySelector("title").textContent);
      if (typeof words === "string") assert.equal(title, words);
      else assert.match(title, words);
      assert.equal(await page.evaluate(() => document.documentElement.getAttribute("role")), "img");
      const [whole, drawn] = await page.evaluate(() => [document.documentElement.getBoundingClientRect().width, [...document.querySelectorAll("text")].at(-1).getBoundingClientRect().right]);
      assert(drawn <= whole, `${name}: ${drawn} of ${whole}`);
      await picture(page, `badge-${name.replace("/", "-")}`, { clip: { x: 0, y: 0, width: 200, height: 20 } });
    }
    await orders.stop();
  },

  async dated() {
    const cable = await wire();
    const orders = await target();
    const page = await open("/status", { clock: true });
    const line = (condition) => page.locator(`li.${condition}`, { hasText: "orders-db" }).count();
    /** Lets as much time pass on the page as it waits for until it looks again, until it shows what is wanted. */
    const later = (what, look) => until(what, async () => {
      // A page that loads itself anew can't be asked meanwhile.
      try {
        await page.clock.runFor(31_000);
        return await look();
      } catch (error) {
        return String(error);
      }
    });
    await later("it to be well", async () => (await line("healthy")) === 1);
    assert.match(await page.locator(".as-of").textContent(), /^As of .*\d\d:\d\d:\d\d$/);
    await orders.stop();
    await later("it to be down", async () => (await line("unhealthy")) === 1);
    await until("nothing else to change", async () => (await page.locator(".overall strong").textContent()) === "Something critical is down");
    expected = /ERR_/;
    await cable.cut();
    await later("it to be said", async () => (await page.locator(".banner").isVisible()));
    assert.match(await page.locator(".banner").textContent(), /^The server does not answer\. What you see is as of .*\d\d:\d\d:\d\d;/);
    assert.match(await page.title(), /^No answer · Something critical is down/);
    await picture(page, "status-lost", { fullPage: true });
    await cable.mend();
    await later("it to be true again", async () => (await page.locator(".banner").isHidden()) && !(await page.title()).startsWith("No answer"));
    await cable.cut();
  },

  async thousand() {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    page.on("pageerror", (error) => wrong.push(error.stack));
    const asked = [];
    page.on("request", (request) => request.url().includes("/assets/") || asked.push(request.url()));
    await page.addInitScript(() => {
      globalThis.tasks = [];
      new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ startTime, duration }) => ({ startTime, duration })))).observe({ type: "longtask", buffered: true });
    });
    await page.goto(`${BASE}/`);
    await until("all of them", async () => (await page.locator("li.check").count()) === 1000 || page.locator("li.check").count());
    const known = () => page.locator(".available:not(:empty)").count();
    await until("their uptime", async () => (await known()) === 1000 || known());
    assert.equal(asked.filter((url) => url.includes("/uptime")).length, 1, "it asks once for all of them");
    await picture(page, "thousand");
    const drawn = await page.evaluate(() => performance.getEntriesByName("probity:drawn")[0].startTime);
    const first = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
    const before = await page.evaluate(() => tasks.splice(0));
    const last = before.at(-1);
    const interactive = Math.max(drawn, last ? last.startTime + last.duration : 0);
    // A while of use: all of them are read anew, searched, and scrolled through.
    for (const text of ["check-01", "check-0199", ""]) {
      await page.getByLabel("Search checks").fill(text);
      await until("what is searched", async () => (await page.locator("li.check").count()) === { "check-01": 100, "check-0199": 1, "": 1000 }[text]);
    }
    for (let at = 0; at < 20; at++) await page.mouse.wheel(0, 600);
    const reads = page.waitForResponse((response) => response.url().endsWith("/health/checks"), { timeout: PATIENCE });
    await reads;
    await page.getByLabel("Search checks").focus();
    const after = await page.evaluate(() => tasks.splice(0));
    const sum = (all) => `${all.length} long tasks, the longest ${Math.round(Math.max(0, ...all.map(({ duration }) => duration)))} ms, ${Math.round(all.reduce((total, { duration }) => total + duration, 0))} ms together`;
    console.log(`1,000 checks: first paint after ${Math.round(first)} ms, all drawn after ${Math.round(drawn)} ms, interactive after ${Math.round(interactive)} ms`);
    console.log(`while loading: ${sum(before)}; while searched, scrolled and read anew: ${sum(after)}`);
  },
};

const [, , name] = process.argv;
// Each step has a deadline; this is for a browser that does not even say that it failed.
setTimeout(() => {
  console.error("the walk does not come to an end");
  process.exit(1);
}, 8 * PATIENCE).unref();
try {
  await walks[name]();
  assert.deepEqual(wrong, []);
} catch (error) {
  for (const [at, context] of browser.contexts().entries()) {
    for (const page of context.pages()) await picture(page, `failed-${name}-${at}`).catch(() => {});
  }
  console.error(error, wrong);
  process.exitCode = 1;
} finally {
  await browser.close();
}
