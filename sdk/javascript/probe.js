// From what an author writes to what the contract wants exported.

import { Attempt } from "./attempt.js";
import { Denied, Failed, Unhealthy } from "./failure.js";
import { read, schemaOf } from "./settings.js";
import { Verdict, unhealthy } from "./verdict.js";

/** Makes a probe: what it returns is to be exported as `manifest` and `checker`. */
export function probe(about) {
    const manifest = manifestOf(about);
    const checker = {
        check(document, run) {
            const settings = given(about, manifest, document);
            const attempt = new Attempt(run);
            try {
                return examine("check", () => about.check(settings, attempt)).record(attempt.measured());
            } finally {
                attempt.release();
            }
        },
    };
    return { manifest, checker };
}

/** Makes a probe whose connection stays open between runs: what it returns is to be exported as `manifest` and `connector`. */
export function connector(about) {
    const manifest = manifestOf(about);

    class Connection {
        #attempt;
        #opened;

        static open(document, run) {
            let attempt;
            try {
                const settings = given(about, manifest, document);
                attempt = new Attempt(run);
                const connection = new Connection();
                const opened = concluded(() => about.open(settings, attempt));
                if (opened instanceof Verdict) throw { tag: "verdict", val: opened.record(attempt.measured()) };
                attempt.stay();
                connection.#attempt = attempt;
                connection.#opened = opened;
                return connection;
            } catch (error) {
                attempt?.release();
                throw error?.tag && error.tag !== "verdict" ? { tag: "problem", val: error } : error;
            }
        }

        check(run) {
            this.#attempt.begin(run);
            try {
                return examine("check", () => about.check(this.#opened, this.#attempt)).record(this.#attempt.measured());
            } finally {
                this.#attempt.release();
            }
        }

        close() {
            this.#attempt.leave();
            try {
                about.close?.(this.#opened, this.#attempt);
            } catch (error) {
                // Nobody waits for what comes of it.
                if (!(error instanceof Unhealthy || error instanceof Denied || error instanceof Failed)) throw error;
            } finally {
                this.#attempt.finish();
            }
        }
    }

    return { manifest, connector: { Connection } };
}

function manifestOf(about) {
    const properties = about.settings ?? {};
    return {
        describe: () => ({
            name: about.name,
            version: about.version,
            description: about.description,
            settingsSchema: JSON.stringify(schemaOf(properties)),
            defaultInterval: nanoseconds(about.interval),
            defaultTimeout: nanoseconds(about.timeout),
            memory: about.memory ?? null,
            critical: about.critical ?? false,
            passive: about.passive ?? false,
            grants: about.grants ?? [],
        }),
        validate(document) {
            const { settings, problems } = read(properties, document);
            return problems.length > 0 || !about.validate ? problems : about.validate(settings);
        },
    };
}

/** The settings, if nothing is wrong with them. */
function given(about, manifest, document) {
    const problems = manifest.validate(document);
    if (problems.length > 0) throw { tag: "invalid-settings", val: problems };
    return read(about.settings ?? {}, document).settings;
}

/** The verdict that a part of a probe comes to. */
function examine(name, work) {
    const verdict = concluded(work);
    if (!(verdict instanceof Verdict)) throw { tag: "other", val: `${name}() returned no verdict` };
    return verdict;
}

/** What a part of a probe returns, or the verdict or the problem that follows from what it throws. */
function concluded(work) {
    try {
        return work();
    } catch (error) {
        if (error instanceof Denied) throw { tag: "denied", val: error.message };
        if (error instanceof Failed) throw { tag: "other", val: error.message };
        if (!(error instanceof Unhealthy)) throw error;
        const verdict = unhealthy(error.message);
        return error.permanent ? verdict.permanent() : verdict;
    }
}

const nanoseconds = (seconds) => (seconds === undefined ? null : Math.round(seconds * 1e9));
