package probity

import (
	"math"
	"slices"
	"time"

	"probity/guest/wit/probity_probe_types"
	clock "probity/guest/wit/wasi_clocks_monotonic_clock"
	poll "probity/guest/wit/wasi_io_poll"
)

// What is kept of the time for the verdict: whoever has none by the end of the time has failed as a probe, and a target that does not
// answer is to be called unhealthy. A twenty-fifth of it, but not less than two ticks of the runner's clock, nor more than half a second.
const (
	share = 25
	least = 20 * time.Millisecond
	most  = 500 * time.Millisecond
)

// leaveTime is what a leave-taking has.
const leaveTime = time.Second

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
	// held is what belongs to the run; what belongs to something else has to be let go before it: the last one first. So many of them live
	// on from run to run.
	held    []interface{ Drop() }
	staying int
}

type phase struct {
	name string
	took time.Duration
}

func begin(run probity_probe_types.Run) *Run {
	attempt := &Run{}
	attempt.begin(run)
	return attempt
}

// begin begins anew, of a connection that lives on from run to run.
func (run *Run) begin(told probity_probe_types.Run) {
	began := clock.Now()
	left := time.Duration(min(told.TimeLeft, math.MaxInt64))
	*run = Run{
		Check:       told.Check,
		Attempt:     told.Attempt,
		Traceparent: told.Traceparent,
		State:       told.State,
		began:       began,
		end:         began + uint64(left-margin(left)),
		held:        run.held,
		staying:     run.staying,
	}
	run.deadline = clock.SubscribeInstant(run.end)
	run.hold(run.deadline)
}

// margin is what is kept: never more than half of the whole.
func margin(left time.Duration) time.Duration { return min(max(left/share, least), most, left/2) }

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
func (run *Run) wait(pollable *poll.Pollable) bool { return happens(pollable, run.deadline) }

// waitFor waits for a part of that time at most.
func (run *Run) waitFor(pollable *poll.Pollable, patience time.Duration) bool {
	alarm := clock.SubscribeInstant(min(clock.Now()+uint64(max(patience, 0)), run.end))
	defer alarm.Drop()
	return happens(pollable, alarm)
}

// happens says whether something happens before the alarm, or with it.
func happens(pollable, alarm *poll.Pollable) bool {
	defer pollable.Drop()
	return slices.Contains(poll.Poll([]*poll.Pollable{pollable, alarm}), 0)
}

func (run *Run) hold(resource interface{ Drop() }) { run.held = append(run.held, resource) }

// leave begins the leave-taking, of which the runner tells no time: half of the most that it allows.
func (run *Run) leave() {
	run.begin(probity_probe_types.Run{})
	run.end = run.began + uint64(leaveTime)
	run.deadline = clock.SubscribeInstant(run.end)
	run.hold(run.deadline)
}

// release lets go of what this run holds.
func (run *Run) release() {
	for _, resource := range slices.Backward(run.held[run.staying:]) {
		resource.Drop()
	}
	run.held = run.held[:run.staying]
}
