import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

register("./hooks.js", import.meta.url);
const {
    boolean, choice, connect, connector, degraded, Failed, healthy, integer, list, lookup, number, port, probe, quote, text, Unhealthy,
} = await import("../index.js");
const { fetch } = await import("../http.js");
const tls = await import("../tls.js");
const udp = await import("../udp.js");
const { reset, world } = await import("./world.js");

const RUN = { check: "it", attempt: 1, timeLeft: 1e9, traceparent: "", state: [] };
const ABOUT = {
    name: "banner",
    version: "1.0.0",
    description: "Expects a banner.",
    interval: 30,
    timeout: 0.5,
    grants: ["tcp:{host}:{port}"],
    settings: { host: text({ minLength: 1 }), port: port(), expect: text({ default: "" }) },
    check({ host, port, expect }, run) {
        const connection = connect(run, host, port);
        const banner = run.phase("banner", () => connection.expect(expect));
        return healthy(`greets with ${quote(banner)}`);
    },
};
const SETTINGS = JSON.stringify({ host: "db", port: 22, expect: "hello" });
const check = (about = ABOUT, settings = SETTINGS) => probe(about).checker.check(settings, RUN);

test("a manifest says what the probe is", () => {
    const { settingsSchema, ...said } = probe(ABOUT).manifest.describe();
    assert.deepEqual(said, {
        name: "banner",
        version: "1.0.0",
        description: "Expects a banner.",
        defaultInterval: 30e9,
        defaultTimeout: 5e8,
        memory: null,
        critical: false,
        passive: false,
        grants: ["tcp:{host}:{port}"],
    });
    const schema = JSON.parse(settingsSchema);
    assert.deepEqual([schema.required, schema.additionalProperties], [["host", "port"], false]);
});

test("all that is wrong with settings is told", () => {
    const settings = {
        name: text({ pattern: "^[a-z]+$" }),
        mode: choice(["on", "off"], { default: "on" }),
        ports: list(port(), { minItems: 1 }),
        share: number({ maximum: 1 }),
        depth: integer({ minimum: 2 }),
        deep: boolean(),
    };
    const said = (given) => probe({ ...ABOUT, settings }).manifest.validate(JSON.stringify(given));
    assert.deepEqual(said({ name: "a", ports: [1], share: 0.5, depth: 2, deep: false }), []);
    const given = { "a/b": 1, name: "A", mode: "up", ports: [1, 0], share: 2, depth: 1.5 };
    assert.deepEqual(said(given), [
        { pointer: "/a~1b", message: "unknown; there are name, mode, ports, share, depth, deep" },
        { pointer: "/name", message: "must be a text like ^[a-z]+$" },
        { pointer: "/mode", message: "must be one of `on`, `off`" },
        { pointer: "/ports/1", message: "must be a whole number from 1 to 65535" },
        { pointer: "/share", message: "must be a number of 1 at most" },
        { pointer: "/depth", message: "must be a whole number of 2 at least" },
        { pointer: "/deep", message: "missing; it must be true or false" },
    ]);
    assert.throws(() => check(ABOUT, "{}"), (problem) => problem.tag === "invalid-settings" && problem.val.length === 2);
    assert.deepEqual(probe(ABOUT).manifest.validate("[]"), [{ pointer: "", message: "must be an object" }]);
    const validate = () => [{ pointer: "", message: "never" }];
    assert.deepEqual(probe({ ...ABOUT, validate }).manifest.validate(SETTINGS), validate());
});

test("a banner is read however it is cut", () => {
    reset({ says: ["he", "l", "lo there\r\nmore"] });
    const verdict = check();
    assert.deepEqual([verdict.status, verdict.message], ["healthy", 'greets with "hello there"']);
    assert.deepEqual(verdict.measurements.map(({ name }) => name), ["resolve", "connect", "banner", "total"]);
    assert.deepEqual([world.connects, world.open], [["192.0.2.1:22"], 0], "and everything is let go");
});

test("lines are read and texts are written in portions", () => {
    reset({ says: ["one\r\ntw", "o\n", "three"] });
    const lines = [];
    const { status } = check({
        ...ABOUT,
        check({ host, port }, run) {
            const connection = connect(run, host, port);
            connection.write("a long text\n");
            lines.push(connection.readLine(), connection.readLine(), connection.read(2).length);
            return healthy("");
        },
    });
    assert.deepEqual([status, lines, world.heard], ["healthy", ["one", "two", 2], "a long text\n"]);
});

