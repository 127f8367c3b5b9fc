package probity

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	http "probity/guest/wit/wasi_http_types"
	"probity/guest/wit/wasi_sockets_network"
	wit "probity/guest/wit/wittypes"
)

func TestSomeOfTheTimeIsKeptForTheVerdict(t *testing.T) {
	for left, kept := range map[time.Duration]time.Duration{0: 0, 10: 5, 100: 20, 1_000: 40, 5_000: 200, 60_000: 500} {
		if found := margin(left * time.Millisecond); found != kept*time.Millisecond {
			t.Errorf("%d ms: %v", left, found)
		}
	}
}

func TestAddressesAreWritten(t *testing.T) {
	four := wasi_sockets_network.MakeIpAddressIpv4(wit.Tuple4[uint8, uint8, uint8, uint8]{F0: 192, F1: 0, F2: 2, F3: 1})
	six := wasi_sockets_network.MakeIpAddressIpv6(
		wit.Tuple8[uint16, uint16, uint16, uint16, uint16, uint16, uint16, uint16]{F0: 0x2001, F1: 0xdb8, F7: 1},
	)
	if found := written(four) + " " + written(six); found != "192.0.2.1 2001:db8:0:0:0:0:0:1" {
		t.Error(found)
	}
}

// scripted is a socket that hears this, each time that it has asked; its clock goes on by what it waits.
func scripted(heard *[]string, said ...[]string) (*Datagrams, *time.Duration) {
	left := 900 * time.Millisecond
	var waiting []string
	receive := func(patience time.Duration) ([]byte, error) {
		if len(waiting) == 0 {
			left -= patience
			return nil, errLate
		}
		next := waiting[0]
		waiting = waiting[1:]
		return []byte(next), nil
	}
	send := func(asked []byte) error {
		*heard = append(*heard, string(asked))
		if len(said) > 0 {
			waiting, said = append(waiting, said[0]...), said[1:]
		}
		return nil
	}
	return &Datagrams{Target: "db:53", left: func() time.Duration { return left }, receive: receive, send: send}, &left
}

func TestAQuestionIsAskedUntilItIsAnswered(t *testing.T) {
	isAnswer := func(datagram []byte) bool { return string(datagram) != "busy" }
	var heard []string
	datagrams, left := scripted(&heard, nil, []string{"busy", "well"})
	answer, err := datagrams.Ask([]byte("?"), isAnswer)
	if string(answer) != "well" || err != nil || !slices.Equal(heard, []string{"?", "?"}) || *left != 600*time.Millisecond {
		t.Errorf("%q %v %q %v", answer, err, heard, *left)
	}
	for _, one := range []struct {
		said   []string
		wanted string
	}{
		{nil, "db:53 did not answer in time"},
		{[]string{"busy"}, "db:53 sent 1 datagrams, and none was the answer"},
	} {
		datagrams, left = scripted(new([]string), one.said)
		_, err = datagrams.Ask([]byte("?"), isAnswer)
		var unhealthy *UnhealthyError
		if !errors.As(err, &unhealthy) || unhealthy.Message != one.wanted || *left != 0 {
			t.Errorf("%v %v", err, *left)
		}
	}
	datagrams, _ = scripted(new([]string))
	if _, err := datagrams.Receive(); err == nil || err.Error() != "db:53 sent nothing in time" {
		t.Error(err)
	}
}

func TestAnErrorIsTheTargetsOrNot(t *testing.T) {
	text := func(text string) wit.Option[string] { return wit.Some(text) }
	for _, one := range []struct {
		err    error
		isOf   bool
		wanted string
	}{
		{meaning(wasi_sockets_network.ErrorCodeConnectionRefused, "db:22"), true, "can't reach db:22: connection refused"},
		{meaning(wasi_sockets_network.ErrorCodeOutOfMemory, "db:22"), false, "the runner failed to reach db:22: out of memory"},
		{meaning(wasi_sockets_network.ErrorCodeAccessDenied, "db:22"), false, "db:22 is not granted"},
		{failure(http.MakeErrorCodeHttpResponseTimeout(), "http://db/"), true, "can't ask http://db/: no answer in time"},
		{failure(http.MakeErrorCodeHttpRequestDenied(), "http://db/"), false, "http://db/ is not granted"},
		{failure(http.MakeErrorCodeInternalError(text("odd\nand more")), "http://db/"), false, "the runner failed to ask http://db/: odd"},
	} {
		var unhealthy *UnhealthyError
		if errors.As(one.err, &unhealthy) != one.isOf || one.err.Error() != one.wanted {
			t.Errorf("%v", one.err)
		}
	}
	if len(reasons) != int(http.ErrorCodeInternalError)+1 {
		t.Errorf("there are words for %d errors", len(reasons))
	}
}

func TestOnlyAnURLOfHTTPIsAsked(t *testing.T) {
	for _, url := range []string{"ftp://db/", "nowhere", "http://", "https:///"} {
		if _, _, _, err := place(url); err == nil || !strings.HasSuffix(err.Error(), "is no URL of http or https") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for url, wanted := range map[string][3]string{
		"http://db":              {"http", "db", "/"},
		"https://db:1/a?b=c#d":   {"https", "db:1", "/a?b=c"},
		"http://[2001:db8::1]?q": {"http", "[2001:db8::1]", "/?q"},
	} {
		scheme, host, path, err := place(url)
		if found := [3]string{scheme, host, path}; found != wanted || err != nil {
			t.Errorf("%s: %q %v", url, found, err)
		}
	}
	answer := Response{Header: map[string][]string{"x-a": {"1", "2"}}}
	if answer.Get("X-A") != "1" || answer.Get("X-B") != "" {
		t.Error(answer)
	}
}
