// Package witruntime is what the generated bindings need of memory and handles. They are made for a module of another name; this one
// is part of the package, so that a probe is built without fetching anything.
package witruntime

import (
	"runtime"
	"unsafe"
)

// Handle is a number by which a resource is known to the runner; 0 once it was given away.
type Handle struct{ number int32 }

// MakeHandle takes over a number.
func MakeHandle(number int32) *Handle {
	handle := new(Handle)
	handle.Set(number)
	return handle
}

// Set takes over a number, where there is none yet.
func (handle *Handle) Set(number int32) {
	if number == 0 || handle.number != 0 {
		panic("a handle is set once, and not to nothing")
	}
	handle.number = number
}

// Use is the number, which stays here.
func (handle *Handle) Use() int32 {
	if handle.number == 0 {
		panic("a resource was used after it was given away or dropped")
	}
	return handle.number
}

// Take is the number, which somebody else has from now on.
func (handle *Handle) Take() int32 {
	number := handle.Use()
	handle.number = 0
	return number
}

// TakeOrNil is the same, or 0 if it was taken before.
func (handle *Handle) TakeOrNil() int32 {
	number := handle.number
	handle.number = 0
	return number
}

// Allocate is zeroed memory that stays where it is until the pinner lets go. Its alignment, up to 8, is a power of two.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	// Words of eight bytes are aligned for whatever the canonical ABI has.
	at := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	pinner.Pin(at)
	return at
}

// lent is what the runner has put into this memory, up to the next call from outside.
var lent runtime.Pinner

// Unpin lets go of what was put here for the last call.
func Unpin() { lent.Unpin() }

// early is where what is asked for before this language's runtime has started is put: the adapter's own state, of a page or two.
var (
	early      [256 * 1024]byte
	earlyUsed  uintptr
	hasStarted bool
)

func init() { hasStarted = true }

// realloc is how the runner gets room for what it has to say. It never asks for more of what it has.
//
//go:wasmexport cabi_realloc
func realloc(_ unsafe.Pointer, _, align, size uintptr) unsafe.Pointer {
	if hasStarted {
		return Allocate(&lent, size, align)
	}
	base := uintptr(unsafe.Pointer(&early))
	at := (base+earlyUsed+align-1)&^(align-1) - base
	if at+size > uintptr(len(early)) {
		return nil
	}
	earlyUsed = at + size
	return unsafe.Pointer(&early[at])
}