test("what the target does not do is unhealthy", () => {
    for (const [script, message] of [
        [{}, 'db:22 did not send "hello" in time'],
        [{ says: ["good", null] }, 'db:22 closed the connection after "good"'],
        [{ says: ["x".repeat(5000)] }, `db:22 sent "${"x".repeat(120)}", and not "hello"`],
        [{ addresses: [] }, "db has no address"],
        [{ code: "connection-refused" }, "can't reach db:22: connection-refused"],
    ]) {
        reset(script);
        const verdict = check();
        assert.deepEqual([verdict.status, verdict.message, world.open], ["unhealthy", message, 0]);
    }
    assert.equal(world.now < 2e9, true, "and the verdict comes before the time is over");
});

test("every address is tried", () => {
    const code = (count) => (count === 1 ? "remote-unreachable" : null);
    reset({ addresses: ["192.0.2.1", "192.0.2.2"], code, says: ["hello"] });
    assert.equal(check().status, "healthy");
    assert.deepEqual(world.connects, ["192.0.2.1:22", "192.0.2.2:22"]);
});

test("each address has its share of the time", () => {
    reset({ addresses: ["192.0.2.1", "192.0.2.2"], code: (count) => (count === 1 ? "silence" : null), says: ["hello"] });
    assert.equal(check().status, "healthy");
    assert.equal(world.now, 1.48e9, "half of it was spent on the first");
});

test("some of the time is kept for the verdict", () => {
    for (const [left, usable] of [[0, 0], [10, 5], [100, 80], [1_000, 960], [5_000, 4_800], [60_000, 59_500]]) {
        reset({});
        const told = { ...ABOUT, check: (_, run) => healthy(String(Math.round(run.timeLeft * 1e3))) };
        assert.equal(probe(told).checker.check(SETTINGS, { ...RUN, timeLeft: left * 1e6 }).message, String(usable));
    }
});

test("what is not granted says nothing of the target", () => {
    reset({ code: "access-denied" });
    assert.throws(check, (problem) => problem.tag === "denied" && problem.val === "db:22 is not granted");
    assert.equal(world.open, 0);
});

test("a verdict is put together", () => {
    reset({});
    const check = (_, run) => {
        assert.deepEqual([run.check, run.number, run.timeLeft], ["it", 1, 0.96]);
        return degraded("slow").detail("version", "1").detail("queue", 7).detail("share", 0.5).detail("tls", true)
            .measure("queue", 7).latency(0.25).permanent().keep([1, 2]);
    };
    const { measurements, ...verdict } = probe({ ...ABOUT, check }).checker.check(SETTINGS, RUN);
    assert.deepEqual(verdict, {
        status: "degraded",
        message: "slow",
        details: [
            { key: "version", value: { tag: "text", val: "1" } },
            { key: "queue", value: { tag: "integer", val: 7 } },
            { key: "share", value: { tag: "number", val: 0.5 } },
            { key: "tls", value: { tag: "boolean", val: true } },
        ],
        latency: 250_000_000,
        permanent: true,
        state: [1, 2],
    });
    assert.deepEqual(measurements[0], { name: "queue", unit: "1", value: 7 });
});

test("mistakes of the probe are not the target's", () => {
    reset({});
    assert.throws(() => check({ ...ABOUT, check: () => null }), { tag: "other" });
    assert.throws(() => check({ ...ABOUT, check: () => null.x }), TypeError);
    const gone = () => { throw new Unhealthy("wrong password", true); };
    assert.equal(check({ ...ABOUT, check: gone }).permanent, true);
    const lost = () => { throw new Failed("no idea"); };
    assert.throws(() => check({ ...ABOUT, check: lost }), { tag: "other", val: "no idea" });
    reset({ code: "out-of-memory" });
    assert.throws(() => check(), { tag: "other", val: "the runner failed to reach db:22: out-of-memory" });
});

/** What a run comes to that does this, and is healthy by what it returns. */
function trying(script, work) {
    reset(script);
    try {
        const { status, message } = check({ ...ABOUT, check: (_, run) => healthy(work(run)) });
        return [status, message];
    } finally {
        assert.equal(world.open, 0, "everything is let go");
    }
}

test("names are looked up", () => {
    const addresses = ["192.0.2.1", "192.0.2.2"];
    assert.deepEqual(trying({ addresses }, (run) => lookup(run, "db").join()), ["healthy", "192.0.2.1,192.0.2.2"]);
});

test("datagrams ask and answer", () => {
    const said = (datagram) => String.fromCharCode(...datagram);
    const asks = (run) => said(udp.connect(run, "db", 53).ask("?", (datagram) => said(datagram) !== "busy"));
    assert.deepEqual(trying({ says: ["busy", "well"] }, asks), ["healthy", "well"]);
    assert.deepEqual([world.heard, world.connects], ["?", ["192.0.2.1:53"]]);
    assert.deepEqual(trying({}, asks), ["unhealthy", "db:53 did not answer in time"]);
    assert.deepEqual([world.heard, Math.round(world.now)], ["???", 1.96e9], "and the verdict comes before the time is over");
    assert.deepEqual(trying({ says: ["busy"] }, asks), ["unhealthy", "db:53 sent 1 datagrams, and none was the answer"]);
    assert.deepEqual(trying({ code: "connection-refused" }, asks), ["unhealthy", "can't reach db:53: connection-refused"]);
    const silent = trying({}, (run) => said(udp.connect(run, "db", 53).receive()));
    assert.deepEqual(silent, ["unhealthy", "db:53 sent nothing in time"]);
});

