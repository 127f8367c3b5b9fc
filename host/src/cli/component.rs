//! The component that a command names: a file, or a standard probe.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};

use crate::{
    catalog,
    config::{Bounds, Suggestions},
    engine::{self, Apart, Compiler, Engine, LoadError, Manifest, Options, Prepared},
    experiments::Experiments,
    supervisor::standard,
};

/// A sandbox for one run at a time of whatever component is named: compiled apart, as a stranger's is, and not kept. Without a
/// configuration that says otherwise, whoever names a component has it tried out with all that there is.
pub(super) fn sandbox(bounds: Bounds, experiments: Experiments) -> Result<Arc<Engine>> {
    let compiler = Compiler::Apart(Apart::of_this_program(bounds.compile_time, bounds.compile_memory)?);
    Engine::new(Options { compiler, experiments, ..Options::default() })
}

/// The bytes of a component.
pub(super) fn read(probe: &str) -> Result<Vec<u8>> {
    let path = Path::new(probe);
    match standard::find(probe) {
        _ if path.is_file() => catalog::read_component(path, u64::MAX).with_context(|| format!("can't read {probe}")),
        Some(bytes) => Ok(bytes.to_vec()),
        None => {
            let known: Vec<_> = standard::names().collect();
            bail!("there is no file `{probe}`, and no standard probe of this name; there are {}", known.join(", "));
        }
    }
}

/// Makes a component ready to run, if it has no more than `limit` bytes.
pub(super) async fn load(engine: &Arc<Engine>, probe: &str, limit: u64) -> Result<Prepared> {
    let bytes = read(probe)?;
    // What is part of the program needs no limit.
    if Path::new(probe).is_file() {
        engine::examine(&bytes, limit).with_context(|| no_probe(probe))?;
    }
    prepare(engine, probe, bytes).await
}

/// Makes a component ready to run that was read from there.
pub(super) async fn prepare(engine: &Arc<Engine>, probe: &str, bytes: Vec<u8>) -> Result<Prepared> {
    let digest = engine::digest(&bytes).into();
    engine.prepare(digest, || Ok(bytes)).await.with_context(|| no_probe(probe))
}

/// As [`load`], of a probe or a hook.
pub(super) async fn load_any(engine: &Arc<Engine>, name: &str, limit: u64) -> Result<Prepared> {
    // What is part of the program needs no limit.
    let limit = if Path::new(name).is_file() { limit } else { u64::MAX };
    prepare_any(engine, name, read(name)?, limit).await
}

/// As [`prepare`], of a probe or a hook that has no more than `limit` bytes.
pub(super) async fn prepare_any(engine: &Arc<Engine>, name: &str, bytes: Vec<u8>, limit: u64) -> Result<Prepared> {
    match engine::examine(&bytes, limit) {
        Err(LoadError::Hook) => {
            let digest = engine::digest(&bytes).into();
            let prepared = engine.prepare_hook(digest, || Ok(bytes)).await;
            prepared.with_context(|| format!("{name} is not a hook that can run here"))
        }
        examined => {
            examined.with_context(|| no_probe(name))?;
            prepare(engine, name, bytes).await
        }
    }
}

fn no_probe(probe: &str) -> String {
    format!("{probe} is not a probe that can run here")
}

/// What a probe suggests for its checks, if it says anything of itself.
pub(super) fn suggestions(manifest: Option<&Manifest>) -> Suggestions {
    manifest.map_or_else(Suggestions::default, |manifest| Suggestions {
        interval: manifest.default_interval,
        timeout: manifest.default_timeout,
        critical: Some(manifest.critical),
        passive: manifest.passive,
    })
}
