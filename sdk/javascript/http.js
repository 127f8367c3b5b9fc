// HTTP, sent by the runner: it resolves, connects and speaks TLS, by the grants `http:` and `https:`.

import handler from "wasi:http/outgoing-handler@0.2.12";
import types from "wasi:http/types@0.2.12";
import { Denied, Failed, Unhealthy } from "./failure.js";
import { PORTION, outcome, told } from "./net.js";
import { bytesOf, joined, latin1 } from "./verdict.js";

/** Bytes of a body that are read where nothing is said. */
const MOST = 1024 * 1024;
/** The methods that have a word of their own in the contract. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
/** Scheme, authority, and path with query of a URL. */
const URL = /^(https?):\/\/([^/?#\s]+)([^#\s]*)(?:#.*)?$/;

/** Sends a request, and waits for the whole answer: the phases `first-byte` and `body`. Whatever its status is, it is an answer. */
export function fetch(run, url, { method = "GET", headers = {}, body = "", most = MOST } = {}) {
    const head = run.phase("first-byte", () => ask(run, url, method, headers, bytesOf(body)));
    const fields = {};
    for (const [name, value] of run.hold(head.headers()).entries()) (fields[name.toLowerCase()] ??= []).push(latin1(value));
    const read = run.phase("body", () => readBody(run, url, head, most));
    return new Response(head.status(), fields, read);
}

class Response {
    constructor(status, headers, { body, cut }) {
        this.status = status;
        this.headers = headers;
        this.body = body;
        this.cut = cut;
    }

    /** The first value of a header. */
    header(name) {
        return this.headers[name.toLowerCase()]?.[0];
    }

    /** The body as a text, a character for each byte. */
    text() {
        return latin1(this.body);
    }
}

/** Sends a request, and waits for the head of the answer. */
function ask(run, url, method, headers, body) {
    const request = made(url, method, headers, body);
    const outgoing = body.length > 0 ? run.hold(request.body()) : undefined;
    let pending;
    try {
        pending = run.hold(handler.handle(request, options(run)));
    } catch (error) {
        throw meaning(told(error), url);
    }
    if (outgoing) send(run, url, outgoing, body);
    for (;;) {
        run.wait(pending.subscribe(), `${url} did not answer`);
        const came = outcome(pending);
        if (!came) continue;
        if (came.tag === "err") throw meaning(came.val, url);
        return run.hold(came.val);
    }
}

/** The request as the contract has it. */
function made(url, method, headers, body) {
    const [, scheme, authority, path] = URL.exec(url) ?? [];
    if (!scheme) throw new Failed(`${url} is no URL of http or https`);
    const fields = new types.Fields();
    // Without the length HTTP/1.1 would send the body in chunks, which not every server takes.
    const all = body.length > 0 ? { ...headers, "content-length": String(body.length) } : headers;
    for (const [name, value] of Object.entries(all)) {
        taken(`the header ${name}`, () => fields.append(name, bytesOf(value)));
    }
    const request = new types.OutgoingRequest(fields);
    taken(`the method ${method}`, () =>
        request.setMethod(METHODS.includes(method) ? { tag: method.toLowerCase() } : { tag: "other", val: method }),
    );
    taken(`the scheme ${scheme}`, () => request.setScheme({ tag: scheme === "https" ? "HTTPS" : "HTTP" }));
    taken(`the host ${authority}`, () => request.setAuthority(authority));
    taken(`the path ${path}`, () => request.setPathWithQuery(path.startsWith("/") ? path : `/${path}`));
    return request;
}

/** Gives the runner a part of a request. */
function taken(part, work) {
    try {
        work();
    } catch {
        throw new Failed(`the runner does not take ${part}`);
    }
}

/** Time-outs for the runner, so that it stops when the probe does. */
function options(run) {
    const options = new types.RequestOptions();
    const left = Math.round(run.timeLeft * 1e9);
    options.setConnectTimeout(left);
    options.setFirstByteTimeout(left);
    options.setBetweenBytesTimeout(left);
    return options;
}

function send(run, url, outgoing, body) {
    const stream = outgoing.write();
    try {
        for (let at = 0; at < body.length;) {
            run.wait(stream.subscribe(), `${url} took no more`);
            const portion = body.slice(at, at + Math.min(Number(stream.checkWrite()), PORTION));
            stream.write(portion);
            at += portion.length;
        }
        stream.flush();
    } catch (error) {
        if (error instanceof Unhealthy) throw error;
        // The answer says why, or comes all the same: a server may answer before it has read all.
        return;
    } finally {
        stream[Symbol.dispose]();
    }
    try {
        types.OutgoingBody.finish(run.giveAway(outgoing), null);
    } catch {
        // As the write would have failed.
    }
}

/** What there is of a body, and whether it was cut. */
function readBody(run, url, head, most) {
    const stream = run.hold(run.hold(head.consume()).stream());
    const read = [];
    for (let length = 0; length <= most;) {
        run.wait(stream.subscribe(), `the body of ${url} did not come`);
        try {
            // One byte more than is wanted tells a body that fits from one that does not.
            const more = stream.read(most - length + 1);
            read.push(more);
            length += more.length;
        } catch (error) {
            const ended = told(error);
            if (ended?.tag !== "last-operation-failed") return { body: joined(read), cut: false };
            const why = run.hold(ended.val).toDebugString().split("\n")[0];
            throw new Unhealthy(`the body of ${url} broke off: ${why}`);
        }
    }
    return { body: joined(read).slice(0, most), cut: true };
}

/** What an error of HTTP says of the target, or of the check. */
function meaning(code, url) {
    const kind = (code?.tag ?? String(code)).toLowerCase();
    if (kind === "http-request-denied" || kind === "destination-ip-prohibited") return new Denied(`${url} is not granted`);
    if (kind === "internal-error") return new Failed(`the runner failed to ask ${url}: ${code.val ?? "it does not say why"}`);
    return new Unhealthy(`can't ask ${url}: ${kind}`);
}
