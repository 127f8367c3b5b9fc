"""UDP, with the run's deadline built in."""

import typing

from wit_world.imports import network, udp, udp_create_socket

from ._failure import Unhealthy
from ._net import failing, resolve, socket_address
from ._run import Run

# How often a question is sent, as datagrams get lost.
TRIES = 3


def connect(run: Run, host: str, port: int) -> "Datagrams":
    """A socket for the first address of a host: the phase `resolve`. Nothing is sent yet. It ends with the run."""
    target = f"{host}:{port}"
    net, addresses = resolve(run, host, target)
    family, remote = socket_address(addresses[0], port)
    with failing(target):
        socket = run.hold(udp_create_socket.create_udp_socket(family))
        socket.start_bind(net, ANY[family])
        run.wait(socket.subscribe(), f"{target} got no socket")
        socket.finish_bind()
        incoming, outgoing = socket.stream(remote)
    return Datagrams(run, target, run.hold(incoming), run.hold(outgoing))


# The addresses from which the system picks the local end of a socket.
ANY = {
    network.IpAddressFamily.IPV4: network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(0, (0,) * 4)),
    network.IpAddressFamily.IPV6: network.IpSocketAddress_Ipv6(network.Ipv6SocketAddress(0, 0, (0,) * 8, 0)),
}


class Datagrams:
    """A socket that speaks to one address and hears it alone. What does not come in time raises `Unhealthy`."""

    def __init__(self, run: Run, target: str, incoming, outgoing):
        self.target = target
        """How messages call the target: `host:port`."""
        self._run, self._incoming, self._outgoing = run, incoming, outgoing

    def send(self, said: bytes) -> None:
        """Sends one datagram. That nobody listens shows, if at all, when the next one is sent or received."""
        with failing(self.target):
            while not (self._outgoing.check_send() and self._outgoing.send([udp.OutgoingDatagram(said, None)])):
                self._run.wait(self._outgoing.subscribe(), f"{self.target} took nothing")

    def receive(self) -> bytes:
        """The next datagram."""
        came = self._within(self._run.time_left)
        if came is None:
            raise Unhealthy(f"{self.target} sent nothing in time")
        return came

    def ask(self, question: bytes, is_answer: typing.Callable[[bytes], bool] = lambda _: True) -> bytes:
        """Sends a question, up to three times within the time that is left, until something comes that is an answer to it. What is none may
        be late, forged or garbage."""
        strays = 0
        for left in range(TRIES, 0, -1):
            self.send(question)
            over = self._run.time_left * (1 - 1 / left)
            while (came := self._within(self._run.time_left - over)) is not None:
                if is_answer(came):
                    return came
                strays += 1
        if strays:
            raise Unhealthy(f"{self.target} sent {strays} datagrams, and none was the answer")
        raise Unhealthy(f"{self.target} did not answer in time")

    def _within(self, patience: float) -> bytes | None:
        """The next datagram, if one comes within so many seconds."""
        over = self._run.time_left - patience
        with failing(self.target):
            while True:
                came = self._incoming.receive(1)
                if came:
                    return bytes(came[0].data)
                if not self._run.happens(self._incoming.subscribe(), max(self._run.time_left - over, 0)):
                    return None
