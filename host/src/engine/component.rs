//! From a file's bytes to a probe that is ready to run, or to the reason why it is none.

use std::{io, sync::Arc, time::Duration};

use probity_core::outcome::FaultKind;
use thiserror::Error;
use wasmtime::component::{Component, InstancePre, Linker};

use super::{
    Engine, Family, Profile, Request,
    bindings::{CHECKER, CONNECTOR, LISTENER, MANIFEST, REPORTS, RUN, connector, listener, manifest, run, types},
    command::Start,
    compiled,
    compiler::Compiler,
    contract::Checker,
    ctx::Ctx,
    follow::Follow,
    output::{self, Redactor},
    preview_1,
    run::{Sandbox, Term},
    shape::{Purpose, Shape, examine_as},
    tape::Taping,
};
use crate::{experiments::Experiments, grant::Grants, limits::Limits};

/// What a component may use to be examined: instantiated, and asked to describe itself.
const EXAMINATION: Limits = Limits {
    // Starting CPython takes about a tenth of this.
    fuel: 10_000_000_000,
    // Room for the largest interpreters; a run has its own, smaller limit.
    memory: 1024 * 1024 * 1024,
    // Likewise of tables and of parts.
    table_elements: 1_000_000,
    instances: 1_000,
    // Nobody reads it.
    log_lines: 0,
    ..Limits::DEFAULT
};
/// How long that may take.
const EXAMINATION_TIME: Duration = Duration::from_secs(10);

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

/// What a probe says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The name its author gave it; checks use the name of its file.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// A JSON Schema of its settings; `null` if it gave none that can be read.
    pub settings_schema: serde_json::Value,
    /// The interval it suggests.
    pub default_interval: Option<Duration>,
    /// The time-out it suggests.
    pub default_timeout: Option<Duration>,
    /// The memory it says it needs, in bytes.
    pub memory: Option<u64>,
    /// Whether it suggests that its checks are critical.
    pub critical: bool,
    /// Whether it asks nothing of its target, and goes by what the runner was told.
    pub passive: bool,
    /// Templates of the grants it needs.
    pub grants: Vec<String>,
}

/// How a probe is called.
pub(super) enum Entry {
    /// From nothing, once for each run.
    Checker(Checker),
    /// To open a connection, and then over it.
    Connector(connector::GuestIndices),
    /// As a program, once for each run.
    Command(run::GuestIndices),
    /// To be told of trouble, once for each event.
    Listener(listener::GuestIndices),
}

impl Entry {
    /// A component that is both is called as the one that can do more.
    fn find(purpose: Purpose, pre: &InstancePre<Ctx>, shape: &Shape) -> wasmtime::Result<Entry> {
        if purpose == Purpose::Hook {
            listener::GuestIndices::new(pre).map(Entry::Listener)
        } else if shape.has(CONNECTOR) {
            connector::GuestIndices::new(pre).map(Entry::Connector)
        } else {
            match Checker::find(pre, shape) {
                Some(checker) => checker.map(Entry::Checker),
                None => run::GuestIndices::new(pre).map(Entry::Command),
            }
        }
    }

    /// # Errors
    ///
    /// It is called in another way.
    pub(super) fn checker(&self) -> wasmtime::Result<&Checker> {
        match self {
            Entry::Checker(checker) => Ok(checker),
            Entry::Connector(_) => wasmtime::bail!("it keeps a connection open, and has to be opened first"),
            Entry::Command(_) => wasmtime::bail!("it is a command, and has to be started"),
            Entry::Listener(_) => wasmtime::bail!("it is a hook, and examines nothing"),
        }
    }

    /// # Errors
    ///
    /// It is called in another way.
    pub(super) fn listener(&self) -> wasmtime::Result<&listener::GuestIndices> {
        match self {
            Entry::Listener(listener) => Ok(listener),
            Entry::Checker(_) | Entry::Connector(_) | Entry::Command(_) => wasmtime::bail!("it is no hook"),
        }
    }

    /// # Errors
    ///
    /// It is called in another way.
    pub(super) fn connector(&self) -> wasmtime::Result<&connector::GuestIndices> {
        match self {
            Entry::Connector(connector) => Ok(connector),
            Entry::Checker(_) | Entry::Command(_) | Entry::Listener(_) => {
                wasmtime::bail!("it keeps no connection open")
            }
        }
    }
}

/// A component that is compiled, linked and typed: ready to be instantiated.
pub struct Prepared {
    pub(super) pre: InstancePre<Ctx>,
    pub(super) entry: Entry,
    describer: Option<manifest::GuestIndices>,
    /// What its runs are put on tape by, if they are.
    pub(super) taping: Option<Taping>,
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: Arc<str>,
    /// Its size in bytes.
    pub size: u64,
    /// Its imports and exports.
    pub shape: Shape,
    /// What it says of itself, if it does.
    pub manifest: Option<Manifest>,
}

