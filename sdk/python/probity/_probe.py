"""From what an author writes to what the contract wants exported."""

import json
import typing

from componentize_py_types import Err
from wit_world.imports import types as contract

from . import _settings
from ._failure import Denied, InvalidSettings, Unhealthy
from ._run import Run
from ._verdict import Verdict, unhealthy


def checker(
    *,
    name: str,
    version: str,
    about: str,
    interval: float | None = None,
    timeout: float | None = None,
    memory: int | None = None,
    critical: bool = False,
    passive: bool = False,
    grants: typing.Sequence[str] = (),
    validate: typing.Callable[[typing.Any], list[tuple[str, str]]] | None = None,
):
    """Makes a probe of a function that takes its settings, a dataclass, and the run. Spans of time are in seconds, `about` is one
    sentence. What the contract wants exported is the function's `exports`: `Manifest, Checker = check.exports`."""

    def decorate(check):
        settings_type = next(iter(typing.get_type_hints(check).values()))

        def problems(document: str) -> list[tuple[str, str]]:
            settings, found = _settings.read(settings_type, document)
            return found if found or validate is None else validate(settings)

        class Manifest:
            def describe(self) -> contract.Description:
                return contract.Description(
                    name=name,
                    version=version,
                    description=about,
                    settings_schema=json.dumps(_settings.schema_of(settings_type)),
                    default_interval=nanoseconds(interval),
                    default_timeout=nanoseconds(timeout),
                    memory=memory,
                    critical=critical,
                    passive=passive,
                    grants=list(grants),
                )

            def validate(self, settings: str) -> list[contract.SettingProblem]:
                return [contract.SettingProblem(*problem) for problem in problems(settings)]

        class Checker:
            def check(self, settings: str, run: contract.Run) -> contract.Verdict:
                wrong = problems(settings)
                if wrong:
                    raise Err(contract.Problem_InvalidSettings([contract.SettingProblem(*flaw) for flaw in wrong]))
                attempt = Run(run)
                try:
                    verdict = examine(check, _settings.read(settings_type, settings)[0], attempt)
                    return record(verdict, attempt)
                except Denied as denied:
                    raise Err(contract.Problem_Denied(str(denied))) from denied
                except InvalidSettings as invalid:
                    found = [contract.SettingProblem(*flaw) for flaw in invalid.problems]
                    raise Err(contract.Problem_InvalidSettings(found)) from invalid
                finally:
                    attempt.release()

        check.exports = Manifest, Checker
        return check

    return decorate


def examine(check, settings, run: Run) -> Verdict:
    try:
        verdict = check(settings, run)
    except Unhealthy as failure:
        verdict = unhealthy(str(failure))
        return verdict.permanent() if failure.permanent else verdict
    if not isinstance(verdict, Verdict):
        raise Err(contract.Problem_Other(f"{check.__name__}() returned no verdict"))
    return verdict


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
