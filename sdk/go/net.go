package probity

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	poll "probity/guest/wit/wasi_io_poll"
	streams "probity/guest/wit/wasi_io_streams"
	instance "probity/guest/wit/wasi_sockets_instance_network"
	lookup "probity/guest/wit/wasi_sockets_ip_name_lookup"
	network "probity/guest/wit/wasi_sockets_network"
	"probity/guest/wit/wasi_sockets_tcp"
	create "probity/guest/wit/wasi_sockets_tcp_create_socket"
)

// portion is how many bytes are read or written in one call; the contract of `wasi:io` allows no more to be written.
const portion = 4096

// codes are the words for what can go wrong, in the order of `wasi:sockets/network`.
var codes = [...]string{
	"unknown", "access denied", "not supported", "invalid argument", "out of memory", "timeout", "concurrency conflict",
	"not in progress", "would block", "invalid state", "new socket limit", "address not bindable", "address in use",
	"remote unreachable", "connection refused", "connection reset", "connection aborted", "datagram too large",
	"name unresolvable", "temporary resolver failure", "permanent resolver failure",
}

// ofTarget are those that say something of the target; what the others say is of the runner, or of its system.
var ofTarget = []network.ErrorCode{
	network.ErrorCodeTimeout, network.ErrorCodeRemoteUnreachable, network.ErrorCodeConnectionRefused, network.ErrorCodeConnectionReset,
	network.ErrorCodeConnectionAborted, network.ErrorCodeNameUnresolvable, network.ErrorCodeTemporaryResolverFailure,
	network.ErrorCodePermanentResolverFailure,
}

// Connection is a TCP connection. Whatever does not happen in time, or after the target has left, is an [UnhealthyError].
type Connection struct {
	// Target is how messages call the target: `host:port`.
	Target string

	arrived []byte
	// receive waits for more: none says that the target has closed the connection.
	receive func(otherwise string) ([]byte, error)
	// send takes a portion; how much of it was taken.
	send func(portion []byte) (int, error)
	// What it is made of, for what goes on over it.
	input  *streams.InputStream
	output *streams.OutputStream
}

// Connect connects to a host, which may have several addresses: the phases `resolve` and `connect`. The connection ends with the run.
func (run *Run) Connect(host string, port uint16) (*Connection, error) {
	target := fmt.Sprintf("%s:%d", host, port)
	net, addresses, err := run.resolve(host, target)
	if err != nil {
		return nil, err
	}
	var connection *Connection
	err = run.Phase("connect", func() (err error) {
		for at, address := range addresses {
			// The next address may be that of another machine: each has its share of the time.
			patience := run.TimeLeft() / time.Duration(len(addresses)-at)
			if connection, err = run.dial(net, address, port, target, patience); err == nil || run.TimeLeft() == 0 {
				return err
			}
		}
		return err
	})
	return connection, err
}

// Lookup is the addresses of a host, in the order of the resolver, and at least one: the phase `resolve`.
func (run *Run) Lookup(host string) ([]string, error) {
	_, addresses, err := run.resolve(host, host)
	found := make([]string, len(addresses))
	for at, address := range addresses {
		found[at] = written(address)
	}
	return found, err
}

// resolve is the phase of that name.
func (run *Run) resolve(host, target string) (net *network.Network, addresses []network.IpAddress, err error) {
	net = instance.InstanceNetwork()
	run.hold(net)
	err = run.Phase("resolve", func() (err error) {
		addresses, err = run.addressesOf(net, host, target)
		return err
	})
	if err == nil && len(addresses) == 0 {
		err = unhealthyf("%s has no address", host)
	}
	return net, addresses, err
}

func (run *Run) addressesOf(net *network.Network, host, target string) ([]network.IpAddress, error) {
	names := lookup.ResolveAddresses(net, host)
	if names.IsErr() {
		return nil, meaning(names.Err(), target)
	}
	stream := names.Ok()
	run.hold(stream)
	var found []network.IpAddress
	for {
		if !run.wait(stream.Subscribe()) {
			return nil, unhealthyf("%s was not resolved in time", host)
		}
		next := stream.ResolveNextAddress()
		if next.IsErr() {
			return nil, meaning(next.Err(), target)
		}
		if next.Ok().IsNone() {
			return found, nil
		}
		found = append(found, next.Ok().Some())
	}
}

func (run *Run) dial(
	net *network.Network, address network.IpAddress, port uint16, target string, patience time.Duration,
) (*Connection, error) {
	family, remote := socketAddress(address, port)
	created := create.CreateTcpSocket(family)
	if created.IsErr() {
		return nil, meaning(created.Err(), target)
	}
	socket := created.Ok()
	run.hold(socket)
	if began := socket.StartConnect(net, remote); began.IsErr() {
		return nil, meaning(began.Err(), target)
	}
	if !run.waitFor(socket.Subscribe(), patience) {
		return nil, unhealthyf("%s took no connection in time", target)
	}
	finished := socket.FinishConnect()
	if finished.IsErr() {
		return nil, meaning(finished.Err(), target)
	}
	input, output := finished.Ok().F0, finished.Ok().F1
	run.hold(input)
	run.hold(output)
	return run.connection(target, input, output), nil
}