impl Prepared {
    /// Whether it keeps a connection open between runs, so that it is opened, checked and closed instead of just checked.
    #[must_use]
    pub fn keeps_connection(&self) -> bool {
        matches!(self.entry, Entry::Connector(_))
    }

    /// Whether it is told of trouble, and examines nothing.
    #[must_use]
    pub fn is_hook(&self) -> bool {
        matches!(self.entry, Entry::Listener(_))
    }

    /// Whether it wants to know what others report of its target.
    #[must_use]
    pub fn takes_reports(&self) -> bool {
        self.shape.imports.iter().any(|import| import.split('@').next() == REPORTS.split('@').next())
    }

    /// The same, linked to a tape.
    pub(super) fn put_on(&self, linker: &Linker<Ctx>, taping: Taping) -> wasmtime::Result<Prepared> {
        let pre = linker.instantiate_pre(self.pre.component())?;
        Ok(Prepared {
            // What is put on tape is a run: of a hook there is none.
            entry: Entry::find(Purpose::Probe, &pre, &self.shape)?,
            describer: self.describer.as_ref().map(|_| manifest::GuestIndices::new(&pre)).transpose()?,
            pre,
            taping: Some(taping),
            digest: Arc::clone(&self.digest),
            size: self.size,
            shape: self.shape.clone(),
            manifest: self.manifest.clone(),
        })
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        self.pre.engine()
    }
}

