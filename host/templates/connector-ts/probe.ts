// Keeps a TCP connection open, and asks over it at each run. Everything that a probe consists of is in this file.

import { connect, connector as live, healthy, port, quote, text, unhealthy } from "./sdk/index.js";

export const { manifest, connector } = live({
    name: "line-probe",
    version: "0.1.0",
    description: "Keeps a TCP connection open, and asks over it.",
    interval: 30, // seconds
    timeout: 5,
    // What the operator can configure.
    settings: {
        host: text({ minLength: 1, description: "A name or an address." }),
        port: port(),
        ask: text({ default: "PING", description: "The line that is sent." }),
        expect: text({ default: "PONG", description: "What the line that comes back must have in it." }),
    },
    grants: ["tcp:{host}:{port}"],

    // What it returns lives in its sandbox until it is closed, and so does whatever it keeps.
    open({ host, port, ask, expect }, run) {
        return { connection: connect(run, host, port), ask, expect, asked: 0 };
    },

    // What the runner calls at each run.
    check(line, run) {
        // TODO: this is where your own examination goes. Here: ask, and expect an answer.
        const answer = run.phase("answer", () => {
            line.connection.write(`${line.ask}\r\n`);
            return line.connection.readLine();
        });
        line.asked += 1;
        const said = `${line.connection.target} answers ${quote(answer)}`;
        return answer.includes(line.expect) ? healthy(`${said}, ${line.asked} times so far`) : unhealthy(said);
    },

    // Nobody waits for what comes of it.
    close({ connection }) {
        connection.write("QUIT\r\n");
    },
});
