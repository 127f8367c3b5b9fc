//! The sandbox: compiles components, and runs them under budgets.
//!
//! This is the only part of the host that knows wasmtime. Everything that makes a run safe is made here, in one place:
//! the engine's settings, the ticker behind every deadline, and the pool that bounds how many runs and live connections
//! there can be.

mod bindings;
mod clocks;
mod command;
mod compilations;
mod compiled;
mod compiler;
mod component;
mod concurrent;
mod contract;
mod ctx;
mod errors;
mod exceeded;
mod exit;
mod features;
mod follow;
mod growth;
mod hook;
mod house;
mod http;
mod icmp;
mod load_error;
mod logbook;
mod network;
mod origins;
mod output;
mod prepare;
mod preview_1;
mod refusals;
mod run;
mod session;
mod shape;
mod sockets;
mod system;
mod tape;
mod tls;
mod traffic;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use probity_core::time::nanoseconds;
use tokio::sync::Semaphore;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, component::Linker};

use crate::{experiments::Experiments, identity::Identity};

pub use bindings::{CHECKER, CONNECTOR};
pub use compilations::Compilations;
pub use compiled::digest;
pub use compiler::{Apart, COMMAND as COMPILE, Compiler, compile};
pub use component::{Manifest, Prepared};
pub use follow::{Follow, Lines};
pub use hook::NotPassedOn;
pub use load_error::LoadError;
pub use origins::{Producers, producers};
pub use output::Redactor;
pub use run::{Request, Term};
pub use session::{Opening, Session};
pub use shape::{Shape, examine};
pub use tape::{Header, Recording, Tape, Unreadable};
pub use tls::Tls;

/// How often a running guest is interrupted to see whether its time is up and to let others run. A spinning guest holds
/// its thread this long at most.
const TICK: Duration = Duration::from_millis(10);
/// Memory that one guest in the pool can grow to: all that 32 bits address. It takes no more room than less would, as its guard
/// spans that much anyway; what a guest may have of it is for its limits to say.
const POOLED_MEMORY: usize = 4 * 1024 * 1024 * 1024;
/// Table elements of one guest in the pool; what Rust, C and Zig guests need is in the hundreds.
const POOLED_TABLE: usize = 20_000;
/// Core instances in one component: for each of the two that it may be composed of the module itself and the shims that
/// componentizing adds, and those that copy from one to the other.
const POOLED_CORE_INSTANCES: u32 = 16;
/// Bytes of a guest's stack. Deeper recursion is a trap.
const GUEST_STACK: usize = 256 * 1024;
/// Bytes of the stack that a guest and the host functions it calls share; TLS in a host function needs most of the rest.
const STACK: usize = 512 * 1024;
/// Compilers at the same time: they step back behind everything else, and one that takes all of its time must not keep every
/// other component from being loaded.
const COMPILERS: usize = 2;
/// Frames of a trap's backtrace that are worth showing.
const FRAMES: std::num::NonZeroUsize = std::num::NonZeroUsize::new(8).unwrap();
/// Memory maps that one instance may take: its memory, its stack, and their guards (5, measured), and a second memory with its
/// guard and its image.
const MAPS_PER_INSTANCE: usize = 8;
/// Memory maps left to everything else in this process: code, threads, the allocator.
const MAPS_RESERVED: usize = 5_000;

/// One set of engine settings, with everything a component may import.
struct Profile {
    engine: wasmtime::Engine,
    linker: Linker<ctx::Ctx>,
}

impl Profile {
    fn new(config: &Config, experiments: Experiments) -> Result<Profile> {
        let engine = wasmtime::Engine::new(config)?;
        let mut linker = ctx::linker(&engine)?;
        if experiments.wasi_0_3 {
            concurrent::add_to_linker(&mut linker)?;
        }
        Ok(Profile { engine, linker })
    }
}

/// Engines whose code is the same, and what was compiled for them.
struct Family {
    /// Where instances come from a pool.
    pooled: Option<Profile>,
    /// Where they come from the system, at a higher price: for components with more tables or instances than fit the pool (whole
    /// interpreters), and where there is none.
    roomy: Profile,
    cache: Option<compiled::Cache>,
    experiments: Experiments,
}

impl Family {
    fn new(pooled: Option<Profile>, experiments: Experiments, cache: Option<&Path>) -> Result<Family> {
        let on_demand = InstanceAllocationStrategy::OnDemand;
        let roomy = Profile::new(config(experiments).allocation_strategy(on_demand), experiments)?;
        let cache = cache.and_then(|folder| match compiled::Cache::open(folder, &roomy.engine) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!("compiled code is not kept: {error:#}");
                None
            }
        });
        Ok(Family { pooled, roomy, cache, experiments })
    }

    /// The first that has room for a component is to take it.
    fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.pooled.iter().chain([&self.roomy])
    }

    fn engines(&self) -> impl Iterator<Item = &wasmtime::Engine> {
        self.profiles().map(|profile| &profile.engine)
    }
}

