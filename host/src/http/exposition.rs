//! Metrics, and how they are written: in the text format of Prometheus, in that of OpenMetrics, or as values for whoever sends them.

mod text;

use jiff::Timestamp;
use probity_core::outcome::Measurement;

use self::text::{each_line, end, line, write_labels};

/// The media type of the text format of Prometheus.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media type of OpenMetrics.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What the name of every counter ends with. In OpenMetrics it belongs to the sample and not to the family.
const TOTAL: &str = "_total";

/// What the figures of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They only rise, until the runner starts again, or is told to begin anew.
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
    /// Since when it is counted, if it is.
    pub(crate) since: Timestamp,
    pub(crate) points: Vec<Point>,
}

/// Metrics, as far as they are written.
pub(crate) struct Exposition(Written);

enum Written {
    Text(String, Format),
    Values(Vec<Metric>, Timestamp),
}

impl Exposition {
    /// None yet, to become a text.
    pub(crate) fn text(format: Format) -> Exposition {
        Exposition(Written::Text(String::new(), format))
    }

    /// The same, with room for so many bytes: a long text that grows by and by is copied again and again.
    pub(crate) fn text_with_room(format: Format, bytes: usize) -> Exposition {
        Exposition(Written::Text(String::with_capacity(bytes), format))
    }

    /// None yet, to become values, of what is counted since then.
    pub(crate) fn values(since: Timestamp) -> Exposition {
        Exposition(Written::Values(Vec::new(), since))
    }

    /// Begins a family. All of its samples come next.
    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        match &mut self.0 {
            Written::Values(metrics, since) => {
                metrics.push(Metric { name, kind, help, since: *since, points: Vec::new() });
            }
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
            Written::Values(..) => String::new(),
        }
    }

    /// All that was written, as values.
    pub(crate) fn into_values(self) -> Vec<Metric> {
        match self.0 {
            Written::Text(..) => Vec::new(),
            Written::Values(metrics, _) => metrics,
        }
    }
}

/// A label's name and its value.
pub(crate) type Label<'a> = (&'static str, &'a str);

/// Labels that samples have. Whoever writes many samples with the same ones makes them once: most of a text is labels.
#[derive(Clone, Debug)]
pub(crate) struct Labels<'a> {
    each: Vec<Label<'a>>,
    /// They, as they are written between braces.
    text: String,
}

impl<'a> Labels<'a> {
    /// None.
    pub(crate) const NONE: Labels<'static> = Labels { each: Vec::new(), text: String::new() };

    /// These.
    pub(crate) fn of(labels: &[Label<'a>]) -> Labels<'a> {
        let mut text = String::new();
        write_labels(labels, &mut text);
        Labels { each: labels.to_vec(), text }
    }
}

/// Samples of one name.
pub(crate) struct Family<'a> {
    written: &'a mut Written,
    name: &'static str,
}

impl<'a> Family<'a> {
    /// Writes a sample.
    pub(crate) fn sample(&mut self, labels: &[Label<'_>], value: impl Into<Number>) {
        self.put(&Labels::NONE, labels, value);
    }

    /// Writes a sample with labels that others have as well, and some of its own.
    pub(crate) fn put(&mut self, labels: &Labels<'_>, own: &[Label<'_>], value: impl Into<Number>) {
        let value = value.into();
        match &mut self.written {
            Written::Text(text, _) => line(text, self.name, "", labels, own, value),
            Written::Values(metrics, _) => point(metrics, labels, own, Value::Number(value)),
        }
    }

    /// Samples that one more label tells apart, which has one of these words. They are of our own, and so need no escaping.
    pub(crate) fn by(self, label: &'static str, words: impl IntoIterator<Item = &'static str>) -> ByWord<'a> {
        let words: Vec<_> = words.into_iter().collect();
        let ends = words.iter().map(|word| format!("{label}=\"{word}\"}} ")).collect();
        ByWord { family: self, label, words, ends }
    }

    /// Writes what a run measured, as far as it is `known`. Of two figures of the same name and unit, the latter counts: a series
    /// has one value.
    pub(crate) fn measurements(
        &mut self,
        labels: &Labels<'_>,
        measurements: &[Measurement],
        mut known: impl FnMut(&Measurement) -> bool,
    ) {
        for (at, Measurement { name, unit, value }) in measurements.iter().enumerate() {
            // There are 64 at most, so looking is cheaper than remembering.
            if !measurements[at + 1..].iter().any(|later| later.name == *name && later.unit == *unit)
                && known(&measurements[at])
            {
                self.put(labels, &[("name", name), ("unit", unit)], *value);
            }
        }
    }

