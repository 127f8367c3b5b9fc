"""TLS over a TCP connection, done by the runner. It verifies the certificate; what it trusts, and shows of its own, is the operator's to say
(`[check.tls]`)."""

from componentize_py_types import Err, Ok
from wit_world.imports import tls_types

from . import _net
from ._failure import Unhealthy
from ._run import Run


def connect(run: Run, host: str, port: int) -> _net.Connection:
    """Connects to a host, as which the server has to prove itself: the phases `resolve`, `connect` and `tls`."""
    connection = _net.connect(run, host, port)
    with run.phase("tls"):
        return secure(connection, host)


def secure(connection: _net.Connection, name: str) -> _net.Connection:
    """Goes on over TLS, for protocols that agree on it after they have begun in the clear. The server has to prove this name, or this address,
    which has no brackets. The connection that was is of no use any more."""
    run, target = connection._run, connection.target
    streams = (run.give_away(stream) for stream in (connection._incoming, connection._outgoing))
    handshake = tls_types.ClientHandshake(name, *streams)
    shaken = run.hold(tls_types.ClientHandshake.finish(handshake))
    while True:
        run.wait(shaken.subscribe(), f"{target} shook no hands")
        # The outer error would mean that the outcome was taken before, and it is taken once.
        match shaken.get():
            case Ok(Ok((secured, incoming, outgoing))):
                run.hold(secured)
                return _net.Connection(run, target, run.hold(incoming), run.hold(outgoing))
            case Ok(Err(error)):
                with error:
                    why = error.to_debug_string().split("\n")[0]
                raise Unhealthy(f"TLS handshake of {name} with {target} failed: {why}")
