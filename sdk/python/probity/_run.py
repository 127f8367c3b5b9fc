"""One run: what it was told, how long it may take, and how long each phase of it took."""

import contextlib

from wit_world.imports import monotonic_clock, poll

from ._failure import Unhealthy

# What is kept of the time for the verdict, at least in nanoseconds: whoever has none by the end of the time has failed as a probe,
# and a target that does not answer is to be called unhealthy.
SHARE, LEAST = 25, 20_000_000


class Run:
    """One run of a check."""

    def __init__(self, run):
        self.check: str = run.check
        """The name of the check."""
        self.attempt: int = run.attempt
        """1 for the first attempt, one more for each retry."""
        self.traceparent: str = run.traceparent
        """A W3C traceparent, to hand on to the target; may be empty."""
        self.state = bytes(run.state)
        """What the last verdict kept."""
        self._began = monotonic_clock.now()
        self._end = self._began + max(run.time_left - max(run.time_left // SHARE, LEAST), 0)
        self._phases: dict[str, float] = {}
        # What belongs to something else has to be let go before it: the last one first.
        self._held = contextlib.ExitStack()
        self._deadline = self.hold(monotonic_clock.subscribe_instant(self._end))

    @property
    def time_left(self) -> float:
        """Seconds until waiting for the target must end, so that the verdict still comes in time. All of this package keeps to it."""
        return max(self._end - monotonic_clock.now(), 0) / 1e9

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return (monotonic_clock.now() - self._began) / 1e9

    @contextlib.contextmanager
    def phase(self, name: str):
        """One phase; how long it takes becomes a measurement of that name, unless it fails."""
        began = monotonic_clock.now()
        yield
        self._phases[name] = self._phases.get(name, 0.0) + (monotonic_clock.now() - began) / 1e9

    def hold(self, resource):
        """Keeps a resource until the run is over."""
        return self._held.enter_context(resource)

    def wait(self, pollable, otherwise: str) -> None:
        """Waits until something can be read or written. If the time is over before, the target is unhealthy."""
        with pollable:
            if 0 not in poll.poll([pollable, self._deadline]):
                raise Unhealthy(f"{otherwise} in time")

    def measured(self) -> list[tuple[str, str, float]]:
        """The phases so far, as measurements."""
        return [(name, "s", took) for name, took in (self._phases | {"total": self.elapsed}).items()]

    def release(self) -> None:
        self._held.close()
