//! From a document to the figure that a rule is about.

use std::borrow::Cow;

use probity_guest::{
    expected::Number,
    json::{self, Value},
};

use crate::{
    exposition,
    settings::{OfSeveral, Rule},
};

/// The figure of each rule in a document, or why there is none.
pub(crate) fn figures<'a>(document: &'a str, rules: &[Rule]) -> Vec<Result<Value<'a>, Missing>> {
    let pointers: Vec<_> = rules.iter().filter_map(|rule| rule.pointer.as_ref()).collect();
    // What is no JSON may be metrics.
    let mut found = json::find(document, &pointers).map(Vec::into_iter);
    let figure = |rule: &Rule| match (&rule.pointer, &rule.metric, &mut found) {
        (Some(_), _, Ok(values)) => values.next().flatten().ok_or(Missing::Value),
        (Some(_), _, Err(_)) => Err(Missing::Document("gave no JSON")),
        (None, _, Ok(_)) => Err(Missing::Document("gave JSON, and no metrics")),
        (None, Some(metric), Err(_)) => {
            let values = exposition::values(document, metric, &rule.labels);
            let combined = combine(&values, rule.of_several).ok_or(Missing::Metric)?;
            Ok(Value::Number(Cow::Owned(Number(combined).to_string())))
        }
        (None, None, Err(_)) => Err(Missing::Document("was asked for nothing")),
    };
    rules.iter().map(figure).collect()
}

/// Why there is no figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// There is none where the pointer leads to.
    Value,
    /// There is none of that name.
    Metric,
    /// There could not be any: the text says what the target gave.
    Document(&'static str),
}

impl Missing {
    /// What the target gave, to a person.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Value => "gave no value there",
            Self::Metric => "gave no such metric",
            Self::Document(what) => what,
        }
    }
}

fn combine(values: &[f64], how: OfSeveral) -> Option<f64> {
    let all = values.iter().copied();
    let combined = match how {
        _ if values.is_empty() => None,
        OfSeveral::Sum => Some(all.sum()),
        OfSeveral::Min => all.reduce(f64::min),
        OfSeveral::Max => all.reduce(f64::max),
        OfSeveral::Count => Some(values.len() as f64),
    };
    combined.filter(|value: &f64| value.is_finite())
}

/// How much a figure has grown. One that shrank was counted anew, as a counter is when its process starts again.
pub(crate) fn growth(now: f64, before: f64) -> f64 {
    if now < before { now } else { now - before }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings;

    use super::*;

    fn figure(document: &str, rule: &str) -> Result<String, Missing> {
        let rules = [settings::parse(&format!(r#"{{"name": "a", {rule}}}"#)).unwrap()];
        figures(document, &rules).remove(0).map(|value| String::from_utf8(value.text().into_owned()).unwrap())
    }

    #[test]
    fn a_pointer_finds_a_figure_in_json() {
        let json = r#"{"peers": [1, 2, 3], "raft": {"leader": "n1", "term": 7.5, "ok": true, "lag": null}}"#;
        let at = |pointer: &str| figure(json, &format!(r#""pointer": "{pointer}""#));
        assert_eq!(at("/peers").as_deref(), Ok("3"));
        assert_eq!(at("/raft").as_deref(), Ok("4"));
        assert_eq!(at("/raft/leader").as_deref(), Ok("n1"));
        assert_eq!(at("/raft/term").as_deref(), Ok("7.5"));
        assert_eq!(at("/raft/ok").as_deref(), Ok("true"));
        assert_eq!((at("/raft/lag"), at("/absent")), (Err(Missing::Value), Err(Missing::Value)));
        assert_eq!(figure(json, r#""metric": "up""#), Err(Missing::Document("gave JSON, and no metrics")));
        assert_eq!(figure("<html>", r#""pointer": "/a""#), Err(Missing::Document("gave no JSON")));
    }

    #[test]
    fn several_series_come_to_one_figure() {
        let text = "depth{q=\"a\"} 3\ndepth{q=\"b\"} 4.5\nup NaN\n";
        let of = |how: &str| figure(text, &format!(r#""metric": "depth", "of_several": "{how}""#)).unwrap();
        assert_eq!([of("sum"), of("min"), of("max"), of("count")], ["7.5", "3", "4.5", "2"]);
        assert_eq!(figure(text, r#""metric": "up""#), Err(Missing::Metric));
        assert_eq!(figure(text, r#""metric": "absent""#), Err(Missing::Metric));
    }

    #[test]
    fn a_counter_that_begins_anew_has_grown_by_what_it_has() {
        assert_eq!((growth(7.0, 5.0), growth(2.0, 5.0), growth(5.0, 5.0)), (2.0, 2.0, 0.0));
    }
}
