/** What probes in JavaScript and TypeScript share. */

/** The JSON Schema of one setting. What has no `default` has to be given. */
export interface Schema<T> {
    readonly type: string;
    readonly description?: string;
    readonly default?: T;
}

interface TextOptions {
    minLength?: number;
    maxLength?: number;
    /** A regular expression that some part of it must match. */
    pattern?: string;
    description?: string;
    default?: string;
}

interface NumberOptions {
    minimum?: number;
    maximum?: number;
    description?: string;
    default?: number;
}

export function text(options?: TextOptions): Schema<string>;
export function integer(options?: NumberOptions): Schema<number>;
export function number(options?: NumberOptions): Schema<number>;
export function boolean(options?: { description?: string; default?: boolean }): Schema<boolean>;
/** One of some words. */
export function choice<const W extends string>(values: readonly W[], options?: { description?: string; default?: W }): Schema<W>;
export function list<T>(
    items: Schema<T>,
    options?: { minItems?: number; maxItems?: number; description?: string; default?: T[] },
): Schema<T[]>;
/** From 1 to 65535. */
export function port(options?: NumberOptions): Schema<number>;

/** What the settings are, by their schemas. */
export type Settings<S> = { readonly [K in keyof S]: S[K] extends Schema<infer T> ? T : never };

/** What a probe says of its target. Each method adds to it, and returns it. */
export class Verdict {
    /** One fact, for people. */
    detail(key: string, value: string | number | boolean): this;
    /** One figure, for time series, in a unit of UCUM: `s`, `By`, `1`, `%`. */
    measure(name: string, value: number, unit?: string): this;
    /** How long the target took, in seconds; without it, the runner's own timing counts. */
    latency(seconds: number): this;
    /** The failure will not go away by itself: trying again soon is pointless. */
    permanent(): this;
    /** Bytes that the next run of the same check finds in `run.state`. */
    keep(state: Iterable<number>): this;
}

export function healthy(message: string): Verdict;
/** It works, but not as well as it should. */
export function degraded(message: string): Verdict;
export function unhealthy(message: string): Verdict;

/** Thrown, it is an unhealthy verdict. */
export class Unhealthy extends Error {
    constructor(message: string, permanent?: boolean);
    readonly permanent: boolean;
}

/** Thrown, nothing is known of the target: the probe or its runner could not do its part. */
export class Failed extends Error {}

/** Thrown by `connect` where the check has no grant. The runner adds the one that is missing. */
export class Denied extends Error {}

/** The first line of a text or of bytes, in quotes, and no more of it than a message should show. */
export function quote(said: string | Uint8Array): string;

/** One run. */
export interface Attempt {
    /** The name of the check. */
    readonly check: string;
    /** 1 for the first attempt, one more for each retry. */
    readonly number: number;
    /** A W3C traceparent, to hand on to the target; may be empty. */
    readonly traceparent: string;
    /** What the last verdict kept. */
    readonly state: Uint8Array;
    /** Seconds until waiting for the target must end, so that the verdict still comes in time. All of this package keeps to it. */
    readonly timeLeft: number;
    /** Seconds since the run began. */
    readonly elapsed: number;
    /** Does one phase; how long it took becomes a measurement of that name. */
    phase<T>(name: string, work: () => T): T;
}

/** A TCP connection. Whatever does not happen in time, or after the target has left, throws `Unhealthy`. */
export interface Connection {
    /** How messages call the target: `host:port`. */
    readonly target: string;
    /** What has arrived, as soon as something has; empty if the target has closed the connection. */
    read(most?: number): Uint8Array;
    /** Waits until this text has arrived, or, if it is empty, anything; within `most` bytes. All that has arrived by then. */
    expect(text: string, most?: number): Uint8Array;
    /** The next line, without its end. */
    readLine(most?: number): string;
    /** Sends all of a text (a byte for each character) or of bytes. */
    write(said: string | Uint8Array): void;
}

/** Connects to a host: the phases `resolve` and `connect`. The connection ends with the run. */
export function connect(run: Attempt, host: string, port: number): Connection;

/** The addresses of a host, in the order of the resolver, and at least one: the phase `resolve`. */
export function lookup(run: Attempt, host: string): string[];

export interface SettingProblem {
    /** A JSON pointer into the settings, such as `/port`. */
    pointer: string;
    /** What is wrong, and what would be right. */
    message: string;
}

/** What every probe is. */
export interface Described<S> {
    name: string;
    /** As Semantic Versioning writes it. */
    version: string;
    /** One sentence. */
    description: string;
    /** Seconds between runs, where the operator says nothing. */
    interval?: number;
    /** Seconds that a run may take, where the operator says nothing. */
    timeout?: number;
    /** Bytes of memory that it needs, where the usual limit is too little. */
    memory?: number;
    critical?: boolean;
    passive?: boolean;
    settings?: S;
    /** What a check has to be granted, as templates over its settings: `tcp:{host}:{port}`. */
    grants?: string[];
    /** What is wrong with settings that have the right form. */
    validate?(settings: Settings<S>): SettingProblem[];
}

/** What a probe is that examines its target from nothing at each run. */
export interface About<S> extends Described<S> {
    /** Examines the target once. */
    check(settings: Settings<S>, run: Attempt): Verdict;
}

/** What a probe is whose connection stays open between runs. */
export interface Live<S, C> extends Described<S> {
    /** Dials the target: what it opens of the network stays open until `close`. What it returns is handed to the others. */
    open(settings: Settings<S>, run: Attempt): C;
    /** Examines the target over the connection. What it opens itself is closed when it is done. After an unhealthy verdict the connection is
     *  closed and dialled anew. */
    check(connection: C, run: Attempt): Verdict;
    /** Takes leave of the target as its protocol asks, and waits for no answer. */
    close?(connection: C, run: Attempt): void;
}

/** What the contract wants exported. */
export interface Exports {
    manifest: object;
    checker: object;
}

/** Makes a probe: `export const { manifest, checker } = probe({ … })`. */
export function probe<S extends Record<string, Schema<any>>>(about: About<S>): Exports;

/** Makes a probe whose connection stays open: `export const { manifest, connector } = connector({ … })`. */
export function connector<S extends Record<string, Schema<any>>, C>(about: Live<S, C>): { manifest: object; connector: object };
