//! From a document to the figure that a rule is about.

use std::borrow::Cow;

use probity_guest::{
    expected::Number,
    json::{self, Value},
};

use crate::{
    exposition::{self, Wanted},
    settings::{OfSeveral, Rule},
};

/// What a rule is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Figure<'a> {
    /// A value, or as many as a list or an object has.
    Value(Value<'a>),
    /// What metrics came to that is no finite number.
    Odd(f64),
}

/// The figure of each rule in a document, or why there is none.
pub(crate) fn figures<'a>(document: &'a str, rules: &[Rule]) -> Vec<Result<Figure<'a>, Missing>> {
    let pointers: Vec<_> = rules.iter().filter_map(|rule| rule.pointer.as_ref()).collect();
    // What is no JSON may be metrics.
    let mut found = json::find(document, &pointers).map(Vec::into_iter);
    let mut series = Vec::new().into_iter();
    if found.is_err() {
        let asking = rules.iter().filter(|rule| rule.pointer.is_none());
        let wanted = asking.filter_map(|rule| Some(Wanted::new(rule.metric.as_deref()?, &rule.labels)));
        let wanted: Vec<_> = wanted.collect();
        series = exposition::values(document, &wanted).into_iter();
    }
    let figure = |rule: &Rule| match (&rule.pointer, &rule.metric, &mut found) {
        (Some(_), _, Ok(values)) => values.next().flatten().map(Figure::Value).ok_or(Missing::Value),
        (Some(_), _, Err(_)) => Err(Missing::Document("gave no JSON")),
        (None, _, Ok(_)) => Err(Missing::Document("gave JSON, and no metrics")),
        (None, Some(_), Err(_)) => {
            let combined = combine(&series.next().unwrap_or_default(), rule.of_several).ok_or(Missing::Metric)?;
            let text = || Value::Number(Cow::Owned(Number(combined).to_string()));
            Ok(if combined.is_finite() { Figure::Value(text()) } else { Figure::Odd(combined) })
        }
        (None, None, Err(_)) => Err(Missing::Document("was asked for nothing")),
    };
    rules.iter().map(figure).collect()
}

/// A number that is not finite, as Prometheus writes it.
pub(crate) fn name_of(odd: f64) -> &'static str {
    match odd {
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => "NaN",
    }
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
    match how {
        _ if values.is_empty() => None,
        OfSeveral::Sum => Some(all.sum()),
        OfSeveral::Min => all.reduce(f64::min),
        OfSeveral::Max => all.reduce(f64::max),
        OfSeveral::Count => Some(values.len() as f64),
    }
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
        figures(document, &rules).remove(0).map(|figure| match figure {
            Figure::Value(value) => String::from_utf8(value.text().into_owned()).unwrap(),
            Figure::Odd(number) => name_of(number).to_owned(),
        })
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
        let text = "depth{q=\"a\"} 3\ndepth{q=\"b\"} 4.5\nup NaN\nmost +Inf\n";
        let of = |how: &str| figure(text, &format!(r#""metric": "depth", "of_several": "{how}""#)).unwrap();
        assert_eq!([of("sum"), of("min"), of("max"), of("count")], ["7.5", "3", "4.5", "2"]);
        assert_eq!(figure(text, r#""metric": "up""#).as_deref(), Ok("NaN"));
        assert_eq!(figure(text, r#""metric": "most""#).as_deref(), Ok("+Inf"));
        assert_eq!(figure(text, r#""metric": "absent""#), Err(Missing::Metric));
    }

    #[test]
    fn a_counter_that_begins_anew_has_grown_by_what_it_has() {
        assert_eq!((growth(7.0, 5.0), growth(2.0, 5.0), growth(5.0, 5.0)), (2.0, 2.0, 0.0));
    }
}
