"""HTTP, sent by the runner: it resolves, connects and speaks TLS, by the grants `http:` and `https:`."""

import dataclasses
import re
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import http_types, outgoing_handler, streams

from ._failure import Denied, Failed, Unhealthy
from ._net import PORTION
from ._run import Run

# Bytes of a body that are read where nothing is said.
MOST = 1024 * 1024
# The methods that have a word of their own in the contract.
METHODS = {
    name: getattr(http_types, f"Method_{name.title()}") for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
}


@dataclasses.dataclass
class Response:
    """The answer to a request."""

    status: int
    """Its code."""
    headers: dict[str, list[str]]
    """By their names in lower case."""
    body: bytes
    """What was read of it."""
    cut: bool
    """Whether there was more."""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next(iter(self.headers.get(name.lower(), [])), None)


def fetch(
    run: Run,
    url: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    most: int = MOST,
) -> Response:
    """Sends a request, and waits for the whole answer, of whose body `most` bytes are read: the phases `first-byte` and `body`. Whatever its
    status is, it is an answer."""
    with run.phase("first-byte"):
        head = ask(run, url, method, headers or {}, body)
    fields: dict[str, list[str]] = {}
    for name, value in run.hold(head.headers()).entries():
        fields.setdefault(name.lower(), []).append(value.decode("latin-1"))
    with run.phase("body"):
        said, cut = read(run, url, head, most)
    return Response(head.status(), fields, said, cut)


def ask(run: Run, url: str, method: str, headers: dict[str, str], body: bytes):
    """Sends a request, and waits for the head of the answer."""
    request = made(url, method, headers, body)
    outgoing = run.hold(request.body()) if body else None
    try:
        pending = run.hold(outgoing_handler.handle(request, options(run)))
    except Err as error:
        raise meaning(error.value, url) from error
    if outgoing:
        send(run, url, outgoing, body)
    while True:
        run.wait(pending.subscribe(), f"{url} did not answer")
        # The outer error would mean that the answer was taken before, and it is taken once.
        match pending.get():
            case Ok(Ok(head)):
                return run.hold(head)
            case Ok(Err(code)):
                raise meaning(code, url)


def made(url: str, method: str, headers: dict[str, str], body: bytes):
    """The request as the contract has it."""
    to = urlsplit(url)
    if to.scheme not in ("http", "https") or not to.netloc:
        raise Failed(f"{url!r} is no URL of http or https")
    fields = http_types.Fields()
    # Without the length HTTP/1.1 would send the body in chunks, which not every server takes.
    for name, value in (headers | ({"content-length": str(len(body))} if body else {})).items():
        try:
            fields.append(name, value.encode())
        except Err as error:
            raise Failed(f"the header {name!r} can't be sent") from error
    request = http_types.OutgoingRequest(fields)
    scheme = http_types.Scheme_Https() if to.scheme == "https" else http_types.Scheme_Http()
    path = (to.path or "/") + (f"?{to.query}" if to.query else "")
    try:
        request.set_method(METHODS[method]() if method in METHODS else http_types.Method_Other(method))
        request.set_scheme(scheme)
        request.set_authority(to.netloc)
        request.set_path_with_query(path)
    except Err as error:
        raise Failed(f"the runner does not take a {method} request for {url}") from error
    return request


def options(run: Run):
    """Time-outs for the runner, so that it stops when the probe does."""
    options, left = http_types.RequestOptions(), round(run.time_left * 1e9)
    options.set_connect_timeout(left)
    options.set_first_byte_timeout(left)
    options.set_between_bytes_timeout(left)
    return options


def send(run: Run, url: str, outgoing, body: bytes) -> None:
    with outgoing.write() as stream:
        try:
            while body:
                run.wait(stream.subscribe(), f"{url} took no more")
                portion = body[: min(stream.check_write(), PORTION)]
                stream.write(portion)
                body = body[len(portion) :]
            stream.flush()
        except Err:
            # The answer says why, or comes all the same: a server may answer before it has read all.
            return
    try:
        http_types.OutgoingBody.finish(run.give_away(outgoing), None)
    except Err:
        # As the write would have failed.
        return


def read(run: Run, url: str, head, most: int) -> tuple[bytes, bool]:
    """What there is of a body, and whether it was cut."""
    stream = run.hold(run.hold(head.consume()).stream())
    said = bytearray()
    while len(said) <= most:
        run.wait(stream.subscribe(), f"the body of {url} did not come")
        try:
            # One byte more than is wanted tells a body that fits from one that does not.
            said += stream.read(most - len(said) + 1)
        except Err as ended:
            if isinstance(ended.value, streams.StreamError_Closed):
                return bytes(said), False
            with ended.value.value as error:
                why = error.to_debug_string().split("\n")[0]
            raise Unhealthy(f"the body of {url} broke off: {why}") from ended
    return bytes(said[:most]), True


def meaning(code, url: str) -> Exception:
    """What an error of HTTP says of the target, or of the check."""
    kind = type(code).__name__.removeprefix("ErrorCode_")
    if kind in ("HttpRequestDenied", "DestinationIpProhibited"):
        return Denied(f"{url} is not granted")
    if kind == "InternalError":
        return Failed(f"the runner failed to ask {url}: {code.value or 'it does not say why'}")
    words = re.sub("(?<!^)([A-Z])", r" \1", kind).lower()
    return Unhealthy(f"can't ask {url}: {words}")
