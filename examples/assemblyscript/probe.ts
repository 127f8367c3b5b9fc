// Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file.
//
// AssemblyScript knows nothing of components: what is imported and exported, and what lies where in memory, is as the canonical ABI has
// it. Where a function returns more than one number, its caller says where to put it, and the first byte of a `result` is 0 for ok. An
// exported function is called after its interface and its name: `probity build` puts the full name there. Nothing is given back: the
// instance lives for one run.

@external("wasi:clocks/monotonic-clock@0.2.12", "now")
declare function now(): u64;
@external("wasi:clocks/monotonic-clock@0.2.12", "subscribe-instant")
declare function alarm(at: u64): i32;
@external("wasi:io/poll@0.2.12", "poll")
declare function poll(pollables: usize, length: i32, into: usize): void;
@external("wasi:sockets/instance-network@0.2.12", "instance-network")
declare function instanceNetwork(): i32;
@external("wasi:sockets/ip-name-lookup@0.2.12", "resolve-addresses")
declare function resolveAddresses(network: i32, name: usize, length: i32, into: usize): void;
@external("wasi:sockets/ip-name-lookup@0.2.12", "[method]resolve-address-stream.subscribe")
declare function resolved(stream: i32): i32;
@external("wasi:sockets/ip-name-lookup@0.2.12", "[method]resolve-address-stream.resolve-next-address")
declare function nextAddress(stream: i32, into: usize): void;
@external("wasi:sockets/tcp-create-socket@0.2.12", "create-tcp-socket")
declare function createTcpSocket(family: i32, into: usize): void;
// The socket, the network, which kind of address, and room for the eleven numbers of an IPv6 address.
@external("wasi:sockets/tcp@0.2.12", "[method]tcp-socket.start-connect")
declare function startConnect(
    socket: i32, network: i32, kind: i32, a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32, i: i32, j: i32, k: i32,
    into: usize,
): void;
@external("wasi:sockets/tcp@0.2.12", "[method]tcp-socket.subscribe")
declare function connected(socket: i32): i32;
@external("wasi:sockets/tcp@0.2.12", "[method]tcp-socket.finish-connect")
declare function finishConnect(socket: i32, into: usize): void;
@external("wasi:io/streams@0.2.12", "[method]input-stream.subscribe")
declare function arrived(stream: i32): i32;
@external("wasi:io/streams@0.2.12", "[method]input-stream.read")
declare function read(stream: i32, most: u64, into: usize): void;

/** Bytes in which the banner must be. */
const MOST_BANNER = 4096;
/** Characters of the banner that a message shows. */
const SHOWN = 120;

const SCHEMA = `{
    "type": "object", "additionalProperties": false, "required": ["host", "port"],
    "properties": {
        "host": { "type": "string", "minLength": 1, "description": "A name or an address." },
        "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
        "expect": { "type": "string", "default": "", "description": "What the banner must have in it." }
    }
}`;

/** The error codes of wasi:sockets. */
const ERRORS = [
    "unknown", "access-denied", "not-supported", "invalid-argument", "out-of-memory", "timeout", "concurrency-conflict",
    "not-in-progress", "would-block", "invalid-state", "new-socket-limit", "address-not-bindable", "address-in-use",
    "remote-unreachable", "connection-refused", "connection-reset", "connection-aborted", "datagram-too-large",
    "name-unresolvable", "temporary-resolver-failure", "permanent-resolver-failure",
];
const ACCESS_DENIED = 1;

const HEALTHY: u8 = 0;
const UNHEALTHY: u8 = 2;

/** Where an import puts what it returns. */
const returned = heap.alloc(64);
/** Where a function of ours does. Memory is zero before it is written to. */
const answer = zeroed(128);
/** What is polled when the time is over. */
let deadline = 0;

/** Memory for what the runner has to say: always new, and never moved. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
    return heap.alloc(size);
}

function zeroed(size: usize): usize {
    const at = heap.alloc(size);
    memory.fill(at, 0, size);
    return at;
}

/** Puts a text where a record has it: its place, and its length. */
function putText(at: usize, text: string): void {
    const bytes = String.UTF8.encode(text);
    store<usize>(at, changetype<usize>(bytes));
    store<i32>(at + 4, bytes.byteLength);
}

