//! `probity check`

mod json;
mod junit;
mod nagios;
mod prometheus;
mod text;

use std::{
    num::NonZeroU32,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use probity_core::{
    health::Health,
    outcome::{Attempt, Outcome, Status},
};

use super::{
    out,
    recording::{Recorded, Recorder},
    subject::{Chosen, Subject},
};
use crate::{
    engine::{Engine, Prepared},
    worker::Examine,
};

/// Runs a probe once, under the limits that a runner would give it, and says what came of it.
///
/// The exit code is that of monitoring plug-ins: 0 healthy, 1 degraded, 2 unhealthy, 3 nothing known (the probe failed). Of several
/// runs the worst counts: unhealthy, then unknown, then degraded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity check tcp --set host=localhost --set port=22\n  \
                        probity check http --set url=http://127.0.0.1:8081/health/live -o json\n  \
                        probity check ./mine.wasm --set 'words=[\"a\", \"b\"]' --allow tcp:db.internal:5432\n  \
                        probity check orders-db --config probity.toml --repeat 10\n  \
                        probity check http --set url=https://shop.example/ --record shop.jsonl\n  \
                        probity check http --replay shop.jsonl")]
pub(super) struct Check {
    #[command(flatten)]
    subject: Subject,
    /// Run it so many times in a row; each run finds the state that the one before has left.
    #[arg(long, value_name = "N", default_value = "1")]
    repeat: NonZeroU32,
    /// Write all that the run asks of its runner, and is told, to a file, from which it can be replayed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["repeat", "replay"])]
    record: Option<PathBuf>,
    /// Give the probe the answers that are in this recording, and no others: no network, no clock, no chance. Settings that are not
    /// given are those that were recorded.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// How to say it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// How what came of the runs is said.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// One line, as of a plug-in for Nagios.
    Nagios,
    /// A test suite in the XML of JUnit.
    Junit,
    /// Metrics in the text format of Prometheus.
    Prometheus,
}

/// One run that is over.
struct Ran {
    started: Timestamp,
    took: Duration,
    attempt: Attempt,
}

/// All runs of one check, the first one first. There is one at least.
struct Told<'a> {
    check: &'a str,
    probe: &'a str,
    /// The SHA-256 of the component, in hexadecimal.
    digest: &'a str,
    /// What a run might have taken.
    timeout: Duration,
    runs: &'a [Ran],
}

impl Check {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let recorded = self.replay.as_deref().map(Recorded::read).transpose()?;
        let chosen = self.subject.choose_over(recorded.as_ref())?;
        let engine = chosen.sandbox()?;
        let prepared = chosen.load(&engine).await?;
        let recorder = self
            .record
            .as_deref()
            .map(|file| Recorder::new(file, &engine, &prepared, &chosen.check, &chosen.component))
            .transpose()?;
        let (timeout, runs) = match recorded {
            Some(recorded) => self.replay(recorded, &chosen, &engine, &prepared).await?,
            None => self.run(&chosen, &engine, recorder.as_ref().map_or(&prepared, Recorder::prepared)).await?,
        };
        let check = &chosen.check;
        let told = Told { check: &check.name, probe: &check.probe, digest: &prepared.digest, timeout, runs: &runs };
        out::say(self.output.write(&told)?)?;
        if let Some(recorder) = recorder {
            recorder.write()?;
        }
        Ok(ExitCode::from(told.exit_code()))
    }
}

impl Check {
    /// Runs the probe as often as that is wanted; the first value is the time that a run may take.
    async fn run(
        &self,
        chosen: &Chosen,
        engine: &Arc<Engine>,
        prepared: &Arc<Prepared>,
    ) -> Result<(Duration, Vec<Ran>)> {
        let (examiner, timeout) = chosen.examiner(engine, prepared)?;
        let mut runs: Vec<Ran> = Vec::new();
        for _ in 0..self.repeat.get() {
            let state = runs.last().map_or(&[][..], |run| &run.attempt.state);
            let (started, begun) = (Timestamp::now(), Instant::now());
            let attempt = examiner.attempt(state).await;
            runs.push(Ran { started, took: begun.elapsed(), attempt });
        }
        examiner.close().await;
        Ok((timeout, runs))
    }

    /// Replays a recording as often as that is wanted, each time from its beginning.
    async fn replay(
        &self,
        recorded: Recorded,
        chosen: &Chosen,
        engine: &Arc<Engine>,
        prepared: &Arc<Prepared>,
    ) -> Result<(Duration, Vec<Ran>)> {
        let player = recorded.put_on(engine, prepared, &chosen.check)?;
        let (_, timeout) = chosen.examiner(engine, prepared)?;
        let mut runs = Vec::new();
        for _ in 0..self.repeat.get() {
            let (started, begun) = (Timestamp::now(), Instant::now());
            let attempt = player.play(engine, &chosen.check).await?;
            runs.push(Ran { started, took: begun.elapsed(), attempt });
        }
        Ok((timeout, runs))
    }
}

impl Format {
    fn write(self, told: &Told<'_>) -> Result<String> {
        Ok(match self {
            Format::Text => text::write(told)?,
            Format::Json => json::write(told)?,
            Format::Nagios => nagios::write(told)?,
            Format::Junit => junit::write(told)?,
            Format::Prometheus => prometheus::write(told),
        })
    }
}

impl Told<'_> {
    /// The run that counts: the first one of the worst.
    fn worst(&self) -> Option<&Ran> {
        self.runs.iter().rev().max_by_key(|run| severity(&run.attempt.outcome))
    }

    fn exit_code(&self) -> u8 {
        self.worst().map_or(super::FAILED, |run| exit_code(&run.attempt.outcome))
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
        Outcome::Fault(_) => super::FAILED,
    }
}

/// How bad an outcome is among others: what is known to be down is worse than what is not known.
fn severity(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Verdict(verdict) => match verdict.status {
            Status::Healthy => 0,
            Status::Degraded => 1,
            Status::Unhealthy => 3,
        },
        Outcome::Fault(_) => 2,
    }
}

/// What is known of the target after this.
pub(super) fn health(outcome: &Outcome) -> Health {
    match outcome {
        Outcome::Verdict(verdict) => verdict.status.into(),
        Outcome::Fault(_) => Health::Unknown,
    }
}
