package probity

import (
	wit "probity/guest/wit/wittypes"

	"probity/guest/wit/export_probity_probe_checker"
	"probity/guest/wit/probity_probe_types"
)

// Live is a connection that stays open between runs, inside its sandbox. What is opened of the network while it is made stays open as
// long, and what a check opens is closed when that is done. The package `probity/guest/connector` exports one.
type Live interface {
	// Check examines the target over it. After an unhealthy verdict the connection is closed and dialled anew.
	Check(run *Run) (*Verdict, error)
	// Close takes leave of the target as its protocol asks, and waits for no answer.
	Close(run *Run)
}

// Opened is a [Live] as the contract has it.
type Opened struct {
	run  *Run
	live Live
}

// Opener is what opens one, as the contract has it, and the manifest beside it: for the package that exports it.
func Opener[S any, L Live](
	manifest Manifest, open func(settings S, run *Run) (L, error),
) func(document string, told probity_probe_types.Run) wit.Result[*Opened, probity_probe_types.Failure] {
	schema := describe[S](manifest)
	return func(document string, run probity_probe_types.Run) wit.Result[*Opened, probity_probe_types.Failure] {
		settings, problems := understand[S](schema, document)
		if len(problems) > 0 {
			return notOpened(probity_probe_types.MakeFailureProblem(probity_probe_types.MakeProblemInvalidSettings(told(problems))))
		}
		attempt := begin(run)
		live, err := open(settings, attempt)
		if err == nil {
			attempt.staying = len(attempt.held)
			return wit.Ok[*Opened, probity_probe_types.Failure](&Opened{attempt, live})
		}
		defer attempt.release()
		verdict, problem := judged(nil, err)
		if problem != nil {
			return notOpened(probity_probe_types.MakeFailureProblem(*problem))
		}
		return notOpened(probity_probe_types.MakeFailureVerdict(verdict.record(attempt.measured())))
	}
}

func notOpened(failure probity_probe_types.Failure) wit.Result[*Opened, probity_probe_types.Failure] {
	return wit.Err[*Opened](failure)
}

// Check examines the target over it.
func (opened *Opened) Check(run probity_probe_types.Run) export_probity_probe_checker.Came {
	opened.run.begin(run)
	defer opened.run.release()
	return opened.run.come(opened.live.Check(opened.run))
}

// Close takes leave of the target.
func (opened *Opened) Close() {
	opened.run.leave()
	defer opened.run.release()
	opened.live.Close(opened.run)
}

// Release lets go of all that it holds.
func (opened *Opened) Release() {
	opened.run.staying = 0
	opened.run.release()
}
