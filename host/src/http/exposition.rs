//! Writes metrics in the text format of Prometheus, version 0.0.4.

use std::fmt::{self, Write};

use probity_core::outcome::Measurement;

/// The media type of the format.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the figures of a family are.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// They only rise, until the runner starts again.
    Counter,
    /// They rise and fall.
    Gauge,
    /// They count observations by size.
    Histogram,
    /// They count observations and sum them up.
    Summary,
}

/// Metrics, as far as they are written.
#[derive(Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family. All of its samples come next.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
            self.text.push_str(part);
        }
        Family { text: &mut self.text, name }
    }

    /// All that was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// A label's name and its value.
pub(crate) type Label<'a> = (&'static str, &'a str);

/// Samples of one name.
pub(crate) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// Writes a sample.
    pub(crate) fn sample(&mut self, labels: &[Label<'_>], value: impl Number) {
        self.part("", labels, value);
    }

    /// Writes a sample for each of the words, which is 1 for the present one and 0 for all others.
    pub(crate) fn one_hot<const N: usize>(
        &mut self,
        labels: &[Label<'_>],
        label: &'static str,
        words: [&str; N],
        present: &str,
    ) {
        let mut labels = labels.to_vec();
        labels.push((label, ""));
        for word in words {
            labels.pop();
            labels.push((label, word));
            self.sample(&labels, u64::from(word == present));
        }
    }

    /// Writes what a run measured. Of two figures of the same name and unit, the latter counts: a series has one value.
    pub(crate) fn measurements(&mut self, check: &str, measurements: &[Measurement]) {
        for (at, Measurement { name, unit, value }) in measurements.iter().enumerate() {
            // There are 64 at most, so looking is cheaper than remembering.
            if !measurements[at + 1..].iter().any(|later| later.name == *name && later.unit == *unit) {
                self.sample(&[("check", check), ("name", name), ("unit", unit)], *value);
            }
        }
    }

    /// Writes a sample of a histogram or summary, whose names are longer than the family's.
    pub(crate) fn part(&mut self, suffix: &str, labels: &[Label<'_>], value: impl Number) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let mut before = '{';
        for (name, value) in labels {
            self.text.push(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, self.text);
            self.text.push('"');
            before = ',';
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.text.push(' ');
        // A text takes whatever is written to it.
        let _ = value.write(self.text);
        self.text.push('\n');
    }
}

/// What a sample can be.
pub(crate) trait Number {
    /// Writes it as the format has it.
    fn write(self, text: &mut String) -> fmt::Result;
}

impl Number for u64 {
    fn write(self, text: &mut String) -> fmt::Result {
        write!(text, "{self}")
    }
}

impl Number for f64 {
    fn write(self, text: &mut String) -> fmt::Result {
        match self {
            f64::INFINITY => text.write_str("+Inf"),
            f64::NEG_INFINITY => text.write_str("-Inf"),
            _ => write!(text, "{self}"),
        }
    }
}

fn escape(value: &str, text: &mut String) {
    let mut rest = value;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        let (plain, special) = rest.split_at(at);
        text.push_str(plain);
        text.push_str(match special.as_bytes().first() {
            Some(b'\n') => "\\n",
            Some(b'"') => "\\\"",
            _ => "\\\\",
        });
        rest = &special[1..];
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(labels: &[Label<'_>], value: impl Number) -> String {
        let mut exposition = Exposition::default();
        exposition.family("a_b", Kind::Gauge, "Help.").sample(labels, value);
        let text = exposition.into_text();
        text.strip_prefix("# HELP a_b Help.\n# TYPE a_b gauge\n").unwrap().to_owned()
    }

    #[test]
    fn values_are_written_as_the_format_has_them() {
        let table = [
            (0.0, "0"),
            (1.5, "1.5"),
            (-0.25, "-0.25"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (value, text) in table {
            assert_eq!(written(&[], value), format!("a_b {text}\n"));
        }
        assert_eq!(written(&[], u64::MAX), "a_b 18446744073709551615\n");
    }

    #[test]
    fn labels_are_escaped() {
        let labels = [("plain", "ä = {}"), ("special", "a\\b\"c\nd\\"), ("empty", "")];
        assert_eq!(written(&labels, 1), "a_b{plain=\"ä = {}\",special=\"a\\\\b\\\"c\\nd\\\\\",empty=\"\"} 1\n");
    }
}
