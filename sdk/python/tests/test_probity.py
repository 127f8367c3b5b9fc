"""Run by `python3 -m unittest discover -s tests`, in the folder above."""

import json
import sys
import unittest
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import world as worlds  # noqa: E402

worlds.install()

from probity import (  # noqa: E402
    Failed,
    Run,
    Unhealthy,
    Verdict,
    checker,
    connect,
    connector,
    degraded,
    healthy,
    http,
    lookup,
    port,
    quote,
    setting,
    tls,
    udp,
)
from probity._run import margin  # noqa: E402
from probity._settings import read, schema_of  # noqa: E402
from wit_world.imports import types as contract  # noqa: E402

world, reset, Err, ErrorCode = worlds.world, worlds.reset, worlds.Err, worlds.ErrorCode


@dataclass
class Settings:
    host: str = setting(min_length=1)
    port: int = port()
    expect: str = setting(default="")


@dataclass
class Many:
    mode: str = setting(default="on", choices=["on", "off"])
    ports: list[int] = setting(default=[80])
    share: float = setting(default=0.5, maximum=1)
    depth: int = setting(default=2, minimum=2)
    deep: bool = setting(default=False)
    user: str | None = setting(default=None)


ABOUT = {"name": "banner", "version": "1.0.0", "about": "Expects a banner.", "grants": ["tcp:{host}:{port}"]}


@checker(**ABOUT, interval=30, timeout=0.5)
def banner(settings: Settings, run: Run) -> Verdict:
    connection = connect(run, settings.host, settings.port)
    with run.phase("banner"):
        said = connection.expect(settings.expect.encode())
    return healthy(f"greets with {quote(said)}")


GIVEN = json.dumps({"host": "db", "port": 22, "expect": "hello"})
RUN = {"check": "it", "attempt": 1, "time_left": 1_000_000_000, "traceparent": "", "state": b""}


def examined(check=banner, given=GIVEN):
    _, exported = check.exports
    return exported().check(given, contract.Run(**RUN))


class AManifest(unittest.TestCase):
    def test_says_what_the_probe_is(self):
        manifest, _ = banner.exports
        said = manifest().describe()
        schema = json.loads(said.settings_schema)
        self.assertEqual((said.name, said.version, said.default_interval), ("banner", "1.0.0", 30_000_000_000))
        self.assertEqual((said.default_timeout, said.grants), (500_000_000, ["tcp:{host}:{port}"]))
        self.assertEqual((schema["required"], schema["additionalProperties"]), (["host", "port"], False))
        self.assertEqual(schema["properties"]["expect"], {"type": "string", "default": ""})

    def test_tells_all_that_is_wrong_with_settings(self):
        self.assertEqual(read(Many, "{}")[0], Many(ports=[80]))
        given = {"a/b": 1, "mode": "up", "ports": ["x"], "share": 2, "depth": 1, "deep": 1, "user": 1}
        self.assertEqual(
            read(Many, json.dumps(given))[1],
            [
                ("/a~1b", "unknown; there are mode, ports, share, depth, deep, user"),
                ("/mode", "must be one of `on`, `off`"),
                ("/ports/0", "must be a whole number"),
                ("/share", "must be a number of 1 at most"),
                ("/depth", "must be a whole number of 2 at least"),
                ("/deep", "must be true or false"),
                ("/user", "must be a text"),
            ],
        )
        self.assertEqual([pointer for pointer, _ in read(Settings, "{}")[1]], ["/host", "/port"])
        self.assertEqual(read(Many, '{"share": 1, "user": null}')[0].share, 1.0)
        self.assertEqual(read(Many, "[]"), (None, [("", "must be an object")]))
        with self.assertRaises(Err) as failed:
            examined(given="{}")
        self.assertEqual([problem.pointer for problem in failed.exception.value.value], ["/host", "/port"])

    def test_asks_the_probe_itself(self):
        @checker(**ABOUT, validate=lambda settings: [("/host", "not this one")] if settings.host == "db" else [])
        def picky(settings: Settings, run: Run) -> Verdict:
            return healthy("")

        manifest, _ = picky.exports
        self.assertEqual([problem.message for problem in manifest().validate(GIVEN)], ["not this one"])

    def test_can_only_have_what_json_has(self):
        @dataclass
        class Odd:
            odd: bytes

        with self.assertRaisesRegex(TypeError, "Odd.odd is <class 'bytes'>"):
            schema_of(Odd)
        with self.assertRaisesRegex(TypeError, "a setting has no length"):
            setting(length=1)


