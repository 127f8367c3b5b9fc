//! `probity validate`

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Result;
use clap::Args;

use super::{component, configured::Configured, out, subject::examiner};
use crate::{
    config::{Bounds, Check, Origin, Overrides, Report, SinkKind},
    engine::{Engine, Prepared},
    experiments::Experiments,
    supervisor::{SandboxedHooks, dependencies},
};

/// Says all that is wrong with a configuration or a component, without running any check.
///
/// Components, probes and hooks, are compiled and started as a runner would do it, within the limits of the configuration that they belong to: those of
/// its watched folder within its own, and those that are named within those of the first configuration that is named. The exit code
/// is 0 if nothing is wrong, and 1 otherwise.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity validate\n  probity validate /etc/probity/probity.toml\n  \
                        probity validate probity.toml --probes build/probes\n  \
                        probity validate probity.toml build/mine.wasm")]
pub(super) struct Validate {
    /// Configurations (`.toml`) and components; without any, `probity.toml` in the working directory.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The watched folder, in place of the configuration's.
    #[arg(long, value_name = "DIR")]
    probes: Option<PathBuf>,
}

impl Validate {
    pub(super) async fn execute(mut self) -> Result<ExitCode> {
        if self.files.is_empty() {
            self.files.push("probity.toml".into());
        }
        let overrides = Overrides { probes: self.probes.clone(), ..Overrides::default() };
        let mut first: Option<(Bounds, Experiments)> = None;
        let mut told: Vec<(usize, Result<(), String>)> = Vec::new();
        let (configurations, components): (Vec<_>, Vec<_>) =
            self.files.iter().enumerate().partition(|(_, file)| file.extension().is_some_and(|kind| kind == "toml"));
        for (at, file) in configurations {
            let result = match Configured::read(file, &overrides) {
                Ok(configured) => {
                    first.get_or_insert((configured.config.bounds, configured.config.experiments));
                    configuration(configured).await?
                }
                Err(report) => Err(report),
            };
            told.push((at, result.map_err(|report| report.to_string())));
        }
        if !components.is_empty() {
            let (bounds, experiments) = first.unwrap_or((Bounds::default(), Experiments::ALL));
            let engine = component::sandbox(bounds, experiments)?;
            for (at, file) in components {
                let loaded = component::load_any(&engine, &file.to_string_lossy(), bounds.component_size).await;
                told.push((at, loaded.map(|_| ()).map_err(|error| format!("{error:#}"))));
            }
        }
        told.sort_by_key(|(at, _)| *at);
        for (at, result) in &told {
            match result {
                Ok(()) => out::say(format!("{}: all is well\n", self.files[*at].display()))?,
                Err(flaws) => out::say(format!("{flaws}\n"))?,
            }
        }
        Ok(ExitCode::from(u8::from(told.iter().any(|(_, result)| result.is_err()))))
    }
}

/// What is wrong with a configuration, its side-cars, its components, hooks among them, and the settings that it has for them.
async fn configuration(configured: Configured) -> Result<Result<(), Report>> {
    let mut components = Components {
        engine: component::sandbox(configured.config.bounds, configured.config.experiments)?,
        limit: configured.config.bounds.component_size,
        loaded: HashMap::new(),
    };
    let mut report = configured.flaws.clone();
    let unknown: BTreeSet<_> =
        crate::app::unknown_probes(&configured.config).problems().map(|problem| problem.origin.clone()).collect();
    let mut known = Vec::new();
    for check in &configured.checks {
        let (prepared, refused) = match unknown.contains(&check.probe_origin) {
            false => components.examine(&configured, check).await,
            // It was told of.
            true => (None, None),
        };
        if let Some(message) = refused {
            report.push(check.settings.origin(""), format!("check `{}`: {message}", check.name));
        }
        known.push((Arc::clone(check), prepared.and_then(|prepared| prepared.manifest.clone())));
    }
    let mut dropped = BTreeSet::new();
    for (path, check) in configured.unwritten() {
        if let (_, Some(message)) = components.examine(&configured, &check).await {
            report.push(Origin::of_file(&path), message);
        }
        dropped.insert(check.name.clone());
    }
    let hooks = SandboxedHooks::new(Arc::clone(&components.engine), components.limit);
    for sink in &configured.config.alerting.sinks {
        if let SinkKind::Hook(hook) = &sink.kind
            && let Err(why) = hooks.examine(hook).await
        {
            report.push(hook.settings.origin(""), format!("sink `{}`: {why}", sink.name));
        }
    }
    for (check, flaw) in dependencies::flaws(&known, &dropped) {
        report.push(check.settings.origin(""), format!("check `{}`: {flaw}", check.name));
    }
    for (check, _) in &known {
        let is_known = |name: &String| known.iter().any(|(other, _)| other.name == *name) || dropped.contains(name);
        for name in check.depends_on.iter().filter(|name| !is_known(name)) {
            report
                .push(check.origin.clone(), format!("check `{}`: depends_on: there is no check `{name}`", check.name));
        }
    }
    Ok(report.accept(()))
}

/// Components that were made ready, each once.
struct Components {
    engine: Arc<Engine>,
    /// The most bytes that one may have.
    limit: u64,
    loaded: HashMap<String, Result<Arc<Prepared>, String>>,
}

impl Components {
    async fn load(&mut self, name: &str) -> Result<Arc<Prepared>, String> {
        if let Some(loaded) = self.loaded.get(name) {
            return loaded.clone();
        }
        let loaded = component::load(&self.engine, name, self.limit).await;
        let loaded = loaded.map(Arc::new).map_err(|error| format!("{error:#}"));
        self.loaded.insert(name.to_owned(), loaded.clone());
        loaded
    }

    /// A check's probe, and what it finds wrong with the check, or what is wrong with it.
    async fn examine(
        &mut self,
        configured: &Configured,
        check: &Arc<Check>,
    ) -> (Option<Arc<Prepared>>, Option<String>) {
        let loaded = match configured.component(&check.probe) {
            Ok(name) => self.load(&name).await,
            Err(why) => Err(why),
        };
        let prepared = match loaded {
            Ok(prepared) => prepared,
            Err(why) => return (None, Some(why)),
        };
        let refused = match examiner(check, &self.engine, &prepared) {
            Err(error) => Some(error.to_string()),
            Ok((examiner, _)) => examiner.refused().await.map(|fault| fault.message.to_string()),
        };
        (Some(prepared), refused)
    }
}
