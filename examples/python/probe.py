"""Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file."""

import json

from componentize_py_types import Err
from wit_world.imports import instance_network, ip_name_lookup, monotonic_clock, poll, tcp_create_socket
from wit_world.imports import network
from wit_world.imports.types import (
    Description,
    Measurement,
    Problem_Denied,
    Run,
    SettingProblem,
    Status,
    Verdict,
)

# Bytes in which the banner must be.
MOST_BANNER = 4096

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["host", "port"],
    "properties": {
        "host": {"type": "string", "minLength": 1, "description": "A name or an address."},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "expect": {"type": "string", "default": "", "description": "What the banner must have in it."},
    },
}


class Manifest:
    """What the probe says of itself, and what is wrong with its settings."""

    def describe(self) -> Description:
        return Description(
            name="banner-probe",
            version="0.1.0",
            description="Connects to a TCP port, and expects a banner.",
            settings_schema=json.dumps(SCHEMA),
            default_interval=30_000_000_000,
            default_timeout=5_000_000_000,
            memory=None,
            critical=False,
            passive=False,
            grants=["tcp:{host}:{port}"],
        )

    def validate(self, settings: str) -> list[SettingProblem]:
        given = json.loads(settings)
        unknown = given.keys() - SCHEMA["properties"].keys()
        problems = [SettingProblem(f"/{key}", "unknown; there are host, port and expect") for key in sorted(unknown)]
        host, port, expect = given.get("host"), given.get("port"), given.get("expect", "")
        if not isinstance(host, str) or not host:
            problems.append(SettingProblem("/host", "missing; give a name or an address such as `db.internal`"))
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            problems.append(SettingProblem("/port", "must be a number from 1 to 65535"))
        if not isinstance(expect, str):
            problems.append(SettingProblem("/expect", "must be a text"))
        return problems


class Checker:
    """What the runner calls at each run, in a fresh instance."""

    def check(self, settings: str, run: Run) -> Verdict:
        given = json.loads(settings)
        host, port, expect = given["host"], given["port"], given.get("expect", "").encode()
        try:
            return examine(host, port, expect, run)
        except Unhealthy as unhealthy:
            return verdict(Status.UNHEALTHY, str(unhealthy), [])
        except Err as error:
            if not isinstance(error.value, network.ErrorCode):
                raise
            if error.value == network.ErrorCode.ACCESS_DENIED:
                # The runner adds the grant that the operator would have to write.
                raise Err(Problem_Denied(f"{host}:{port} is not granted"))
            code = error.value.name.lower().replace("_", "-")
            return verdict(Status.UNHEALTHY, f"can't connect to {host}:{port}: {code}", [])


class Unhealthy(Exception):
    """The target does not do what it is for."""


def examine(host: str, port: int, expect: bytes, run: Run) -> Verdict:
    target = f"{host}:{port}"
    began = monotonic_clock.now()
    # A target that does not answer is unhealthy, and only the probe can say so: it keeps some of its time for that.
    keep = max(run.time_left // 25, 20_000_000)
    deadline = monotonic_clock.subscribe_instant(began + max(run.time_left - keep, 0))

    def wait_for(pollable: poll.Pollable, otherwise: str) -> None:
        with pollable:
            if 0 not in poll.poll([pollable, deadline]):
                raise Unhealthy(f"{otherwise} in time")

    # TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner.
    net = instance_network.instance_network()
    names = ip_name_lookup.resolve_addresses(net, host)
    wait_for(names.subscribe(), f"{host} was not resolved")
    address = names.resolve_next_address()
    if address is None:
        raise Unhealthy(f"{host} has no address")

    family, remote = socket_address(address, port)
    socket = tcp_create_socket.create_tcp_socket(family)
    socket.start_connect(net, remote)
    wait_for(socket.subscribe(), f"{target} took no connection")
    incoming, _ = socket.finish_connect()
    connected = monotonic_clock.now()

    banner = b""
    while not banner or expect not in banner:
        if len(banner) >= MOST_BANNER:
            raise Unhealthy(f"{target} sent {quote(banner)}, and not {quote(expect)}")
        wait_for(incoming.subscribe(), f"{target} did not send {quote(expect)}")
        try:
            banner += incoming.read(MOST_BANNER - len(banner))
        except Err:
            raise Unhealthy(f"{target} closed the connection after {quote(banner)}")
    greeted = monotonic_clock.now()
    return verdict(
        Status.HEALTHY,
        f"{target} greets with {quote(banner)}",
        [
            Measurement("connect", "s", (connected - began) / 1e9),
            Measurement("banner", "s", (greeted - connected) / 1e9),
        ],
    )


def socket_address(address: network.IpAddress, port: int):
    if isinstance(address, network.IpAddress_Ipv4):
        ipv4 = network.Ipv4SocketAddress(port, address.value)
        return network.IpAddressFamily.IPV4, network.IpSocketAddress_Ipv4(ipv4)
    ipv6 = network.Ipv6SocketAddress(port, 0, address.value, 0)
    return network.IpAddressFamily.IPV6, network.IpSocketAddress_Ipv6(ipv6)


def quote(text: bytes) -> str:
    """The first line of a text, in quotes."""
    line = text.decode(errors="replace").splitlines()[:1]
    return json.dumps("".join(line)[:120])


def verdict(status: Status, message: str, measurements: list[Measurement]) -> Verdict:
    return Verdict(status, message, [], measurements, latency=None, permanent=False, state=b"")
