//! Metrics as Prometheus has them in text (exposition format 0.0.4, and OpenMetrics as far as they are alike).

use std::collections::BTreeMap;

/// The values of all series of a metric that have these labels, in the order of the text.
pub(crate) fn values(text: &str, metric: &str, labels: &BTreeMap<String, String>) -> Vec<f64> {
    let series = text.lines().filter_map(Series::read).filter(|series| series.name == metric);
    let series = series
        .filter(|series| labels.iter().all(|wanted| series.labels.contains(&(wanted.0.clone(), wanted.1.clone()))));
    series.map(|series| series.value).collect()
}

struct Series<'a> {
    name: &'a str,
    labels: Vec<(String, String)>,
    value: f64,
}

impl<'a> Series<'a> {
    /// Reads a line; `None` if it is a comment or none at all.
    fn read(line: &'a str) -> Option<Series<'a>> {
        let line = line.trim();
        let end = line.find(|letter: char| letter == '{' || letter.is_whitespace())?;
        let (name, rest) = line.split_at(end);
        if name.is_empty() || name.starts_with('#') {
            return None;
        }
        let (labels, rest) = match rest.trim_start().strip_prefix('{') {
            Some(rest) => read_labels(rest)?,
            None => (Vec::new(), rest),
        };
        let value = match rest.split_whitespace().next()? {
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            "NaN" => f64::NAN,
            number => number.parse().ok()?,
        };
        Some(Series { name, labels, value })
    }
}

/// The labels up to the brace that closes them, and what comes after it.
fn read_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once('=')?;
        let mut value = String::new();
        let mut letters = quoted.trim_start().strip_prefix('"')?.chars();
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => value.push(match letters.next()? {
                    'n' => '\n',
                    other => other,
                }),
                letter => value.push(letter),
            }
        }
        labels.push((name.trim().to_owned(), value));
        rest = letters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP queue_depth Jobs that wait.
# TYPE queue_depth gauge
queue_depth{queue="mail",node="a"} 3
queue_depth{queue="mail",node="b"} 4.5 1700000000000
queue_depth{queue="say \"hi\", {x}\n\\"} 7
up 1
 spaced { a = "b" , } 2e3
endless +Inf
broken{a="b" 3
queue_depth_total 99
"#;

    fn found(metric: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        values(TEXT, metric, &labels)
    }

    #[test]
    fn series_are_found_by_name_and_labels() {
        assert_eq!(found("queue_depth", &[]), [3.0, 4.5, 7.0]);
        assert_eq!(found("queue_depth", &[("queue", "mail")]), [3.0, 4.5]);
        assert_eq!(found("queue_depth", &[("node", "b"), ("queue", "mail")]), [4.5]);
        assert_eq!(found("queue_depth", &[("queue", "say \"hi\", {x}\n\\")]), [7.0]);
        assert_eq!((found("up", &[]), found("endless", &[])), (vec![1.0], vec![f64::INFINITY]));
        assert_eq!(found("spaced", &[("a", "b")]), [2000.0]);
        assert_eq!((found("broken", &[]), found("queue", &[]), found("#", &[])), (vec![], vec![], vec![]));
    }
}
