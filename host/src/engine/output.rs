//! What a guest gives back, brought down to a size that can be kept, and made safe to show.

use std::{sync::Arc, time::Duration};

use probity_core::outcome::{Detail, Fault, FaultKind, Measurement, Outcome, Status, Value, Verdict};

use super::bindings::types;

/// Bytes of a verdict's message: a few lines on a screen.
const MESSAGE: usize = 4 * 1024;
/// Details of one verdict.
const DETAILS: usize = 64;
/// Measurements of one verdict; each becomes a time series.
const MEASUREMENTS: usize = 64;
/// Bytes of a detail's key, or of a measurement's name or unit.
const WORD: usize = 128;
/// Bytes of a detail's text.
const TEXT: usize = 1024;
/// Bytes of the state that is kept for the next run.
pub(super) const STATE: usize = 64 * 1024;

/// Hides what must not be shown of a text: the secrets of a check.
pub type Redact<'a> = &'a (dyn Fn(String) -> String + Send + Sync);

/// The part of a text that fits into so many bytes, and whether anything was cut off.
pub(super) fn cut(text: &str, most: usize) -> (&str, bool) {
    if text.len() <= most {
        return (text, false);
    }
    (&text[..text.floor_char_boundary(most)], true)
}

fn shortened(text: String, most: usize, redact: Redact<'_>) -> String {
    let text = redact(text);
    match cut(&text, most) {
        (_, false) => text,
        (kept, true) => format!("{kept}… (captured {} of {} bytes)", kept.len(), text.len()),
    }
}

/// A fault whose message shows no secret and is of bearable length.
pub(super) fn fault(kind: FaultKind, message: String, redact: Redact<'_>) -> Outcome {
    Outcome::Fault(Fault::new(kind, shortened(message, MESSAGE, redact)))
}

/// The verdict as the runner keeps it.
pub(super) fn verdict(verdict: types::Verdict, redact: Redact<'_>) -> Outcome {
    let (details, measurements) = (verdict.details.len(), verdict.measurements.len());
    let mut message = shortened(verdict.message, MESSAGE, redact);
    if details > DETAILS {
        message.push_str(&format!(" (kept {DETAILS} of {details} details)"));
    }
    if measurements > MEASUREMENTS {
        message.push_str(&format!(" (kept {MEASUREMENTS} of {measurements} measurements)"));
    }
    Outcome::Verdict(Verdict {
        status: match verdict.status {
            types::Status::Healthy => Status::Healthy,
            types::Status::Degraded => Status::Degraded,
            types::Status::Unhealthy => Status::Unhealthy,
        },
        message: Arc::from(message),
        details: verdict.details.into_iter().take(DETAILS).map(|detail| self::detail(detail, redact)).collect(),
        measurements: verdict
            .measurements
            .into_iter()
            .take(MEASUREMENTS)
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

fn detail(detail: types::Detail, redact: Redact<'_>) -> Detail {
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
pub(super) fn problem(problem: types::Problem, redact: Redact<'_>) -> Outcome {
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
        .take(DETAILS)
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
        let Outcome::Verdict(kept) = verdict(said, &|text| text) else { panic!("a verdict") };
        assert!(kept.message.contains("(captured 4096 of 10000 bytes) (kept 64 of 100 details)"), "{}", kept.message);
        assert_eq!(kept.details.len(), DETAILS);
        assert!(matches!(&kept.details[0].value, Value::Text(text) if text.ends_with("(captured 1024 of 2000 bytes)")));
    }
}
