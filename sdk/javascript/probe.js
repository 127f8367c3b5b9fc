// From what an author writes to what the contract wants exported.

import { Attempt } from "./attempt.js";
import { Denied, Unhealthy } from "./failure.js";
import { read, schemaOf } from "./settings.js";
import { Verdict, unhealthy } from "./verdict.js";

/** Makes a probe: what it returns is to be exported as `manifest` and `checker`. */
export function probe(about) {
    const properties = about.settings ?? {};
    const manifest = {
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
    const checker = {
        check(document, run) {
            const problems = manifest.validate(document);
            if (problems.length > 0) throw { tag: "invalid-settings", val: problems };
            const attempt = new Attempt(run);
            try {
                return examine(about, read(properties, document).settings, attempt);
            } finally {
                attempt.release();
            }
        },
    };
    return { manifest, checker };
}

function examine(about, settings, attempt) {
    let verdict;
    try {
        verdict = about.check(settings, attempt);
        if (!(verdict instanceof Verdict)) throw { tag: "other", val: "check() returned no verdict" };
    } catch (error) {
        if (error instanceof Denied) throw { tag: "denied", val: error.message };
        if (!(error instanceof Unhealthy)) throw error;
        verdict = unhealthy(error.message);
        if (error.permanent) verdict.permanent();
    }
    return verdict.record(attempt.measured());
}

const nanoseconds = (seconds) => (seconds === undefined ? null : Math.round(seconds * 1e9));
