//! `probity check`

use std::{fmt::Write as _, path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use jiff::Timestamp;
use probity_core::outcome::{Attempt, Outcome, Status, Value};

use super::inspect::load;
use crate::{
    config::{self, Config, Overrides, Suggestions, Surroundings},
    engine::Manifest,
    supervisor::Examiner,
    worker::Examine,
};

/// Runs a probe once, and says what came of it.
///
/// The exit code is that of monitoring plug-ins: 0 healthy, 1 degraded, 2 unhealthy, 3 nothing known (the probe failed).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity check tcp --set host=localhost --set port=22\n  \
                        probity check http --set url=http://127.0.0.1:8081/health/live\n  \
                        probity check ./mine.wasm --set 'words=[\"a\", \"b\"]' --allow tcp:db.internal:5432")]
pub(super) struct Check {
    /// A component's file, or the name of a standard probe.
    probe: String,
    /// A setting; the value is read as TOML where it is some, and as text otherwise.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What the probe may reach beyond what its manifest makes of the settings.
    #[arg(long, value_name = "GRANT")]
    allow: Vec<String>,
    /// How long it may take; without it, what the probe suggests.
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// Units of work that it may use.
    #[arg(long, value_name = "UNITS")]
    fuel: Option<u64>,
    /// Memory that it may have.
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
}

impl Check {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let check = self.configured()?;
        let engine = super::sandbox()?;
        let prepared = Arc::new(load(&engine, &self.probe).await?);
        let suggestions = prepared.manifest.as_ref().map_or_else(Suggestions::default, suggestions);
        let plan = check.plan(suggestions, std::time::Duration::ZERO)?;
        let examiner = Examiner::new(engine, prepared, check.name.as_str().into(), &check, &plan, None);
        let started = std::time::Instant::now();
        let attempt = examiner.attempt(&[]).await;
        let took = started.elapsed();
        examiner.close().await;
        print!("{}", report(&attempt, took)?);
        Ok(ExitCode::from(exit_code(&attempt.outcome)))
    }

    /// The check as a configuration would have it, read as one, so that the same words mean the same.
    fn configured(&self) -> Result<Arc<config::Check>> {
        let mut text = String::from("[[check]]\nname = \"check\"\n");
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
        let overrides = Overrides { data_dir: Some(std::env::temp_dir()), ..Overrides::default() };
        let surroundings = Surroundings::of_process(None, Timestamp::now());
        let config = Config::parse(Path::new("the command line"), &text, &overrides, surroundings)?;
        config.checks.into_iter().next().context("the command line describes no check")
    }
}

fn suggestions(manifest: &Manifest) -> Suggestions {
    Suggestions {
        interval: manifest.default_interval,
        timeout: manifest.default_timeout,
        critical: Some(manifest.critical),
        passive: manifest.passive,
    }
}

/// The exit code that stands for an outcome, as the guidelines for monitoring plug-ins have it.
fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Verdict(verdict) => match verdict.status {
            Status::Healthy => 0,
            Status::Degraded => 1,
            Status::Unhealthy => 2,
        },
        Outcome::Fault(_) => 3,
    }
}

fn report(attempt: &Attempt, took: std::time::Duration) -> Result<String> {
    let mut text = String::new();
    match &attempt.outcome {
        Outcome::Fault(fault) => writeln!(text, "unknown ({}): {}", fault.kind, fault.message)?,
        Outcome::Verdict(verdict) => {
            writeln!(text, "{}: {}", verdict.status.as_str(), verdict.message)?;
            for detail in &verdict.details {
                let value = match &detail.value {
                    Value::Text(text) => text.clone(),
                    Value::Integer(number) => number.to_string(),
                    Value::Number(number) => number.to_string(),
                    Value::Boolean(boolean) => boolean.to_string(),
                };
                writeln!(text, "  {} = {value}", detail.key)?;
            }
            for measured in &verdict.measurements {
                match measured.unit.as_str() {
                    "s" if measured.value < 1.0 => {
                        writeln!(text, "  {}: {:.3} ms", measured.name, measured.value * 1e3)?
                    }
                    unit => writeln!(text, "  {}: {} {unit}", measured.name, measured.value)?,
                }
            }
        }
    }
    let usage = attempt.usage;
    writeln!(text, "took {took:.1?}, {} units of fuel, {} KiB of memory", usage.fuel, usage.peak_memory / 1024)?;
    Ok(text)
}