// written is an address as people have it.
func written(address network.IpAddress) string {
	if address.Tag() == network.IpAddressIpv4 {
		four := address.Ipv4()
		return fmt.Sprintf("%d.%d.%d.%d", four.F0, four.F1, four.F2, four.F3)
	}
	six := address.Ipv6()
	return fmt.Sprintf("%x:%x:%x:%x:%x:%x:%x:%x", six.F0, six.F1, six.F2, six.F3, six.F4, six.F5, six.F6, six.F7)
}

func socketAddress(address network.IpAddress, port uint16) (uint8, wasi_sockets_tcp.IpSocketAddress) {
	if address.Tag() == network.IpAddressIpv4 {
		ipv4 := network.Ipv4SocketAddress{Port: port, Address: address.Ipv4()}
		return network.IpAddressFamilyIpv4, network.MakeIpSocketAddressIpv4(ipv4)
	}
	ipv6 := network.Ipv6SocketAddress{Port: port, Address: address.Ipv6()}
	return network.IpAddressFamilyIpv6, network.MakeIpSocketAddressIpv6(ipv6)
}

// meaning is what an error of the network says of the target, or of the check.
func meaning(code network.ErrorCode, target string) error {
	if code == network.ErrorCodeAccessDenied {
		return &DeniedError{Target: target}
	}
	if !slices.Contains(ofTarget, code) {
		return fmt.Errorf("the runner failed to reach %s: %s", target, codes[code])
	}
	return unhealthyf("can't reach %s: %s", target, codes[code])
}

func (run *Run) connection(target string, input *streams.InputStream, output *streams.OutputStream) *Connection {
	late := func(pollable *poll.Pollable, otherwise string) error {
		if run.wait(pollable) {
			return nil
		}
		return unhealthyf("%s in time", otherwise)
	}
	receive := func(otherwise string) ([]byte, error) {
		for {
			if err := late(input.Subscribe(), otherwise); err != nil {
				return nil, err
			}
			read := input.Read(portion)
			if read.IsErr() {
				return nil, nil
			}
			if more := read.Ok(); len(more) > 0 {
				// It lies where the runner put it, and only until it has something else to say.
				return bytes.Clone(more), nil
			}
		}
	}
	send := func(said []byte) (int, error) {
		if err := late(output.Subscribe(), target+" took no more"); err != nil {
			return 0, err
		}
		room := output.CheckWrite()
		if room.IsErr() {
			return 0, unhealthyf("%s closed the connection", target)
		}
		taken := min(len(said), portion, int(room.Ok()))
		if output.Write(said[:taken]).IsErr() || output.Flush().IsErr() {
			return 0, unhealthyf("%s closed the connection", target)
		}
		// It can be written to again once the flush is done.
		return taken, late(output.Subscribe(), target+" took no more")
	}
	return &Connection{Target: target, receive: receive, send: send, input: input, output: output}
}

// Read is what has arrived, as soon as something has: none if the target has closed the connection.
func (connection *Connection) Read(most int) ([]byte, error) {
	if len(connection.arrived) == 0 {
		more, err := connection.receive(connection.Target + " sent nothing")
		if err != nil {
			return nil, err
		}
		connection.arrived = more
	}
	return connection.take(min(most, len(connection.arrived))), nil
}

// Expect waits until a text has arrived, or, if it is empty, anything; within `most` bytes. It returns all that has arrived by then.
func (connection *Connection) Expect(text string, most int) ([]byte, error) {
	if _, err := connection.find(text, most); err != nil {
		return nil, err
	}
	return connection.take(min(most, len(connection.arrived))), nil
}

// ReadLine is the next line, without its end.
func (connection *Connection) ReadLine(most int) (string, error) {
	end, err := connection.find("\n", most)
	if err != nil {
		return "", err
	}
	line := connection.take(end + 1)[:end]
	return string(bytes.TrimSuffix(line, []byte("\r"))), nil
}

// find is where a text is in what has arrived, once it has.
func (connection *Connection) find(text string, most int) (int, error) {
	for {
		if at := bytes.Index(connection.arrived, []byte(text)); at >= 0 && len(connection.arrived) > 0 {
			return at, nil
		}
		if len(connection.arrived) >= most {
			return 0, unhealthyf("%s sent %s, and not %s", connection.Target, Quote(connection.arrived), Quote([]byte(text)))
		}
		more, err := connection.receive(fmt.Sprintf("%s did not send %s", connection.Target, Quote([]byte(text))))
		if err != nil {
			return 0, err
		}
		if len(more) == 0 {
			return 0, unhealthyf("%s closed the connection after %s", connection.Target, Quote(connection.arrived))
		}
		connection.arrived = append(connection.arrived, more...)
	}
}

// Write sends all of it.
func (connection *Connection) Write(said []byte) error {
	for len(said) > 0 {
		taken, err := connection.send(said)
		if err != nil {
			return err
		}
		said = said[taken:]
	}
	return nil
}

func (connection *Connection) take(length int) []byte {
	taken := connection.arrived[:length:length]
	connection.arrived = connection.arrived[length:]
	return taken
}
