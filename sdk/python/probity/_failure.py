"""What ends a run before its verdict."""


class Unhealthy(Exception):
    """The target does not do what it is for. With `permanent`, trying again soon is pointless."""

    def __init__(self, message: str, permanent: bool = False):
        super().__init__(message)
        self.permanent = permanent


class Denied(Exception):
    """The check is not granted something. The runner adds the grant that the operator would have to write."""


class Failed(Exception):
    """Nothing is known of the target: the probe or its runner could not do its part."""


class InvalidSettings(Exception):
    """The settings can't be used: `problems` has pairs of a JSON pointer and what is wrong there."""

    def __init__(self, problems: list[tuple[str, str]]):
        super().__init__("; ".join(f"{pointer}: {message}" for pointer, message in problems))
        self.problems = problems
