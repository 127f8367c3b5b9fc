//! The latest results of one check, and its latest failures after those have scrolled away.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::outcome::{FaultKind, Outcome, Run, Status};

/// How many results are kept. A hundred thousand checks must fit in memory, so this is what one screen shows.
pub const RESULTS: usize = 20;
/// How many failures are kept beside them, for the outage that has scrolled away.
pub const FAILURES: usize = 10;

/// What came of a run, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Result {
    /// The probe judged its target.
    Verdict(Status),
    /// The probe failed.
    Fault(FaultKind),
}

/// One run, as much of it as is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When the run started.
    pub started: Timestamp,
    /// How long the target took.
    pub latency: Duration,
    /// What came of it.
    pub result: Result,
    /// What the probe said; shared with the entry before if it said the same.
    pub message: Arc<str>,
}

/// A bounded memory of runs.
#[derive(Clone, Debug, Default)]
pub struct History {
    results: VecDeque<Entry>,
    failures: VecDeque<Entry>,
}

impl History {
    /// Remembers one run, forgetting the oldest if there is no room.
    pub fn push(&mut self, run: &Run) {
        let message = match self.results.back() {
            Some(last) if last.message == *run.outcome.message() => Arc::clone(&last.message),
            _ => Arc::clone(run.outcome.message()),
        };
        let entry = Entry {
            started: run.started,
            latency: run.latency(),
            result: match &run.outcome {
                Outcome::Verdict(verdict) => Result::Verdict(verdict.status),
                Outcome::Fault(fault) => Result::Fault(fault.kind),
            },
            message,
        };
        let failed = match entry.result {
            Result::Verdict(status) => !status.is_up(),
            Result::Fault(kind) => kind.is_failure(),
        };
        if failed {
            keep(&mut self.failures, entry.clone(), FAILURES);
        }
        keep(&mut self.results, entry, RESULTS);
    }

    /// The latest results, oldest first.
    pub fn results(&self) -> impl DoubleEndedIterator<Item = &Entry> + Clone {
        self.results.iter()
    }

    /// The latest failures and faults, oldest first. To have nothing to judge yet is neither.
    pub fn failures(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.failures.iter()
    }
}

fn keep(entries: &mut VecDeque<Entry>, entry: Entry, most: usize) {
    if entries.len() == most {
        entries.pop_front();
    } else if entries.len() == entries.capacity() {
        // Twice as many, as it would be anyway, but never room for more than are kept.
        entries.reserve_exact(entries.len().max(1).min(most - entries.len()));
    }
    entries.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Fault, Usage, Verdict};

    fn run(at: i64, status: Option<Status>) -> Run {
        Run {
            started: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(at),
            took: Duration::from_millis(2),
            outcome: match status {
                Some(status) => Outcome::Verdict(Verdict {
                    status,
                    message: "said".into(),
                    details: vec![],
                    measurements: vec![],
                    latency: Some(Duration::from_millis(1)),
                    permanent: false,
                }),
                None => Outcome::Fault(Fault::new(FaultKind::Trap, "crashed")),
            },
            usage: Usage::default(),
        }
    }

    #[test]
    fn failures_outlive_the_results_that_pushed_them_out() {
        let mut history = History::default();
        history.push(&run(0, None));
        history.push(&run(1, Some(Status::Unhealthy)));
        for at in 2..200 {
            history.push(&run(at, Some(Status::Degraded)));
        }
        assert_eq!(history.results().count(), RESULTS);
        let failures: Vec<_> = history.failures().map(|entry| (entry.result, entry.latency)).collect();
        assert_eq!(
            failures,
            [
                (Result::Fault(FaultKind::Trap), Duration::from_millis(2)),
                (Result::Verdict(Status::Unhealthy), Duration::from_millis(1)),
            ]
        );
    }

    #[test]
    fn equal_messages_are_kept_once() {
        let mut history = History::default();
        history.push(&run(0, Some(Status::Healthy)));
        history.push(&run(1, Some(Status::Healthy)));
        let mut results = history.results();
        let (first, second) = (results.next(), results.next());
        assert!(first.zip(second).is_some_and(|(a, b)| Arc::ptr_eq(&a.message, &b.message)));
    }
}
