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

from probity import Run, Unhealthy, Verdict, checker, connect, degraded, healthy, port, quote, setting  # noqa: E402
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
            ({"codes": [ErrorCode.CONNECTION_REFUSED]}, "can't connect to db:22: connection-refused"),
        ]:
            reset(**script)
            verdict = examined()
            self.assertEqual((verdict.status, verdict.message, world.open), (contract.Status.UNHEALTHY, message, 0))
            self.assertLess(world.now, 2_000_000_000, "the verdict comes before the time is over")

    def test_tries_every_address(self):
        reset(addresses=("192.0.2.1", "192.0.2.2"), codes=[ErrorCode.REMOTE_UNREACHABLE], says=[b"hello"])
        self.assertEqual(examined().status, contract.Status.HEALTHY)
        self.assertEqual(world.connects, ["192.0.2.1:22", "192.0.2.2:22"])

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


if __name__ == "__main__":
    unittest.main()
