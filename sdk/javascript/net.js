// TCP, with the run's deadline built in.

import network from "wasi:sockets/instance-network@0.2.12";
import resolver from "wasi:sockets/ip-name-lookup@0.2.12";
import tcp from "wasi:sockets/tcp-create-socket@0.2.12";
import { Denied, Failed, Unhealthy } from "./failure.js";
import { bytesOf, joined, latin1, quote } from "./verdict.js";

/** Bytes that are written in one call, as the contract of `wasi:io` allows. */
export const PORTION = 4096;
/** The errors of sockets that say something of the target; what the others say is of the runner, or of its system. */
const OF_TARGET = new Set([
    "timeout", "remote-unreachable", "connection-refused", "connection-reset", "connection-aborted", "name-unresolvable",
    "temporary-resolver-failure", "permanent-resolver-failure",
]);

/** Connects to a host, which may have several addresses: the phases `resolve` and `connect`. */
export function connect(run, host, port) {
    const target = `${host}:${port}`;
    const { net, addresses } = resolve(run, host, target);
    return run.phase("connect", () => {
        let last;
        for (const [at, address] of addresses.entries()) {
            try {
                // Each has its share of the time.
                const patience = run.timeLeft / (addresses.length - at);
                return failing(target, () => dial(run, net, address, port, target, patience));
            } catch (error) {
                // The next address may be that of another machine; who is not granted one may be granted the next.
                last = error;
                if (run.timeLeft === 0) break;
            }
        }
        throw last;
    });
}

/** The addresses of a host, in the order of the resolver, and at least one: the phase `resolve`. */
export const lookup = (run, host) => resolve(run, host, host).addresses.map(written);

function written({ tag, val }) {
    const parts = Array.from(val);
    return tag === "ipv4" ? parts.join(".") : parts.map((part) => part.toString(16)).join(":");
}

/** The network, and the addresses of a host: the phase `resolve`. */
export function resolve(run, host, target) {
    const net = run.hold(failing(target, () => network.instanceNetwork()));
    const addresses = run.phase("resolve", () =>
        failing(target, () => {
            const names = run.hold(resolver.resolveAddresses(net, host));
            const found = [];
            for (;;) {
                run.wait(names.subscribe(), `${host} was not resolved`);
                const address = names.resolveNextAddress();
                if (!address) return found;
                found.push(address);
            }
        }),
    );
    if (addresses.length === 0) throw new Unhealthy(`${host} has no address`);
    return { net, addresses };
}

function dial(run, net, address, port, target, patience) {
    const socket = run.hold(tcp.createTcpSocket(address.tag));
    socket.startConnect(net, socketAddress(address, port));
    run.wait(socket.subscribe(), `${target} took no connection`, patience);
    const [input, output] = socket.finishConnect();
    return new Connection(run, target, run.hold(input), run.hold(output));
}

/** Where on an address. */
export const socketAddress = ({ tag, val }, port) =>
    tag === "ipv4" ? { tag, val: { port, address: val } } : { tag, val: { port, flowInfo: 0, address: val, scopeId: 0 } };

/** Does something of the network, and says what its errors mean. */
export function failing(target, work) {
    try {
        return work();
    } catch (error) {
        const code = told(error);
        if (code === "access-denied") throw new Denied(`${target} is not granted`);
        if (OF_TARGET.has(code)) throw new Unhealthy(`can't reach ${target}: ${code}`);
        if (typeof code === "string") throw new Failed(`the runner failed to reach ${target}: ${code}`);
        throw error;
    }
}

/** What an error of an import has in it. */
export const told = (error) => error?.payload ?? error;

/** What a future has come to; nothing if it is not there yet. The outer error would mean that it was taken before, and it is taken once. */
export const outcome = (future) => future.get()?.val;

export class Connection {
    #run;
    #input;
    #output;
    #read = new Uint8Array();

    constructor(run, target, input, output) {
        this.#run = run;
        this.#input = input;
        this.#output = output;
        this.target = target;
    }

    /** What it is made of, for what goes on over it. */
    parts() {
        return { run: this.#run, input: this.#input, output: this.#output };
    }

    /** What has arrived, as soon as something has: `most` bytes at most, and none if the target has closed the connection. */
    read(most = PORTION) {
        if (this.#read.length === 0) this.#receive();
        const read = this.#read.slice(0, most);
        this.#read = this.#read.slice(read.length);
        return read;
    }

    /** Waits until this text has arrived, or, if it is empty, anything: all that has by then. */
    expect(text, most = PORTION) {
        this.#find(text, most);
        return this.read(most);
    }

    /** The next line, as a text without its end. */
    readLine(most = PORTION) {
        const end = this.#find("\n", most) + 1;
        return latin1(this.read(end)).replace(/\r?\n$/, "");
    }

    /** Where a text is in what has arrived, once it has. */
    #find(text, most) {
        for (;;) {
            const arrived = latin1(this.#read);
            const at = arrived.indexOf(text);
            if (at >= 0 && arrived !== "") return at;
            if (arrived.length >= most) throw new Unhealthy(`${this.target} sent ${quote(arrived)}, and not ${quote(text)}`);
            if (!this.#receive(`${this.target} did not send ${quote(text)}`)) {
                throw new Unhealthy(`${this.target} closed the connection after ${quote(arrived)}`);
            }
        }
    }

    /** Sends all of a text or of bytes. */
    write(said) {
        const bytes = bytesOf(said);
        for (let at = 0; at < bytes.length;) {
            this.#run.wait(this.#output.subscribe(), `${this.target} took no more`);
            const room = Number(this.#writable());
            const portion = bytes.slice(at, at + Math.min(room, PORTION));
            if (portion.length > 0) this.#broken(() => this.#output.write(portion));
            at += portion.length;
        }
        this.#broken(() => this.#output.flush());
        // It can be written to again once the flush is done.
        this.#run.wait(this.#output.subscribe(), `${this.target} took no more`);
    }

    #writable() {
        return this.#broken(() => this.#output.checkWrite());
    }

    #broken(work) {
        try {
            return work();
        } catch {
            throw new Unhealthy(`${this.target} closed the connection`);
        }
    }

    /** Waits for more; whether there is some. */
    #receive(otherwise = `${this.target} sent nothing`) {
        let more;
        do {
            this.#run.wait(this.#input.subscribe(), otherwise);
            try {
                more = this.#input.read(PORTION);
            } catch {
                return false;
            }
        } while (more.length === 0);
        this.#read = joined([this.#read, more]);
        return true;
    }
}
