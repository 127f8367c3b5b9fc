//! What a command is to run: a probe and its settings, or a check of a configuration.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use jiff::Timestamp;

use super::{component, configured::Configured, recording::Recorded};
use crate::{
    config::{Bounds, Check, Config, Overrides, Surroundings, is_name},
    engine::{Engine, Prepared},
    experiments::Experiments,
    supervisor::{Examiner, standard},
};

/// What the check is called if the component's file has no name that a check could have.
const NAMELESS: &str = "check";

/// A probe and its settings, or a check of a configuration.
#[derive(Debug, Args)]
pub(super) struct Subject {
    /// A component's file, or the name of a standard probe; with `--config`, also the name of a check.
    #[arg(value_name = "PROBE")]
    probe: String,
    /// A setting; the value is read as TOML where it is some, and as text otherwise.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What the probe may reach beyond what its manifest makes of the settings.
    #[arg(long, value_name = "GRANT")]
    allow: Vec<String>,
    /// How long a run may take; without it, what the check says or the probe suggests.
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// Units of work that a run may use.
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,
    /// Memory that a run may have.
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// Take the check of this name from a configuration or its watched folder; a component's file is run as a check that lies
    /// beside it would be.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A check that was found, and its component.
pub(super) struct Chosen {
    /// The check.
    pub(super) check: Arc<Check>,
    /// Where its component is: a file, or the name of a standard probe.
    pub(super) component: String,
    bounds: Bounds,
    experiments: Experiments,
}

impl Subject {
    /// Finds what is meant.
    ///
    /// # Errors
    ///
    /// There is nothing of this name, or something is wrong with what is said of it.
    pub(super) fn choose(&self) -> Result<Chosen> {
        self.choose_over(None)
    }

    /// Finds what is meant, if a probe that is given no setting has those of a recording, and what it is given goes on top.
    ///
    /// # Errors
    ///
    /// As [`Subject::choose`].
    pub(super) fn choose_over(&self, recorded: Option<&Recorded>) -> Result<Chosen> {
        let mut text = self.said()?;
        if let (Some(recorded), None) = (recorded, &self.config) {
            text = recorded.under(&text)?;
        }
        let whence = Path::new("the command line");
        let Some(config) = &self.config else {
            let bounds = Bounds { component_size: u64::MAX, ..Bounds::default() };
            let check = read_check(&whence.to_string_lossy(), &text)?;
            return Ok(Chosen { check, component: self.probe.clone(), bounds, experiments: Experiments::ALL });
        };
        let overrides = Overrides { data_dir: Some(std::env::temp_dir()), ..Overrides::default() };
        let configured = Configured::read(config, &overrides).map_err(|report| anyhow!("{report}"))?;
        let (bounds, experiments) = (configured.config.bounds, configured.config.experiments);
        let said = configured.beside(whence, &text).map_err(|report| anyhow!("{report}"))?;
        let said = said.context("the command line describes no check")?;
        let unwritten = configured.unwritten().map(|(_, check)| check);
        let checks: Vec<_> = configured.checks.iter().cloned().chain(unwritten).collect();
        if let Some(found) = checks.iter().find(|check| check.name == self.probe) {
            if !self.set.is_empty() {
                bail!("`--set` is for probes: the check `{}` has its settings at {}", found.name, found.origin);
            }
            let component = configured.component(&found.probe).map_err(|why| anyhow!(why))?;
            return Ok(Chosen { check: self.over(found, &said), component, bounds, experiments });
        }
        if Path::new(&self.probe).is_file() || standard::find(&self.probe).is_some() {
            return Ok(Chosen { check: said, component: self.probe.clone(), bounds, experiments });
        }
        bail!(self.no_check(config, &checks, &configured))
    }

    fn no_check(&self, config: &Path, checks: &[Arc<Check>], configured: &Configured) -> String {
        let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
        let known = if names.is_empty() { "it has none".to_owned() } else { format!("there are {}", names.join(", ")) };
        let mut message = format!("{} has no check `{}`; {known}", config.display(), self.probe);
        for flaw in configured.flaws.problems() {
            let _ = write!(message, "\n{flaw}");
        }
        message
    }