class ARun(unittest.TestCase):
    def test_reads_a_banner_however_it_is_cut(self):
        reset(says=[b"he", b"l", b"lo there\r\nmore"])
        verdict = examined()
        self.assertEqual((verdict.status, verdict.message), (contract.Status.HEALTHY, 'greets with "hello there"'))
        self.assertEqual([m.name for m in verdict.measurements], ["resolve", "connect", "banner", "total"])
        self.assertEqual((world.connects, world.open), (["192.0.2.1:22"], 0), "and everything is let go")

    def test_reads_lines_and_writes_in_portions(self):
        lines = []

        @checker(**ABOUT)
        def talks(settings: Settings, run: Run) -> Verdict:
            connection = connect(run, settings.host, settings.port)
            connection.write(b"a long text\n")
            lines.extend([connection.read_line(), connection.read_line(), connection.read(2)])
            return healthy("")

        reset(says=[b"one\r\ntw", b"o\n", b"three"])
        examined(talks)
        self.assertEqual((lines, world.heard), ([b"one", b"two", b"th"], b"a long text\n"))

    def test_takes_what_the_target_does_not_do_for_unhealthy(self):
        for script, message in [
            ({}, 'db:22 did not send "hello" in time'),
            ({"says": [b"good", None]}, 'db:22 closed the connection after "good"'),
            ({"says": [b"x" * 5000]}, f'db:22 sent "{"x" * 120}", and not "hello"'),
            ({"addresses": ()}, "db has no address"),
            ({"addresses": ErrorCode.NAME_UNRESOLVABLE}, "can't reach db:22: name-unresolvable"),
            ({"codes": [ErrorCode.CONNECTION_REFUSED]}, "can't reach db:22: connection-refused"),
        ]:
            reset(**script)
            verdict = examined()
            self.assertEqual((verdict.status, verdict.message, world.open), (contract.Status.UNHEALTHY, message, 0))
            self.assertLess(world.now, 2_000_000_000, "the verdict comes before the time is over")

    def test_tries_every_address(self):
        reset(addresses=("192.0.2.1", "192.0.2.2"), codes=[ErrorCode.REMOTE_UNREACHABLE], says=[b"hello"])
        self.assertEqual(examined().status, contract.Status.HEALTHY)
        self.assertEqual(world.connects, ["192.0.2.1:22", "192.0.2.2:22"])

    def test_gives_each_address_its_share_of_the_time(self):
        reset(addresses=("192.0.2.1", "192.0.2.2"), codes=["silence", None], says=[b"hello"])
        self.assertEqual(examined().status, contract.Status.HEALTHY)
        self.assertEqual(world.now, 1_480_000_000, "half of it was spent on the first")

    def test_keeps_some_of_the_time(self):
        for left, kept in [(0, 0), (10, 5), (100, 20), (1_000, 40), (5_000, 200), (60_000, 500)]:
            self.assertEqual(margin(left * 1_000_000), kept * 1_000_000, f"{left} ms")

    def test_says_nothing_of_a_target_that_is_not_granted(self):
        reset(codes=[ErrorCode.ACCESS_DENIED])
        with self.assertRaises(Err) as failed:
            examined()
        denied = failed.exception.value
        self.assertEqual((type(denied).__name__, denied.value), ("Problem_Denied", "db:22 is not granted"))
        self.assertEqual(world.open, 0)

    def test_has_a_verdict_put_together(self):
        @checker(**ABOUT)
        def slow(settings: Settings, run: Run) -> Verdict:
            self.assertEqual((run.check, run.attempt, run.time_left), ("it", 1, 0.96))
            verdict = degraded("slow").detail("version", "1").detail("queue", 7).detail("share", 0.5).detail("tls", True)
            return verdict.measure("queue", 7).latency(0.25).permanent().keep(b"12")

        reset()
        verdict = examined(slow)
        details = [(detail.key, type(detail.value).__name__, detail.value.value) for detail in verdict.details]
        self.assertEqual(
            details,
            [
                ("version", "Value_Text", "1"),
                ("queue", "Value_Integer", 7),
                ("share", "Value_Number", 0.5),
                ("tls", "Value_Boolean", True),
            ],
        )
        self.assertEqual((verdict.latency, verdict.permanent, verdict.state), (250_000_000, True, b"12"))
        self.assertEqual(vars(verdict.measurements[0]), {"name": "queue", "unit": "1", "value": 7.0})

    def test_does_not_blame_the_target_for_mistakes(self):
        @checker(**ABOUT)
        def silent(settings: Settings, run: Run) -> Verdict:
            return None

        @checker(**ABOUT)
        def locked_out(settings: Settings, run: Run) -> Verdict:
            raise Unhealthy("wrong password", permanent=True)

        reset()
        with self.assertRaises(Err) as failed:
            examined(silent)
        self.assertEqual(failed.exception.value.value, "silent() returned no verdict")
        self.assertTrue(examined(locked_out).permanent)

        @checker(**ABOUT)
        def lost(settings: Settings, run: Run) -> Verdict:
            raise Failed("no idea")

        for check, message in [(lost, "no idea"), (banner, "the runner failed to reach db:22: out-of-memory")]:
            reset(codes=[ErrorCode.OUT_OF_MEMORY])
            with self.assertRaises(Err) as failed:
                examined(check)
            self.assertEqual((type(failed.exception.value).__name__, failed.exception.value.value), ("Problem_Other", message))


