//! Metrics as Prometheus has them in text (exposition format 0.0.4, and OpenMetrics as far as they are alike).

use std::{borrow::Cow, collections::BTreeMap};

/// Which series are looked for.
pub(crate) struct Wanted<'w> {
    metric: &'w str,
    /// Labels that they must have.
    labels: Vec<(&'w str, &'w str)>,
}

impl<'w> Wanted<'w> {
    pub(crate) fn new(metric: &'w str, labels: &'w BTreeMap<String, String>) -> Self {
        Self { metric, labels: labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect() }
    }

    fn has_labels_of(&self, series: &[(&str, Cow<'_, str>)]) -> bool {
        // Values differ more often than names do, and in length, which costs least to see.
        let has = |(name, value): &(&str, &str)| series.iter().any(|(of, is)| is == value && of == name);
        self.labels.iter().all(has)
    }
}

/// The values of all series that are looked for, in the order of the text. It is read once for all, and of a line that nobody
/// looks for no more than its name: a text of some megabytes has to fit the fuel of a run.
pub(crate) fn values(text: &str, wanted: &[Wanted<'_>]) -> Vec<Vec<f64>> {
    let mut asking: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, wanted) in wanted.iter().enumerate() {
        asking.entry(wanted.metric).or_default().push(index);
    }
    let mut values = vec![Vec::new(); wanted.len()];
    for line in text.lines() {
        let line = line.trim_ascii_start();
        let is_end = |byte: u8| byte == b'{' || byte.is_ascii_whitespace();
        let Some((name, rest)) = line.bytes().position(is_end).map(|end| line.split_at(end)) else { continue };
        let Some(asking) = asking.get(name) else { continue };
        let Some((labels, value)) = series(rest) else { continue };
        asking
            .iter()
            .filter(|index| wanted[**index].has_labels_of(&labels))
            .for_each(|index| values[*index].push(value));
    }
    values
}

/// The labels of a series, escapes resolved.
type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The labels and the value of a series, of which the name was taken; `None` if it is none.
fn series(rest: &str) -> Option<(Labels<'_>, f64)> {
    let (labels, rest) = match rest.trim_ascii_start().strip_prefix('{') {
        Some(rest) => read_labels(rest)?,
        None => (Vec::new(), rest),
    };
    // The standard library reads `+Inf`, `-Inf` and `NaN` as well.
    Some((labels, rest.split_ascii_whitespace().next()?.parse().ok()?))
}

/// The labels up to the brace that closes them, and what comes after it.
fn read_labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        let start = rest.bytes().position(|byte| byte != b',' && byte != b' ')?;
        rest = rest.get(start..)?;
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_at(rest.bytes().position(|byte| byte == b'=')?);
        let quoted = quoted[1..].trim_ascii_start().strip_prefix('"')?;
        let (mut end, mut has_escapes) = (0, false);
        loop {
            match quoted.as_bytes().get(end)? {
                b'"' => break,
                b'\\' => (end, has_escapes) = (end + 2, true),
                _ => end += 1,
            }
        }
        let (value, after) = quoted.split_at_checked(end)?;
        let value = if has_escapes { Cow::Owned(unescaped(value)) } else { Cow::Borrowed(value) };
        labels.push((name.trim_ascii(), value));
        rest = &after[1..];
    }
}

fn unescaped(text: &str) -> String {
    let mut letters = text.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        plain.extend(match letter {
            '\\' => letters.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped }),
            letter => Some(letter),
        });
    }
    plain
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
broken{a="b\
broken{a="\ä"} x
queue_depth_total 99
"#;

    fn found(metric: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        values(TEXT, &[Wanted::new(metric, &labels)]).remove(0)
    }

    #[test]
    fn series_are_found_by_name_and_labels() {
        assert_eq!(found("queue_depth", &[]), [3.0, 4.5, 7.0]);
        assert_eq!(found("queue_depth", &[("queue", "mail")]), [3.0, 4.5]);
        assert_eq!(found("queue_depth", &[("node", "b"), ("queue", "mail")]), [4.5]);
        assert_eq!(found("queue_depth", &[("queue", "say \"hi\", {x}\n\\")]), [7.0]);
        assert_eq!((found("up", &[]), found("endless", &[])), (vec![1.0], vec![f64::INFINITY]));
        assert_eq!(found("spaced", &[("a", "b")]), [2000.0]);
        assert_eq!((found("broken", &[("a", "b")]), found("queue", &[]), found("#", &[])), (vec![], vec![], vec![]));
    }

    #[test]
    fn several_are_found_at_once() {
        let (none, mail) = (BTreeMap::new(), BTreeMap::from([("queue".to_owned(), "mail".to_owned())]));
        let wanted = [("up", &none), ("queue_depth", &mail), ("absent", &none), ("queue_depth", &none)];
        let wanted = wanted.map(|(metric, labels)| Wanted::new(metric, labels));
        assert_eq!(values(TEXT, &wanted), [vec![1.0], vec![3.0, 4.5], vec![], vec![3.0, 4.5, 7.0]]);
    }
}
