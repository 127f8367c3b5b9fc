"""Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file."""

from dataclasses import dataclass

from probity import Run, Verdict, checker, connect, healthy, port, quote, setting


@dataclass
class Settings:
    """What the operator can configure."""

    host: str = setting(min_length=1, description="A name or an address.")
    port: int = port()
    expect: str = setting(default="", description="What the banner must have in it.")


@checker(
    name="banner-probe",
    version="0.1.0",
    about="Connects to a TCP port, and expects a banner.",
    interval=30,
    timeout=5,
    grants=["tcp:{host}:{port}"],
)
def check(settings: Settings, run: Run) -> Verdict:
    """What the runner calls at each run, in a fresh instance."""
    # TODO: this is where your own examination goes. Here: connect, and wait for the banner.
    connection = connect(run, settings.host, settings.port)
    with run.phase("banner"):
        banner = connection.expect(settings.expect.encode())
    return healthy(f"{connection.target} greets with {quote(banner)}")


Manifest, Checker = check.exports
