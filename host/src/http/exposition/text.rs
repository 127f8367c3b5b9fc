//! The lines of metrics, as both formats of text have them.

use std::fmt::Write;

use super::{Format, Label, Labels, Number};

/// Writes a line for each of some ends, which hold the last label, and its figure.
pub(super) fn each_line<'a>(
    text: &mut String,
    name: &str,
    suffix: &str,
    labels: &Labels<'_>,
    lines: impl Iterator<Item = (&'a String, u64)>,
) {
    let begin = text.len();
    for part in [name, suffix, "{", &labels.text] {
        text.push_str(part);
    }
    if !labels.text.is_empty() {
        text.push(',');
    }
    let begun = begin..text.len();
    for (at, (end, value)) in lines.enumerate() {
        if at > 0 {
            // They all begin as the first does.
            text.extend_from_within(begun.clone());
        }
        text.push_str(end);
        write_whole(value, text);
        text.push('\n');
    }
}

/// Writes a sample.
pub(super) fn line(text: &mut String, name: &str, suffix: &str, labels: &Labels<'_>, own: &[Label<'_>], value: Number) {
    text.push_str(name);
    text.push_str(suffix);
    if labels.text.is_empty() && own.is_empty() {
        text.push(' ');
    } else {
        text.push('{');
        text.push_str(&labels.text);
        if !labels.text.is_empty() && !own.is_empty() {
            text.push(',');
        }
        write_labels(own, text);
        text.push_str("} ");
    }
    match value {
        Number::Whole(number) => write_whole(number, text),
        Number::Real(number) => write_real(number, text),
    }
    text.push('\n');
}

fn write_whole(number: u64, text: &mut String) {
    match u8::try_from(number) {
        // Most have one digit.
        Ok(digit @ 0..10) => text.push(char::from(b'0' + digit)),
        _ => text.push_str(itoa::Buffer::new().format(number)),
    }
}

/// Writes a number as both formats have it.
fn write_real(number: f64, text: &mut String) {
    match number {
        f64::INFINITY => text.push_str("+Inf"),
        f64::NEG_INFINITY => text.push_str("-Inf"),
        _ if number.is_nan() => text.push_str("NaN"),
        _ => {
            let mut buffer = zmij::Buffer::new();
            let written = buffer.format_finite(number);
            text.push_str(written.strip_suffix(".0").unwrap_or(written));
        }
    }
}

/// Writes labels as they stand between braces.
pub(super) fn write_labels(labels: &[Label<'_>], text: &mut String) {
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        escape(value, text);
        text.push('"');
    }
}

fn escape(value: &str, text: &mut String) {
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
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

/// What stands between the other labels of a bucket and its value.
pub(super) fn end(bound: f64, format: Format) -> String {
    let mut end = "le=\"".to_owned();
    match format {
        // There, a bound is a number with a point in it.
        Format::OpenMetrics if bound.is_finite() => {
            // A text takes whatever is written to it.
            let _ = write!(end, "{bound:?}");
        }
        _ => write_real(bound, &mut end),
    }
    end.push_str("\"} ");
    end
}
