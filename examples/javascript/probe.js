// Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file.

import { connect, healthy, port, probe, quote, text } from "./sdk/index.js";

/** What the probe is, and what the runner calls at each run, in a fresh instance. */
export const { manifest, checker } = probe({
    name: "banner-probe",
    version: "0.1.0",
    description: "Connects to a TCP port, and expects a banner.",
    interval: 30,
    timeout: 5,
    settings: {
        host: text({ minLength: 1, description: "A name or an address." }),
        port: port(),
        expect: text({ default: "", description: "What the banner must have in it." }),
    },
    grants: ["tcp:{host}:{port}"],

    check({ host, port, expect }, run) {
        // TODO: this is where your own examination goes. Here: connect, and wait for the banner.
        const connection = connect(run, host, port);
        const banner = run.phase("banner", () => connection.expect(expect));
        return healthy(`${connection.target} greets with ${quote(banner)}`);
    },
});
