"""What a probe says of its target."""

import json

# Characters that a quotation shows.
SHOWN = 120


class Verdict:
    """A verdict that is being put together: each method adds to it, and returns it."""

    def __init__(self, status: str, message: str):
        self.status = status
        self.message = message
        self.details: list[tuple[str, str | int | float | bool]] = []
        self.measurements: list[tuple[str, str, float]] = []
        self.took: float | None = None
        self.is_permanent = False
        self.state = b""

    def detail(self, key: str, value: str | int | float | bool) -> "Verdict":
        """One fact, for people."""
        self.details.append((key, value))
        return self

    def measure(self, name: str, value: float, unit: str = "1") -> "Verdict":
        """One figure, for time series, in a unit of UCUM: `s`, `By`, `1`, `%`."""
        self.measurements.append((name, unit, float(value)))
        return self

    def latency(self, seconds: float) -> "Verdict":
        """How long the target took; without it, the runner's own timing counts."""
        self.took = seconds
        return self

    def permanent(self) -> "Verdict":
        """The failure will not go away by itself: trying again soon is pointless."""
        self.is_permanent = True
        return self

    def keep(self, state: bytes) -> "Verdict":
        """What the next run of the same check finds in `run.state`."""
        self.state = state
        return self


def healthy(message: str) -> Verdict:
    return Verdict("healthy", message)


def degraded(message: str) -> Verdict:
    """It works, but not as well as it should."""
    return Verdict("degraded", message)


def unhealthy(message: str) -> Verdict:
    return Verdict("unhealthy", message)


def quote(said: bytes | str) -> str:
    """The first line, in quotes, and no more of it than a message should show."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return json.dumps("".join(text.splitlines()[:1])[:SHOWN], ensure_ascii=False)
