// Package export_probity_probe_checker is where the generated bindings look for what a probe exports as its `checker`.
package export_probity_probe_checker

import (
	wit "probity/guest/wit/wittypes"

	"probity/guest/wit/probity_probe_types"
)

// Came is what a run comes to.
type Came = wit.Result[probity_probe_types.Verdict, probity_probe_types.Problem]

// OnCheck is what the probe does.
var OnCheck func(settings string, run probity_probe_types.Run) Came

// Check examines the target once.
func Check(settings string, run probity_probe_types.Run) Came {
	if OnCheck == nil {
		return wit.Err[probity_probe_types.Verdict](probity_probe_types.MakeProblemOther("no init function called probity.Checker"))
	}
	return OnCheck(settings, run)
}
