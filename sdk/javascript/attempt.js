// One run: what it was told, how long it may take, and how long each phase of it took.

import clock from "wasi:clocks/monotonic-clock@0.2.12";
import poll from "wasi:io/poll@0.2.12";
import { Unhealthy } from "./failure.js";

/** The share of the time, and the least of it in nanoseconds, that is kept for the verdict: whoever has none by the end of the time
 *  has failed as a probe, and a target that does not answer is to be called unhealthy. */
const KEPT = { share: 1 / 25, least: 20e6 };

export class Attempt {
    /** Pollables, sockets and streams: what belongs to something else has to be let go before it. */
    #held = [];
    #phases = new Map();
    #deadline;

    constructor({ check, attempt, timeLeft, traceparent, state }) {
        this.check = check;
        this.number = attempt;
        this.traceparent = traceparent;
        this.state = Uint8Array.from(state);
        this.began = clock.now();
        this.end = this.began + Math.max(timeLeft - Math.max(timeLeft * KEPT.share, KEPT.least), 0);
        this.#deadline = this.hold(clock.subscribeInstant(Math.round(this.end)));
    }

    /** Seconds until waiting for the target must end. */
    get timeLeft() {
        return Math.max(this.end - clock.now(), 0) / 1e9;
    }

    /** Seconds since the run began. */
    get elapsed() {
        return (clock.now() - this.began) / 1e9;
    }

    /** Does one phase; how long it took becomes a measurement of that name. One that is done several times is measured as a whole. */
    phase(name, work) {
        const began = clock.now();
        const done = work();
        this.#phases.set(name, (this.#phases.get(name) ?? 0) + (clock.now() - began) / 1e9);
        return done;
    }

    /** Keeps a resource until the run is over. */
    hold(resource) {
        this.#held.push(resource);
        return resource;
    }

    /** Waits until something can be read or written. If the time is over before, the target is unhealthy: it did not do it in time. */
    wait(pollable, otherwise) {
        let ready;
        try {
            ready = poll.poll([pollable, this.#deadline]);
        } finally {
            pollable[Symbol.dispose]();
        }
        // Both can be ready.
        if (!Array.from(ready).includes(0)) throw new Unhealthy(`${otherwise} in time`);
    }

    /** The phases so far, as measurements. */
    measured() {
        const phases = Array.from(this.#phases, ([name, value]) => ({ name, unit: "s", value }));
        return [...phases, { name: "total", unit: "s", value: this.elapsed }];
    }

    release() {
        while (this.#held.length > 0) this.#held.pop()[Symbol.dispose]();
    }
}
