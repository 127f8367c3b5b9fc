package probity

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	wit "probity/guest/wit/wittypes"

	"probity/guest/wit/probity_probe_types"
)

// shown is how many characters a quotation has.
const shown = 120

// Verdict is what a probe says of its target. Each method adds to it, and returns it.
type Verdict struct {
	status       probity_probe_types.Status
	message      string
	details      []probity_probe_types.Detail
	measurements []probity_probe_types.Measurement
	latency      time.Duration
	permanent    bool
	state        []byte
}

// Healthy says that the target does what it is for.
func Healthy(format string, values ...any) *Verdict {
	return verdictOf(probity_probe_types.StatusHealthy, format, values)
}

// Degraded says that the target works, but not as well as it should.
func Degraded(format string, values ...any) *Verdict {
	return verdictOf(probity_probe_types.StatusDegraded, format, values)
}

// Unhealthy says that the target does not do what it is for.
func Unhealthy(format string, values ...any) *Verdict {
	return verdictOf(probity_probe_types.StatusUnhealthy, format, values)
}

func verdictOf(status probity_probe_types.Status, format string, values []any) *Verdict {
	message := format
	if len(values) > 0 {
		message = fmt.Sprintf(format, values...)
	}
	return &Verdict{status: status, message: message}
}

// Detail adds one fact, for people: a text, a whole number, a number or a boolean; anything else is shown as a text.
func (verdict *Verdict) Detail(key string, value any) *Verdict {
	verdict.details = append(verdict.details, probity_probe_types.Detail{Key: key, Value: tagged(value)})
	return verdict
}

// Measure adds one figure, for time series, in a unit of UCUM: `s`, `By`, `1`, `%`.
func (verdict *Verdict) Measure(name string, value float64, unit string) *Verdict {
	measured := probity_probe_types.Measurement{Name: name, Unit: unit, Value: value}
	verdict.measurements = append(verdict.measurements, measured)
	return verdict
}

// Latency says how long the target took; without it, the runner's own timing counts.
func (verdict *Verdict) Latency(took time.Duration) *Verdict {
	verdict.latency = took
	return verdict
}

// Permanent says that the failure will not go away by itself.
func (verdict *Verdict) Permanent() *Verdict {
	verdict.permanent = true
	return verdict
}

// Keep is what the next run of the same check finds in its State.
func (verdict *Verdict) Keep(state []byte) *Verdict {
	verdict.state = state
	return verdict
}

func (verdict *Verdict) record(measured []probity_probe_types.Measurement) probity_probe_types.Verdict {
	latency := wit.None[uint64]()
	if verdict.latency > 0 {
		latency = wit.Some(uint64(verdict.latency))
	}
	return probity_probe_types.Verdict{
		Status:       verdict.status,
		Message:      verdict.message,
		Details:      verdict.details,
		Measurements: append(verdict.measurements, measured...),
		Latency:      latency,
		Permanent:    verdict.permanent,
		State:        verdict.state,
	}
}

func tagged(value any) probity_probe_types.Value {
	switch value := value.(type) {
	case bool:
		return probity_probe_types.MakeValueBoolean(value)
	case int:
		return probity_probe_types.MakeValueInteger(int64(value))
	case int64:
		return probity_probe_types.MakeValueInteger(value)
	case float64:
		return probity_probe_types.MakeValueNumber(value)
	case string:
		return probity_probe_types.MakeValueText(value)
	default:
		return probity_probe_types.MakeValueText(fmt.Sprint(value))
	}
}

// Quote is the first line of something, in quotes, and no more of it than a message should show.
func Quote(said []byte) string {
	line, _, _ := strings.Cut(string(said), "\n")
	line = strings.ToValidUTF8(strings.TrimSuffix(line, "\r"), "\uFFFD")
	if runes := []rune(line); len(runes) > shown {
		line = string(runes[:shown])
	}
	return strconv.Quote(line)
}
