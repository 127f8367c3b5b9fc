// Package export_probity_probe_manifest is where the generated bindings look for what a probe exports as its `manifest`.
package export_probity_probe_manifest

import "probity/guest/wit/probity_probe_types"

var (
	// OnDescribe is what the probe says of itself.
	OnDescribe func() probity_probe_types.Description
	// OnValidate finds what is wrong with settings.
	OnValidate func(settings string) []probity_probe_types.SettingProblem
)

// Describe says what the probe is.
func Describe() probity_probe_types.Description { return OnDescribe() }

// Validate finds all that is wrong with settings.
func Validate(settings string) []probity_probe_types.SettingProblem { return OnValidate(settings) }