/** Puts an optional number where a record has it. */
function putSome(at: usize, value: u64): void {
    store<u8>(at, 1);
    store<u64>(at + 8, value);
}

/** What the probe says of itself. */
export function manifest_describe(): usize {
    putText(answer, "banner-probe");
    putText(answer + 8, "0.1.0");
    putText(answer + 16, "Connects to a TCP port, and expects a banner.");
    putText(answer + 24, SCHEMA);
    putSome(answer + 32, 30_000_000_000);
    putSome(answer + 48, 5_000_000_000);
    const grants = heap.alloc(8);
    putText(grants, "tcp:{host}:{port}");
    store<usize>(answer + 84, grants);
    store<i32>(answer + 88, 1);
    return answer;
}

/** What is wrong with its settings. */
export function manifest_validate(text: usize, length: i32): usize {
    const settings = new Settings(String.UTF8.decodeUnsafe(text, length));
    const problems = heap.alloc(32);
    let count = 0;
    if (settings.host == "") {
        putText(problems, "/host");
        putText(problems + 8, "missing; give a name or an address such as `db.internal`");
        count++;
    }
    if (settings.port < 1 || settings.port > 65535) {
        putText(problems + count * 16, "/port");
        putText(problems + count * 16 + 8, "must be a number from 1 to 65535");
        count++;
    }
    store<usize>(answer, problems);
    store<i32>(answer + 4, count);
    return answer;
}

class Settings {
    host: string;
    port: i32;
    expect: string;

    constructor(json: string) {
        this.host = valueOf(json, "host");
        this.expect = valueOf(json, "expect");
        const port = valueOf(json, "port");
        this.port = I32.parseInt(port);
        if (this.port.toString() != port) this.port = 0;
    }
}

/** The value of a key, as a text. The settings are one flat object, so this is all the JSON there is. */
function valueOf(json: string, key: string): string {
    let at = json.indexOf(`"${key}"`);
    if (at < 0) return "";
    at = json.indexOf(":", at) + 1;
    while (at < json.length && json.charCodeAt(at) <= 0x20) at++;
    if (json.charAt(at) != '"') {
        let end = at;
        while (end < json.length && !",} \t\r\n".includes(json.charAt(end))) end++;
        return json.substring(at, end);
    }
    let text = "";
    for (at++; at < json.length && json.charAt(at) != '"'; at++) {
        let next = json.charAt(at);
        if (next == "\\") {
            next = json.charAt(++at);
            next = next == "n" ? "\n" : next == "r" ? "\r" : next == "t" ? "\t" : next;
        }
        text += next;
    }
    return text;
}

