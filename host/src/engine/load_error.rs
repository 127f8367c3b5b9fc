//! Why a file is no probe, or no hook, that this runner can run; and what to do about it.

use thiserror::Error;

use super::bindings::{CHECKER, CONNECTOR, LISTENER, RUN};

/// Why a file is not a probe that this runner can run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    /// It can't be read.
    #[error("the file can't be read: {0}")]
    Unreadable(String),
    /// It is not the file that was found; the next look finds the new one.
    #[error("the file was changed while it was being loaded")]
    Changed,
    /// It is larger than allowed.
    #[error(
        "the file has {size} bytes, and a component may have {limit}; if it is to be trusted, raise `limits.component_size`"
    )]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It does not begin as Wasm does.
    #[error("this is not WebAssembly: the file begins with {0}")]
    NotWasm(String),
    /// It is a core module, and no command.
    #[error(
        "this is a core WebAssembly module, and no command for WASI preview 1, for it exports no `_start`; turn it into a \
         component with `wasm-tools component new`, or build a command, or build for the target wasm32-wasip2"
    )]
    CoreModule,
    /// It is cut short or damaged.
    #[error("this component is damaged or incomplete: {0}")]
    Invalid(String),
    /// It needs more of WebAssembly than there is here.
    #[error(
        "this component uses a part of WebAssembly that is off here, since no tool-chain that we know needs it: {0}; build \
         it without that"
    )]
    Feature(String),
    /// It takes what is tried out, where that is off.
    #[error(
        "this component takes part in an experiment that is off here: to switch it on, write `experimental = [\"{0}\"]` at the top \
         of the configuration"
    )]
    Experimental(&'static str),
    /// It does not export what a probe exports.
    #[error("this component is not a probe: it must export `{CHECKER}`, `{CONNECTOR}` or `{RUN}`, and exports {found}")]
    NotAProbe {
        /// What it does export.
        found: String,
    },
    /// It speaks another version of the contract.
    #[error(
        "this component speaks `{wanted}`, and this runner speaks {offered}: build it for one of these, or run it by a runner \
         that knows its version"
    )]
    Version {
        /// The version that it speaks.
        wanted: String,
        /// Those that there are here.
        offered: String,
    },
    /// It is a hook.
    #[error(
        "this is a hook, and no probe: it is told of trouble, as a [[notify.sink]] with type = \"hook\" and component = \"FILE\""
    )]
    Hook,
    /// It does not export what a hook exports.
    #[error("this component is no hook: it must export `{LISTENER}`, and exports {found}")]
    NotAHook {
        /// What it does export.
        found: String,
    },
    /// It is an adapter.
    #[error(
        "this is an adapter, and a probe only together with one that needs `{0}`: \
         `probity compose PROBE ADAPTER -o FILE` makes one of the two"
    )]
    Adapter(String),
    /// It needs an adapter.
    #[error(
        "this probe needs an adapter that exports `{0}`: `probity compose PROBE ADAPTER -o FILE` makes one of the two"
    )]
    NeedsAdapter(String),
    /// It imports what the runner does not have.
    #[error("this component needs what this runner does not offer: {}", .0.join("; "))]
    NotOffered(Vec<String>),
    /// It does not fit its own declared interface.
    #[error("this component does not fit the contract: {0}")]
    Mismatch(String),
    /// It can't even be started, or asked to describe itself.
    #[error("this component fails as soon as it is started: {0}")]
    Fails(String),
    /// It can't be compiled.
    #[error("this component can't be compiled: {0}")]
    Compile(String),
    /// It takes too long to compile.
    #[error(
        "compiling this component takes more than {0} s of a processor's time; if it is to be trusted, raise \
         `limits.compile_time`"
    )]
    CompileTime(u64),
    /// It takes too much memory to compile.
    #[error(
        "compiling this component takes more than {0} bytes of memory; if it is to be trusted, raise \
         `limits.compile_memory`"
    )]
    CompileMemory(u64),
}