impl Engine {
    /// Turns the component with this digest into one that is ready to run: compiles it, unless that was done before, starts
    /// it once, and asks it to describe itself. It is read when its turn has come, so that a thousand of them never lie in
    /// memory at once.
    ///
    /// # Errors
    ///
    /// The reason why this is not a probe that can run here.
    pub async fn prepare(
        self: &Arc<Engine>,
        digest: Arc<str>,
        read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Result<Prepared, LoadError> {
        self.prepare_as(Purpose::Probe, digest, read).await
    }

    /// As [`prepare`](Self::prepare), for a component that is told of trouble.
    ///
    /// # Errors
    ///
    /// The reason why this is no hook that can run here.
    pub async fn prepare_hook(
        self: &Arc<Engine>,
        digest: Arc<str>,
        read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Result<Prepared, LoadError> {
        self.prepare_as(Purpose::Hook, digest, read).await
    }

    async fn prepare_as(
        self: &Arc<Engine>,
        purpose: Purpose,
        digest: Arc<str>,
        read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Result<Prepared, LoadError> {
        let engine = Arc::clone(self);
        let in_turn = self.compiling.acquire().await.map_err(|closed| LoadError::Compile(closed.to_string()))?;
        let begun = std::time::Instant::now();
        let linked = tokio::task::spawn_blocking(move || {
            let bytes = read().map_err(|error| LoadError::Unreadable(error.to_string()))?;
            if *compiled::digest(&bytes) != *digest {
                return Err(LoadError::Changed);
            }
            engine.link(purpose, &bytes, digest)
        });
        let linked = linked.await;
        drop(in_turn);
        self.compilations.count(matches!(linked, Ok(Ok(_))), begun.elapsed());
        let mut prepared = linked.map_err(|panic| LoadError::Compile(panic.to_string()))??;
        prepared.manifest = self.describe(&prepared).await?;
        Ok(prepared)
    }

    fn link(&self, purpose: Purpose, bytes: &[u8], digest: Arc<str>) -> Result<Prepared, LoadError> {
        // The catalog has seen to the size of what was dropped; what is part of the program needs no limit.
        let mut shape = examine_as(purpose, bytes, u64::MAX)?;
        let family = match &self.concurrent {
            Some(concurrent) if shape.experiments.wasi_0_3 => concurrent,
            None if shape.experiments.wasi_0_3 => return Err(LoadError::Experimental(Experiments::WASI_0_3)),
            _ => &self.usual,
        };
        let (profile, component) = if shape.adapted {
            let compiled = self.compile(family, bytes, &preview_1::key(&digest))?;
            shape = Shape::of(&compiled.1, true);
            compiled
        } else {
            self.compile(family, bytes, &digest)?
        };
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch(format!("{error:#}"));
        let pre = profile.linker.instantiate_pre(&component).map_err(mismatch)?;
        let entry = Entry::find(purpose, &pre, &shape).map_err(mismatch)?;
        let describes = shape.has(MANIFEST);
        let describer = describes.then(|| manifest::GuestIndices::new(&pre)).transpose().map_err(mismatch)?;
        Ok(Prepared { pre, entry, describer, taping: None, digest, size: bytes.len() as u64, shape, manifest: None })
    }

    /// `key` is what the code is kept under.
    fn compile<'a>(&self, family: &'a Family, bytes: &[u8], key: &str) -> Result<(&'a Profile, Component), LoadError> {
        let failed = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
        // The settings that shape code are the same in all of them, so code made by one serves the others.
        let engines: Vec<&wasmtime::Engine> = family.engines().collect();
        let cached = family.cache.as_ref().and_then(|cache| cache.load(&engines, key));
        let component = match cached {
            Some(component) => {
                self.compilations.found();
                component
            }
            None => {
                let code = match &self.compiler {
                    Compiler::Here => {
                        let component = preview_1::as_component(bytes);
                        let component = component.map_err(|error| LoadError::Compile(format!("{error:#}")))?;
                        family.roomy.engine.precompile_component(&component).map_err(failed)?
                    }
                    Compiler::Apart(apart) => apart.compile(bytes, family.experiments)?,
                };
                if let Some(cache) = &family.cache
                    && let Err(error) = cache.store(key, &code)
                {
                    tracing::warn!("{error:#}");
                }
                compiled::load_own(&engines, &code).map_err(failed)?
            }
        };
        let took = |profile: &&Profile| wasmtime::Engine::same(component.engine(), &profile.engine);
        Ok((family.pooled.as_ref().filter(took).unwrap_or(&family.roomy), component))
    }

    async fn describe(&self, prepared: &Prepared) -> Result<Option<Manifest>, LoadError> {
        let mut sandbox = Sandbox::new(self, prepared, &examination(), Term::of(EXAMINATION_TIME));
        let described = sandbox
            .call(async |store| {
                let instance = prepared.pre.instantiate_async(&mut *store).await?;
                match &prepared.entry {
                    Entry::Checker(checker) => checker.load(&mut *store, &instance)?,
                    Entry::Connector(connector) => connector.load(&mut *store, &instance).map(|_| ())?,
                    Entry::Command(command) => command.load(&mut *store, &instance).map(|_| ())?,
                    Entry::Listener(listener) => listener.load(&mut *store, &instance).map(|_| ())?,
                }
                let Some(describer) = &prepared.describer else {
                    return Ok(None);
                };
                let guest = describer.load(&mut *store, &instance)?;
                guest.call_describe(&mut *store).await.map(Some)
            })
            .await;
        match described {
            Ok(None) => Ok(None),
            Ok(Some(description)) => Ok(Some(Manifest {
                settings_schema: serde_json::from_str(&description.settings_schema).unwrap_or_default(),
                name: description.name,
                version: description.version,
                description: description.description,
                default_interval: description.default_interval.map(Duration::from_nanos),
                default_timeout: description.default_timeout.map(Duration::from_nanos),
                memory: description.memory,
                critical: description.critical,
                passive: description.passive,
                grants: description.grants,
            })),
            Err((_, message)) => Err(LoadError::Fails(message)),
        }
    }

    /// All that the probe finds wrong with these settings, as one line; `None` if it accepts them, or has no say.
    ///
    /// # Errors
    ///
    /// The fault in which the probe ended instead of answering.
    pub async fn validate(&self, prepared: &Prepared, settings: &str) -> Result<Option<String>, (FaultKind, String)> {
        if matches!(prepared.entry, Entry::Command(_))
            && let Err(problems) = Start::read("", settings)
        {
            return Ok(Some(output::settings_problems(&problems)));
        }
        let Some(describer) = &prepared.describer else {
            return Ok(None);
        };
        let mut sandbox = Sandbox::new(self, prepared, &examination(), Term::of(EXAMINATION_TIME));
        let problems: Vec<types::SettingProblem> = sandbox
            .call(async |store| {
                let instance = prepared.pre.instantiate_async(&mut *store).await?;
                describer.load(&mut *store, &instance)?.call_validate(&mut *store, settings).await
            })
            .await?;
        Ok((!problems.is_empty()).then(|| output::settings_problems(&problems)))
    }
}

/// A component that is being examined reaches nothing.
fn examination() -> Request<'static> {
    static NOBODY: std::sync::LazyLock<(Arc<str>, Arc<Grants>)> = std::sync::LazyLock::new(Default::default);
    let (check, grants) = &*NOBODY;
    Request {
        check,
        settings: "",
        attempt: 0,
        state: &[],
        limits: EXAMINATION,
        grants,
        tls: None,
        board: None,
        redact: Redactor::NONE,
        follow: Follow::default(),
    }
}
