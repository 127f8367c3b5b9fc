"""Keeps a TCP connection open, and asks over it at each run. Everything that a probe consists of is in this file."""

from dataclasses import dataclass

from probity import Run, Verdict, connect, connector, healthy, port, quote, setting, unhealthy


@dataclass
class Settings:
    """What the operator can configure."""

    host: str = setting(min_length=1, description="A name or an address.")
    port: int = port()
    ask: str = setting(default="PING", description="The line that is sent.")
    expect: str = setting(default="PONG", description="What the line that comes back must have in it.")


@connector(
    name="line-probe",
    version="0.1.0",
    about="Keeps a TCP connection open, and asks over it.",
    interval=30,
    timeout=5,
    grants=["tcp:{host}:{port}"],
)
class Line:
    """The open connection: it lives in its sandbox until it is closed, and so does whatever it keeps."""

    def __init__(self, settings: Settings, run: Run):
        self.settings = settings
        self.connection = connect(run, settings.host, settings.port)
        self.asked = 0

    def check(self, run: Run) -> Verdict:
        """What the runner calls at each run."""
        # TODO: this is where your own examination goes. Here: ask, and expect an answer.
        with run.phase("answer"):
            self.connection.write(f"{self.settings.ask}\r\n".encode())
            answer = self.connection.read_line()
        self.asked += 1
        said = f"{self.connection.target} answers {quote(answer)}"
        if self.settings.expect not in answer.decode(errors="replace"):
            return unhealthy(said)
        return healthy(f"{said}, {self.asked} times so far")

    def close(self, run: Run) -> None:
        # Nobody waits for what comes of it.
        self.connection.write(b"QUIT\r\n")


Manifest, Connection = Line.exports
