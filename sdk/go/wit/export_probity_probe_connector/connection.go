package export_probity_probe_connector

import (
	"runtime"

	wit "probity/guest/wit/wittypes"

	"probity/guest/wit/probity_probe_types"
)

// Opened is what a probe keeps open.
type Opened interface {
	Check(run probity_probe_types.Run) wit.Result[probity_probe_types.Verdict, probity_probe_types.Problem]
	Close()
	Release()
}

// OnOpen is how the probe opens it.
var OnOpen func(settings string, run probity_probe_types.Run) wit.Result[Opened, probity_probe_types.Failure]

// Connection is a connection as the generated bindings want it.
type Connection struct {
	pinner runtime.Pinner
	handle int32
	opened Opened
}

// ConnectionOpen dials the target.
func ConnectionOpen(settings string, run probity_probe_types.Run) wit.Result[*Connection, probity_probe_types.Failure] {
	if OnOpen == nil {
		problem := probity_probe_types.MakeProblemOther("no init function called connector.Export")
		return wit.Err[*Connection](probity_probe_types.MakeFailureProblem(problem))
	}
	opened := OnOpen(settings, run)
	if opened.IsErr() {
		return wit.Err[*Connection](opened.Err())
	}
	return wit.Ok[*Connection, probity_probe_types.Failure](&Connection{opened: opened.Ok()})
}

// Check examines the target over it.
func (connection *Connection) Check(run probity_probe_types.Run) wit.Result[probity_probe_types.Verdict, probity_probe_types.Problem] {
	return connection.opened.Check(run)
}

// Close takes leave of the target.
func (connection *Connection) Close() { connection.opened.Close() }

// OnDrop is called when the runner lets go of it.
func (connection *Connection) OnDrop() { connection.opened.Release() }
