package probity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with the settings.
type Problem struct {
	// Pointer is a JSON pointer into the settings, such as `/port`.
	Pointer string
	// Message says what is wrong, and what would be right.
	Message string
}

// validator is what settings can be that have something of their own to say.
type validator interface{ Validate() []Problem }

// property is one setting.
type property struct {
	name, kind, description string
	// fallback is what stands where nothing is given; nil if something has to be.
	fallback             json.RawMessage
	minimum, maximum     *float64
	minLength, maxLength *int
	choices              []string
	// items is the kind of a list's elements.
	items string
	index int
}

// schema is all of them, in the order of the struct.
type schema []property

func schemaOf[S any]() schema {
	of := reflect.TypeFor[S]()
	if of.Kind() != reflect.Struct {
		panic(fmt.Sprintf("the settings of a probe are a struct, and not %v", of))
	}
	var all schema
	for index := range of.NumField() {
		field := of.Field(index)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = strings.ToLower(field.Name)
		}
		one := property{name: name, description: field.Tag.Get("description"), index: index}
		one.kind = kindOf(field.Type, field.Name)
		if field.Type.Kind() == reflect.Slice {
			one.items = kindOf(field.Type.Elem(), field.Name)
		}
		one.minimum, one.maximum = tag(field, "minimum", number), tag(field, "maximum", number)
		one.minLength, one.maxLength = tag(field, "minLength", strconv.Atoi), tag(field, "maxLength", strconv.Atoi)
		if choices := field.Tag.Get("choices"); choices != "" {
			one.choices = strings.Split(choices, ",")
		}
		if one.maximum == nil && one.kind == "integer" {
			one.minimum, one.maximum = bounds(field.Type, one.minimum)
		}
		if fallback, is := field.Tag.Lookup("default"); is {
			one.fallback = literal(one.kind, fallback)
		}
		all = append(all, one)
	}
	return all
}

func number(text string) (float64, error) { return strconv.ParseFloat(text, 64) }

func tag[T any](field reflect.StructField, key string, parse func(string) (T, error)) *T {
	text, is := field.Tag.Lookup(key)
	if !is {
		return nil
	}
	value, err := parse(text)
	if err != nil {
		panic(fmt.Sprintf("the tag %s of the field %s is %q, which is no number", key, field.Name, text))
	}
	return &value
}

func kindOf(of reflect.Type, name string) string {
	switch {
	case of.Kind() == reflect.String:
		return "string"
	case of.Kind() == reflect.Bool:
		return "boolean"
	case of.Kind() >= reflect.Int && of.Kind() <= reflect.Uint64:
		return "integer"
	case of.Kind() == reflect.Float32 || of.Kind() == reflect.Float64:
		return "number"
	case of.Kind() == reflect.Slice && of.Elem().Kind() != reflect.Slice:
		return "array"
	}
	panic(fmt.Sprintf("the field %s is a %v; a setting can be a string, a number, a bool, or a slice of these", name, of))
}

// bounds are those that small integers have of themselves.
func bounds(of reflect.Type, minimum *float64) (*float64, *float64) {
	bits := of.Bits()
	if bits > 32 {
		return minimum, nil
	}
	least, most := 0.0, float64(uint64(1)<<bits-1)
	if of.Kind() < reflect.Uint {
		least, most = -float64(uint64(1)<<(bits-1)), float64(uint64(1)<<(bits-1)-1)
	}
	if minimum == nil {
		minimum = &least
	}
	return minimum, &most
}

// literal is a default as JSON: texts are written without their quotes.
func literal(kind, text string) json.RawMessage {
	if kind != "string" {
		return json.RawMessage(text)
	}
	quoted, _ := json.Marshal(text)
	return quoted
}

// document is the JSON Schema of the settings.
func (all schema) document() string {
	properties, required := map[string]any{}, []string{}
	for _, one := range all {
		about := map[string]any{"type": one.kind}
		set(about, "description", one.description != "", one.description)
		set(about, "default", one.fallback != nil, one.fallback)
		set(about, "minimum", one.minimum != nil, one.minimum)
		set(about, "maximum", one.maximum != nil, one.maximum)
		set(about, "minLength", one.minLength != nil, one.minLength)
		set(about, "maxLength", one.maxLength != nil, one.maxLength)
		set(about, "enum", one.choices != nil, one.choices)
		set(about, "items", one.items != "", map[string]string{"type": one.items})
		properties[one.name] = about
		if one.fallback == nil {
			required = append(required, one.name)
		}
	}
	document, err := json.Marshal(map[string]any{
		"type": "object", "additionalProperties": false, "required": required, "properties": properties,
	})
	if err != nil {
		panic(fmt.Sprintf("a default is no JSON: %v", err))
	}
	return string(document)
}

func set(about map[string]any, key string, is bool, value any) {
	if is {
		about[key] = value
	}
}

// understand reads the settings, and finds all that is wrong with them.
func understand[S any](all schema, document string) (settings S, problems []Problem) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal([]byte(document), &given); err != nil {
		return settings, []Problem{{Message: "must be a JSON object"}}
	}
	names := []string{}
	for _, one := range all {
		names = append(names, one.name)
	}
	for name := range given {
		if !slices.Contains(names, name) {
			escaped := strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			problems = append(problems, Problem{"/" + escaped, "unknown; there are " + strings.Join(names, ", ")})
		}
	}
	slices.SortFunc(problems, func(one, other Problem) int { return strings.Compare(one.Pointer, other.Pointer) })
	into := reflect.ValueOf(&settings).Elem()
	for _, one := range all {
		value, is := given[one.name]
		if !is {
			value = one.fallback
		}
		field := into.Field(one.index)
		switch {
		case value == nil:
			problems = append(problems, Problem{"/" + one.name, "missing; it must be " + one.wanted()})
		case bytes.Equal(value, []byte("null")) || json.Unmarshal(value, field.Addr().Interface()) != nil || !one.fits(field):
			problems = append(problems, Problem{"/" + one.name, "must be " + one.wanted()})
		}
	}
	if asked, is := any(settings).(validator); is && len(problems) == 0 {
		problems = asked.Validate()
	}
	return settings, problems
}

// fits says whether a value of the right type is within its bounds.
func (one *property) fits(value reflect.Value) bool {
	size, figure := 0, 0.0
	switch {
	case value.Kind() == reflect.String:
		size = len([]rune(value.String()))
	case value.CanInt():
		figure = float64(value.Int())
	case value.CanUint():
		figure = float64(value.Uint())
	case value.CanFloat():
		figure = value.Float()
	}
	return (one.minimum == nil || figure >= *one.minimum) &&
		(one.maximum == nil || figure <= *one.maximum) &&
		(one.minLength == nil || size >= *one.minLength) &&
		(one.maxLength == nil || size <= *one.maxLength) &&
		(one.choices == nil || slices.Contains(one.choices, value.String()))
}

// wanted says in words what a value should be.
func (one *property) wanted() string {
	words := map[string]string{
		"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "array": "a list",
	}[one.kind]
	bound := func(value *float64) string { return strconv.FormatFloat(*value, 'f', -1, 64) }
	switch {
	case one.choices != nil:
		return "one of `" + strings.Join(one.choices, "`, `") + "`"
	case one.minimum != nil && one.maximum != nil:
		return words + " from " + bound(one.minimum) + " to " + bound(one.maximum)
	case one.minimum != nil:
		return words + " of " + bound(one.minimum) + " at least"
	case one.maximum != nil:
		return words + " of " + bound(one.maximum) + " at most"
	case one.minLength != nil && *one.minLength > 0:
		return words + " that is not empty"
	}
	return words
}
