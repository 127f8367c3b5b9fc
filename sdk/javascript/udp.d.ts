/** UDP, with the run's deadline built in. */

import type { Attempt } from "./index.js";

/** A socket that speaks to one address and hears it alone. What does not come in time throws `Unhealthy`. */
export interface Datagrams {
    /** How messages call the target: `host:port`. */
    readonly target: string;
    /** Sends a text (a byte for each character) or bytes as one datagram. That nobody listens shows, if at all, when the next one is sent or
     *  received. */
    send(said: string | Uint8Array): void;
    /** The next datagram. */
    receive(): Uint8Array;
    /** Sends a question, up to three times within the time that is left, until something comes that is an answer to it. What is none may be
     *  late, forged or garbage. */
    ask(question: string | Uint8Array, isAnswer?: (datagram: Uint8Array) => boolean): Uint8Array;
}

/** A socket for the first address of a host: the phase `resolve`. Nothing is sent yet. It ends with the run, and takes the grant
 *  `udp:{host}:{port}`. */
export function connect(run: Attempt, host: string, port: number): Datagrams;
