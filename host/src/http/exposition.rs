//! Metrics, and how they are written: in the text format of Prometheus, in that of OpenMetrics, or as values for whoever sends them.

use std::fmt::{self, Write};

use probity_core::outcome::Measurement;

/// The media type of the text format of Prometheus.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media type of OpenMetrics.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What the name of every counter ends with. In OpenMetrics it belongs to the sample and not to the family.
const TOTAL: &str = "_total";

/// What the figures of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A format of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// That of Prometheus, version 0.0.4.
    Prometheus,
    /// That of OpenMetrics, version 1.0.0.
    OpenMetrics,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A whole one.
    Whole(u64),
    /// Any other; may be NaN or infinite.
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Number {
        Number::Whole(number)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Number {
        Number::Real(number)
    }
}

/// What a point says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// One figure.
    Number(Number),
    /// Observations by size: how many there are up to each bound and not up to the one before, and beyond the last.
    Histogram {
        /// The bounds.
        bounds: &'static [f64],
        /// One more than bounds.
        counts: Vec<u64>,
        /// All observations together.
        sum: f64,
    },
    /// Observations, summed up.
    Summary {
        /// All of them together.
        sum: f64,
        /// How many there were.
        count: u64,
    },
}

/// A figure with its labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) labels: Vec<(&'static str, Box<str>)>,
    pub(crate) value: Value,
}

/// A family, for whoever sends it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    pub(crate) points: Vec<Point>,
}

/// Metrics, as far as they are written.
pub(crate) struct Exposition(Written);

enum Written {
    Text(String, Format),
    Values(Vec<Metric>),
}

impl Exposition {
    /// None yet, to become a text.
    pub(crate) fn text(format: Format) -> Exposition {
        Exposition(Written::Text(String::new(), format))
    }

    /// None yet, to become values.
    pub(crate) fn values() -> Exposition {
        Exposition(Written::Values(Vec::new()))
    }

    /// Begins a family. All of its samples come next.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        match &mut self.0 {
            Written::Values(metrics) => metrics.push(Metric { name, kind, help, points: Vec::new() }),
            Written::Text(text, format) => {
                let family = match format {
                    Format::OpenMetrics => name.strip_suffix(TOTAL).unwrap_or(name),
                    Format::Prometheus => name,
                };
                let kind = match kind {
                    Kind::Counter => "counter",
                    Kind::Gauge => "gauge",
                    Kind::Histogram => "histogram",
                    Kind::Summary => "summary",
                };
                for part in ["# HELP ", family, " ", help, "\n# TYPE ", family, " ", kind, "\n"] {
                    text.push_str(part);
                }
            }
        }
        Family { written: &mut self.0, name }
    }

    /// All that was written, as a text.
    pub(crate) fn into_text(self) -> String {
        match self.0 {
            Written::Text(mut text, format) => {
                if format == Format::OpenMetrics {
                    text.push_str("# EOF\n");
                }
                text
            }
            Written::Values(_) => String::new(),
        }
    }

    /// All that was written, as values.
    pub(crate) fn into_values(self) -> Vec<Metric> {
        match self.0 {
            Written::Text(..) => Vec::new(),
            Written::Values(metrics) => metrics,
        }
    }
}

/// A label's name and its value.
pub(crate) type Label<'a> = (&'static str, &'a str);

/// Samples of one name.
pub(crate) struct Family<'a> {
    written: &'a mut Written,
    name: &'static str,
}