/** What the runner calls at each run, in a fresh instance: the settings, then the parts of the run. */
export function checker_check(
    text: usize, length: i32, check: usize, checkLength: i32, attempt: i32, timeLeft: u64, traceparent: usize,
    traceparentLength: i32, state: usize, stateLength: i32,
): usize {
    const settings = new Settings(String.UTF8.decodeUnsafe(text, length));
    const host = settings.host;
    const target = `${host}:${settings.port}`;
    const began = now();
    // A target that does not answer is unhealthy, and only the probe can say so: it keeps some of its time for that.
    const keep = max<u64>(timeLeft / 25, 20_000_000);
    deadline = alarm(began + (timeLeft > keep ? timeLeft - keep : 0));

    // TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner.
    const network = instanceNetwork();
    const name = String.UTF8.encode(host);
    resolveAddresses(network, changetype<usize>(name), name.byteLength, returned);
    if (load<u8>(returned)) return failed(target, load<u8>(returned + 4));
    const names = load<i32>(returned + 4);
    if (!happens(resolved(names))) return verdict(UNHEALTHY, `${host} was not resolved in time`);
    nextAddress(names, returned);
    if (load<u8>(returned)) return failed(target, load<u8>(returned + 2));
    if (!load<u8>(returned + 2)) return verdict(UNHEALTHY, `${host} has no address`);

    // Which kind of address it is lies at 4, its parts from 6 on.
    const kind = load<u8>(returned + 4);
    const address = heap.alloc(16);
    memory.copy(address, returned + 6, 16);
    createTcpSocket(kind, returned);
    if (load<u8>(returned)) return failed(target, load<u8>(returned + 4));
    const socket = load<i32>(returned + 4);
    if (kind == 0) {
        startConnect(
            socket, network, 0, settings.port, load<u8>(address), load<u8>(address, 1), load<u8>(address, 2), load<u8>(address, 3),
            0, 0, 0, 0, 0, 0, returned,
        );
    } else {
        startConnect(
            socket, network, 1, settings.port, 0, load<u16>(address), load<u16>(address, 2), load<u16>(address, 4),
            load<u16>(address, 6), load<u16>(address, 8), load<u16>(address, 10), load<u16>(address, 12), load<u16>(address, 14), 0,
            returned,
        );
    }
    if (load<u8>(returned)) return failed(target, load<u8>(returned + 1));
    if (!happens(connected(socket))) return verdict(UNHEALTHY, `${target} took no connection in time`);
    finishConnect(socket, returned);
    if (load<u8>(returned)) return failed(target, load<u8>(returned + 4));
    const input = load<i32>(returned + 4);
    const met = now();

    let banner = "";
    do {
        if (banner.length >= MOST_BANNER) {
            return verdict(UNHEALTHY, `${target} sent ${quote(banner)}, and not ${quote(settings.expect)}`);
        }
        if (!happens(arrived(input))) return verdict(UNHEALTHY, `${target} did not send ${quote(settings.expect)} in time`);
        read(input, MOST_BANNER - banner.length, returned);
        if (load<u8>(returned)) return verdict(UNHEALTHY, `${target} closed the connection after ${quote(banner)}`);
        for (let at = load<usize>(returned + 4), end = at + load<usize>(returned + 8); at < end; at++) {
            banner += String.fromCharCode(load<u8>(at));
        }
    } while (banner == "" || !banner.includes(settings.expect));

    const measurements = heap.alloc(48);
    measure(measurements, "connect", met - began);
    measure(measurements + 24, "banner", now() - met);
    store<usize>(answer + 28, measurements);
    store<i32>(answer + 32, 2);
    return verdict(HEALTHY, `${target} greets with ${quote(banner)}`);
}

/** Whether this happens before the time is over. */
function happens(pollable: i32): bool {
    store<i32>(returned, pollable);
    store<i32>(returned + 4, deadline);
    poll(returned, 2, returned + 8);
    // Both are ready, or the one that is has the number 0.
    return load<i32>(returned + 12) == 2 || load<i32>(load<usize>(returned + 8)) == 0;
}

/** The first line of a text, in quotes. */
function quote(text: string): string {
    const end = text.indexOf("\n");
    let line = end < 0 ? text : text.substring(0, end);
    if (line.endsWith("\r")) line = line.substring(0, line.length - 1);
    return `"${line.substring(0, SHOWN)}"`;
}

function measure(at: usize, name: string, nanoseconds: u64): void {
    putText(at, name);
    putText(at + 8, "s");
    store<f64>(at + 16, <f64>nanoseconds / 1e9);
}

/** A verdict, which lies 8 bytes into the result, whose first byte is 0: ok. */
function verdict(status: u8, message: string): usize {
    store<u8>(answer + 8, status);
    putText(answer + 12, message);
    return answer;
}

/** What follows from an error code. */
function failed(target: string, code: u8): usize {
    if (code != ACCESS_DENIED) return verdict(UNHEALTHY, `can't connect to ${target}: ${ERRORS[code]}`);
    // Not ok: the problem `denied`. The runner adds the grant that the operator would have to write.
    store<u8>(answer, 1);
    return verdict(1, `${target} is not granted`);
}
