/** TLS over a TCP connection, done by the runner. It verifies the certificate; what it trusts, and shows of its own, is the operator's to say
 *  (`[check.tls]`). It takes the grant `tls` beside that of the connection. */

import type { Attempt, Connection } from "./index.js";

/** Connects to a host, as which the server has to prove itself: the phases `resolve`, `connect` and `tls`. */
export function connect(run: Attempt, host: string, port: number): Connection;

/** Goes on over TLS, for protocols that agree on it after they have begun in the clear. The server has to prove this name, or this address,
 *  which has no brackets. The connection that was is of no use any more. */
export function secure(connection: Connection, name: string): Connection;
