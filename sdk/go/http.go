package probity

import (
	"bytes"
	"fmt"
	"strings"

	outgoing "probity/guest/wit/wasi_http_outgoing_handler"
	"probity/guest/wit/wasi_http_types"
	streams "probity/guest/wit/wasi_io_streams"
	wit "probity/guest/wit/wittypes"
)

// mostBody is how much of a body is read where nothing is said: 1 MiB.
const mostBody = 1 << 20

// Request is a request of HTTP. The runner sends it: it resolves, connects and speaks TLS, by the grants `http:` and `https:`.
type Request struct {
	// Method is such as `POST`; empty is `GET`.
	Method string
	// URL is absolute, and of `http` or `https`.
	URL string
	// Header has the names and values that are sent.
	Header map[string]string
	// Body is what comes after them.
	Body []byte
	// MostBody is how many bytes of the answer's body are read; 0 are 1 MiB.
	MostBody int
}

// Response is the answer to a [Request].
type Response struct {
	// Status is its code.
	Status int
	// Header has the names in lower case.
	Header map[string][]string
	// Body is what was read of it.
	Body []byte
	// Cut says that there was more.
	Cut bool
}

// Get is the first value of a header, or an empty text.
func (response *Response) Get(name string) string {
	if values := response.Header[strings.ToLower(name)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Fetch sends a request, and waits for the whole answer: the phases `first-byte` and `body`. Whatever its status is, it is an answer.
func (run *Run) Fetch(request Request) (*Response, error) {
	var head *wasi_http_types.IncomingResponse
	err := run.Phase("first-byte", func() (err error) {
		head, err = run.ask(request)
		return err
	})
	if err != nil {
		return nil, err
	}
	response := &Response{Status: int(head.Status()), Header: map[string][]string{}}
	fields := head.Headers()
	run.hold(fields)
	for _, entry := range fields.Entries() {
		name := strings.ToLower(entry.F0)
		response.Header[name] = append(response.Header[name], string(entry.F1))
	}
	return response, run.Phase("body", func() error { return run.readBody(request, head, response) })
}

// ask sends a request, and waits for the head of the answer.
func (run *Run) ask(request Request) (*wasi_http_types.IncomingResponse, error) {
	made, err := made(request)
	if err != nil {
		return nil, err
	}
	var body *wasi_http_types.OutgoingBody
	if len(request.Body) > 0 {
		// A body can be had once, and is had here alone.
		body = made.Body().Ok()
		run.hold(body)
	}
	pending := outgoing.Handle(made, wit.Some(run.options()))
	if pending.IsErr() {
		return nil, failure(pending.Err(), request.URL)
	}
	run.hold(pending.Ok())
	if body != nil {
		if err := run.sendBody(body, request); err != nil {
			return nil, err
		}
	}
	for {
		if !run.wait(pending.Ok().Subscribe()) {
			return nil, unhealthyf("%s did not answer in time", request.URL)
		}
		// The outer error would mean that the answer was taken before, and it is taken once.
		came := pending.Ok().Get()
		if came.IsNone() || came.Some().IsErr() {
			continue
		}
		if came := came.Some().Ok(); came.IsErr() {
			return nil, failure(came.Err(), request.URL)
		}
		head := came.Some().Ok().Ok()
		run.hold(head)
		return head, nil
	}
}

// place is where a URL leads: its scheme, its host with the port, and its path with the query.
func place(url string) (scheme, host, path string, err error) {
	url, _, _ = strings.Cut(url, "#")
	scheme, rest, _ := strings.Cut(url, "://")
	at := strings.IndexAny(rest, "/?")
	if at < 0 {
		at = len(rest)
	}
	host, path = rest[:at], rest[at:]
	if host == "" || (scheme != "http" && scheme != "https") {
		return "", "", "", fmt.Errorf("%q is no URL of http or https", url)
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return scheme, host, path, nil
}

// made is the request as the contract has it.
func made(request Request) (*wasi_http_types.OutgoingRequest, error) {
	scheme, host, path, err := place(request.URL)
	if err != nil {
		return nil, err
	}
	fields := wasi_http_types.MakeFields()
	add := func(name, value string) error {
		if fields.Append(name, []byte(value)).IsErr() {
			return fmt.Errorf("the header %q can't be sent", name)
		}
		return nil
	}
	for name, value := range request.Header {
		if err := add(name, value); err != nil {
			return nil, err
		}
	}
	if len(request.Body) > 0 {
		// Without it HTTP/1.1 would send the body in chunks, which not every server takes.
		if err := add("content-length", fmt.Sprint(len(request.Body))); err != nil {
			return nil, err
		}
	}
	made := wasi_http_types.MakeOutgoingRequest(fields)
	secure := wasi_http_types.MakeSchemeHttp()
	if scheme == "https" {
		secure = wasi_http_types.MakeSchemeHttps()
	}
	for _, part := range []struct {
		taken wit.Result[wit.Unit, wit.Unit]
		what  string
	}{
		{made.SetMethod(methodOf(request.Method)), "method"},
		{made.SetScheme(wit.Some(secure)), "scheme"},
		{made.SetAuthority(wit.Some(host)), "host"},
		{made.SetPathWithQuery(wit.Some(path)), "path"},
	} {
		if part.taken.IsErr() {
			return nil, fmt.Errorf("the runner does not take the %s of a request for %s", part.what, request.URL)
		}
	}
	return made, nil
}

// methodOf is a method as the contract has it: the usual ones have a word of their own.
func methodOf(name string) wasi_http_types.Method {
	usual := map[string]func() wasi_http_types.Method{
		"": wasi_http_types.MakeMethodGet, "GET": wasi_http_types.MakeMethodGet, "HEAD": wasi_http_types.MakeMethodHead,
		"POST": wasi_http_types.MakeMethodPost, "PUT": wasi_http_types.MakeMethodPut, "DELETE": wasi_http_types.MakeMethodDelete,
		"OPTIONS": wasi_http_types.MakeMethodOptions, "PATCH": wasi_http_types.MakeMethodPatch,
	}
	if method, is := usual[name]; is {
		return method()
	}
	return wasi_http_types.MakeMethodOther(name)
}

// options are time-outs for the runner, so that it stops when the probe does.
func (run *Run) options() *wasi_http_types.RequestOptions {
	options, left := wasi_http_types.MakeRequestOptions(), wit.Some(uint64(run.TimeLeft()))
	options.SetConnectTimeout(left)
	options.SetFirstByteTimeout(left)
	options.SetBetweenBytesTimeout(left)
	return options
}

func (run *Run) sendBody(body *wasi_http_types.OutgoingBody, request Request) error {
	// A stream can be had once, and is had here alone.
	stream := body.Write().Ok()
	for left := request.Body; len(left) > 0; {
		if !run.wait(stream.Subscribe()) {
			stream.Drop()
			return unhealthyf("%s took no more in time", request.URL)
		}
		room := stream.CheckWrite()
		if room.IsErr() {
			break
		}
		taken := min(len(left), portion, int(room.Ok()))
		if stream.Write(left[:taken]).IsErr() {
			// The answer says why, or comes all the same: a server may answer before it has read all.
			break
		}
		left = left[taken:]
	}
	stream.Drop()
	wasi_http_types.OutgoingBodyFinish(body, wit.None[*wasi_http_types.Fields]())
	return nil
}

func (run *Run) readBody(request Request, head *wasi_http_types.IncomingResponse, response *Response) error {
	most := request.MostBody
	if most == 0 {
		most = mostBody
	}
	// Each can be had once, and is had here alone.
	body := head.Consume().Ok()
	run.hold(body)
	stream := body.Stream().Ok()
	run.hold(stream)
	for len(response.Body) <= most {
		if !run.wait(stream.Subscribe()) {
			return unhealthyf("the body of %s did not come in time", request.URL)
		}
		read := stream.Read(uint64(most - len(response.Body) + 1))
		if read.IsErr() {
			ended := read.Err()
			if ended.Tag() == streams.StreamErrorClosed {
				return nil
			}
			run.hold(ended.LastOperationFailed())
			return unhealthyf("the body of %s broke off: %s", request.URL, firstLine(ended.LastOperationFailed().ToDebugString()))
		}
		response.Body = append(response.Body, bytes.Clone(read.Ok())...)
	}
	response.Body, response.Cut = response.Body[:most], true
	return nil
}

// reasons are the words for what can go wrong with a request, in the order of `wasi:http/types`.
var reasons = [...]string{
	"the resolver did not answer", "no such name", "no such destination", "the destination is not available", "the address is prohibited",
	"no way leads there", "connection refused", "connection terminated", "connection timed out", "nothing to read in time",
	"nothing to write in time", "too many connections", "no common ground in the TLS handshake", "the server's certificate is not valid here",
	"the server refused the TLS handshake", "request denied", "a length is required", "the request is too long", "the method is invalid",
	"the URL is invalid", "the URL is too long", "the headers sent are too long", "a header sent is too long", "the trailers sent are too long",
	"a trailer sent is too long", "the answer is incomplete", "the headers are too long", "a header is too long", "the body is too long",
	"the trailers are too long", "a trailer is too long", "the transfer coding is unknown", "the content coding is unknown",
	"no answer in time", "the upgrade failed", "this is not HTTP", "the request ran in a loop", "the runner's configuration forbids it",
	"the runner failed",
}

// failure is what an error of HTTP says of the target, or of the check.
func failure(code wasi_http_types.ErrorCode, url string) error {
	switch code.Tag() {
	case wasi_http_types.ErrorCodeHttpRequestDenied, wasi_http_types.ErrorCodeDestinationIpProhibited:
		return &DeniedError{Target: url}
	case wasi_http_types.ErrorCodeInternalError:
		why := "it does not say why"
		if text := code.InternalError(); !text.IsNone() {
			why = firstLine(text.Some())
		}
		return fmt.Errorf("the runner failed to ask %s: %s", url, why)
	}
	return unhealthyf("can't ask %s: %s", url, reasons[code.Tag()])
}
