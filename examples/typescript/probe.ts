// Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file.

import clock from "wasi:clocks/monotonic-clock@0.2.12";
import poll from "wasi:io/poll@0.2.12";
import network from "wasi:sockets/instance-network@0.2.12";
import lookup from "wasi:sockets/ip-name-lookup@0.2.12";
import tcp from "wasi:sockets/tcp-create-socket@0.2.12";

/** Bytes in which the banner must be. */
const MOST_BANNER = 4096;

const SCHEMA = {
    type: "object",
    additionalProperties: false,
    required: ["host", "port"],
    properties: {
        host: { type: "string", minLength: 1, description: "A name or an address." },
        port: { type: "integer", minimum: 1, maximum: 65535 },
        expect: { type: "string", default: "", description: "What the banner must have in it." },
    },
};

/** What the probe says of itself, and what is wrong with its settings. */
export const manifest = {
    describe: (): Description => ({
        name: "banner-probe",
        version: "0.1.0",
        description: "Connects to a TCP port, and expects a banner.",
        settingsSchema: JSON.stringify(SCHEMA),
        defaultInterval: 30e9,
        defaultTimeout: 5e9,
        memory: null,
        critical: false,
        passive: false,
        grants: ["tcp:{host}:{port}"],
    }),

    validate(text: string): SettingProblem[] {
        const { host, port, expect = "", ...others } = JSON.parse(text);
        const problems = Object.keys(others).map((key) => problem(`/${key}`, "unknown; there are host, port and expect"));
        if (typeof host !== "string" || host === "") {
            problems.push(problem("/host", "missing; give a name or an address such as `db.internal`"));
        }
        if (!Number.isInteger(port) || port < 1 || port > 65535) {
            problems.push(problem("/port", "must be a number from 1 to 65535"));
        }
        if (typeof expect !== "string") {
            problems.push(problem("/expect", "must be a text"));
        }
        return problems;
    },
};

const problem = (pointer: string, message: string): SettingProblem => ({ pointer, message });

/** What the operator can configure, once it was validated. */
interface Settings {
    host: string;
    port: number;
    expect?: string;
}

/** What the runner calls at each run, in a fresh instance. */
export const checker = {
    check(settings: string, run: Run): Verdict {
        const { host, port, expect = "" }: Settings = JSON.parse(settings);
        const target = `${host}:${port}`;
        const began = clock.now();
        // A target that does not answer is unhealthy, and only the probe can say so: it keeps some of its time for that.
        const deadline = clock.subscribeInstant(began + run.timeLeft - Math.max(run.timeLeft / 25, 20e6));
        // What belongs to something else has to be let go before it.
        const held: Resource[] = [deadline];
        const hold = <R extends Resource>(resource: R): R => (held.push(resource), resource);
        // Whether something happened before the time was over.
        const happened = (pollable: Pollable): boolean => {
            const ready = poll.poll([pollable, deadline]);
            pollable[Symbol.dispose]();
            return ready.includes(0);
        };

        // TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner.
        try {
            const net = hold(network.instanceNetwork());
            const names = hold(lookup.resolveAddresses(net, host));
            if (!happened(names.subscribe())) return unhealthy(`${host} was not resolved in time`);
            const address = names.resolveNextAddress();
            if (!address) return unhealthy(`${host} has no address`);

            const socket = hold(tcp.createTcpSocket(address.tag));
            socket.startConnect(net, socketAddress(address, port));
            if (!happened(socket.subscribe())) return unhealthy(`${target} took no connection in time`);
            const [input, output] = socket.finishConnect();
            held.push(input, output);
            const connected = clock.now();

            let banner = "";
            while (banner === "" || !banner.includes(expect)) {
                if (banner.length >= MOST_BANNER) return unhealthy(`${target} sent ${quote(banner)}, and not ${quote(expect)}`);
                if (!happened(input.subscribe())) return unhealthy(`${target} did not send ${quote(expect)} in time`);
                let more: Uint8Array;
                try {
                    more = input.read(MOST_BANNER - banner.length);
                } catch {
                    return unhealthy(`${target} closed the connection after ${quote(banner)}`);
                }
                banner += String.fromCharCode(...more);
            }
            const greeted = clock.now();
            return verdict("healthy", `${target} greets with ${quote(banner)}`, [
                { name: "connect", unit: "s", value: (connected - began) / 1e9 },
                { name: "banner", unit: "s", value: (greeted - connected) / 1e9 },
            ]);
        } catch (error: any) {
            const code = error?.payload ?? error?.val ?? error;
            // The runner adds the grant that the operator would have to write.
            if (code === "access-denied") throw { tag: "denied", val: `${target} is not granted` };
            if (typeof code !== "string") throw error;
            return unhealthy(`can't connect to ${target}: ${code}`);
        } finally {
            for (const resource of held.reverse()) resource[Symbol.dispose]();
        }
    },
};

const socketAddress = ({ tag, val }: IpAddress, port: number): IpSocketAddress =>
    tag === "ipv4"
        ? { tag, val: { port, address: val } }
        : { tag, val: { port, flowInfo: 0, address: val, scopeId: 0 } };

/** The first line of a text, in quotes. */
const quote = (text: string): string => JSON.stringify(text.split(/\r?\n/)[0].slice(0, 120));

const unhealthy = (message: string): Verdict => verdict("unhealthy", message, []);

const verdict = (status: Verdict["status"], message: string, measurements: Measurement[]): Verdict => ({
    status,
    message,
    details: [],
    measurements,
    latency: null,
    permanent: false,
    state: [],
});
