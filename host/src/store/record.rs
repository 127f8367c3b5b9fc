//! How things are written: a byte for the version of the format, then postcard, whose numbers take as many bytes as they need.
//!
//! The words of states and events are written by their place among their like: new ones are added at the end.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use probity_core::{
    account::Account,
    health::Health,
    machine,
    outcome::{Detail, Fault, FaultKind, Measurement, Outcome, Run, Status, Usage, Verdict},
    report,
    rollup::Rollup,
    time::nanoseconds,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::phases::{Names, OF_A_RUN, Phases};

/// The version of the format. It is the first byte of whatever is written.
pub(super) const VERSION: u8 = 1;

/// Writes it down.
pub(super) fn write(value: &impl Serialize) -> Vec<u8> {
    // Memory takes whatever is written to it, and nothing here is of a kind that can't be written.
    postcard::to_extend(value, vec![VERSION]).unwrap_or_default()
}

/// Reads it; `None` if it is not what was written, or was written by somebody newer.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (version, rest) = bytes.split_first()?;
    (*version == VERSION).then(|| postcard::from_bytes(rest).ok()).flatten()
}

/// Reads a run; `None` as for [`read`].
pub(super) fn read_kept(bytes: &[u8]) -> Option<Kept<'_>> {
    let (version, rest) = bytes.split_first()?;
    (*version == VERSION).then(|| postcard::from_bytes(rest).ok()).flatten()
}

/// A run, as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept<'a> {
    /// Counts the runs of the check.
    pub(super) number: u64,
    /// In microseconds since 1970.
    started: i64,
    /// In nanoseconds.
    took: u64,
    /// In nanoseconds, if the probe timed the target itself.
    latency: Option<u64>,
    outcome: Came,
    /// Trying again soon is pointless.
    permanent: bool,
    /// Somebody else's call to the target, and no run.
    pub(super) reported: bool,
    /// What was known after it.
    pub(super) health: Health,
    pub(super) generation: u64,
    fuel: u64,
    peak_memory: u64,
    /// `None`: what the one before said.
    #[serde(borrow)]
    pub(super) message: Option<&'a str>,
    /// In nanoseconds, by the number of the phase's name.
    phases: Vec<(u16, u64)>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Came {
    Verdict(Status),
    Fault(FaultKind),
}

impl<'a> Kept<'a> {
    /// What is to be kept of a run; `said` is whether it says what the one before said.
    pub(super) fn of(
        run: &'a Run,
        number: u64,
        health: Health,
        generation: u64,
        reported: bool,
        said: bool,
        phases: &mut Phases,
    ) -> Kept<'a> {
        let (outcome, verdict) = match &run.outcome {
            Outcome::Verdict(verdict) => (Came::Verdict(verdict.status), Some(verdict)),
            Outcome::Fault(fault) => (Came::Fault(fault.kind), None),
        };
        let measurements = verdict.map_or(&[][..], |verdict| &verdict.measurements);
        Kept {
            number,
            started: run.started.as_microsecond(),
            took: nanoseconds(run.took),
            latency: verdict.and_then(|verdict| verdict.latency).map(nanoseconds),
            outcome,
            permanent: verdict.is_some_and(|verdict| verdict.permanent),
            reported,
            health,
            generation,
            fuel: run.usage.fuel,
            peak_memory: run.usage.peak_memory,
            message: (!said).then(|| &**run.outcome.message()),
            phases: measurements.iter().filter_map(|measurement| phases.write(measurement)).take(OF_A_RUN).collect(),
        }
    }

    /// Whether it is one of those that are kept for longer: a failure of the target, or of the probe.
    pub(super) fn failed(&self) -> bool {
        match self.outcome {
            Came::Verdict(status) => !status.is_up(),
            Came::Fault(kind) => kind.is_failure(),
        }
    }

    /// When it started.
    pub(super) fn started(&self) -> Timestamp {
        Timestamp::from_microsecond(self.started).unwrap_or_default()
    }

    /// How it came out, in the words for what is known: unknown after a fault, and pending if there was nothing to judge.
    pub(super) fn status(&self) -> Health {
        match self.outcome {
            Came::Verdict(status) => status.into(),
            Came::Fault(kind) if kind.is_failure() => Health::Unknown,
            Came::Fault(_) => Health::Pending,
        }
    }

    /// The run, as far as it is kept, but for its phases.
    pub(super) fn run(&self, message: Arc<str>) -> Run {
        let outcome = match self.outcome {
            Came::Fault(kind) => Outcome::Fault(Fault::new(kind, message)),
            Came::Verdict(status) => Outcome::Verdict(Verdict {
                latency: self.latency.map(Duration::from_nanos),
                permanent: self.permanent,
                ..Verdict::new(status, message)
            }),
        };
        Run {
            started: self.started(),
            took: Duration::from_nanos(self.took),
            outcome,
            usage: Usage { fuel: self.fuel, peak_memory: self.peak_memory },
        }
    }

    /// How long each of its phases took.
    pub(super) fn phases(&self, names: &Names) -> Vec<(Arc<str>, Duration)> {
        let phase = |(number, took): &(u16, u64)| Some((names.get(*number)?, Duration::from_nanos(*took)));
        self.phases.iter().filter_map(phase).collect()
    }

    /// The run with its phases, as the probe told them.
    pub(super) fn whole(&self, message: Arc<str>, names: &Names) -> Run {
        let mut run = self.run(message);
        if let Outcome::Verdict(verdict) = &mut run.outcome {
            let told = |(name, took): (Arc<str>, Duration)| Measurement {
                name: name.to_string(),
                unit: "s".into(),
                value: took.as_secs_f64(),
            };
            verdict.measurements = self.phases(names).into_iter().map(told).collect();
        }
        run
    }
}

/// Where the account of a check stood after one of its runs.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// That run's.
    pub(super) number: u64,
    /// How many failures there were.
    pub(super) failures: u64,
    /// What was said last.
    pub(super) message: Arc<str>,
    pub(super) account: Account,
}

/// A check's life, as it stood after one of its runs.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Life {
    /// That run's.
    pub(super) number: u64,
    /// What its probe and its settings come to: another target has another.
    pub(super) target: u64,
    pub(super) machine: machine::Saved,
}

/// What the probe of a check has left for its next run.
#[derive(Serialize, Deserialize)]
pub(super) struct Left {
    /// Whose target it is of: another target has another.
    pub(super) target: u64,
    pub(super) state: Vec<u8>,
}

/// What was reported to a check.
#[derive(Serialize, Deserialize)]
pub(super) struct Heard {
    /// The probe that it was meant for.
    pub(super) probe: String,
    pub(super) reports: report::Saved,
}

/// The details of a check's last verdict.
#[derive(Serialize, Deserialize)]
pub(super) struct Details {
    /// Whose target they are of.
    pub(super) target: u64,
    pub(super) details: Vec<Detail>,
}

/// A stretch of a check's life.
#[derive(Serialize, Deserialize)]
pub(super) struct Stretch {
    /// Which it is: others have had its place before.
    pub(super) index: i64,
    pub(super) rollup: Rollup,
}

/// What the store knows of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    /// What its events are named after.
    pub(super) instance: String,
    /// How many results of a check have a place.
    pub(super) results: u64,
    /// How many events have one.
    pub(super) events: u64,
    /// Numbers of events up to here may have been given away.
    pub(super) reserved: u64,
}