    /// Observations by size, up to each of these bounds and beyond the last.
    pub(crate) fn histogram(self, bounds: &'static [f64]) -> BySize<'a> {
        let ends = match &*self.written {
            Written::Values(..) => Vec::new(),
            Written::Text(_, format) => {
                let bounds = bounds.iter().copied().chain([f64::INFINITY]);
                bounds.map(|bound| end(bound, *format)).collect()
            }
        };
        BySize { family: self, bounds, ends }
    }

    /// Writes observations, summed up.
    pub(crate) fn summary(&mut self, labels: &Labels<'_>, sum: f64, count: u64) {
        match &mut self.written {
            Written::Values(metrics, _) => point(metrics, labels, &[], Value::Summary { sum, count }),
            Written::Text(text, _) => {
                line(text, self.name, "_sum", labels, &[], Number::Real(sum));
                line(text, self.name, "_count", labels, &[], Number::Whole(count));
            }
        }
    }
}

/// Samples of one name that a label tells apart, which has one of some words.
pub(crate) struct ByWord<'a> {
    family: Family<'a>,
    label: &'static str,
    words: Vec<&'static str>,
    /// What stands between the other labels and the value, for each of them.
    ends: Vec<String>,
}

impl ByWord<'_> {
    /// Writes a sample for each of the words.
    pub(crate) fn put(&mut self, labels: &Labels<'_>, counts: impl IntoIterator<Item = u64>) {
        let ByWord { family: Family { written, name }, label, words, ends } = self;
        match written {
            Written::Text(text, _) => each_line(text, name, "", labels, ends.iter().zip(counts)),
            Written::Values(metrics, _) => {
                for (word, count) in words.iter().zip(counts) {
                    point(metrics, labels, &[(*label, *word)], Value::Number(Number::Whole(count)));
                }
            }
        }
    }

    /// Writes a sample for each of the words, which is 1 for the present one and 0 for all others.
    pub(crate) fn one_hot(&mut self, labels: &Labels<'_>, present: &str) {
        let at = self.words.iter().position(|word| *word == present);
        let words = 0..self.words.len();
        self.put(labels, words.map(|word| u64::from(Some(word) == at)));
    }
}

/// Observations by size.
pub(crate) struct BySize<'a> {
    family: Family<'a>,
    bounds: &'static [f64],
    /// What stands between the other labels and the value, for each bucket.
    ends: Vec<String>,
}

impl BySize<'_> {
    /// Writes observations; `counts` has one more than there are bounds, each without those of the ones before.
    pub(crate) fn put(&mut self, labels: &Labels<'_>, counts: &[u64], sum: f64) {
        let Family { written, name } = &mut self.family;
        match written {
            Written::Values(metrics, _) => {
                point(metrics, labels, &[], Value::Histogram { bounds: self.bounds, counts: counts.to_vec(), sum });
            }
            Written::Text(text, _) => {
                let mut total = 0;
                let totals = counts.iter().map(|count| {
                    total += count;
                    total
                });
                each_line(text, name, "_bucket", labels, self.ends.iter().zip(totals));
                line(text, name, "_sum", labels, &[], Number::Real(sum));
                line(text, name, "_count", labels, &[], Number::Whole(total));
            }
        }
    }
}

fn point(metrics: &mut [Metric], labels: &Labels<'_>, own: &[Label<'_>], value: Value) {
    // The family that is being written was begun last.
    if let Some(metric) = metrics.last_mut() {
        let labels = labels.each.iter().chain(own).map(|(name, value)| (*name, (*value).into())).collect();
        metric.points.push(Point { labels, value });
    }
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
        let labels = Labels::of(&[("a", "b")]);
        exposition.family("h", Kind::Histogram, "Help.").histogram(&[0.5, 1.0]).put(&labels, &[1, 0, 2], 7.5);
        exposition.family("s", Kind::Summary, "Help.").summary(&Labels::NONE, 0.5, 3);
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
        let metrics = some(Exposition::values(Timestamp::UNIX_EPOCH)).into_values();
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
