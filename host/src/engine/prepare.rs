//! From a file's bytes to a component that is ready to run: compiled, linked, started once, and asked to describe itself.

use std::{io, sync::Arc, time::Duration};

use probity_core::outcome::FaultKind;
use wasmtime::component::Component;

use super::{
    Engine, Family, LoadError, Manifest, Prepared, Profile, Request,
    bindings::{MANIFEST, manifest, types},
    command::Start,
    compiled,
    compiler::Compiler,
    component::Entry,
    follow::Follow,
    output::{self, Redactor},
    preview_1,
    run::{Sandbox, Term},
    shape::{Purpose, Shape, examine_as},
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
