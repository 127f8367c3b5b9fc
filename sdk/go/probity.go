// Package probity is what probes in Go share: settings, verdicts, phases, the network with the run's deadline, and the manifest.
//
// A probe is a function that examines a target, and a struct of its settings:
//
//	type Settings struct {
//		Host   string `json:"host" minLength:"1"`
//		Port   uint16 `json:"port" minimum:"1"`
//		Expect string `json:"expect" default:""`
//	}
//
//	func init() {
//		probity.Checker(probity.Manifest{Name: "banner", Version: "0.1.0", Grants: []string{"tcp:{host}:{port}"}}, check)
//	}
//
//	func check(settings Settings, run *probity.Run) (*probity.Verdict, error) {
//		connection, err := run.Connect(settings.Host, settings.Port)
//		if err != nil {
//			return nil, err
//		}
//		...
//		return probity.Healthy("all is well"), nil
//	}
//
//	func main() {}
//
// What an error means for the target is in its type: [Unhealthy] becomes the verdict, [Denied] says that a grant is missing, and any
// other is a failure of the probe, which says nothing of the target.
package probity

import (
	"errors"
	"time"

	wit "probity/guest/wit/wittypes"

	"probity/guest/wit/export_probity_probe_checker"
	"probity/guest/wit/export_probity_probe_manifest"
	"probity/guest/wit/probity_probe_types"
	// What a component exports.
	_ "probity/guest/wit/wit_exports"
)

// Manifest is what a probe says of itself.
type Manifest struct {
	// Name has lower-case letters, digits and `-`.
	Name string
	// Version is written as Semantic Versioning has it.
	Version string
	// Description is one sentence.
	Description string
	// Interval and Timeout are used where the operator says nothing; 0 suggests nothing.
	Interval, Timeout time.Duration
	// Memory is how many bytes it needs, where the usual limit is too little.
	Memory uint64
	// Critical says that a failing check makes the whole unhealthy, where the operator says nothing.
	Critical bool
	// Passive says that it goes by what the runner was told, and asks nothing of its target.
	Passive bool
	// Grants are what a check has to be granted, as templates over its settings: `tcp:{host}:{port}`.
	Grants []string
}

// Checker makes the program a probe, whose settings are a struct S. It is to be called once, by an init function.
//
// The fields of S have tags: `json` with the setting's name, `description`, `default` (as JSON, or a plain text; without one, the
// setting has to be given), `minimum`, `maximum`, `minLength`, `maxLength`, and `choices`, separated by commas. If S has a method
// `Validate() []Problem`, it is asked as well.
func Checker[S any](manifest Manifest, check func(settings S, run *Run) (*Verdict, error)) {
	schema := describe[S](manifest)
	export_probity_probe_checker.OnCheck = func(document string, run probity_probe_types.Run) export_probity_probe_checker.Came {
		settings, problems := understand[S](schema, document)
		if len(problems) > 0 {
			return failed(probity_probe_types.MakeProblemInvalidSettings(told(problems)))
		}
		attempt := begin(run)
		defer attempt.release()
		return attempt.come(check(settings, attempt))
	}
}

// describe exports the manifest, with the schema of the settings.
func describe[S any](manifest Manifest) schema {
	schema := schemaOf[S]()
	export_probity_probe_manifest.OnDescribe = func() probity_probe_types.Description {
		return probity_probe_types.Description{
			Name:            manifest.Name,
			Version:         manifest.Version,
			Description:     manifest.Description,
			SettingsSchema:  schema.document(),
			DefaultInterval: optional(uint64(manifest.Interval)),
			DefaultTimeout:  optional(uint64(manifest.Timeout)),
			Memory:          optional(manifest.Memory),
			Critical:        manifest.Critical,
			Passive:         manifest.Passive,
			Grants:          manifest.Grants,
		}
	}
	export_probity_probe_manifest.OnValidate = func(document string) []probity_probe_types.SettingProblem {
		_, problems := understand[S](schema, document)
		return told(problems)
	}
	return schema
}

// come is what a check that returned this comes to.
func (run *Run) come(verdict *Verdict, err error) export_probity_probe_checker.Came {
	verdict, problem := judged(verdict, err)
	if problem != nil {
		return failed(*problem)
	}
	return wit.Ok[probity_probe_types.Verdict, probity_probe_types.Problem](verdict.record(run.measured()))
}

// judged is what a check that returned this has to say of its target, or why there is no verdict.
func judged(verdict *Verdict, err error) (*Verdict, *probity_probe_types.Problem) {
	var unhealthy *UnhealthyError
	var denied *DeniedError
	var problem probity_probe_types.Problem
	switch {
	case errors.As(err, &unhealthy):
		verdict = verdictOf(probity_probe_types.StatusUnhealthy, unhealthy.Message, nil)
		verdict.permanent = unhealthy.Permanent
		return verdict, nil
	case errors.As(err, &denied):
		problem = probity_probe_types.MakeProblemDenied(denied.Error())
	case err != nil:
		problem = probity_probe_types.MakeProblemOther(err.Error())
	case verdict == nil:
		problem = probity_probe_types.MakeProblemOther("the probe returned neither a verdict nor an error")
	default:
		return verdict, nil
	}
	return nil, &problem
}

func failed(problem probity_probe_types.Problem) export_probity_probe_checker.Came {
	return wit.Err[probity_probe_types.Verdict](problem)
}

func told(problems []Problem) []probity_probe_types.SettingProblem {
	told := make([]probity_probe_types.SettingProblem, len(problems))
	for at, problem := range problems {
		told[at] = probity_probe_types.SettingProblem{Pointer: problem.Pointer, Message: problem.Message}
	}
	return told
}

func optional(value uint64) wit.Option[uint64] {
	if value == 0 {
		return wit.None[uint64]()
	}
	return wit.Some(value)
}
