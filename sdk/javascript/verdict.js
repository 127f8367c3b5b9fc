// What a probe says of its target.

/** Characters that a quotation shows. */
const SHOWN = 120;

/** A verdict that is being put together: each method adds to it, and returns it. */
export class Verdict {
    constructor(status, message) {
        this.status = status;
        this.message = message;
        this.details = [];
        this.measurements = [];
        this.took = null;
        this.isPermanent = false;
        this.kept = [];
    }

    /** One fact, for people: a text, a number or a boolean. */
    detail(key, value) {
        this.details.push({ key, value: tagged(value) });
        return this;
    }

    /** One figure, for time series, in a unit of UCUM: `s`, `By`, `1`, `%`. */
    measure(name, value, unit = "1") {
        this.measurements.push({ name, unit, value });
        return this;
    }

    /** How long the target took, in seconds. */
    latency(seconds) {
        this.took = Math.round(seconds * 1e9);
        return this;
    }

    /** Trying again soon is pointless. */
    permanent() {
        this.isPermanent = true;
        return this;
    }

    /** Bytes that the next run of the same check is handed as `run.state`. */
    keep(state) {
        this.kept = Array.from(state);
        return this;
    }

    /** The record that the contract has. */
    record(measured = []) {
        return {
            status: this.status,
            message: this.message,
            details: this.details,
            measurements: [...this.measurements, ...measured],
            latency: this.took,
            permanent: this.isPermanent,
            state: this.kept,
        };
    }
}

export const healthy = (message) => new Verdict("healthy", message);
export const degraded = (message) => new Verdict("degraded", message);
export const unhealthy = (message) => new Verdict("unhealthy", message);

/** The first line of a text or of bytes, in quotes, and no more of it than a message should show. */
export function quote(said) {
    const text = typeof said === "string" ? said : latin1(said);
    return JSON.stringify(text.split(/\r?\n/)[0].slice(0, SHOWN));
}

/** A text with a character for each byte. */
export const latin1 = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

/** The bytes of several lists of them. */
export function joined(lists) {
    const all = new Uint8Array(lists.reduce((length, list) => length + list.length, 0));
    let at = 0;
    for (const list of lists) {
        all.set(list, at);
        at += list.length;
    }
    return all;
}

/** The bytes of a text, one for each character; bytes are what they are. */
export const bytesOf = (said) =>
    typeof said === "string" ? Uint8Array.from(said, (character) => character.charCodeAt(0)) : said;

function tagged(value) {
    if (typeof value === "boolean") return { tag: "boolean", val: value };
    if (typeof value !== "number") return { tag: "text", val: String(value) };
    return Number.isSafeInteger(value) ? { tag: "integer", val: value } : { tag: "number", val: value };
}