/// The sandbox.
pub struct Engine {
    /// Where almost all components run.
    usual: Family,
    /// For components that take WASI 0.3, if that is tried out here.
    concurrent: Option<Family>,
    resolver: network::Resolver,
    sockets: icmp::Sockets,
    disks: system::Disks,
    tls: tls::Configurations,
    compiler: Compiler,
    /// A permit for each component that may be compiled at the same time.
    compiling: Semaphore,
    room: Arc<Semaphore>,
    /// A permit for each connection that may be open.
    live: Arc<Semaphore>,
    /// How many there are of them.
    max_live: usize,
    /// When the ticker ticked last.
    ticked: Arc<Ticked>,
    /// What became of the components that were to be made ready.
    compilations: compilations::Counters,
}

/// When the ticker ticked last.
struct Ticked {
    made: Instant,
    /// In nanoseconds since then.
    last: AtomicU64,
}

impl Ticked {
    fn tick(&self) {
        self.last.store(nanoseconds(self.made.elapsed()), Ordering::Relaxed);
    }

    fn since(&self) -> Duration {
        self.made.elapsed().saturating_sub(Duration::from_nanos(self.last.load(Ordering::Relaxed)))
    }
}

/// How an [`Engine`] is to be.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Runs under way at the same time; lowered to what this system can map.
    pub max_in_flight: usize,
    /// Connections that are open between runs; lowered to what this system can map beside the runs.
    pub max_live_connections: usize,
    /// Where compiled code is kept; `None` compiles anew at each start.
    pub cache: Option<&'a Path>,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// What is tried out.
    pub experiments: Experiments,
}

impl Default for Options<'_> {
    /// One run and one connection at a time, compiled in this process at each start, and nothing that is tried out.
    fn default() -> Self {
        Options {
            max_in_flight: 1,
            max_live_connections: 1,
            cache: None,
            compiler: Compiler::Here,
            experiments: Experiments::default(),
        }
    }
}

impl Engine {
    /// Makes the sandbox, and starts its ticker, which ends with it.
    ///
    /// # Errors
    ///
    /// If this system can't provide what the settings ask for: address space, mostly.
    pub fn new(options: Options<'_>) -> Result<Arc<Engine>> {
        let (max_in_flight, max_live) = shares(&options, most_instances());
        let (runs, connections) = (options.max_in_flight, options.max_live_connections);
        if (max_in_flight, max_live) == (runs, connections) {
            tracing::info!("at most {max_in_flight} runs at a time, and {max_live} live connections");
        } else {
            tracing::warn!(
                "at most {max_in_flight} runs at a time and {max_live} live connections, not {runs} and {connections}: this \
                 system allows too few memory maps; raise vm.max_map_count"
            );
        }
        let instances = max_in_flight + max_live;
        let none = Experiments::default();
        let pooled = Profile::new(config(none).allocation_strategy(pool(instances)), none).with_context(|| {
            format!("can't set up a pool for {instances} instances; lower max_in_flight or max_live_connections")
        })?;
        let usual = Family::new(Some(pooled), none, options.cache)?;
        let experiments = Experiments { wasi_0_3: true };
        let concurrent =
            options.experiments.wasi_0_3.then(|| Family::new(None, experiments, options.cache)).transpose()?;
        let ticked = Arc::new(Ticked { made: Instant::now(), last: AtomicU64::new(0) });
        let engines = usual.engines().chain(concurrent.iter().flat_map(Family::engines));
        start_ticker(engines.map(wasmtime::Engine::weak).collect(), Arc::clone(&ticked))?;
        Ok(Arc::new(Engine {
            usual,
            concurrent,
            resolver: network::Resolver::new(),
            sockets: icmp::Sockets::new(),
            disks: system::Disks::new(),
            tls: tls::Configurations::default(),
            compiling: Semaphore::new(match &options.compiler {
                // It is left one core at the most, so that it never delays runs on the others.
                Compiler::Here => 1,
                Compiler::Apart(_) => COMPILERS,
            }),
            compiler: options.compiler,
            room: Arc::new(Semaphore::new(max_in_flight)),
            live: Arc::new(Semaphore::new(max_live)),
            max_live,
            ticked,
            compilations: compilations::Counters::default(),
        }))
    }