test("a connection goes on over TLS", () => {
    const talks = (run) => {
        const connection = tls.connect(run, "db", 443);
        connection.write("hello");
        return connection.readLine();
    };
    assert.deepEqual(trying({ says: ["well\n"] }, talks), ["healthy", "well"]);
    assert.equal(world.heard, "hello");
    const failed = ["unhealthy", "TLS handshake of db with db:443 failed: broken"];
    assert.deepEqual(trying({ proves: "shop" }, talks), failed);
});

test("requests are sent and answered", () => {
    const url = "https://db:1/a?b=c#d";
    const asks = (options, at = url) => (run) => {
        const response = fetch(run, at, options);
        return `${response.status} ${response.header("X-A")} ${response.text()} ${response.cut}`;
    };
    const answer = [404, [["X-A", "1"], ["x-a", "2"]]];
    const sent = asks({ method: "POST", headers: { a: "b" }, body: "12345" });
    assert.deepEqual(trying({ answer, says: ["no", "pe", null] }, sent), ["healthy", "404 1 nope false"]);
    assert.equal(world.heard, "12345");
    assert.deepEqual(world.request, {
        headers: { a: "b", "content-length": "5" },
        method: "post",
        scheme: "HTTPS",
        authority: "db:1",
        path: "/a?b=c",
    });
    assert.deepEqual(trying({ answer, says: ["nope"] }, asks({ most: 3 })), ["healthy", "404 1 nop true"]);
    assert.deepEqual(trying({ answer, says: ["no", "broken"] }, asks()), ["unhealthy", `the body of ${url} broke off: broken`]);
    assert.deepEqual(trying({ answer: "silence" }, asks()), ["unhealthy", `${url} did not answer in time`]);
    assert.equal(Math.round(world.now), 1.96e9, "and the verdict comes before the time is over");
    const gone = trying({ answer: { tag: "connection-refused" } }, asks());
    assert.deepEqual(gone, ["unhealthy", `can't ask ${url}: connection-refused`]);
    const refused = { answer: { tag: "HTTP-request-denied" } };
    assert.throws(() => trying(refused, asks()), { tag: "denied", val: `${url} is not granted` });
    const failed = { answer: { tag: "internal-error", val: "no memory" } };
    assert.throws(() => trying(failed, asks()), { tag: "other" });
    for (const [at, headers] of [["ftp://db/", {}], ["nowhere", {}], ["http://db/", { "a b": "c" }]]) {
        reset({ answer });
        assert.throws(() => check({ ...ABOUT, check: (_, run) => healthy(asks({ headers }, at)(run)) }), { tag: "other" });
    }
});

const LINE = {
    ...ABOUT,
    open({ host, port }, run) {
        return { connection: connect(run, host, port), asked: 0 };
    },
    check(opened, run) {
        opened.connection.write("PING");
        udp.connect(run, "db", 53);
        opened.asked += 1;
        return healthy(`${opened.connection.readLine()} ${opened.asked}`);
    },
    close({ connection }) {
        connection.write("QUIT");
    },
};

test("a connector keeps its connection", () => {
    reset({ says: ["one\ntwo\n"] });
    const { manifest, connector: exported } = connector(LINE);
    assert.equal(manifest.describe().name, "banner");
    const opened = exported.Connection.open(SETTINGS, RUN);
    const held = world.open;
    assert.equal(held > 0, true);
    for (const message of ["one 1", "two 2"]) {
        assert.equal(opened.check(RUN).message, message);
        assert.equal(world.open, held, "what a check opens ends with it");
    }
    assert.equal(opened.check(RUN).status, "unhealthy");
    opened.close();
    assert.deepEqual([world.heard, world.open], ["PINGPINGPINGQUIT", 0]);
});

test("a connector says why it does not open", () => {
    const { Connection } = connector(LINE).connector;
    for (const [settings, code, wanted] of [
        [SETTINGS, "connection-refused", "verdict"],
        [SETTINGS, "access-denied", "problem"],
        ["{}", null, "problem"],
    ]) {
        reset({ code });
        assert.throws(() => Connection.open(settings, RUN), { tag: wanted });
        assert.equal(world.open, 0);
    }
});
