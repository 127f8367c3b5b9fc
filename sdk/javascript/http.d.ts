/** HTTP, sent by the runner: it resolves, connects and speaks TLS, by the grants `http:` and `https:`, which `url:{url}` is short for. */

import type { Attempt } from "./index.js";

export interface Options {
    /** `GET` unless said. */
    method?: string;
    headers?: Record<string, string>;
    /** A text (a byte for each character) or bytes. */
    body?: string | Uint8Array;
    /** How many bytes of the answer's body are read; a mebibyte unless said. */
    most?: number;
}

/** The answer to a request. */
export interface Response {
    /** Its code. */
    readonly status: number;
    /** By their names in lower case. */
    readonly headers: Record<string, string[]>;
    /** What was read of it. */
    readonly body: Uint8Array;
    /** Whether there was more. */
    readonly cut: boolean;
    /** The first value of a header. */
    header(name: string): string | undefined;
    /** The body as a text, a character for each byte. */
    text(): string;
}

/** Sends a request, and waits for the whole answer: the phases `first-byte` and `body`. Whatever its status is, it is an answer. */
export function fetch(run: Attempt, url: string, options?: Options): Response;