    /// How TLS is spoken with this identity. Whoever runs checks with it keeps this for all of their runs.
    #[must_use]
    pub fn tls(&self, identity: &Arc<Identity>) -> Tls {
        self.tls.of(identity)
    }

    /// What became of the components that were to be made ready.
    #[must_use]
    pub fn compilations(&self) -> Compilations {
        self.compilations.read()
    }

    /// How long ago the clock moved behind all deadlines: without it, a probe that computes would never be stopped.
    #[must_use]
    pub fn since_tick(&self) -> Duration {
        self.ticked.since()
    }

    /// Room for as many runs at a time as this sandbox can hold: who starts a run takes a permit first.
    #[must_use]
    pub fn room(&self) -> Arc<Semaphore> {
        Arc::clone(&self.room)
    }
}

/// The settings that shape compiled code and the safety of every run; all profiles share them but for what is tried out.
fn config(experiments: Experiments) -> Config {
    let mut config = Config::new();
    config
        // Work is counted and time is watched, always: a check has no way to opt out.
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(STACK)
        .cranelift_opt_level(OptLevel::Speed)
        // Fresh memory is mapped from the compiled image instead of being copied: four times cheaper per run.
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(Some(FRAMES))
        // Component-model async triples the price of a run, and no stable contract of ours uses it.
        .concurrency_support(experiments.wasi_0_3)
        .wasm_features(features::ON, true)
        .wasm_features(features::OFF, false)
        .wasm_features(features::ASYNC, experiments.wasi_0_3)
        .shared_memory(false);
    config
}

fn pool(instances: usize) -> InstanceAllocationStrategy {
    let instances = u32::try_from(instances).unwrap_or(u32::MAX);
    // A guest has one memory and one table; one that is composed of two has two.
    let of_two = instances.saturating_mul(2);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_core_instances(instances.saturating_mul(POOLED_CORE_INSTANCES))
        .total_memories(of_two)
        .total_tables(of_two.saturating_mul(2))
        .max_core_instances_per_component(POOLED_CORE_INSTANCES)
        .max_memories_per_component(2)
        .max_tables_per_component(4)
        .max_memory_size(POOLED_MEMORY)
        .table_elements(POOLED_TABLE);
    // With the kernel's list of touched pages (Linux 6.7), a used slot is cleaned in place, which halves the price of a
    // run. Without it, keeping pages costs more than it saves, and slots are given back in batches.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(1024 * 1024)
            .table_keep_resident(64 * 1024)
            .async_stack_keep_resident(64 * 1024);
    } else {
        pool.decommit_batch_size(32);
    }
    InstanceAllocationStrategy::Pooling(pool)
}

/// How many runs and how many live connections there can be, if the system bears so many instances: connections are the
/// first to do without.
fn shares(options: &Options<'_>, most: usize) -> (usize, usize) {
    let runs = options.max_in_flight.min(most.saturating_sub(1)).max(1);
    let connections = options.max_live_connections.min(most.saturating_sub(runs)).max(1);
    (runs, connections)
}

/// How many instances this system has memory maps for. Past its limit not the next run fails but the next allocation of
/// whatever kind, and with it the process.
fn most_instances() -> usize {
    /// The kernel's default, for systems that do not tell.
    const DEFAULT_MAX_MAP_COUNT: usize = 65_530;
    let maps = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(DEFAULT_MAX_MAP_COUNT);
    maps.saturating_sub(MAPS_RESERVED) / MAPS_PER_INSTANCE
}

fn start_ticker(engines: Vec<wasmtime::EngineWeak>, ticked: Arc<Ticked>) -> Result<()> {
    std::thread::Builder::new()
        .name("epoch-ticker".into())
        .spawn(move || {
            loop {
                std::thread::sleep(TICK);
                let alive: Vec<_> = engines.iter().filter_map(wasmtime::EngineWeak::upgrade).collect();
                if alive.is_empty() {
                    return;
                }
                for engine in alive {
                    engine.increment_epoch();
                }
                ticked.tick();
            }
        })
        .context("can't start the thread behind all deadlines")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_do_without_before_runs_do() {
        let shared = |max_in_flight, max_live_connections, most| {
            shares(&Options { max_in_flight, max_live_connections, ..Options::default() }, most)
        };
        assert_eq!(shared(1_000, 1_000, 12_000), (1_000, 1_000));
        assert_eq!(shared(10_000, 10_000, 12_000), (10_000, 2_000));
        assert_eq!(shared(10_000, 1_000, 10_000), (9_999, 1));
        assert_eq!(shared(10, 10, 0), (1, 1), "a runner that can do nothing would not tell why");
    }
}
