// What is known of all checks, kept true by the stream of events: an event says which check to ask for anew.

import { follow, read, readIfThere } from "./api.js";
import { CONDITIONS, condition, plural } from "./words.js";

/** How often all checks are read, whatever was told: latencies change without an event. */
const REFRESH = 10_000;
/** How long events are collected before what they name is read. */
const COLLECT = 120;
/** Above this many changed checks all are read, in one document. */
const ONE_BY_ONE = 4;
/** How long a page that nobody looks at goes on following: a browser has six connections to a server, for all tabs together. */
const UNSEEN = 60_000;

export class Model extends EventTarget {
  /** Every check, by name. */
  checks = new Map();
  /** `{status, message}` of the whole; `null` while it is not known. */
  overall = null;
  /** What the runner says of itself: its name, its version, and whether it keeps a history. */
  runner = null;
  /** `connecting`, `live`, `lost` or `resting`. */
  link = "connecting";
  /** When something was heard or read last. */
  heard = 0;
  /** Counts what was read, so that views know that something is there. */
  loaded = false;

  #dirty = new Set();
  #all = false;
  #timer = null;
  #busy = false;
  #following = null;

  #begun = false;

  /** Begins, or begins anew, with another token, say, or after a rest. */
  begin() {
    if (!this.#following) this.#follow();
    this.refresh();
    if (this.#begun) return;
    this.#begun = true;
    setInterval(() => document.hidden || this.refresh(), REFRESH);
    let unseen;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(unseen);
      if (document.hidden) unseen = setTimeout(() => this.#rest(), UNSEEN);
      else this.begin();
    });
  }

  #rest() {
    this.#following?.abort();
    this.#following = null;
    this.#tell("resting");
  }

  #follow() {
    this.#following = new AbortController();
    const on = {
      open: () => {
        this.#tell("live");
        // Whatever happened before the stream began was told to nobody.
        this.refresh();
      },
      heard: () => (this.heard = Date.now()),
      event: (event) => this.#take(event),
      lost: () => this.#tell("lost"),
      refused: () => {
        this.#following = null;
        this.#tell("lost");
      },
    };
    follow("", on, this.#following.signal);
  }

  #tell(link) {
    this.link = link;
    this.dispatchEvent(new Event("link"));
  }

  #take(event) {
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
    const check = event.data?.check;
    if (check) this.#dirty.add(check);
    else this.#all = true;
    this.#collect();
  }

  /** Reads everything, soon. */
  refresh() {
    this.#all = true;
    this.#collect(0);
  }

  /** Reads one check, soon. */
  touch(name) {
    this.#dirty.add(name);
    this.#collect(0);
  }

  #collect(wait = COLLECT) {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#read();
    }, wait);
  }

  async #read() {
    if (this.#busy) return this.#collect();
    this.#busy = true;
    const names = [...this.#dirty];
    const all = this.#all || names.length > ONE_BY_ONE;
    [this.#dirty, this.#all] = [new Set(), false];
    try {
      const wanted = all ? [read("/health/checks")] : names.map((name) => readIfThere(`/health/checks/${name}`));
      const [live, ...found] = await Promise.all([read("/health/live"), ...wanted]);
      if (all) this.checks = new Map(Object.entries(found[0].checks));
      else names.forEach((name, at) => (found[at] ? this.checks.set(name, found[at]) : this.checks.delete(name)));
      this.overall = overall(live.status, [...this.checks]);
      this.heard = Date.now();
      this.loaded = true;
      this.dispatchEvent(new CustomEvent("change", { detail: all ? null : new Set(names) }));
    } catch (error) {
      // What could not be read is read the next time; the stream says that it is lost.
      names.forEach((name) => this.#dirty.add(name));
      this.#all ||= all;
      this.dispatchEvent(new CustomEvent("failure", { detail: error }));
    } finally {
      this.#busy = false;
    }
  }
}

/** Names that are told; a line with more is not read. */
const NAMED = 3;

/** `{status, message}` of all checks together, by the rule of the runner: critical and down is unhealthy, anything else degraded. */
function overall(phase, checks) {
  if (phase !== "healthy") return { status: phase, message: plural(checks.length, "check") };
  const by = (wanted) => checks.filter(([, check]) => condition(check) === wanted);
  const isCritical = ([, check]) => check.critical;
  const down = by("unhealthy").sort((a, b) => isCritical(b) - isCritical(a));
  const wrong = [down, by("unknown"), by("degraded")];
  if (wrong.every((found) => found.length === 0)) return { status: "healthy", message: plural(checks.length, "check") };
  const parts = wrong.filter((found) => found.length).map((found) => {
    const names = found.slice(0, NAMED).map(([name]) => name);
    const more = found.length - names.length;
    const all = more ? `${names.join(", ")} and ${more} more` : names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
    return `${all} ${found.length === 1 ? "is" : "are"} ${CONDITIONS[condition(found[0][1])].toLowerCase()}`;
  });
  return { status: down.some(isCritical) ? "unhealthy" : "degraded", message: parts.join("; ") };
}

export const model = new Model();