def trying(work):
    """A run that does this, and is healthy by what it returns."""

    @checker(**ABOUT)
    def does(settings: Settings, run: Run) -> Verdict:
        return healthy(work(run))

    verdict = examined(does)
    return verdict.status.name, verdict.message


class TheNetwork(unittest.TestCase):
    def tearDown(self):
        self.assertEqual(world.open, 0, "everything is let go")

    def test_looks_names_up(self):
        reset(addresses=("192.0.2.1", "192.0.2.2"))
        self.assertEqual(trying(lambda run: " ".join(lookup(run, "db"))), ("HEALTHY", "192.0.2.1 192.0.2.2"))

    def test_asks_by_datagrams(self):
        def asks(run):
            return udp.connect(run, "db", 53).ask(b"?", lambda said: said != b"busy").decode()

        reset(says=[b"busy", b"well"])
        self.assertEqual((trying(asks), world.heard, world.connects), (("HEALTHY", "well"), b"?", ["192.0.2.1:53"]))
        reset()
        self.assertEqual((trying(asks), world.heard), (("UNHEALTHY", "db:53 did not answer in time"), b"???"))
        self.assertEqual(world.now, 1_960_000_000, "and the verdict comes before the time is over")
        reset(says=[b"busy"])
        self.assertEqual(trying(asks), ("UNHEALTHY", "db:53 sent 1 datagrams, and none was the answer"))
        reset(codes=[ErrorCode.CONNECTION_REFUSED])
        self.assertEqual(trying(asks), ("UNHEALTHY", "can't reach db:53: connection-refused"))
        reset()
        silent = trying(lambda run: udp.connect(run, "db", 53).receive().decode())
        self.assertEqual(silent, ("UNHEALTHY", "db:53 sent nothing in time"))

    def test_goes_on_over_tls(self):
        def talks(run):
            connection = tls.connect(run, "db", 443)
            connection.write(b"hello")
            return connection.read_line().decode()

        reset(says=[b"well\n"])
        self.assertEqual((trying(talks), world.heard), (("HEALTHY", "well"), b"hello"))
        reset(proves="shop")
        self.assertEqual(trying(talks), ("UNHEALTHY", "TLS handshake of db with db:443 failed: broken"))

    def test_asks_by_http(self):
        def asks(run, **more):
            response = http.fetch(run, "https://db:1/a?b=c#d", **more)
            return f"{response.status} {response.header('X-A')} {response.body.decode()} {response.cut}"

        answer = (404, [("X-A", b"1"), ("x-a", b"2")], None)
        reset(answer=answer, says=[b"no", b"pe", None])
        self.assertEqual(trying(lambda run: asks(run, method="POST", headers={"a": "b"}, body=b"12345")), ("HEALTHY", "404 1 nope False"))
        request = world.request
        self.assertEqual(world.heard, b"12345")
        self.assertEqual(request["headers"], {"a": b"b", "content-length": b"5"})
        self.assertEqual((request["authority"], request["path_with_query"]), ("db:1", "/a?b=c"))
        self.assertEqual((type(request["scheme"]).__name__, type(request["method"]).__name__), ("https", "POST"))
        reset(answer=answer, says=[b"nope"])
        self.assertEqual(trying(lambda run: asks(run, most=3)), ("HEALTHY", "404 1 nop True"))
        reset(answer=answer, says=[b"no", Err(worlds.Case(worlds.Broken()))])
        self.assertEqual(trying(asks), ("UNHEALTHY", "the body of https://db:1/a?b=c#d broke off: broken"))
        reset(answer="silence")
        self.assertEqual(trying(asks), ("UNHEALTHY", "https://db:1/a?b=c#d did not answer in time"))
        self.assertEqual(world.now, 1_960_000_000, "and the verdict comes before the time is over")
        reset(answer=type("ErrorCode_ConnectionRefused", (), {})())
        self.assertEqual(trying(asks), ("UNHEALTHY", "can't ask https://db:1/a?b=c#d: connection refused"))
        for kind, problem in [("HttpRequestDenied", "Problem_Denied"), ("InternalError", "Problem_Other")]:
            reset(answer=type(f"ErrorCode_{kind}", (), {"value": "no memory"})())
            with self.assertRaises(Err) as failed:
                trying(asks)
            self.assertEqual(type(failed.exception.value).__name__, problem)
        for url, headers in [("ftp://db/", {}), ("nowhere", {}), ("http://db/", {"a b": "c"})]:
            reset(answer=answer)
            with self.assertRaises(Err) as failed:
                trying(lambda run, url=url, headers=headers: str(http.fetch(run, url, headers=headers)))
            self.assertEqual(type(failed.exception.value).__name__, "Problem_Other")


