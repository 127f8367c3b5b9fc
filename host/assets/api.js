// What is asked of the runner: documents, commands, and the stream of events.

/** Where the token is kept: for as long as the tab is open, and for this tab alone. */
const TOKEN = "probity.token";

/** How long the stream may be silent: the runner says something every 15 seconds. */
const SILENCE = 40_000;
/** The first wait before the stream is asked for again, and the longest; each is twice the one before. */
const [FIRST_WAIT, LONGEST_WAIT] = [500, 30_000];

/** What went wrong, as the runner tells it (RFC 9457). */
export class Problem extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (value) => sessionStorage.setItem(TOKEN, value),
  clear: () => sessionStorage.removeItem(TOKEN),
};

/** Called with the status when the runner wants a token (401), or one that may read (403). */
let refused = () => {};
export function whenRefused(listener) {
  refused = listener;
}

function headers(more) {
  const known = token.get();
  return known ? { ...more, authorization: `Bearer ${known}` } : more;
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers({ accept: "application/json", ...options.headers }) });
  // That something can't be done by this token is told where it was to be done.
  if (response.status === 401 || (response.status === 403 && !options.method)) refused(response.status);
  return response;
}

async function problem(response) {
  const told = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("retry-after")) * 1000;
  return new Problem(response.status, told.detail ?? `the runner answered ${response.status}`, wait);
}

/** A document. That a target is down is an answer like others: those routes tell it in their status as well. */
export async function read(path, signal) {
  const response = await ask(path, { signal });
  const isAnswer = response.ok || (response.status === 503 && !response.headers.get("content-type")?.includes("problem"));
  if (!isAnswer) throw await problem(response);
  return response.json();
}

/** A document that need not be there, as what it tells of may be off: then `null`. */
export async function readIfThere(path, signal) {
  try {
    return await read(path, signal);
  } catch (error) {
    if (error instanceof Problem && [404, 409, 501, 503].includes(error.status)) return null;
    throw error;
  }
}

/** Has something done. */
export async function command(method, path, body) {
  const options = body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await ask(path, options);
  if (!response.ok) throw await problem(response);
  return response.json();
}

/**
 * Follows the events until `signal` says to stop: asks again, with a growing wait, whenever the stream ends or falls silent,
 * and begins after the last event that was heard.
 *
 * `on.open()`, `on.event(cloudEvent)`, `on.heard()` for every sign of life, and `on.lost(milliseconds until it is asked for again)`.
 */
export async function follow(query, on, signal) {
  let [last, wait] = [null, FIRST_WAIT];
  while (!signal.aborted) {
    let retryAfter = 0;
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop);
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE);
      on.heard?.();
    };
    try {
      heard();
      const more = last ? { "last-event-id": last } : {};
      const response = await ask(`/events${query}`, { signal: attempt.signal, headers: { accept: "text/event-stream", ...more }, cache: "no-store" });
      if (!response.ok) throw await problem(response);
      on.open?.(last !== null);
      for await (const { id, data } of frames(response.body, heard)) {
        wait = FIRST_WAIT;
        if (id) last = id;
        if (data) on.event(JSON.parse(data));
      }
    } catch (error) {
      if (signal.aborted) return;
      retryAfter = error.retryAfter || 0;
      // What was asked for makes no sense, or takes a token: asking again does not help.
      if (error.status === 400 || error.status === 401 || error.status === 403) {
        on.refused?.(error);
        return;
      }
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    const pause = Math.max(retryAfter, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT);
    on.lost?.(pause);
    await rest(pause, signal);
  }
}

/** Waits; no longer than until the network is back or somebody looks at the page. */
function rest(milliseconds, signal) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const done = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener("online", done, over);
    document.addEventListener("visibilitychange", () => document.hidden || done(), over);
    signal.addEventListener("abort", done, over);
  });
}

/** The events of a stream (WHATWG HTML, section 9.2.6), as far as this runner makes use of it. */
async function* frames(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let [rest, frame] = ["", {}];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (frame.id || frame.data) yield frame;
        frame = {};
      } else if (line.startsWith("data:")) frame.data = (frame.data ?? "") + line.slice(5).trimStart();
      else if (line.startsWith("id:")) frame.id = line.slice(3).trim();
    }
  }
}
