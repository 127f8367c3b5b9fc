//! `probity validate`

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use super::{inspect::load, verify::judge};
use crate::{
    app::Configuration,
    config::{Check, Config, Overrides, Report, Suggestions, Surroundings},
    engine::{Engine, Manifest},
    supervisor::{Examiner, dependencies},
};

/// Says all that is wrong with a configuration or a component, without running any check.
///
/// The exit code is 0 if nothing is, and 1 otherwise.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Configurations (`.toml`) and components; without any, `probity.toml` in the working directory.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The watched folder, in place of the configuration's.
    #[arg(long, value_name = "DIR")]
    probes: Option<PathBuf>,
}

impl Validate {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) async fn execute(mut self) -> Result<ExitCode> {
        if self.files.is_empty() {
            self.files.push("probity.toml".into());
        }
        let engine = super::sandbox()?;
        let mut good = true;
        for file in &self.files {
            let flaws = if file.extension().is_some_and(|kind| kind == "toml") {
                self.configuration(&engine, file).await
            } else {
                let loaded = load(&engine, &file.to_string_lossy()).await;
                loaded.err().map(|error| format!("{error:#}"))
            };
            match flaws {
                None => println!("{}: all is well", file.display()),
                Some(flaws) => {
                    good = false;
                    println!("{flaws}");
                }
            }
        }
        Ok(ExitCode::from(u8::from(!good)))
    }

    /// What is wrong with a configuration, its side-cars, and the settings it has for its probes.
    async fn configuration(&self, engine: &Arc<Engine>, path: &Path) -> Option<String> {
        let overrides = Overrides { probes: self.probes.clone(), ..Overrides::default() };
        let configuration = Configuration { path: Some(path.to_owned()), overrides };
        let config = match configuration.read(None) {
            Ok((config, _)) => config,
            Err(report) => return Some(report.to_string()),
        };
        let mut report = Report::default();
        let mut checks = config.checks.clone();
        for sidecar in sidecars(&config) {
            match read_sidecar(&config, &sidecar) {
                Ok(found) => checks.extend(found),
                Err(problems) => report.append(problems),
            }
        }
        crate::config::refuse_duplicates(&checks, &mut report);
        let mut known = Vec::new();
        for check in &checks {
            let (manifest, refused) = examine(engine, &config, check).await;
            if let Some(message) = refused {
                report.push(check.settings.origin(""), format!("check `{}`: {message}", check.name));
            }
            known.push((Arc::clone(check), manifest));
        }
        for (check, flaw) in dependencies::flaws(&known, &dropped(&config, &checks)) {
            report.push(check.settings.origin(""), format!("check `{}`: {flaw}", check.name));
        }
        report.accept(()).err().map(|report| report.to_string())
    }
}

fn sidecars(config: &Config) -> Vec<PathBuf> {
    in_folder(config, "toml")
}

/// The names of the checks that nobody wrote down: of dropped components that no other check makes use of.
fn dropped(config: &Config, checks: &[Arc<Check>]) -> BTreeSet<String> {
    let components = in_folder(config, "wasm");
    let names = components.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    names.filter(|name| !checks.iter().any(|check| check.probe == *name)).collect()
}

/// The files of a kind in the watched folder.
fn in_folder(config: &Config, kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(&config.probes).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|found| found == kind)).collect();
    paths.sort();
    paths
}

fn read_sidecar(config: &Config, path: &Path) -> Result<Vec<Arc<Check>>, Report> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let mut report = Report::default();
        report.push(crate::config::Origin::of_file(path), format!("the file can't be read: {error}"));
        report
    })?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    config.sidecar(path, &text, &stem, Surroundings::of_process(None, Timestamp::now()))
}

/// What a check's probe says of itself, and what it finds wrong with the check.
async fn examine(engine: &Arc<Engine>, config: &Config, check: &Arc<Check>) -> (Option<Manifest>, Option<String>) {
    let file = config.probes.join(format!("{}.wasm", check.probe));
    if file.is_file()
        && let Ok(Err(why)) = judge(&config.trust, &file)
    {
        return (None, Some(format!("the probe `{}` can't be used: {why}", check.probe)));
    }
    let name = if file.is_file() { file.to_string_lossy().into_owned() } else { check.probe.clone() };
    let prepared = match load(engine, &name).await {
        Ok(prepared) => Arc::new(prepared),
        Err(error) => return (None, Some(format!("{error:#}"))),
    };
    let manifest = prepared.manifest.clone();
    let refused = match check.plan(Suggestions::default(), std::time::Duration::ZERO) {
        Err(error) => Some(error.to_string()),
        Ok(plan) => {
            let name = check.name.as_str().into();
            let examiner = Examiner::new(Arc::clone(engine), prepared, name, check, &plan, None);
            examiner.refused().await.map(|fault| fault.message.to_string())
        }
    };
    (manifest, refused)
}
