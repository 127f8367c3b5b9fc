package probity

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	types "probity/guest/wit/probity_probe_types"
)

type many struct {
	Mode  string   `json:"mode" default:"on" choices:"on,off"`
	Ports []uint16 `json:"ports" default:"[80]"`
	Share float64  `json:"share" default:"0.5" maximum:"1"`
	Depth int64    `json:"depth" default:"2" minimum:"2"`
	Deep  bool     `json:"deep" default:"false"`
	Host  string   `json:"host" minLength:"1" description:"A name."`
}

func (settings many) Validate() []Problem {
	if settings.Host == "nowhere" {
		return []Problem{{"/host", "not this one"}}
	}
	return nil
}

func TestTheSchemaIsThatOfTheStruct(t *testing.T) {
	var document struct {
		AdditionalProperties bool
		Required             []string
		Properties           map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(schemaOf[many]().document()), &document); err != nil {
		t.Fatal(err)
	}
	if document.AdditionalProperties || !reflect.DeepEqual(document.Required, []string{"host"}) {
		t.Errorf("%+v", document)
	}
	for key, wanted := range map[string]map[string]any{
		"mode":  {"type": "string", "default": "on", "enum": []any{"on", "off"}},
		"ports": {"type": "array", "default": []any{80.0}, "items": map[string]any{"type": "integer"}},
		"share": {"type": "number", "default": 0.5, "maximum": 1.0},
		"host":  {"type": "string", "minLength": 1.0, "description": "A name."},
	} {
		if !reflect.DeepEqual(document.Properties[key], wanted) {
			t.Errorf("%s: %v", key, document.Properties[key])
		}
	}
}

func TestAllThatIsWrongWithSettingsIsTold(t *testing.T) {
	schema := schemaOf[many]()
	settings, problems := understand[many](schema, `{"host":"db","share":1}`)
	wanted := many{Mode: "on", Ports: []uint16{80}, Share: 1, Depth: 2, Host: "db"}
	if len(problems) > 0 || !reflect.DeepEqual(settings, wanted) {
		t.Errorf("%+v %v", settings, problems)
	}
	given := `{"a/b":1,"mode":"up","ports":[0,65536],"share":2,"depth":1,"deep":"x","host":null}`
	if _, problems = understand[many](schema, given); !reflect.DeepEqual(problems, []Problem{
		{"/a~1b", "unknown; there are mode, ports, share, depth, deep, host"},
		{"/mode", "must be one of `on`, `off`"},
		{"/ports", "must be a list"},
		{"/share", "must be a number of 1 at most"},
		{"/depth", "must be a whole number of 2 at least"},
		{"/deep", "must be true or false"},
		{"/host", "must be a text that is not empty"},
	}) {
		t.Errorf("%v", problems)
	}
	for document, wanted := range map[string]Problem{
		`{}`:                 {"/host", "missing; it must be a text that is not empty"},
		`{"host":"nowhere"}`: {"/host", "not this one"},
		`[]`:                 {"", "must be a JSON object"},
	} {
		if _, problems = understand[many](schema, document); len(problems) != 1 || problems[0] != wanted {
			t.Errorf("%s: %v", document, problems)
		}
	}
}

func TestWhatNoSettingCanBeIsRefusedAtOnce(t *testing.T) {
	defer func() {
		if said, _ := recover().(string); !strings.HasPrefix(said, "the field When is a ") {
			t.Errorf("%q", said)
		}
	}()
	schemaOf[struct{ When map[string]int }]()
}

// spoken is a connection over which this is said; nil closes it.
func spoken(heard *string, said ...string) *Connection {
	receive := func(otherwise string) ([]byte, error) {
		if len(said) == 0 {
			return nil, unhealthyf("%s in time", otherwise)
		}
		more := said[0]
		said = said[1:]
		return []byte(more), nil
	}
	send := func(portion []byte) (int, error) {
		taken := min(len(portion), 4)
		*heard += string(portion[:taken])
		return taken, nil
	}
	return &Connection{Target: "db:22", receive: receive, send: send}
}

func TestWhatIsExpectedIsFoundHoweverItIsCut(t *testing.T) {
	var heard string
	banner, err := spoken(&heard, "he", "l", "lo there\r\n").Expect("hello", 100)
	if err != nil || Quote(banner) != `"hello there"` {
		t.Errorf("%q %v", banner, err)
	}
	connection := spoken(&heard, "one\r\ntw", "o\n", "three")
	first, _ := connection.ReadLine(100)
	second, _ := connection.ReadLine(100)
	third, err := connection.Read(2)
	if first != "one" || second != "two" || string(third) != "th" || err != nil {
		t.Errorf("%q %q %q %v", first, second, third, err)
	}
	if err := connection.Write([]byte("a long text\n")); err != nil || heard != "a long text\n" {
		t.Errorf("%q %v", heard, err)
	}
}

func TestWhatTheTargetDoesNotDoIsUnhealthy(t *testing.T) {
	for _, one := range []struct {
		said   []string
		wanted string
	}{
		{nil, `db:22 did not send "hello" in time`},
		{[]string{"good", ""}, `db:22 closed the connection after "good"`},
		{[]string{strings.Repeat("x", 500)}, `db:22 sent "` + strings.Repeat("x", 120) + `", and not "hello"`},
	} {
		_, err := spoken(new(string), one.said...).Expect("hello", 100)
		var unhealthy *UnhealthyError
		if !errors.As(err, &unhealthy) || unhealthy.Message != one.wanted {
			t.Errorf("%v", err)
		}
	}
}

func TestAVerdictIsPutTogether(t *testing.T) {
	verdict := Degraded("100 % slow").Detail("version", "1").Detail("queue", 7).Detail("share", 0.5).Detail("tls", true).
		Detail("since", time.Minute).Measure("queue", 7, "1").Latency(250 * time.Millisecond).Permanent().Keep([]byte("12"))
	record := verdict.record(nil)
	if record.Status != types.StatusDegraded || record.Message != "100 % slow" || !record.Permanent || string(record.State) != "12" {
		t.Errorf("%+v", record)
	}
	if record.Latency.Some() != 250_000_000 || record.Measurements[0] != (types.Measurement{Name: "queue", Unit: "1", Value: 7}) {
		t.Errorf("%+v", record)
	}
	values := []types.Value{}
	for _, detail := range record.Details {
		values = append(values, detail.Value)
	}
	wanted := []types.Value{
		types.MakeValueText("1"), types.MakeValueInteger(7), types.MakeValueNumber(0.5), types.MakeValueBoolean(true),
		types.MakeValueText("1m0s"),
	}
	if !reflect.DeepEqual(values, wanted) {
		t.Errorf("%+v", values)
	}
}

func TestMistakesAreNotTheTargets(t *testing.T) {
	for _, one := range []struct {
		err error
		tag uint8
	}{
		{errors.New("a mistake"), types.ProblemOther},
		{&DeniedError{Target: "db:22"}, types.ProblemDenied},
		{nil, types.ProblemOther},
	} {
		verdict, problem := judged(nil, one.err)
		if verdict != nil || problem.Tag() != one.tag {
			t.Errorf("%v: %v", one.err, problem)
		}
	}
	if verdict, _ := judged(nil, &UnhealthyError{Message: "100 % gone", Permanent: true}); verdict.message != "100 % gone" || !verdict.permanent {
		t.Errorf("%+v", verdict)
	}
	if Quote([]byte("caf\xe9\r\nmore")) != `"caf�"` {
		t.Error(Quote([]byte("caf\xe9\r\nmore")))
	}
}
