//! One call of a probe: what it was told, how long it may take, and how long each phase of it took.

use std::time::Duration;

use crate::{
    Failure, Measurement, Problem, Run, Verdict,
    bindings::probity::probe::types,
    clock::{Deadline, Instant},
    settings::Span,
};

/// The attempt under way.
pub struct Attempt {
    run: Run,
    begun: Instant,
    deadline: Deadline,
    phases: Vec<(&'static str, Duration)>,
}

impl Attempt {
    pub(crate) fn begin(run: Run) -> Self {
        let begun = Instant::now();
        let deadline = Deadline::of_run(begun, Duration::from_nanos(run.time_left));
        Self { run, begun, deadline, phases: Vec::new() }
    }

    /// What the runner tells of this attempt.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// When waiting for the target must end, so that the verdict still comes in time.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The time since the attempt began.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Does one phase of the attempt, such as `connect`. If it succeeds, its duration becomes a measurement of that name; a
    /// phase that is done more than once is measured as a whole.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub fn phase<T, E>(&mut self, name: &'static str, work: impl FnOnce(Deadline) -> Result<T, E>) -> Result<T, E> {
        let begun = Instant::now();
        let done = work(self.deadline)?;
        self.took(name, begun.elapsed());
        Ok(done)
    }

    /// Takes down how long a phase took that was timed elsewhere.
    pub(crate) fn took(&mut self, name: &'static str, took: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == name) {
            Some((_, total)) => *total += took,
            None => self.phases.push((name, took)),
        }
    }

    /// A healthy verdict, or a degraded one if the attempt has taken longer than `limit` by now.
    pub fn healthy_within(&self, limit: Option<Span>, message: impl Into<String>) -> Verdict {
        let took = self.elapsed();
        let message = message.into();
        match limit {
            Some(Span(limit)) if took > limit => {
                Verdict::degraded(format!("{message}, but it took {}: more than {}", Span(took), Span(limit)))
            }
            _ => Verdict::healthy(message),
        }
    }

    /// What the attempt came to, in the contract's words.
    pub(crate) fn finish(self, came: Result<Verdict, Failure>) -> Result<Verdict, Problem> {
        match came {
            Ok(verdict) => Ok(self.measured(verdict)),
            Err(Failure::Unhealthy(message)) => Ok(self.measured(Verdict::unhealthy(message))),
            Err(Failure::Verdict(verdict)) => Ok(self.measured(*verdict)),
            Err(Failure::Problem(problem)) => Err(problem),
        }
    }

    /// What is told of a failure in the middle of an attempt, in the contract's words.
    pub(crate) fn failure(&self, failure: Failure) -> types::Failure {
        let verdict = match failure {
            Failure::Unhealthy(message) => Verdict::unhealthy(message),
            Failure::Verdict(verdict) => *verdict,
            Failure::Problem(problem) => return types::Failure::Problem(problem),
        };
        let measurements = self.phases().chain(verdict.measurements).collect();
        types::Failure::Verdict(Verdict { measurements, ..verdict })
    }

    /// The phases so far, as measurements.
    pub(crate) fn phases(&self) -> impl Iterator<Item = Measurement> {
        let measured = |(name, took): &(&str, Duration)| seconds(name, *took);
        self.phases.iter().map(measured)
    }

    /// Adds the phases and the whole to the verdict's measurements.
    fn measured(self, mut verdict: Verdict) -> Verdict {
        let total = self.elapsed();
        verdict.measurements.extend(self.phases());
        verdict.measurements.push(seconds("total", total));
        if verdict.latency.is_none() {
            verdict = verdict.latency(total);
        }
        verdict
    }
}

fn seconds(name: &str, took: Duration) -> Measurement {
    Measurement { name: name.to_owned(), unit: "s".to_owned(), value: took.as_secs_f64() }
}
