"""What probes in Python share: settings, verdicts, phases, the network with the run's deadline, and the manifest.

A probe is a function that examines a target, and a dataclass of its settings:

    @dataclass
    class Settings:
        host: str = setting(min_length=1)
        port: int = port()
        expect: str = setting(default="")

    @checker(name="banner", version="0.1.0", about="Expects a banner.", grants=["tcp:{host}:{port}"])
    def check(settings: Settings, run: Run) -> Verdict:
        with run.phase("banner"):
            ...
        return healthy("all is well")

    Manifest, Checker = check.exports

Each of the modules `probity.udp`, `probity.tls` and `probity.http` is part of a component, and of what it imports, only where it is
imported.
"""

from ._failure import Denied, Failed, InvalidSettings, Unhealthy
from ._settings import port, setting
from ._verdict import Verdict, degraded, healthy, quote, unhealthy

__all__ = [
    "Connection",
    "Denied",
    "Failed",
    "InvalidSettings",
    "Run",
    "Unhealthy",
    "Verdict",
    "checker",
    "connect",
    "connector",
    "degraded",
    "healthy",
    "lookup",
    "port",
    "quote",
    "setting",
    "unhealthy",
]


def __getattr__(name):
    # What runs in a component alone comes when it is asked for: its tools and tests have no WASI to import.
    if name in ("checker", "connector"):
        from . import _probe

        return getattr(_probe, name)
    if name in ("Connection", "connect", "lookup"):
        from . import _net

        return getattr(_net, name)
    if name == "Run":
        from ._run import Run

        return Run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
