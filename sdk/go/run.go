package probity

import (
	"slices"
	"time"

	"probity/guest/wit/probity_probe_types"
	clock "probity/guest/wit/wasi_clocks_monotonic_clock"
	poll "probity/guest/wit/wasi_io_poll"
)

// What is kept of the time for the verdict: whoever has none by the end of the time has failed as a probe, and a target that does not
// answer is to be called unhealthy.
const (
	share = 25
	least = 20 * time.Millisecond
)

// Run is one run: what it was told, how long it may take, and how long each phase of it took.
type Run struct {
	// Check is the name of the check.
	Check string
	// Attempt is 1 for the first attempt, and one more for each retry.
	Attempt uint32
	// Traceparent is a W3C traceparent, to hand on to the target; it may be empty.
	Traceparent string
	// State is what the last verdict kept.
	State []byte

	began, end uint64
	deadline   *poll.Pollable
	phases     []phase
	// held is what belongs to the run; what belongs to something else has to be let go before it: the last one first.
	held []interface{ Drop() }
}

type phase struct {
	name string
	took time.Duration
}

func begin(run probity_probe_types.Run) *Run {
	began := clock.Now()
	left := time.Duration(run.TimeLeft)
	usable := max(left-max(left/share, least), 0)
	attempt := &Run{
		Check:       run.Check,
		Attempt:     run.Attempt,
		Traceparent: run.Traceparent,
		State:       run.State,
		began:       began,
		end:         began + uint64(usable),
	}
	attempt.deadline = clock.SubscribeInstant(attempt.end)
	attempt.hold(attempt.deadline)
	return attempt
}

// TimeLeft is how long it is until waiting for the target must end, so that the verdict still comes in time. All of this package keeps
// to it.
func (run *Run) TimeLeft() time.Duration {
	now := clock.Now()
	if now >= run.end {
		return 0
	}
	return time.Duration(run.end - now)
}

// Elapsed is the time since the run began.
func (run *Run) Elapsed() time.Duration { return time.Duration(clock.Now() - run.began) }

// Phase does one phase. If it succeeds, how long it took becomes a measurement of that name; one that is done several times is
// measured as a whole.
func (run *Run) Phase(name string, work func() error) error {
	began := clock.Now()
	if err := work(); err != nil {
		return err
	}
	took := time.Duration(clock.Now() - began)
	at := slices.IndexFunc(run.phases, func(known phase) bool { return known.name == name })
	if at < 0 {
		run.phases = append(run.phases, phase{name, took})
	} else {
		run.phases[at].took += took
	}
	return nil
}

// measured is the phases so far, as measurements.
func (run *Run) measured() []probity_probe_types.Measurement {
	measured := []probity_probe_types.Measurement{}
	for _, phase := range append(run.phases, phase{"total", run.Elapsed()}) {
		measurement := probity_probe_types.Measurement{Name: phase.name, Unit: "s", Value: phase.took.Seconds()}
		measured = append(measured, measurement)
	}
	return measured
}

// wait waits until something can be read or written; whether that is in time.
func (run *Run) wait(pollable *poll.Pollable) bool {
	defer pollable.Drop()
	return slices.Contains(poll.Poll([]*poll.Pollable{pollable, run.deadline}), 0)
}

func (run *Run) hold(resource interface{ Drop() }) { run.held = append(run.held, resource) }

func (run *Run) release() {
	for _, resource := range slices.Backward(run.held) {
		resource.Drop()
	}
}
