//! Reports as they outlive the runner: without its own clock.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, fmt::serde::timestamp::nanosecond};
use serde::{Deserialize, Serialize};

use super::{Kind, Report, Reports};
use crate::time::{Moment, Now};

/// The latest reports on one check, as they outlive the runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    #[serde(with = "nanosecond::required")]
    since: Timestamp,
    /// As a list: one that was written when there were fewer kinds can still be read.
    counts: Vec<u64>,
    /// The oldest first.
    kept: Vec<One>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct One {
    kind: Kind,
    exit_code: Option<u8>,
    duration: Option<Duration>,
    #[serde(with = "nanosecond::required")]
    received: Timestamp,
    text: String,
    length: usize,
}

impl Reports {
    /// What is to outlive the runner.
    #[must_use]
    pub fn save(&self) -> Saved {
        let one = |report: &Arc<Report>| One {
            kind: report.kind,
            exit_code: report.exit_code,
            duration: report.duration,
            received: report.received.wall,
            text: report.text.clone(),
            length: report.length,
        };
        Saved { since: self.since.wall, counts: self.counts.to_vec(), kept: self.kept.iter().map(one).collect() }
    }

    /// Reports that are as old as the time of day says. The time in which there was no runner counts: whoever reported then was
    /// not heard.
    #[must_use]
    pub fn restored(saved: &Saved, now: Now) -> Reports {
        let mut reports = Reports { since: Moment::recalled(saved.since, now), ..Reports::new(now) };
        for One { kind, exit_code, duration, received, text, length } in &saved.kept {
            let report = Report {
                exit_code: *exit_code,
                duration: *duration,
                received: Moment::recalled(*received, now),
                ..Report::new(*kind, now)
            };
            reports.keep(Arc::new(report.text(text.clone(), *length)));
        }
        reports.counts.iter_mut().zip(&saved.counts).for_each(|(count, saved)| *count = *saved);
        reports
    }
}