@connector(**ABOUT)
class Line:
    def __init__(self, settings: Settings, run: Run):
        self.connection = connect(run, settings.host, settings.port)
        self.asked = 0

    def check(self, run: Run) -> Verdict:
        self.connection.write(b"PING")
        udp.connect(run, "db", 53)
        self.asked += 1
        return healthy(f"{self.connection.read_line().decode()} {self.asked}")

    def close(self, run: Run) -> None:
        self.connection.write(b"QUIT")


class AConnector(unittest.TestCase):
    def test_keeps_its_connection(self):
        reset(says=[b"one\ntwo\n"])
        manifest, exported = Line.exports
        self.assertEqual(manifest().describe().name, "banner")
        opened = exported.open(GIVEN, contract.Run(**RUN))
        held = world.open
        self.assertGreater(held, 0)
        for message in ["one 1", "two 2"]:
            verdict = opened.check(contract.Run(**RUN))
            self.assertEqual((verdict.message, world.open), (message, held), "what a check opens ends with it")
        silent = opened.check(contract.Run(**RUN))
        self.assertEqual((silent.status, world.open), (contract.Status.UNHEALTHY, held))
        opened.close()
        self.assertEqual((world.heard, world.open), (b"PINGPINGPINGQUIT", 0))

    def test_says_why_it_does_not_open(self):
        _, exported = Line.exports
        for given, codes, wanted in [
            (GIVEN, [ErrorCode.CONNECTION_REFUSED], "Failure_Verdict"),
            (GIVEN, [ErrorCode.ACCESS_DENIED], "Failure_Problem"),
            ("{}", [], "Failure_Problem"),
        ]:
            reset(codes=codes)
            with self.assertRaises(Err) as failed:
                exported.open(given, contract.Run(**RUN))
            self.assertEqual((type(failed.exception.value).__name__, world.open), (wanted, 0))


if __name__ == "__main__":
    unittest.main()
