// A world for the tests: the parts of WASI that the package imports, played by scripts. Time stands still but for what is waited.

/** What is set by a test: what a connection says (null closes it), and how names are resolved. */
export const world = { now: 1e9, says: [], heard: "", addresses: [], connects: [], open: 0, code: null };

export function reset(script) {
    Object.assign(world, { now: 1e9, says: [], heard: "", addresses: ["192.0.2.1"], connects: [], open: 0, code: null }, script);
}

class Resource {
    constructor() {
        world.open += 1;
    }
    [Symbol.dispose]() {
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
    read() {
        const said = world.says.shift();
        if (said === null) throw { payload: { tag: "closed" } };
        return Uint8Array.from(said, (character) => character.charCodeAt(0));
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

class Socket extends Resource {
    subscribe = ready;
    startConnect(_, { val }) {
        world.connects.push(`${val.address.join(".")}:${val.port}`);
        const code = typeof world.code === "function" ? world.code(world.connects.length) : world.code;
        if (code) throw { payload: code };
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
};
