import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

register("./hooks.js", import.meta.url);
const { boolean, choice, connect, degraded, healthy, integer, list, number, port, probe, quote, text, Unhealthy } =
    await import("../index.js");
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
        [{ code: "connection-refused" }, "can't connect to db:22: connection-refused"],
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
});
