// Package connector makes a program a probe whose connection stays open between runs. It is a package of its own, as what is exported is part
// of whatever imports it.
package connector

import (
	probity "probity/guest"
	wit "probity/guest/wit/wittypes"

	"probity/guest/wit/export_probity_probe_connector"
	"probity/guest/wit/probity_probe_types"
	// What a component exports.
	_ "probity/guest/wit/wit_connector_exports"
)

// Export makes the program a probe, whose settings are a struct S, as for [probity.Checker]. It is to be called once, by an init function.
func Export[S any, L probity.Live](manifest probity.Manifest, open func(settings S, run *probity.Run) (L, error)) {
	opener := probity.Opener(manifest, open)
	export_probity_probe_connector.OnOpen = func(
		settings string, run probity_probe_types.Run,
	) wit.Result[export_probity_probe_connector.Opened, probity_probe_types.Failure] {
		opened := opener(settings, run)
		if opened.IsErr() {
			return wit.Err[export_probity_probe_connector.Opened](opened.Err())
		}
		return wit.Ok[export_probity_probe_connector.Opened, probity_probe_types.Failure](opened.Ok())
	}
}
