//! What came of the runs, as a test suite in the XML that JUnit made common: each run is a test case.
//!
//! What is up passes, degraded or not; what is unhealthy is a failure; a fault is an error; and a probe that waits is skipped.

use std::fmt::{self, Write as _};

use probity_core::outcome::{FaultKind, Outcome, Status};

use super::{Ran, Told, health};

/// Writes the document.
pub(super) fn write(told: &Told<'_>) -> Result<String, fmt::Error> {
    let count = |wanted: Kind| told.runs.iter().filter(|run| Kind::of(run) == wanted).count();
    let (tests, time) = (told.runs.len(), told.runs.iter().map(|run| run.took.as_secs_f64()).sum::<f64>());
    let (failures, errors, skipped) = (count(Kind::Failure), count(Kind::Error), count(Kind::Skipped));
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{time:.6}\""
    );
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    writeln!(xml, "<testsuites name=\"probity check\" {counts}>")?;
    let name = escaped(told.check);
    write!(xml, "  <testsuite name=\"{name}\" {counts}")?;
    if let Some(first) = told.runs.first() {
        write!(xml, " timestamp=\"{:.0}\"", first.started)?;
    }
    xml.push_str(">\n");
    for (at, run) in told.runs.iter().enumerate() {
        write_case(&mut xml, told, at + 1, run)?;
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    Ok(xml)
}

fn write_case(xml: &mut String, told: &Told<'_>, number: usize, run: &Ran) -> fmt::Result {
    let mut name = escaped(told.check);
    if told.runs.len() > 1 {
        write!(name, " #{number}")?;
    }
    let (class, time) = (escaped(told.probe), run.took.as_secs_f64());
    writeln!(xml, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{time:.6}\">")?;
    let outcome = &run.attempt.outcome;
    let message = escaped(outcome.message());
    let word = match outcome {
        Outcome::Verdict(_) => health(outcome).as_str(),
        Outcome::Fault(fault) => fault.kind.as_str(),
    };
    match Kind::of(run) {
        Kind::Passed => {}
        Kind::Failure => writeln!(xml, "      <failure type=\"{word}\" message=\"{message}\"/>")?,
        Kind::Error => writeln!(xml, "      <error type=\"{word}\" message=\"{message}\"/>")?,
        Kind::Skipped => writeln!(xml, "      <skipped message=\"{message}\"/>")?,
    }
    writeln!(xml, "      <system-out>{word}: {message}</system-out>\n    </testcase>")
}

/// What a run is to JUnit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Failure,
    Error,
    Skipped,
}

impl Kind {
    fn of(run: &Ran) -> Kind {
        match &run.attempt.outcome {
            Outcome::Verdict(verdict) if verdict.status == Status::Unhealthy => Kind::Failure,
            Outcome::Verdict(_) => Kind::Passed,
            Outcome::Fault(fault) if fault.kind == FaultKind::Waiting => Kind::Skipped,
            Outcome::Fault(_) => Kind::Error,
        }
    }
}

/// A text as XML has it, within an attribute or between tags. What XML 1.0 has no way to write becomes U+FFFD (section 2.2).
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(xml, "&#{};", u32::from(letter));
            }
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => xml.push(char::REPLACEMENT_CHARACTER),
            letter => xml.push(letter),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_probe_says_is_well_formed() {
        assert_eq!(escaped("a<b> & \"c\"\n\u{1b}[31m"), "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}[31m");
    }
}