    /// A check of the configuration with what the command line says on top.
    fn over(&self, found: &Check, said: &Check) -> Arc<Check> {
        let mut check = found.clone();
        check.allow.extend(said.allow.iter().cloned());
        // What is not said is as in the configuration's defaults, which the check may have replaced.
        if self.timeout.is_some() {
            check.timeout = said.timeout;
        }
        if self.fuel.is_some() {
            check.limits.fuel = said.limits.fuel;
        }
        if self.memory.is_some() {
            check.limits.memory = said.limits.memory;
        }
        Arc::new(check)
    }

    /// The check as a configuration would have it, to be read as one, so that the same words mean the same.
    fn said(&self) -> Result<String> {
        let stem = Path::new(&self.probe).file_stem().and_then(|stem| stem.to_str());
        let name = stem.filter(|stem| is_name(stem)).unwrap_or(NAMELESS);
        let mut text = format!("[[check]]\nname = {name:?}\n");
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut line = |key: &str, value: String| writeln!(text, "{key} = {value}");
        if let Some(timeout) = &self.timeout {
            line("timeout", quoted(timeout))?;
        }
        if let Some(fuel) = self.fuel {
            line("limits.fuel", fuel.to_string())?;
        }
        if let Some(memory) = &self.memory {
            line("limits.memory", quoted(memory))?;
        }
        let allow: Vec<String> = self.allow.iter().map(|grant| quoted(grant)).collect();
        line("allow", format!("[{}]", allow.join(", ")))?;
        for setting in &self.set {
            let (key, value) = setting
                .split_once('=')
                .ok_or_else(|| anyhow!("`--set {setting}` has no value; write it as `--set host=localhost`"))?;
            let key: Vec<String> = key.split('.').map(|part| quoted(part.trim())).collect();
            let is_toml = toml::from_str::<toml::Table>(&format!("x = {value}")).is_ok();
            let value = if is_toml { value.to_owned() } else { quoted(value) };
            line(&format!("settings.{}", key.join(".")), value)?;
        }
        Ok(text)
    }
}

impl Chosen {
    /// A sandbox to run it in.
    ///
    /// # Errors
    ///
    /// This system has none to offer.
    pub(super) fn sandbox(&self) -> Result<Arc<Engine>> {
        component::sandbox(self.bounds, self.experiments)
    }

    /// Its component, ready to run.
    ///
    /// # Errors
    ///
    /// It is none that could run here.
    pub(super) async fn load(&self, engine: &Arc<Engine>) -> Result<Arc<Prepared>> {
        component::load(engine, &self.component, self.bounds.component_size).await.map(Arc::new)
    }

    /// Puts the component to the use that the check has for it; the second value is the time that a run may take.
    ///
    /// # Errors
    ///
    /// What the probe suggests can't be.
    pub(super) fn examiner(&self, engine: &Arc<Engine>, prepared: &Arc<Prepared>) -> Result<(Examiner, Duration)> {
        examiner(&self.check, engine, prepared)
    }
}

/// The one check that a configuration describes, which was made up by `whence`.
///
/// # Errors
///
/// All that is wrong with it.
pub(super) fn read_check(whence: &str, text: &str) -> Result<Arc<Check>> {
    let overrides = Overrides { data_dir: Some(std::env::temp_dir()), ..Overrides::default() };
    let surroundings = Surroundings::of_process(None, Timestamp::now());
    let config = Config::parse(Path::new(whence), text, &overrides, surroundings)?;
    config.checks.into_iter().next().with_context(|| format!("{whence} describes no check"))
}

/// Puts a component to the use that a check has for it; the second value is the time that a run may take.
///
/// # Errors
///
/// What the probe suggests can't be.
pub(super) fn examiner(
    check: &Arc<Check>,
    engine: &Arc<Engine>,
    prepared: &Arc<Prepared>,
) -> Result<(Examiner, Duration)> {
    let plan = check.plan(component::suggestions(prepared.manifest.as_ref()), Duration::ZERO)?;
    let name = check.name.as_str().into();
    let examiner = Examiner::new(Arc::clone(engine), Arc::clone(prepared), name, check, &plan, None);
    Ok((examiner, plan.timeout))
}
