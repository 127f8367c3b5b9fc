// One run: what it was told, how long it may take, and how long each phase of it took.

import clock from "wasi:clocks/monotonic-clock@0.2.12";
import poll from "wasi:io/poll@0.2.12";
import { Unhealthy } from "./failure.js";

/** What is kept of the time for the verdict: whoever has none by the end of the time has failed as a probe, and a target that does not
 *  answer is to be called unhealthy. A twenty-fifth of it, but not less than two ticks of the runner's clock, nor more than half a second,
 *  in nanoseconds. */
const KEPT = { share: 1 / 25, least: 20e6, most: 500e6 };
/** Nanoseconds that a leave-taking has. */
const LEAVE = 1e9;

/** What is kept: never more than half of the whole. */
const margin = (left) => Math.min(Math.max(left * KEPT.share, KEPT.least), KEPT.most, left / 2);

export class Attempt {
    /** Sockets and streams: what belongs to something else has to be let go before it. So many of them live on from run to run. */
    #held = [];
    #staying = 0;
    #phases;

    constructor(run) {
        this.begin(run);
    }

    /** Begins anew, of a connection that lives on from run to run. */
    begin({ check, attempt, timeLeft, traceparent, state }) {
        this.#phases = new Map();
        this.check = check;
        this.number = attempt;
        this.traceparent = traceparent;
        this.state = Uint8Array.from(state);
        this.began = clock.now();
        this.end = this.began + timeLeft - margin(timeLeft);
    }

    /** Begins the leave-taking, of which the runner tells no time: half of the most that it allows. */
    leave() {
        this.began = clock.now();
        this.end = this.began + LEAVE;
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

    /** Waits until something can be read or written, for so many seconds at most if that is said. If the time is over before, the target is
     *  unhealthy: it did not do it in time. */
    wait(pollable, otherwise, patience) {
        if (!this.happens(pollable, patience)) throw new Unhealthy(`${otherwise} in time`);
    }

    /** Whether something can be read or written within that time. */
    happens(pollable, patience = Infinity) {
        const alarm = clock.subscribeInstant(Math.round(Math.min(this.end, clock.now() + patience * 1e9)));
        try {
            // Both can be ready.
            return Array.from(poll.poll([pollable, alarm])).includes(0);
        } finally {
            alarm[Symbol.dispose]();
            pollable[Symbol.dispose]();
        }
    }

    /** The phases so far, as measurements. */
    measured() {
        const phases = Array.from(this.#phases, ([name, value]) => ({ name, unit: "s", value }));
        return [...phases, { name: "total", unit: "s", value: this.elapsed }];
    }

    /** Keeps a resource no longer, as it is somebody else's from now on. */
    giveAway(resource) {
        const at = this.#held.indexOf(resource);
        this.#held.splice(at, 1);
        if (at < this.#staying) this.#staying -= 1;
        return resource;
    }

    /** What is held by now is held until the end. */
    stay() {
        this.#staying = this.#held.length;
    }

    /** Lets go of what this run holds. */
    release() {
        while (this.#held.length > this.#staying) this.#held.pop()[Symbol.dispose]();
    }

    /** Lets go of everything. */
    finish() {
        this.#staying = 0;
        this.release();
    }
}