impl Family<'_> {
    /// Writes a sample.
    pub(crate) fn sample(&mut self, labels: &[Label<'_>], value: impl Into<Number>) {
        let value = value.into();
        match &mut self.written {
            Written::Text(text, _) => line(text, self.name, "", labels, None, value),
            Written::Values(metrics) => point(metrics, labels, Value::Number(value)),
        }
    }

    /// Writes a sample for each of the words, which is 1 for the present one and 0 for all others.
    pub(crate) fn one_hot<const N: usize>(
        &mut self,
        labels: &[Label<'_>],
        label: &'static str,
        words: [&str; N],
        present: &str,
    ) {
        self.by_word(labels, label, words.map(|word| (word, u64::from(word == present))));
    }

    /// Writes a sample for each of the words.
    pub(crate) fn by_word<const N: usize>(
        &mut self,
        labels: &[Label<'_>],
        label: &'static str,
        counts: [(&str, u64); N],
    ) {
        let mut labels = labels.to_vec();
        labels.push((label, ""));
        for (word, count) in counts {
            labels.pop();
            labels.push((label, word));
            self.sample(&labels, count);
        }
    }

    /// Writes what a run measured, as far as it is `known`. Of two figures of the same name and unit, the latter counts: a series
    /// has one value.
    pub(crate) fn measurements(
        &mut self,
        check: &str,
        measurements: &[Measurement],
        known: impl Fn(&Measurement) -> bool,
    ) {
        for (at, Measurement { name, unit, value }) in measurements.iter().enumerate() {
            // There are 64 at most, so looking is cheaper than remembering.
            if !measurements[at + 1..].iter().any(|later| later.name == *name && later.unit == *unit)
                && known(&measurements[at])
            {
                self.sample(&[("check", check), ("name", name), ("unit", unit)], *value);
            }
        }
    }

    /// Writes what a run measured, of no check in particular.
    pub(crate) fn all_measurements(&mut self, measurements: &[Measurement]) {
        for (at, Measurement { name, unit, value }) in measurements.iter().enumerate() {
            if !measurements[at + 1..].iter().any(|later| later.name == *name && later.unit == *unit) {
                self.sample(&[("name", name), ("unit", unit)], *value);
            }
        }
    }

    /// Writes observations by size; `counts` has one more than `bounds`, each without those of the ones before.
    pub(crate) fn histogram(&mut self, labels: &[Label<'_>], bounds: &'static [f64], counts: &[u64], sum: f64) {
        match &mut self.written {
            Written::Values(metrics) => {
                point(metrics, labels, Value::Histogram { bounds, counts: counts.to_vec(), sum });
            }
            Written::Text(text, format) => {
                let mut total = 0;
                let mut le = String::new();
                for (count, bound) in counts.iter().zip(bounds.iter().copied().chain([f64::INFINITY])) {
                    total += count;
                    le.clear();
                    match format {
                        // There, a bound is a number with a point in it.
                        Format::OpenMetrics if bound.is_finite() => {
                            let _ = write!(le, "{bound:?}");
                        }
                        _ => write_real(bound, &mut le),
                    }
                    line(text, self.name, "_bucket", labels, Some(("le", &le)), Number::Whole(total));
                }
                line(text, self.name, "_sum", labels, None, Number::Real(sum));
                line(text, self.name, "_count", labels, None, Number::Whole(total));
            }
        }
    }

    /// Writes observations, summed up.
    pub(crate) fn summary(&mut self, labels: &[Label<'_>], sum: f64, count: u64) {
        match &mut self.written {
            Written::Values(metrics) => point(metrics, labels, Value::Summary { sum, count }),
            Written::Text(text, _) => {
                line(text, self.name, "_sum", labels, None, Number::Real(sum));
                line(text, self.name, "_count", labels, None, Number::Whole(count));
            }
        }
    }
}

fn point(metrics: &mut [Metric], labels: &[Label<'_>], value: Value) {
    // The family that is being written was begun last.
    if let Some(metric) = metrics.last_mut() {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).into())).collect();
        metric.points.push(Point { labels, value });
    }
}

fn line(text: &mut String, name: &str, suffix: &str, labels: &[Label<'_>], more: Option<Label<'_>>, value: Number) {
    text.push_str(name);
    text.push_str(suffix);
    let mut before = '{';
    for (name, value) in labels.iter().copied().chain(more) {
        text.push(before);
        text.push_str(name);
        text.push_str("=\"");
        escape(value, text);
        text.push('"');
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    text.push(' ');
    match value {
        // Most are.
        Number::Whole(0) => text.push('0'),
        Number::Whole(1) => text.push('1'),
        // A text takes whatever is written to it.
        Number::Whole(number) => {
            let _ = write!(text, "{number}");
        }
        Number::Real(number) => write_real(number, text),
    }
    text.push('\n');
}

/// Writes a number as both formats have it.
fn write_real(number: f64, text: &mut String) {
    // A text takes whatever is written to it.
    let _: fmt::Result = match number {
        f64::INFINITY => text.write_str("+Inf"),
        f64::NEG_INFINITY => text.write_str("-Inf"),
        _ => write!(text, "{number}"),
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn written(labels: &[Label<'_>], value: impl Into<Number>) -> String {
        let mut exposition = Exposition::text(Format::Prometheus);
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
        for whole in [0, 1, 2, u64::MAX] {
            assert_eq!(written(&[], whole), format!("a_b {whole}\n"));
        }
    }

    #[test]
    fn labels_are_escaped() {
        let labels = [("plain", "ä = {}"), ("special", "a\\b\"c\nd\\"), ("empty", "")];
        assert_eq!(written(&labels, 1), "a_b{plain=\"ä = {}\",special=\"a\\\\b\\\"c\\nd\\\\\",empty=\"\"} 1\n");
    }

    fn some(mut exposition: Exposition) -> Exposition {
        exposition.family("c_total", Kind::Counter, "Help.").sample(&[], 2);
        exposition.family("h", Kind::Histogram, "Help.").histogram(&[("a", "b")], &[0.5, 1.0], &[1, 0, 2], 7.5);
        exposition.family("s", Kind::Summary, "Help.").summary(&[], 0.5, 3);
        exposition
    }

    #[test]
    fn the_formats_differ_where_they_must() {
        let prometheus = "# HELP c_total Help.\n# TYPE c_total counter\nc_total 2\n# HELP h Help.\n# TYPE h histogram\n\
                          h_bucket{a=\"b\",le=\"0.5\"} 1\nh_bucket{a=\"b\",le=\"1\"} 1\nh_bucket{a=\"b\",le=\"+Inf\"} 3\n\
                          h_sum{a=\"b\"} 7.5\nh_count{a=\"b\"} 3\n# HELP s Help.\n# TYPE s summary\ns_sum 0.5\ns_count 3\n";
        assert_eq!(some(Exposition::text(Format::Prometheus)).into_text(), prometheus);
        let open = prometheus.replace("# HELP c_total", "# HELP c").replace("# TYPE c_total", "# TYPE c");
        let open = open.replace("le=\"1\"", "le=\"1.0\"") + "# EOF\n";
        assert_eq!(some(Exposition::text(Format::OpenMetrics)).into_text(), open);
    }

    #[test]
    fn values_are_kept_as_they_are() {
        let metrics = some(Exposition::values()).into_values();
        let told: Vec<_> = metrics.iter().map(|metric| (metric.name, metric.kind, &metric.points[..])).collect();
        let point = |labels: &[(&'static str, &str)], value| {
            [Point { labels: labels.iter().map(|(name, value)| (*name, (*value).into())).collect(), value }]
        };
        let histogram = Value::Histogram { bounds: &[0.5, 1.0], counts: vec![1, 0, 2], sum: 7.5 };
        assert_eq!(
            told,
            [
                ("c_total", Kind::Counter, &point(&[], Value::Number(Number::Whole(2)))[..]),
                ("h", Kind::Histogram, &point(&[("a", "b")], histogram)[..]),
                ("s", Kind::Summary, &point(&[], Value::Summary { sum: 0.5, count: 3 })[..]),
            ]
        );
    }
}
