"""From what an author writes to what the contract wants exported."""

import json
import sys
import types
import typing

from componentize_py_types import Err
from wit_world.imports import types as contract

from . import _settings
from ._failure import Denied, Failed, InvalidSettings, Unhealthy
from ._run import Run
from ._verdict import Verdict, unhealthy


class About(typing.TypedDict, total=False):
    """What a probe says of itself. Spans of time are in seconds, `about` is one sentence."""

    name: typing.Required[str]
    version: typing.Required[str]
    about: typing.Required[str]
    interval: float | None
    timeout: float | None
    memory: int | None
    critical: bool
    passive: bool
    grants: typing.Sequence[str]
    validate: typing.Callable[[typing.Any], list[tuple[str, str]]] | None


def checker(**about: typing.Unpack[About]):
    """Makes a probe of a function that takes its settings, a dataclass, and the run. What the contract wants exported is the function's
    `exports`: `Manifest, Checker = check.exports`."""

    def decorate(check):
        manifest = Manifest(about, first_hint(check))

        class Checker:
            def check(self, settings: str, run: contract.Run) -> contract.Verdict:
                given = manifest.read(settings)
                attempt = Run(run)
                try:
                    return record(examine(check.__name__, check, given, attempt), attempt)
                finally:
                    attempt.release()

        check.exports = manifest.exported(), Checker
        return check

    return decorate


def connector(**about: typing.Unpack[About]):
    """Makes a probe of a class whose instances are connections that stay open between runs. It is made of the settings, a dataclass, and a run;
    `check(run)` examines the target over it, and `close(run)`, if there is one, takes leave of it, and waits for nothing. What it opens of the
    network when it is made stays open as long as it does, and what a check opens until the end of that. What the contract wants exported is its `exports`: `Manifest, Connection = Line.exports`."""

    def decorate(kind):
        manifest = Manifest(about, first_hint(kind.__init__))

        class Connection:
            def __init__(self, run: Run, connection):
                self._run, self._connection = run, connection

            @classmethod
            def open(cls, settings: str, run: contract.Run) -> "Connection":
                attempt = None
                try:
                    given = manifest.read(settings)
                    attempt = Run(run)
                    opened = examine(kind.__name__, kind, given, attempt)
                    if isinstance(opened, Verdict):
                        raise Err(contract.Failure_Verdict(record(opened, attempt)))
                    attempt.stay()
                    return cls(attempt, opened)
                except Err as failed:
                    if attempt:
                        attempt.release()
                    if isinstance(failed.value, contract.Failure_Verdict):
                        raise
                    raise Err(contract.Failure_Problem(failed.value)) from failed

            def check(self, run: contract.Run) -> contract.Verdict:
                self._run.begin(run)
                try:
                    return record(examine(kind.__name__, self._connection.check, self._run), self._run)
                finally:
                    self._run.release()

            def close(self) -> None:
                self._run.leave()
                try:
                    if hasattr(self._connection, "close"):
                        self._connection.close(self._run)
                except (Unhealthy, Denied, Failed):
                    # Nobody waits for what comes of it.
                    pass
                finally:
                    self._run.end()

        # Where componentize-py looks for a resource: in a module that is called as its interface.
        sys.modules["connector"] = types.ModuleType("connector")
        sys.modules["connector"].Connection = Connection
        kind.exports = manifest.exported(), Connection
        return kind

    return decorate


def first_hint(function) -> type:
    """The type of a function's first argument that has one: that of the settings."""
    return next(iter(typing.get_type_hints(function).values()))


class Manifest:
    """What a probe says of itself, and of its settings."""

    def __init__(self, about: About, settings: type):
        self._about, self._settings = about, settings

    def problems(self, document: str) -> list[tuple[str, str]]:
        settings, found = _settings.read(self._settings, document)
        validate = self._about.get("validate")
        return found if found or validate is None else validate(settings)

    def read(self, document: str):
        """The settings, if nothing is wrong with them."""
        wrong = self.problems(document)
        if wrong:
            raise Err(invalid(wrong))
        return _settings.read(self._settings, document)[0]

    def exported(self) -> type:
        about, schema, problems = self._about, _settings.schema_of(self._settings), self.problems

        class Exported:
            def describe(self) -> contract.Description:
                return contract.Description(
                    name=about["name"],
                    version=about["version"],
                    description=about["about"],
                    settings_schema=json.dumps(schema),
                    default_interval=nanoseconds(about.get("interval")),
                    default_timeout=nanoseconds(about.get("timeout")),
                    memory=about.get("memory"),
                    critical=about.get("critical", False),
                    passive=about.get("passive", False),
                    grants=list(about.get("grants", ())),
                )

            def validate(self, settings: str) -> list[contract.SettingProblem]:
                return [contract.SettingProblem(*problem) for problem in problems(settings)]

        return Exported


def invalid(problems: list[tuple[str, str]]):
    return contract.Problem_InvalidSettings([contract.SettingProblem(*flaw) for flaw in problems])


def examine(name: str, work, *arguments):
    """What a part of a probe comes to: what it returns, or the verdict or the problem that follows from what it raises."""
    try:
        came = work(*arguments)
    except Unhealthy as failure:
        verdict = unhealthy(str(failure))
        return verdict.permanent() if failure.permanent else verdict
    except Denied as denied:
        raise Err(contract.Problem_Denied(str(denied))) from denied
    except Failed as failed:
        raise Err(contract.Problem_Other(str(failed))) from failed
    except InvalidSettings as wrong:
        raise Err(invalid(wrong.problems)) from wrong
    if not isinstance(work, type) and not isinstance(came, Verdict):
        raise Err(contract.Problem_Other(f"{name}() returned no verdict"))
    return came


def record(verdict: Verdict, run: Run) -> contract.Verdict:
    """The record that the contract has."""
    return contract.Verdict(
        status=contract.Status[verdict.status.upper()],
        message=verdict.message,
        details=[contract.Detail(key, tagged(value)) for key, value in verdict.details],
        measurements=[contract.Measurement(*measured) for measured in verdict.measurements + run.measured()],
        latency=nanoseconds(verdict.took),
        permanent=verdict.is_permanent,
        state=verdict.state,
    )


def tagged(value):
    # A bool is an int as well.
    for kind, case in (
        (bool, contract.Value_Boolean),
        (int, contract.Value_Integer),
        (float, contract.Value_Number),
    ):
        if isinstance(value, kind):
            return case(value)
    return contract.Value_Text(str(value))


def nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)
