package probity

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"probity/guest/wit/wasi_sockets_network"
	"probity/guest/wit/wasi_sockets_udp"
	create "probity/guest/wit/wasi_sockets_udp_create_socket"
	wit "probity/guest/wit/wittypes"
)

// tries is how often a question is sent, as datagrams get lost.
const tries = 3

// errLate says that nothing came in time.
var errLate = errors.New("nothing came")

// Datagrams is a UDP socket that speaks to one address and hears it alone.
type Datagrams struct {
	// Target is how messages call the target: `host:port`.
	Target string

	// left is how long there is until waiting must end.
	left func() time.Duration
	// receive waits so long for a datagram: [errLate] says that there was none.
	receive func(patience time.Duration) ([]byte, error)
	// send sends a datagram.
	send func(said []byte) error
}

// DialUDP opens a socket for the first address of a host: the phase `resolve`. Nothing is sent yet. The socket ends with the run.
func (run *Run) DialUDP(host string, port uint16) (*Datagrams, error) {
	target := fmt.Sprintf("%s:%d", host, port)
	net, addresses, err := run.resolve(host, target)
	if err != nil {
		return nil, err
	}
	family, remote := socketAddress(addresses[0], port)
	created := create.CreateUdpSocket(family)
	if created.IsErr() {
		return nil, meaning(created.Err(), target)
	}
	socket := created.Ok()
	run.hold(socket)
	if began := socket.StartBind(net, anyAddress(family)); began.IsErr() {
		return nil, meaning(began.Err(), target)
	}
	if !run.wait(socket.Subscribe()) {
		return nil, unhealthyf("no socket for %s was opened in time", target)
	}
	if bound := socket.FinishBind(); bound.IsErr() {
		return nil, meaning(bound.Err(), target)
	}
	opened := socket.Stream(wit.Some(remote))
	if opened.IsErr() {
		return nil, meaning(opened.Err(), target)
	}
	incoming, outgoing := opened.Ok().F0, opened.Ok().F1
	run.hold(incoming)
	run.hold(outgoing)
	return run.datagrams(target, incoming, outgoing), nil
}

// anyAddress is that from which the system picks the local end of a socket.
func anyAddress(family uint8) wasi_sockets_network.IpSocketAddress {
	if family == wasi_sockets_network.IpAddressFamilyIpv4 {
		return wasi_sockets_network.MakeIpSocketAddressIpv4(wasi_sockets_network.Ipv4SocketAddress{})
	}
	return wasi_sockets_network.MakeIpSocketAddressIpv6(wasi_sockets_network.Ipv6SocketAddress{})
}

func (run *Run) datagrams(target string, incoming *wasi_sockets_udp.IncomingDatagramStream, outgoing *wasi_sockets_udp.OutgoingDatagramStream) *Datagrams {
	receive := func(patience time.Duration) ([]byte, error) {
		for {
			received := incoming.Receive(1)
			if received.IsErr() {
				return nil, meaning(received.Err(), target)
			}
			if came := received.Ok(); len(came) > 0 {
				// It lies where the runner put it, and only until it has something else to say.
				return bytes.Clone(came[0].Data), nil
			}
			began := run.Elapsed()
			if !run.waitFor(incoming.Subscribe(), patience) {
				return nil, errLate
			}
			patience -= run.Elapsed() - began
		}
	}
	send := func(said []byte) error {
		datagram := []wasi_sockets_udp.OutgoingDatagram{{Data: said, RemoteAddress: wit.None[wasi_sockets_network.IpSocketAddress]()}}
		for {
			room := outgoing.CheckSend()
			if room.IsErr() {
				return meaning(room.Err(), target)
			}
			if room.Ok() > 0 {
				sent := outgoing.Send(datagram)
				if sent.IsErr() {
					return meaning(sent.Err(), target)
				}
				if sent.Ok() > 0 {
					return nil
				}
			}
			if !run.wait(outgoing.Subscribe()) {
				return unhealthyf("%s took nothing in time", target)
			}
		}
	}
	return &Datagrams{Target: target, left: run.TimeLeft, receive: receive, send: send}
}

// Send sends one datagram. That nobody listens shows, if at all, when the next one is sent or received.
func (datagrams *Datagrams) Send(said []byte) error { return datagrams.send(said) }

// Receive is the next datagram.
func (datagrams *Datagrams) Receive() ([]byte, error) {
	came, err := datagrams.receive(datagrams.left())
	if err == errLate {
		err = unhealthyf("%s sent nothing in time", datagrams.Target)
	}
	return came, err
}

// Ask sends a question, up to three times within the time that is left, until something comes that is an answer to it: the first thing
// that comes if isAnswer is nil. What is none may be late, forged or garbage.
func (datagrams *Datagrams) Ask(question []byte, isAnswer func(datagram []byte) bool) ([]byte, error) {
	strays := 0
	for left := tries; left > 0; left-- {
		if err := datagrams.send(question); err != nil {
			return nil, err
		}
		end := datagrams.left() - datagrams.left()/time.Duration(left)
		for {
			came, err := datagrams.receive(datagrams.left() - end)
			if err == errLate {
				break
			}
			if err != nil || isAnswer == nil || isAnswer(came) {
				return came, err
			}
			strays++
		}
	}
	if strays > 0 {
		return nil, unhealthyf("%s sent %d datagrams, and none was the answer", datagrams.Target, strays)
	}
	return nil, unhealthyf("%s did not answer in time", datagrams.Target)
}
