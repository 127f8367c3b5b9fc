// TLS over a TCP connection, done by the runner. It verifies the certificate; what it trusts, and shows of its own, is the operator's to say
// (`[check.tls]`).

import tls from "wasi:tls/types@0.2.0-draft";
import { Unhealthy } from "./failure.js";
import { Connection, connect as dial, outcome } from "./net.js";

/** Connects to a host, as which the server has to prove itself: the phases `resolve`, `connect` and `tls`. */
export function connect(run, host, port) {
    const connection = dial(run, host, port);
    return run.phase("tls", () => secure(connection, host));
}

/** Goes on over TLS, for protocols that agree on it after they have begun in the clear. */
export function secure(connection, name) {
    const { target } = connection;
    const { run, input, output } = connection.parts();
    const handshake = new tls.ClientHandshake(name, run.giveAway(input), run.giveAway(output));
    const shaken = run.hold(tls.ClientHandshake.finish(handshake));
    for (;;) {
        run.wait(shaken.subscribe(), `${target} shook no hands`);
        const came = outcome(shaken);
        if (!came) continue;
        if (came.tag === "err") {
            const why = run.hold(came.val).toDebugString().split("\n")[0];
            throw new Unhealthy(`TLS handshake of ${name} with ${target} failed: ${why}`);
        }
        const [secured, incoming, outgoing] = came.val;
        run.hold(secured);
        return new Connection(run, target, run.hold(incoming), run.hold(outgoing));
    }
}
