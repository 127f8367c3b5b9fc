//! The other process: gives up what it does not need, reads a component, writes its code, and ends.

use std::io::{Read, Write, stdin, stdout};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmtime::InstanceAllocationStrategy;

use crate::{
    engine::{config, preview_1},
    experiments::Experiments,
};

/// How much it steps back behind those who work for others: as `nice` does unless told otherwise.
const POLITENESS: i32 = 10;
/// Files that it may have open. It opens none but what the system's own libraries look at.
const FILES: u64 = 64;

/// Compiles the component on the standard input to the standard output, with so many seconds of a processor's time and so
/// many bytes of memory, and with what these experiments take. It must be called in a process that has done nothing else so far.
///
/// # Errors
///
/// The process can't be confined, or this is no component that can be compiled. Whoever has it killed by a limit learns of
/// that by the way it ended.
pub fn compile(seconds: u64, memory: u64, experiments: Experiments) -> Result<()> {
    confine(seconds, memory).context("the compiler can't be confined")?;
    let mut component = Vec::new();
    stdin().read_to_end(&mut component)?;
    // Nothing is run here, so there is no need for a pool; it shapes no code.
    let engine = wasmtime::Engine::new(config(experiments).allocation_strategy(InstanceAllocationStrategy::OnDemand))?;
    let code = engine.precompile_component(&preview_1::as_component(&component)?)?;
    stdout().write_all(&code)?;
    Ok(())
}

/// Gives up all that compiling does not need, before a byte of the component is read.
fn confine(seconds: u64, memory: u64) -> Result<()> {
    leave_the_network();
    // A failure to be polite is none.
    let _ = rustix::process::nice(POLITENESS);
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // What the program itself has mapped is not the component's doing.
    let memory = memory.saturating_add(mapped());
    for (resource, limit) in [
        (Resource::As, memory),
        // What could be in a core file is the stranger's, and what could be written is nobody's.
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, FILES),
    ] {
        restrict(resource, limit, limit)?;
    }
    // The soft limit comes first: it ends the process by a signal of its own, which says what happened.
    restrict(Resource::Cpu, seconds, seconds + 1)
}

fn restrict(resource: Resource, soft: u64, hard: u64) -> Result<()> {
    // Nobody can raise what somebody else lowered already.
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    Ok(setrlimit(resource, Rlimit { current: Some(soft.min(most)), maximum: Some(hard.min(most)) })?)
}

/// Moves into a network of nobody else's, where the system allows that to everybody. It is a second lock: nothing here dials.
fn leave_the_network() {
    #[cfg(target_os = "linux")]
    {
        use nix::sched::{CloneFlags, unshare};
        // Many systems do not allow it.
        let _ = unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET);
    }
}

/// Bytes of address space that this process has by now; 0 where the system does not tell.
fn mapped() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}
