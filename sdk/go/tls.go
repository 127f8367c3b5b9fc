package probity

import (
	"strings"

	tls "probity/guest/wit/wasi_tls_types"
)

// ConnectTLS connects to a host over TLS, as which the server has to prove itself: the phases `resolve`, `connect` and `tls`. The runner
// verifies the certificate, and what it trusts, and shows of its own, is the operator's to say (`[check.tls]`).
func (run *Run) ConnectTLS(host string, port uint16) (*Connection, error) {
	connection, err := run.Connect(host, port)
	if err != nil {
		return nil, err
	}
	return connection, run.Phase("tls", func() error { return run.Secure(connection, host) })
}

// Secure goes on over TLS, for protocols that agree on it after they have begun in the clear. The server has to prove this name, or this
// address, which has no brackets.
func (run *Run) Secure(connection *Connection, name string) error {
	shaken := tls.ClientHandshakeFinish(tls.MakeClientHandshake(name, connection.input, connection.output))
	run.hold(shaken)
	for {
		if !run.wait(shaken.Subscribe()) {
			return unhealthyf("%s shook no hands in time", connection.Target)
		}
		// The outer error would mean that the outcome was taken before, and it is taken once.
		came := shaken.Get()
		if came.IsNone() || came.Some().IsErr() {
			continue
		}
		if came := came.Some().Ok(); came.IsErr() {
			run.hold(came.Err())
			return unhealthyf("TLS handshake of %s with %s failed: %s", name, connection.Target, firstLine(came.Err().ToDebugString()))
		}
		parts := came.Some().Ok().Ok()
		run.hold(parts.F0)
		run.hold(parts.F1)
		run.hold(parts.F2)
		// What came before would be somebody's who is not in the secret.
		*connection = *run.connection(connection.Target, parts.F1, parts.F2)
		return nil
	}
}

// firstLine is the first line of what the runner says of an error.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
