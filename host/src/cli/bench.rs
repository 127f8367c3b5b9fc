//! `probity bench`

use std::{
    fmt::Write as _,
    num::NonZeroU32,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use probity_core::{health::Health, outcome::Attempt, time::nanoseconds};
use serde_json::{Map, Value, json};

use super::{check::health, out, spread::Spread, subject::Subject};
use crate::worker::Examine;

/// How often the component is compiled and run for the first time.
const COLD: usize = 5;
/// When to stop compiling: the larger ones take half a minute each, and one figure of those is better than none.
const COLD_TIME: Duration = Duration::from_secs(10);
/// When to stop running: whoever wants to know more of a slow one asks for it.
const WARM_TIME: Duration = Duration::from_secs(30);

/// Says what a probe costs: its size, the time to compile it, and the time, fuel and memory of its runs.
///
/// A cold run is the first one after the component was compiled, and any other a warm one; a probe that keeps its connection opens it
/// in a cold run, and has it in a warm one. What a run of a target takes is mostly the target's, so have one that is near. The exit
/// code is 0, or 3 if no run came to a verdict.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity bench ./mine.wasm\n  \
                        probity bench tcp --set host=127.0.0.1 --set port=22 --runs 1000\n  \
                        probity bench orders-db --config probity.toml -o json")]
pub(super) struct Bench {
    #[command(flatten)]
    subject: Subject,
    /// Warm runs; fewer if they take more than half a minute.
    #[arg(long, value_name = "N", default_value = "200")]
    runs: NonZeroU32,
    /// How to say it.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// What was measured.
#[derive(Default)]
struct Figures {
    /// Bytes of the component.
    size: u64,
    compile: Vec<Duration>,
    cold: Vec<Duration>,
    warm: Vec<Duration>,
    attempts: Vec<Attempt>,
}

impl Bench {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let figures = self.measure().await?;
        match self.output {
            Format::Text => out::say(figures.text()?)?,
            Format::Json => out::say_json(&figures.json())?,
        }
        if let Some(fault) = figures.without_verdict() {
            bail!("no run came to a verdict, so these figures say little: {}", fault.outcome.message());
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn measure(&self) -> Result<Figures> {
        let chosen = self.subject.choose()?;
        let engine = chosen.sandbox()?;
        let mut figures = Figures::default();
        let begun = Instant::now();
        let mut last = None;
        while figures.cold.len() < COLD && (last.is_none() || begun.elapsed() < COLD_TIME) {
            let (prepared, took) = timed(chosen.load(&engine)).await;
            let prepared = prepared?;
            figures.size = prepared.size;
            figures.compile.push(took);
            let (examiner, _) = chosen.examiner(&engine, &prepared)?;
            // What is asked of a probe once, whatever it runs, is no part of its first run.
            examiner.refused().await;
            let (attempt, took) = timed(examiner.attempt(&[])).await;
            figures.cold.push(took);
            figures.attempts.push(attempt);
            if let Some(before) = last.replace(examiner) {
                before.close().await;
            }
        }
        let Some(examiner) = last else { return Ok(figures) };
        let begun = Instant::now();
        for _ in 0..self.runs.get() {
            let state = figures.attempts.last().map_or(&[][..], |attempt| &attempt.state);
            let (attempt, took) = timed(examiner.attempt(state)).await;
            figures.warm.push(took);
            figures.attempts.push(attempt);
            if begun.elapsed() > WARM_TIME {
                break;
            }
        }
        examiner.close().await;
        Ok(figures)
    }
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

impl Figures {
    /// The last attempt, if none came to a verdict.
    fn without_verdict(&self) -> Option<&Attempt> {
        let judged = self.attempts.iter().any(|attempt| health(&attempt.outcome) != Health::Unknown);
        self.attempts.last().filter(|_| !judged)
    }

    fn fuel(&self) -> Spread<u64> {
        self.attempts.iter().map(|attempt| attempt.usage.fuel).collect()
    }

    fn peak_memory(&self) -> u64 {
        self.attempts.iter().map(|attempt| attempt.usage.peak_memory).max().unwrap_or_default()
    }

    /// How many runs came to what.
    fn statuses(&self) -> impl Iterator<Item = (&'static str, usize)> {
        Health::ALL.into_iter().filter_map(|word| {
            let count = self.attempts.iter().filter(|attempt| health(&attempt.outcome) == word).count();
            (count > 0).then_some((word.as_str(), count))
        })
    }

    fn text(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(text, "size      {} bytes", self.size)?;
        for (what, times) in [("compile", &self.compile), ("cold run", &self.cold), ("warm run", &self.warm)] {
            let times: Spread<Duration> = times.iter().copied().collect();
            let (p50, p99, count) = (times.p50(), times.p99(), times.len());
            writeln!(text, "{what:<9} {p50:.1?} at the median, {p99:.1?} at the 99th percentile, of {count}")?;
        }
        let fuel = self.fuel();
        writeln!(text, "fuel      {} units at the median, {} at the most", fuel.p50(), fuel.most())?;
        writeln!(text, "memory    {} KiB at the most", self.peak_memory() / 1024)?;
        let statuses: Vec<_> = self.statuses().map(|(word, count)| format!("{count} {word}")).collect();
        writeln!(text, "runs      {}", statuses.join(", "))?;
        Ok(text)
    }

    /// All of it for programs; spans of time are in nanoseconds.
    fn json(&self) -> Value {
        let times = |times: &[Duration]| {
            let times: Spread<Duration> = times.iter().copied().collect();
            json!({ "count": times.len(), "p50": nanoseconds(times.p50()), "p99": nanoseconds(times.p99()) })
        };
        let fuel = self.fuel();
        let statuses: Map<String, Value> =
            self.statuses().map(|(word, count)| (word.to_owned(), json!(count))).collect();
        json!({
            "size": self.size,
            "compile": times(&self.compile),
            "cold": times(&self.cold),
            "warm": times(&self.warm),
            "fuel": { "p50": fuel.p50(), "most": fuel.most() },
            "peak_memory": self.peak_memory(),
            "statuses": statuses,
        })
    }
}
