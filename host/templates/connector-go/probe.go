// Keeps a TCP connection open, and asks over it at each run. Everything that a probe consists of is in this file.
package main

import (
	"strings"
	"time"

	probity "probity/guest"
	"probity/guest/connector"
)

// mostAnswer is how many bytes the answer may have.
const mostAnswer = 4096

// Settings is what the operator can configure.
type Settings struct {
	Host   string `json:"host" minLength:"1" description:"A name or an address."`
	Port   uint16 `json:"port" minimum:"1"`
	Ask    string `json:"ask" default:"PING" description:"The line that is sent."`
	Expect string `json:"expect" default:"PONG" description:"What the line that comes back must have in it."`
}

// Line is the open connection: it lives in its sandbox until it is closed, and so does whatever it keeps.
type Line struct {
	settings   Settings
	connection *probity.Connection
	asked      int
}

func init() {
	connector.Export(probity.Manifest{
		Name:        "line-probe",
		Version:     "0.1.0",
		Description: "Keeps a TCP connection open, and asks over it.",
		Interval:    30 * time.Second,
		Timeout:     5 * time.Second,
		Grants:      []string{"tcp:{host}:{port}"},
	}, open)
}

func open(settings Settings, run *probity.Run) (*Line, error) {
	connection, err := run.Connect(settings.Host, settings.Port)
	return &Line{settings: settings, connection: connection}, err
}

// Check is what the runner calls at each run.
func (line *Line) Check(run *probity.Run) (*probity.Verdict, error) {
	// TODO: this is where your own examination goes. Here: ask, and expect an answer.
	var answer string
	err := run.Phase("answer", func() (err error) {
		if err = line.connection.Write([]byte(line.settings.Ask + "\r\n")); err != nil {
			return err
		}
		answer, err = line.connection.ReadLine(mostAnswer)
		return err
	})
	if err != nil {
		return nil, err
	}
	line.asked++
	target, said := line.connection.Target, probity.Quote([]byte(answer))
	if !strings.Contains(answer, line.settings.Expect) {
		return probity.Unhealthy("%s answers %s", target, said), nil
	}
	return probity.Healthy("%s answers %s, %d times so far", target, said, line.asked), nil
}

// Close takes leave. Nobody waits for what comes of it.
func (line *Line) Close(*probity.Run) { _ = line.connection.Write([]byte("QUIT\r\n")) }

func main() {}
