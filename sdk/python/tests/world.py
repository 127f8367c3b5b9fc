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
    # Which names a server of TLS can prove, and what is asked and answered by HTTP: a status, headers and a body, or an error.
    proves: str = "db"
    request: Any = None
    answer: Any = None


world = World()


def reset(**script) -> None:
    world.__dict__.update(World(**script).__dict__)


class Resource:
    is_gone = False

    def __init__(self):
        world.open += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert not self.is_gone, "it is gone, or somebody else's"
        self.is_gone = True
        world.open -= 1


class Pollable(Resource):
    def __init__(self, at=0):
        super().__init__()
        self.at = at


def polled(pollables):
    world.now = max(world.now, min(pollable.at for pollable in pollables))
    return [index for index, pollable in enumerate(pollables) if pollable.at <= world.now]


@dataclass(frozen=True)
class Err(Exception):
    value: Any


@dataclass
class Ok:
    value: Any


class ErrorCode(Enum):
    ACCESS_DENIED = 1
    OUT_OF_MEMORY = 4
    CONNECTION_REFUSED = 14
    NAME_UNRESOLVABLE = 18
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
        self.left = [] if isinstance(world.addresses, ErrorCode) else list(world.addresses)

    def subscribe(self):
        return Pollable()

    def resolve_next_address(self):
        if isinstance(world.addresses, ErrorCode):
            raise Err(world.addresses)
        return Ipv4(tuple(map(int, self.left.pop(0).split(".")))) if self.left else None


class Incoming(Resource):
    def subscribe(self):
        return Pollable(0 if world.says else NEVER)

    def read(self, most):
        said = world.says.pop(0)
        if said is None:
            raise Err(StreamErrorClosed())
        if isinstance(said, Exception):
            raise said
        return said[:most]


class Outgoing(Resource):
    def subscribe(self):
        return Pollable()

    def check_write(self):
        return 4

    def write(self, said):
        world.heard += said

    def flush(self):
        pass


class StreamErrorClosed:
    pass


class Broken(Resource):
    def to_debug_string(self):
        return "broken\nand more"


class IncomingDatagrams(Incoming):
    def receive(self, _):
        return [Record(data=world.says.pop(0))] if world.says else []


class OutgoingDatagrams(Resource):
    def subscribe(self):
        return Pollable()

    def check_send(self):
        return 1

    def send(self, datagrams):
        code = world.codes.pop(0) if world.codes else None
        if code:
            raise Err(code)
        world.heard += datagrams[0].data
        return 1


class UdpSocket(Resource):
    def subscribe(self):
        return Pollable()

    def start_bind(self, _, local):
        assert local.value.port == 0

    def finish_bind(self):
        pass

    def stream(self, remote):
        world.connects.append(f"{'.'.join(map(str, remote.value.address))}:{remote.value.port}")
        return IncomingDatagrams(), OutgoingDatagrams()


class Future(Resource):
    """Something to come, which is not there at the first look."""

    def __init__(self, came):
        super().__init__()
        self.came = [None, Ok(came)]

    def subscribe(self):
        return Pollable(NEVER if self.came[-1] == Ok("silence") else 0)

    def get(self):
        return self.came.pop(0)


class Handshake:
    def __init__(self, name, incoming, outgoing):
        # They are the handshake's now.
        self.came = (Resource(), Incoming(), Outgoing()) if name == world.proves else None
        self.streams = incoming, outgoing

    @classmethod
    def finish(cls, handshake):
        for stream in handshake.streams:
            stream.__exit__()
        return Future(Ok(handshake.came) if handshake.came else Err(Broken()))


class Body(Resource):
    def write(self):
        return Outgoing()

    def stream(self):
        return Incoming()

    def consume(self):
        return self

    @classmethod
    def finish(cls, body, trailers):
        body.__exit__()


class Request:
    def __init__(self, fields):
        world.request = {"headers": dict(fields.all)}

    def __getattr__(self, name):
        part = name.removeprefix("set_")
        return lambda value: world.request.update({part: value})

    def body(self):
        return Body()


class Options:
    def __getattr__(self, name):
        def set_time(left):
            assert 0 < left < 1_000_000_000, f"{name} {left}"

        return set_time


class Fields:
    def __init__(self):
        self.all = []

    def append(self, name, value):
        if " " in name:
            raise Err("invalid syntax")
        self.all.append((name, value))


class Headers(Resource):
    def entries(self):
        return world.answer[1]


class Answer(Resource):
    def status(self):
        return world.answer[0]

    def headers(self):
        return Headers()

    def consume(self):
        return Body()


def handle(request, options):
    if world.answer == "silence":
        return Future("silence")
    return Future(Err(world.answer) if not isinstance(world.answer, tuple) else Ok(Answer()))


class Record:
    def __init__(self, *values, **named):
        self.__dict__.update(named)
        if values:
            self.data, self.remote_address = values


class Socket(Resource):
    def subscribe(self):
        return Pollable()

    def start_connect(self, _, remote):
        address = remote.value
        world.connects.append(f"{'.'.join(map(str, address.address))}:{address.port}")
        code = world.codes.pop(0) if world.codes else None
        if code == "silence":
            self.subscribe = lambda: Pollable(NEVER)
        elif code:
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


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")


def install() -> None:
    """Puts the world where a component finds WASI."""
    module("componentize_py_types", Err=Err, Ok=Ok)
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
    cases += ["Problem_Denied", "Problem_InvalidSettings", "Problem_Other", "Failure_Verdict", "Failure_Problem"]
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
            "Ipv6SocketAddress": record("Ipv6SocketAddress"),
            "IpSocketAddress_Ipv4": case("IpSocketAddress_Ipv4"),
            "IpSocketAddress_Ipv6": case("IpSocketAddress_Ipv6"),
        },
        "streams": {"StreamError_Closed": StreamErrorClosed},
        "udp": {"OutgoingDatagram": Record},
        "udp_create_socket": {"create_udp_socket": lambda _: UdpSocket()},
        "tls_types": {"ClientHandshake": Handshake},
        "outgoing_handler": {"handle": handle},
        "http_types": {
            **{f"Method_{name.title()}": type(name, (), {}) for name in METHODS},
            "Method_Other": case("Method_Other"),
            "Scheme_Http": type("http", (), {}),
            "Scheme_Https": type("https", (), {}),
            "Fields": Fields,
            "OutgoingRequest": Request,
            "OutgoingBody": Body,
            "RequestOptions": Options,
        },
    }
    module("wit_world")
    imports = module("wit_world.imports")
    for name, members in parts.items():
        setattr(imports, name, module(f"wit_world.imports.{name}", **members))
