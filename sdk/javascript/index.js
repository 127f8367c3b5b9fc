// What probes in JavaScript and TypeScript share. index.d.ts says what each is for.

export { boolean, choice, integer, list, number, port, text } from "./settings.js";
export { Verdict, degraded, healthy, quote, unhealthy } from "./verdict.js";
export { Denied, Failed, Unhealthy } from "./failure.js";
export { connect, lookup } from "./net.js";
export { connector, probe } from "./probe.js";
