//! What a guest gives back, brought down to a size that can be kept, and made safe to show.

use std::{sync::Arc, time::Duration};

use probity_core::outcome::{Detail, Fault, FaultKind, Measurement, Outcome, Status, Value, Verdict};

use super::bindings::types;
use crate::limits::Limits;

/// Bytes of a fault's message: a few lines on a screen.
const FAULT: u64 = 4 * 1024;
/// Problems of one check's settings that are told.
const PROBLEMS: usize = 64;
/// Bytes of a detail's key, or of a measurement's name or unit.
const WORD: u64 = 128;
/// Bytes of a detail's text.
const TEXT: u64 = 1024;

/// Hides what must not be shown of a text: the secrets of a check. The one by default hides nothing.
#[derive(Clone, Default)]
pub struct Redactor(Option<Arc<dyn Fn(String) -> String + Send + Sync>>);

impl Redactor {
    /// For those who have nothing to hide.
    pub const NONE: &Redactor = &Redactor(None);

    /// One that makes of a text the one to show.
    #[must_use]
    pub fn new(redact: impl Fn(String) -> String + Send + Sync + 'static) -> Redactor {
        Redactor(Some(Arc::new(redact)))
    }

    /// What may be shown of a text.
    pub(super) fn apply(&self, text: String) -> String {
        match &self.0 {
            Some(redact) => redact(text),
            None => text,
        }
    }
}

/// The part of a text that fits into so many bytes, and whether anything was cut off.
pub(super) fn cut(text: &str, most: usize) -> (&str, bool) {
    if text.len() <= most {
        return (text, false);
    }
    (&text[..text.floor_char_boundary(most)], true)
}

fn shortened(text: String, most: u64, redact: &Redactor) -> String {
    let text = redact.apply(text);
    match cut(&text, usize::try_from(most).unwrap_or(usize::MAX)) {
        (_, false) => text,
        (kept, true) => format!("{kept}… (captured {} of {} bytes)", kept.len(), text.len()),
    }
}

/// A fault whose message shows no secret and is of bearable length.
pub(super) fn fault(kind: FaultKind, message: String, redact: &Redactor) -> Outcome {
    Outcome::Fault(Fault::new(kind, shortened(message, FAULT, redact)))
}

/// The verdict as the runner keeps it.
pub(super) fn verdict(verdict: types::Verdict, limits: &Limits, redact: &Redactor) -> Outcome {
    let mut message = shortened(verdict.message, limits.message, redact);
    let details = kept("details", verdict.details, limits.details, &mut message);
    let measurements = kept("measurements", verdict.measurements, limits.measurements, &mut message);
    Outcome::Verdict(Verdict {
        status: match verdict.status {
            types::Status::Healthy => Status::Healthy,
            types::Status::Degraded => Status::Degraded,
            types::Status::Unhealthy => Status::Unhealthy,
        },
        message: Arc::from(message),
        details: details.map(|detail| self::detail(detail, redact)).collect(),
        measurements: measurements
            .map(|measurement| Measurement {
                name: shortened(measurement.name, WORD, redact),
                unit: shortened(measurement.unit, WORD, redact),
                value: measurement.value,
            })
            .collect(),
        latency: verdict.latency.map(Duration::from_nanos),
        permanent: verdict.permanent,
    })
}

/// As many of them as may be kept; says so if that is not all.
fn kept<T>(what: &str, all: Vec<T>, most: u64, message: &mut String) -> impl Iterator<Item = T> + use<T> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if all.len() > most {
        message.push_str(&format!(" (kept {most} of {} {what})", all.len()));
    }
    all.into_iter().take(most)
}

fn detail(detail: types::Detail, redact: &Redactor) -> Detail {
    Detail {
        key: shortened(detail.key, WORD, redact),
        value: match detail.value {
            types::Value::Text(text) => Value::Text(shortened(text, TEXT, redact)),
            types::Value::Integer(number) => Value::Integer(number),
            types::Value::Number(number) => Value::Number(number),
            types::Value::Boolean(boolean) => Value::Boolean(boolean),
        },
    }
}

/// What the probe gives as its reason for giving no verdict.
pub(super) fn problem(problem: types::Problem, redact: &Redactor) -> Outcome {
    let (kind, message) = match problem {
        types::Problem::InvalidSettings(problems) => (FaultKind::InvalidSettings, settings_problems(&problems)),
        types::Problem::Denied(message) => (FaultKind::Denied, message),
        types::Problem::Unsupported(message) => (FaultKind::Link, message),
        types::Problem::Other(message) => (FaultKind::Host, message),
        types::Problem::Waiting(message) => (FaultKind::Waiting, message),
    };
    fault(kind, message, redact)
}

/// All problems of one check's settings, as one line.
pub(super) fn settings_problems(problems: &[types::SettingProblem]) -> String {
    problems
        .iter()
        .take(PROBLEMS)
        .map(|problem| match problem.pointer.as_str() {
            "" => problem.message.clone(),
            pointer => format!("{pointer}: {}", problem.message),
        })
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("añb", 2), ("a", true));
        assert_eq!(cut("añb", 4), ("añb", false));
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        let said = types::Verdict {
            status: types::Status::Healthy,
            message: "m".repeat(10_000),
            details: (0..100)
                .map(|at| types::Detail { key: format!("k{at}"), value: types::Value::Text("t".repeat(2_000)) })
                .collect(),
            measurements: vec![],
            latency: None,
            permanent: false,
            state: vec![],
        };
        let Outcome::Verdict(kept) = verdict(said, &Limits::DEFAULT, Redactor::NONE) else { panic!("a verdict") };
        assert!(kept.message.contains("(captured 4096 of 10000 bytes) (kept 64 of 100 details)"), "{}", kept.message);
        assert_eq!(kept.details.len(), 64);
        assert!(matches!(&kept.details[0].value, Value::Text(text) if text.ends_with("(captured 1024 of 2000 bytes)")));
    }
}
