//! What came of the runs, for people.

use std::{
    fmt::{self, Write as _},
    io::stdout,
    time::Duration,
};

use probity_core::{
    health::Health,
    outcome::{Calls, Measurement, Outcome},
};

use super::{Ran, Told, health};
use crate::{
    cli::{painted::Painted, spread::Spread},
    telemetry,
};

/// Writes each run, and what they come to if there are several.
pub(super) fn write(told: &Told<'_>) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let colours = telemetry::wants_colours(&stdout());
    for run in told.runs {
        write_run(&mut text, run, colours)?;
    }
    if told.runs.len() > 1 {
        write_sum(&mut text, told)?;
    }
    Ok(text)
}

fn write_run(text: &mut String, run: &Ran, colours: bool) -> fmt::Result {
    let outcome = &run.attempt.outcome;
    let status = Painted { health: health(outcome), colours };
    match outcome {
        Outcome::Fault(fault) => writeln!(text, "{status} ({}): {}", fault.kind, fault.message)?,
        Outcome::Verdict(verdict) => {
            writeln!(text, "{status}: {}", verdict.message)?;
            for detail in &verdict.details {
                writeln!(text, "  {} = {}", detail.key, detail.value)?;
            }
            for measured in &verdict.measurements {
                write_measurement(text, measured)?;
            }
            if let Some(latency) = verdict.latency {
                writeln!(text, "  latency: {latency:.1?}")?;
            }
            if verdict.permanent {
                writeln!(text, "  trying again soon is pointless")?;
            }
        }
    }
    let usage = run.attempt.usage;
    let (took, kibibytes) = (run.took, usage.peak_memory / 1024);
    writeln!(text, "took {took:.1?}, {} units of fuel, {kibibytes} KiB of memory", usage.fuel)?;
    write_calls(text, &run.attempt.calls)
}

fn write_measurement(text: &mut String, Measurement { name, unit, value }: &Measurement) -> fmt::Result {
    match unit.as_str() {
        "s" if *value < 1.0 => writeln!(text, "  {name}: {:.3} ms", value * 1e3),
        "s" => writeln!(text, "  {name}: {value:.3} s"),
        // The unit of what has none, such as a share, as UCUM has it.
        "1" => writeln!(text, "  {name}: {}", rounded(*value)),
        unit => writeln!(text, "  {name}: {} {unit}", rounded(*value)),
    }
}

/// A figure without what is of no use to people: whole numbers as they are, and six digits of others.
fn rounded(value: f64) -> f64 {
    if value.fract() == 0.0 { value } else { format!("{value:.5e}").parse().unwrap_or(value) }
}

fn write_calls(text: &mut String, calls: &Calls) -> fmt::Result {
    let Calls { lookups, connections, requests, bytes_sent, bytes_received, missing, denied } = calls;
    writeln!(
        text,
        "look-ups {lookups}, connections {connections}, requests {requests}, bytes sent {bytes_sent}, received \
         {bytes_received}"
    )?;
    if !missing.is_empty() {
        let flags: Vec<_> = missing.iter().map(|grant| format!("--allow {grant}")).collect();
        writeln!(
            text,
            "not granted: {}; add {}, or to the check: allow = {missing:?}",
            missing.join(", "),
            flags.join(" ")
        )?;
    }
    if !denied.is_empty() {
        writeln!(text, "denied to all checks by [security.network]: {}", denied.join(", "))?;
    }
    Ok(())
}

/// How many runs came to what, and how long they took.
fn write_sum(text: &mut String, told: &Told<'_>) -> fmt::Result {
    write!(text, "{} runs:", told.runs.len())?;
    for word in Health::ALL {
        let count = told.runs.iter().filter(|run| health(&run.attempt.outcome) == word).count();
        if count > 0 {
            write!(text, " {count} {}", word.as_str())?;
        }
    }
    let took: Spread<Duration> = told.runs.iter().map(|run| run.took).collect();
    writeln!(text, "; took {:.1?} at the median, {:.1?} at the most", took.p50(), took.most())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn figures_are_for_people() {
        for (unit, value, shown) in [
            ("s", 1.806_564_986_000_000_2, "1.807 s"),
            ("s", 0.012_345_6, "12.346 ms"),
            ("1", 0.0, "0"),
            ("1", 0.1 + 0.2, "0.3"),
            ("By", 123_456_789.0, "123456789 By"),
            ("%", 33.333_333_333, "33.3333 %"),
        ] {
            let mut text = String::new();
            write_measurement(&mut text, &Measurement { name: "figure".into(), unit: unit.into(), value }).unwrap();
            assert_eq!(text, format!("  figure: {shown}\n"));
        }
    }
}
