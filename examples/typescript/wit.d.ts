// The types of the WIT, as far as the probe uses it. What a function returns as an error is thrown.

/** Something of the runner's. What belongs to something else has to be let go before it. */
interface Resource {
    [Symbol.dispose](): void;
}
type Pollable = Resource;
type Network = Resource;

type IpAddress = { tag: "ipv4"; val: number[] } | { tag: "ipv6"; val: number[] };
type IpSocketAddress =
    | { tag: "ipv4"; val: { port: number; address: number[] } }
    | { tag: "ipv6"; val: { port: number; flowInfo: number; address: number[]; scopeId: number } };

interface InputStream extends Resource {
    read(length: number): Uint8Array;
    subscribe(): Pollable;
}
interface TcpSocket extends Resource {
    startConnect(network: Network, remote: IpSocketAddress): void;
    finishConnect(): [InputStream, Resource];
    subscribe(): Pollable;
}
interface ResolveAddressStream extends Resource {
    resolveNextAddress(): IpAddress | null;
    subscribe(): Pollable;
}

declare module "wasi:clocks/monotonic-clock@0.2.12" {
    const clock: { now(): number; subscribeInstant(when: number): Pollable };
    export default clock;
}
declare module "wasi:io/poll@0.2.12" {
    const poll: { poll(pollables: Pollable[]): number[] };
    export default poll;
}
declare module "wasi:sockets/instance-network@0.2.12" {
    const network: { instanceNetwork(): Network };
    export default network;
}
declare module "wasi:sockets/ip-name-lookup@0.2.12" {
    const lookup: { resolveAddresses(network: Network, name: string): ResolveAddressStream };
    export default lookup;
}
declare module "wasi:sockets/tcp-create-socket@0.2.12" {
    const tcp: { createTcpSocket(family: "ipv4" | "ipv6"): TcpSocket };
    export default tcp;
}

interface Measurement {
    name: string;
    unit: string;
    value: number;
}
interface Verdict {
    status: "healthy" | "degraded" | "unhealthy";
    message: string;
    details: { key: string; value: { tag: string; val: string | number | boolean } }[];
    measurements: Measurement[];
    latency: number | null;
    permanent: boolean;
    state: Uint8Array | number[];
}
interface SettingProblem {
    pointer: string;
    message: string;
}
interface Run {
    check: string;
    attempt: number;
    timeLeft: number;
    traceparent: string;
    state: Uint8Array;
}
interface Description {
    name: string;
    version: string;
    description: string;
    settingsSchema: string;
    defaultInterval: number | null;
    defaultTimeout: number | null;
    memory: number | null;
    critical: boolean;
    passive: boolean;
    grants: string[];
}
