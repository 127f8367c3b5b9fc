package probity

import "fmt"

// UnhealthyError says that the target does not do what it is for: as an error of a probe's, it becomes its verdict.
type UnhealthyError struct {
	// Message is one line for a person.
	Message string
	// Permanent says that trying again soon is pointless.
	Permanent bool
}

func (failure *UnhealthyError) Error() string { return failure.Message }

// DeniedError says that the check is not granted something. The runner adds the grant that the operator would have to write.
type DeniedError struct {
	// Target is what it was to reach.
	Target string
}

func (denied *DeniedError) Error() string { return denied.Target + " is not granted" }

func unhealthyf(format string, values ...any) error {
	return &UnhealthyError{Message: fmt.Sprintf(format, values...)}
}
