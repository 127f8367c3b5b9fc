// Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file.
package main

import (
	"time"

	probity "probity/guest"
)

// mostBanner is in how many bytes the banner must be.
const mostBanner = 4096

// Settings is what the operator can configure.
type Settings struct {
	Host   string `json:"host" minLength:"1" description:"A name or an address."`
	Port   uint16 `json:"port" minimum:"1"`
	Expect string `json:"expect" default:"" description:"What the banner must have in it."`
}

func init() {
	probity.Checker(probity.Manifest{
		Name:        "banner-probe",
		Version:     "0.1.0",
		Description: "Connects to a TCP port, and expects a banner.",
		Interval:    30 * time.Second,
		Timeout:     5 * time.Second,
		Grants:      []string{"tcp:{host}:{port}"},
	}, check)
}

// check is what the runner calls at each run, in a fresh instance.
func check(settings Settings, run *probity.Run) (*probity.Verdict, error) {
	// TODO: this is where your own examination goes. Here: connect, and wait for the banner.
	connection, err := run.Connect(settings.Host, settings.Port)
	if err != nil {
		return nil, err
	}
	var banner []byte
	err = run.Phase("banner", func() (err error) {
		banner, err = connection.Expect(settings.Expect, mostBanner)
		return err
	})
	if err != nil {
		return nil, err
	}
	return probity.Healthy("%s greets with %s", connection.Target, probity.Quote(banner)), nil
}

func main() {}
