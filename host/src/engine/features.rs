//! What guests may use of WebAssembly, and why not the rest.
//!
//! Each proposal is more of a compiler and of a runtime that a stranger's bytes reach. What no tool-chain that we support
//! puts into its output is off, however finished it is; who needs one of them finds out when the component is loaded, and
//! not by a crash at night.

use wasmparser::{Validator, WasmFeatures};

use super::LoadError;

/// All that is on:
///
/// - what every compiler emits by default: mutable globals, saturating conversions, sign extension, several results, the
///   copying of memory, extended constant expressions, and floating-point numbers;
/// - reference types, of which the compilers of Rust and C use the longer encoding of indirect calls, and those of
///   interpreters tables of functions;
/// - vectors of 128 bits, which Zig and interpreters written in C++ are built with;
/// - several memories, for what goes between the halves of a composed component is copied by code that sees both;
/// - components, without which nothing here is one.
pub(super) const ON: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// All that is off, with what it would be worth:
///
/// - threads, shared memory and shared-everything threads: a run is one thread, and time would be measured finer than any
///   clock that it is given;
/// - 64-bit memories and components: no probe needs 4 GiB, and their bounds are checked at a price;
/// - custom page sizes and memory control: for devices without an operating system;
/// - the garbage collector, its types, typed function references and custom descriptors: for languages whose compilers are
///   not among ours, and a runtime in itself;
/// - exceptions, old and new, and stack switching: no compiler of ours emits them unless asked to, and both add ways of
///   leaving a function that the host has to be right about;
/// - tail calls, relaxed vectors and wide arithmetic: faster, or the same; relaxed vectors differ from machine to machine;
/// - whatever is experimental in the component model (async, threads, values, maps, …): no released contract has it. [`ASYNC`] is
///   on for those who take part in the experiment with it.
pub(super) const OFF: WasmFeatures = WasmFeatures::all().difference(ON);

/// What WASI 0.3 takes beyond that: functions that do not hold up who calls them.
pub(super) const ASYNC: WasmFeatures = WasmFeatures::CM_ASYNC;

/// Whether a component is sound, and does with what is on; says whether it takes [`ASYNC`] beside it.
pub(super) fn validate(component: &[u8]) -> Result<bool, LoadError> {
    let with = |features| Validator::new_with_features(features).validate_all(component);
    let Err(flaw) = with(ON) else { return Ok(false) };
    if with(ON.union(ASYNC)).is_ok() {
        return Ok(true);
    }
    // What is sound only with everything on is not damaged.
    Err(if with(WasmFeatures::all()).is_ok() {
        LoadError::Feature(flaw.to_string())
    } else {
        LoadError::Invalid(flaw.to_string())
    })
}
