//! What came of the runs, as of a plug-in for Nagios: one line with performance data, of the run that counts.
//!
//! The format is that of the Monitoring Plugins Development Guidelines: `NAME STATUS - message | 'label'=value[unit] …`.

use std::fmt::{self, Write as _};

use probity_core::outcome::Outcome;

use super::{Told, exit_code};

/// The words for the exit codes.
const WORDS: [&str; 4] = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];

/// Writes the line.
pub(super) fn write(told: &Told<'_>) -> Result<String, fmt::Error> {
    let mut line = String::new();
    let Some(run) = told.worst() else { return Ok(line) };
    let outcome = &run.attempt.outcome;
    let word = WORDS.get(usize::from(exit_code(outcome))).unwrap_or(&"UNKNOWN");
    write!(line, "{} {word} - ", told.check.to_uppercase())?;
    if let Outcome::Fault(fault) = outcome {
        write!(line, "{}: ", fault.kind)?;
    }
    line.extend(outcome.message().chars().map(harmless));
    let usage = run.attempt.usage;
    let (took, memory) = (run.took.as_secs_f64(), usage.peak_memory);
    write!(line, " | time={took:.6}s;;;0 fuel={};;;0 memory={memory}B;;;0", usage.fuel)?;
    if let Outcome::Verdict(verdict) = outcome {
        for measured in &verdict.measurements {
            write!(line, " {}={}", label(&measured.name), value(measured.value, &measured.unit))?;
        }
    }
    line.push('\n');
    Ok(line)
}

/// A message is one line, and ends where the performance data begin.
fn harmless(letter: char) -> char {
    match letter {
        '|' => '/',
        letter if letter.is_control() => ' ',
        letter => letter,
    }
}

/// A label, in quotes: it may have any letter but these.
fn label(name: &str) -> String {
    let name = name.chars().map(harmless).filter(|letter| !matches!(letter, '\'' | '=')).collect::<String>();
    format!("'{name}'")
}

/// A value with the unit that Nagios has for it, if it has one; `U` is none.
fn value(value: f64, unit: &str) -> String {
    if !value.is_finite() {
        return "U".to_owned();
    }
    let unit = match unit {
        "s" | "ms" | "us" | "%" => unit,
        "By" => "B",
        "KiBy" => "KB",
        "MiBy" => "MB",
        _ => "",
    };
    format!("{value}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn performance_data_are_what_nagios_reads() {
        assert_eq!(label("it's=a|b\nc"), "'itsa/b c'");
        assert_eq!(value(0.25, "s"), "0.25s");
        assert_eq!(value(3.0, "By"), "3B");
        assert_eq!(value(3.0, "{packets}"), "3");
        assert_eq!(value(f64::NAN, "s"), "U");
    }
}
