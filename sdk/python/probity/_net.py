"""TCP, with the run's deadline built in."""

import ipaddress
import typing

from componentize_py_types import Err
from wit_world.imports import instance_network, ip_name_lookup, network, tcp_create_socket

from ._failure import Denied, Failed, Unhealthy
from ._run import Run
from ._verdict import quote

# Bytes that are read or written in one call; the contract of `wasi:io` allows no more to be written.
PORTION = 4096
# The errors of sockets that say something of the target; what the others say is of the runner, or of its system.
OF_TARGET = {
    "timeout",
    "remote-unreachable",
    "connection-refused",
    "connection-reset",
    "connection-aborted",
    "name-unresolvable",
    "temporary-resolver-failure",
    "permanent-resolver-failure",
}


def connect(run: Run, host: str, port: int) -> "Connection":
    """Connects to a host, which may have several addresses: the phases `resolve` and `connect`."""
    target = f"{host}:{port}"
    net, addresses = resolve(run, host, target)
    with run.phase("connect"):
        for at, address in enumerate(addresses):
            try:
                # Each has its share of the time.
                patience = run.time_left / (len(addresses) - at)
                with failing(target):
                    return dial(run, net, address, port, target, patience)
            except (Unhealthy, Denied):
                # The next address may be that of another machine.
                if at + 1 == len(addresses) or run.time_left == 0:
                    raise


def lookup(run: Run, host: str) -> list[str]:
    """The addresses of a host, in the order of the resolver, and at least one: the phase `resolve`."""
    return [written(address) for address in resolve(run, host, host)[1]]


def written(address) -> str:
    if isinstance(address, network.IpAddress_Ipv4):
        return ".".join(map(str, address.value))
    return str(ipaddress.IPv6Address(b"".join(part.to_bytes(2) for part in address.value)))


class failing:
    """Says what the errors of the network mean. It is no generator: the errors of imports are frozen, and can't be thrown into one."""

    def __init__(self, target: str):
        self._target = target

    def __enter__(self) -> None:
        pass

    def __exit__(self, _, error, __) -> None:
        if not isinstance(error, Err) or not isinstance(error.value, network.ErrorCode):
            return
        if error.value == network.ErrorCode.ACCESS_DENIED:
            raise Denied(f"{self._target} is not granted") from error
        why = error.value.name.lower().replace("_", "-")
        if why not in OF_TARGET:
            raise Failed(f"the runner failed to reach {self._target}: {why}") from error
        raise Unhealthy(f"can't reach {self._target}: {why}") from error


def resolve(run: Run, host: str, target: str) -> tuple[typing.Any, list]:
    """The network, and the addresses of a host: the phase `resolve`."""
    found = []
    with failing(target):
        net = run.hold(instance_network.instance_network())
        with run.phase("resolve"):
            names = run.hold(ip_name_lookup.resolve_addresses(net, host))
            while True:
                run.wait(names.subscribe(), f"{host} was not resolved")
                address = names.resolve_next_address()
                if address is None:
                    break
                found.append(address)
    if not found:
        raise Unhealthy(f"{host} has no address")
    return net, found


def socket_address(address, port: int):
    """The family of an address, and where on it."""
    if isinstance(address, network.IpAddress_Ipv4):
        remote = network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(port, address.value))
        return network.IpAddressFamily.IPV4, remote
    remote = network.IpSocketAddress_Ipv6(network.Ipv6SocketAddress(port, 0, address.value, 0))
    return network.IpAddressFamily.IPV6, remote


def dial(run: Run, net, address, port: int, target: str, patience: float) -> "Connection":
    family, remote = socket_address(address, port)
    socket = run.hold(tcp_create_socket.create_tcp_socket(family))
    socket.start_connect(net, remote)
    run.wait(socket.subscribe(), f"{target} took no connection", patience)
    incoming, outgoing = socket.finish_connect()
    return Connection(run, target, run.hold(incoming), run.hold(outgoing))


class Connection:
    """A TCP connection. Whatever does not happen in time, or after the target has left, raises `Unhealthy`."""

    def __init__(self, run: Run, target: str, incoming, outgoing):
        self.target = target
        """How messages call the target: `host:port`."""
        self._run, self._incoming, self._outgoing, self._arrived = run, incoming, outgoing, b""

    def read(self, most: int = PORTION) -> bytes:
        """What has arrived, as soon as something has; empty if the target has closed the connection."""
        if not self._arrived:
            self._receive(f"{self.target} sent nothing")
        read, self._arrived = self._arrived[:most], self._arrived[most:]
        return read

    def expect(self, text: bytes, most: int = PORTION) -> bytes:
        """Waits until this has arrived, or, if it is empty, anything; within `most` bytes. All that has arrived by then."""
        self._find(text, most)
        return self.read(most)

    def read_line(self, most: int = PORTION) -> bytes:
        """The next line, without its end."""
        return self.read(self._find(b"\n", most) + 1).removesuffix(b"\n").removesuffix(b"\r")

    def _find(self, text: bytes, most: int) -> int:
        """Where something is in what has arrived, once it has."""
        while True:
            at = self._arrived.find(text)
            if at >= 0 and self._arrived:
                return at
            if len(self._arrived) >= most:
                raise Unhealthy(f"{self.target} sent {quote(self._arrived)}, and not {quote(text)}")
            if not self._receive(f"{self.target} did not send {quote(text)}"):
                raise Unhealthy(f"{self.target} closed the connection after {quote(self._arrived)}")

    def write(self, said: bytes) -> None:
        """Sends all of it."""
        try:
            while said:
                self._run.wait(self._outgoing.subscribe(), f"{self.target} took no more")
                portion = said[: min(self._outgoing.check_write(), PORTION)]
                if portion:
                    self._outgoing.write(portion)
                said = said[len(portion) :]
            self._outgoing.flush()
            # It can be written to again once the flush is done.
            self._run.wait(self._outgoing.subscribe(), f"{self.target} took no more")
        except Err as error:
            raise Unhealthy(f"{self.target} closed the connection") from error

    def _receive(self, otherwise: str) -> bool:
        """Waits for more; whether there is some."""
        while True:
            self._run.wait(self._incoming.subscribe(), otherwise)
            try:
                more = self._incoming.read(PORTION)
            except Err:
                return False
            if more:
                self._arrived += more
                return True
