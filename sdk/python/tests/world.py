"""A world for the tests: the parts of WASI and of the contract that the package imports, played by scripts. Time stands still but
for what is waited."""

import sys
import types
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

NEVER = 1 << 62


@dataclass
class World:
    """What a test sets: what a connection says (None closes it), how names are resolved, and what comes of connecting."""

    now: int = 1_000_000_000
    says: list = field(default_factory=list)
    heard: bytes = b""
    addresses: tuple = ("192.0.2.1",)
    connects: list = field(default_factory=list)
    codes: list = field(default_factory=list)
    open: int = 0


world = World()


def reset(**script) -> None:
    world.__dict__.update(World(**script).__dict__)


class Resource:
    def __init__(self):
        world.open += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        world.open -= 1


class Pollable(Resource):
    def __init__(self, at=0):
        super().__init__()
        self.at = at


def polled(pollables):
    world.now = max(world.now, min(pollable.at for pollable in pollables))
    return [index for index, pollable in enumerate(pollables) if pollable.at <= world.now]


class Err(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value


class ErrorCode(Enum):
    ACCESS_DENIED = 1
    CONNECTION_REFUSED = 14
    REMOTE_UNREACHABLE = 13


class Family(Enum):
    IPV4 = 0
    IPV6 = 1


@dataclass
class Case:
    value: Any


@dataclass
class Ipv4SocketAddress:
    port: int
    address: tuple


def case(name: str):
    return type(name, (Case,), {})


Ipv4 = case("IpAddress_Ipv4")


class Names(Resource):
    def __init__(self):
        super().__init__()
        self.left = list(world.addresses)

    def subscribe(self):
        return Pollable()

    def resolve_next_address(self):
        return Ipv4(tuple(map(int, self.left.pop(0).split(".")))) if self.left else None


class Incoming(Resource):
    def subscribe(self):
        return Pollable(0 if world.says else NEVER)

    def read(self, _):
        said = world.says.pop(0)
        if said is None:
            raise Err("closed")
        return said


class Outgoing(Resource):
    def subscribe(self):
        return Pollable()

    def check_write(self):
        return 4

    def write(self, said):
        world.heard += said

    def flush(self):
        pass


class Socket(Resource):
    def subscribe(self):
        return Pollable()

    def start_connect(self, _, remote):
        address = remote.value
        world.connects.append(f"{'.'.join(map(str, address.address))}:{address.port}")
        code = world.codes.pop(0) if world.codes else None
        if code:
            raise Err(code)

    def finish_connect(self):
        return Incoming(), Outgoing()


def record(name: str, *names: str):
    def init(self, *values, **named):
        self.__dict__.update(zip(names, values, strict=False))
        self.__dict__.update(named)

    return type(name, (), {"__init__": init})


def module(name: str, **members) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


def install() -> None:
    """Puts the world where a component finds WASI."""
    module("componentize_py_types", Err=Err)
    contract = {
        "Status": Enum("Status", ["HEALTHY", "DEGRADED", "UNHEALTHY"]),
        "Description": record("Description"),
        "SettingProblem": record("SettingProblem", "pointer", "message"),
        "Verdict": record("Verdict"),
        "Detail": record("Detail", "key", "value"),
        "Measurement": record("Measurement", "name", "unit", "value"),
        "Run": record("Run"),
    }
    cases = ["Value_Text", "Value_Integer", "Value_Number", "Value_Boolean"]
    cases += ["Problem_Denied", "Problem_InvalidSettings", "Problem_Other"]
    contract |= {name: case(name) for name in cases}
    parts = {
        "types": contract,
        "monotonic_clock": {"now": lambda: world.now, "subscribe_instant": Pollable},
        "poll": {"poll": polled},
        "instance_network": {"instance_network": Resource},
        "ip_name_lookup": {"resolve_addresses": lambda _, __: Names()},
        "tcp_create_socket": {"create_tcp_socket": lambda _: Socket()},
        "network": {
            "ErrorCode": ErrorCode,
            "IpAddressFamily": Family,
            "IpAddress_Ipv4": Ipv4,
            "Ipv4SocketAddress": Ipv4SocketAddress,
            "IpSocketAddress_Ipv4": case("IpSocketAddress_Ipv4"),
        },
    }
    module("wit_world")
    imports = module("wit_world.imports")
    for name, members in parts.items():
        setattr(imports, name, module(f"wit_world.imports.{name}", **members))
