"""One run: what it was told, how long it may take, and how long each phase of it took."""

from wit_world.imports import monotonic_clock, poll

from ._failure import Unhealthy

# What is kept of the time for the verdict: whoever has none by the end of the time has failed as a probe, and a target that does not
# answer is to be called unhealthy. A twenty-fifth of it, but not less than two ticks of the runner's clock, nor more than half a second,
# in nanoseconds.
SHARE, LEAST, MOST = 25, 20_000_000, 500_000_000

# What a leave-taking has, in nanoseconds.
LEAVE = 1_000_000_000


def margin(left: int) -> int:
    """What is kept: never more than half of the whole."""
    return min(max(left // SHARE, LEAST), MOST, left // 2)


class Phase:
    """One phase that is measured. It is no generator: the errors of imports are frozen, and can't be thrown into one."""

    def __init__(self, phases: dict[str, float], name: str):
        self._phases, self._name = phases, name

    def __enter__(self) -> None:
        self._began = monotonic_clock.now()

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            took = (monotonic_clock.now() - self._began) / 1e9
            self._phases[self._name] = self._phases.get(self._name, 0.0) + took


class Run:
    """One run of a check."""

    def __init__(self, run):
        # What belongs to something else has to be let go before it: the last one first. So many of them live on from run to run.
        self._held, self._staying = [], 0
        self.begin(run)

    def begin(self, run) -> None:
        """Begins anew, of a connection that lives on from run to run."""
        self.check: str = run.check
        """The name of the check."""
        self.attempt: int = run.attempt
        """1 for the first attempt, one more for each retry."""
        self.traceparent: str = run.traceparent
        """A W3C traceparent, to hand on to the target; may be empty."""
        self.state = bytes(run.state)
        """What the last verdict kept."""
        self._began = monotonic_clock.now()
        self._end = self._began + run.time_left - margin(run.time_left)
        self._phases: dict[str, float] = {}

    def leave(self) -> None:
        """Begins the leave-taking, of which the runner tells no time: half of the most that it allows."""
        self._began = monotonic_clock.now()
        self._end = self._began + LEAVE

    @property
    def time_left(self) -> float:
        """Seconds until waiting for the target must end, so that the verdict still comes in time. All of this package keeps to it."""
        return max(self._end - monotonic_clock.now(), 0) / 1e9

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return (monotonic_clock.now() - self._began) / 1e9

    def phase(self, name: str) -> "Phase":
        """One phase; how long it takes becomes a measurement of that name, unless it fails."""
        return Phase(self._phases, name)

    def hold(self, resource):
        """Keeps a resource until the run is over."""
        self._held.append(resource)
        return resource

    def give_away(self, resource):
        """Keeps a resource no longer, as it is somebody else's from now on."""
        at = next(at for at, held in enumerate(self._held) if held is resource)
        del self._held[at]
        self._staying -= at < self._staying
        return resource

    def wait(self, pollable, otherwise: str, patience: float | None = None) -> None:
        """Waits until something can be read or written, for so many seconds at most if that is said. If the time is over before, the target
        is unhealthy."""
        if not self.happens(pollable, patience):
            raise Unhealthy(f"{otherwise} in time")

    def happens(self, pollable, patience: float | None = None) -> bool:
        """Whether something can be read or written within that time."""
        end = self._end if patience is None else min(self._end, monotonic_clock.now() + round(patience * 1e9))
        with pollable, monotonic_clock.subscribe_instant(end) as alarm:
            return 0 in poll.poll([pollable, alarm])

    def measured(self) -> list[tuple[str, str, float]]:
        """The phases so far, as measurements."""
        return [(name, "s", took) for name, took in (self._phases | {"total": self.elapsed}).items()]

    def stay(self) -> None:
        """What is held by now is held until the end."""
        self._staying = len(self._held)

    def release(self) -> None:
        """Lets go of what this run holds."""
        while len(self._held) > self._staying:
            self._held.pop().__exit__(None, None, None)

    def end(self) -> None:
        """Lets go of everything."""
        self._staying = 0
        self.release()
