// A world for the tests: the parts of WASI that the package imports, played by scripts. Time stands still but for what is waited.

/** What is set by a test: what a connection says (null closes it), how names are resolved, which name a server of TLS can prove, and what is
 *  answered by HTTP: a status, headers and a body, or an error. */
export const world = {};

export function reset(script) {
    const usual = { now: 1e9, says: [], heard: "", addresses: ["192.0.2.1"], connects: [], open: 0, code: null, proves: "db" };
    Object.assign(world, usual, { request: {}, answer: null }, script);
}

/** Of a list, or of whatever else an import takes: it is no longer whose it was. */
function taken(...resources) {
    for (const resource of resources) {
        if (resource.isGone) throw new Error("it was given away before");
        resource[Symbol.dispose]();
    }
}

class Resource {
    constructor() {
        world.open += 1;
    }
    [Symbol.dispose]() {
        if (this.isGone) throw new Error("it is gone");
        this.isGone = true;
        world.open -= 1;
    }
}

class Pollable extends Resource {
    constructor(at) {
        super();
        this.at = at;
    }
}

const ready = () => new Pollable(0);
const never = () => new Pollable(Infinity);

class Names extends Resource {
    #left = [...world.addresses];
    subscribe = ready;
    resolveNextAddress() {
        const next = this.#left.shift();
        return next && { tag: "ipv4", val: next.split(".").map(Number) };
    }
}

class Input extends Resource {
    subscribe = () => (world.says.length === 0 ? never() : ready());
    read(most) {
        const said = world.says.shift();
        if (said === null) throw { payload: { tag: "closed" } };
        if (said === "broken") throw { payload: { tag: "last-operation-failed", val: new Broken() } };
        return bytes(said.slice(0, most));
    }
}

class Output extends Resource {
    subscribe = ready;
    checkWrite = () => 4;
    write(bytes) {
        world.heard += String.fromCharCode(...bytes);
    }
    flush() {}
}

const bytes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

class Broken extends Resource {
    toDebugString = () => "broken\nand more";
}

class Incoming extends Input {
    receive = () => (world.says.length === 0 ? [] : [{ data: bytes(world.says.shift()) }]);
}

class Outgoing extends Resource {
    subscribe = ready;
    checkSend = () => 1;
    send([{ data, remoteAddress }]) {
        if (world.code) throw { payload: world.code };
        if (remoteAddress !== null) throw new TypeError("an option is null");
        world.heard += String.fromCharCode(...data);
        return 1;
    }
}

class UdpSocket extends Resource {
    subscribe = ready;
    startBind(_, { val }) {
        if (val.port !== 0) throw new Error("any port");
    }
    finishBind() {}
    stream({ val }) {
        world.connects.push(`${val.address.join(".")}:${val.port}`);
        return [new Incoming(), new Outgoing()];
    }
}

/** Something to come, which is not there at the first look. */
class Future extends Resource {
    #came;
    constructor(came) {
        super();
        this.#came = [null, { tag: "ok", val: came }];
    }
    subscribe = () => (this.#came.at(-1).val === "silence" ? never() : ready());
    get = () => this.#came.shift();
}

class ClientHandshake {
    constructor(name, input, output) {
        taken(input, output);
        this.proved = name === world.proves;
    }
    static finish({ proved }) {
        if (!proved) return new Future({ tag: "err", val: new Broken() });
        return new Future({ tag: "ok", val: [new Resource(), new Input(), new Output()] });
    }
}

class Body extends Resource {
    write = () => new Output();
    stream = () => new Input();
    static finish(body, trailers) {
        if (trailers !== null) throw new TypeError("an option is null");
        taken(body);
    }
}

class Fields extends Resource {
    #all = {};
    append(name, value) {
        if (name.includes(" ")) throw { payload: { tag: "invalid-syntax" } };
        this.#all[name] = String.fromCharCode(...value);
    }
    entries = () => world.answer[1].map(([name, value]) => [name, bytes(value)]);
    all = () => this.#all;
}

class OutgoingRequest extends Resource {
    constructor(fields) {
        super();
        world.request.headers = fields.all();
        taken(fields);
    }
    setMethod = ({ tag }) => (world.request.method = tag);
    setScheme = ({ tag }) => (world.request.scheme = tag);
    setAuthority = (authority) => (world.request.authority = authority);
    setPathWithQuery = (path) => (world.request.path = path);
    body = () => new Body();
}

class RequestOptions extends Resource {
    setConnectTimeout = (left) => {
        if (!(left > 0 && left < 1e9)) throw new Error(`${left} ns`);
    };
    setFirstByteTimeout = this.setConnectTimeout;
    setBetweenBytesTimeout = this.setConnectTimeout;
}

class IncomingResponse extends Resource {
    status = () => world.answer[0];
    headers = () => new Fields();
    consume = () => new Body();
}

function handle(request, options) {
    taken(request, options);
    if (world.answer === "silence") return new Future("silence");
    return new Future(Array.isArray(world.answer) ? { tag: "ok", val: new IncomingResponse() } : { tag: "err", val: world.answer });
}

class Socket extends Resource {
    subscribe = ready;
    startConnect(_, { val }) {
        world.connects.push(`${val.address.join(".")}:${val.port}`);
        const code = typeof world.code === "function" ? world.code(world.connects.length) : world.code;
        if (code === "silence") this.subscribe = never;
        else if (code) throw { payload: code };
    }
    finishConnect = () => [new Input(), new Output()];
}

export const modules = {
    "wasi:clocks/monotonic-clock": { now: () => world.now, subscribeInstant: (at) => new Pollable(at) },
    "wasi:io/poll": {
        poll(pollables) {
            world.now = Math.max(world.now, Math.min(...pollables.map(({ at }) => at)));
            return pollables.flatMap(({ at }, index) => (at <= world.now ? [index] : []));
        },
    },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Resource() },
    "wasi:sockets/ip-name-lookup": { resolveAddresses: () => new Names() },
    "wasi:sockets/tcp-create-socket": { createTcpSocket: () => new Socket() },
    "wasi:sockets/udp-create-socket": { createUdpSocket: () => new UdpSocket() },
    "wasi:tls/types": { ClientHandshake },
    "wasi:http/types": { Fields, OutgoingRequest, OutgoingBody: Body, RequestOptions },
    "wasi:http/outgoing-handler": { handle },
};
