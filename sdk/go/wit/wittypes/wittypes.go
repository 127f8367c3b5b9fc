// Package wittypes has the types of WIT that Go has not, by the names that the generated bindings call them.
package wittypes

// Unit is nothing.
type Unit struct{}

// The tags of an [Option].
const (
	OptionNone = iota
	OptionSome
)

// Option is a value, or none.
type Option[T any] struct {
	value T
	is    bool
}

// Some is a value.
func Some[T any](value T) Option[T] { return Option[T]{value, true} }

// None is no value.
func None[T any]() Option[T] { return Option[T]{} }

// Tag is [OptionNone] or [OptionSome].
func (option Option[T]) Tag() uint8 {
	if option.is {
		return OptionSome
	}
	return OptionNone
}

// IsNone says whether there is no value.
func (option Option[T]) IsNone() bool { return !option.is }

// Some is the value, which there must be.
func (option Option[T]) Some() T {
	if !option.is {
		panic("there is no value")
	}
	return option.value
}

// The tags of a [Result].
const (
	ResultOk = iota
	ResultErr
)

// Result is what something came to: what it was to come to, or an error.
type Result[T, E any] struct {
	ok     T
	err    E
	failed bool
}

// Ok is what something was to come to.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{ok: value} }

// Err is an error.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{err: err, failed: true} }

// Tag is [ResultOk] or [ResultErr].
func (result Result[T, E]) Tag() uint8 {
	if result.failed {
		return ResultErr
	}
	return ResultOk
}

// IsErr says whether it is an error.
func (result Result[T, E]) IsErr() bool { return result.failed }

// Ok is what it came to, which must be no error.
func (result Result[T, E]) Ok() T {
	if result.failed {
		panic("it is an error")
	}
	return result.ok
}

// Err is the error, which it must be.
func (result Result[T, E]) Err() E {
	if !result.failed {
		panic("it is no error")
	}
	return result.err
}

// Tuples, by how many there are in them.
type (
	Tuple2[A, B any] struct {
		F0 A
		F1 B
	}
	Tuple3[A, B, C any] struct {
		F0 A
		F1 B
		F2 C
	}
	Tuple4[A, B, C, D any] struct {
		F0 A
		F1 B
		F2 C
		F3 D
	}
	Tuple8[A, B, C, D, E, F, G, H any] struct {
		F0 A
		F1 B
		F2 C
		F3 D
		F4 E
		F5 F
		F6 G
		F7 H
	}
)
