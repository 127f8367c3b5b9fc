//! From a document to the figure that a rule is about.

use probity_guest::expected::Number;
use serde_json::Value;

use crate::{
    exposition,
    settings::{OfSeveral, Rule},
};

/// A document, read once for all rules.
pub(crate) enum Document<'a> {
    /// JSON.
    Json(Value),
    /// Something else, which may be metrics.
    Text(&'a str),
}

impl Document<'_> {
    /// Reads what a target sent; `None` if it is not even text.
    pub(crate) fn read(bytes: &[u8]) -> Option<Document<'_>> {
        match serde_json::from_slice(bytes) {
            Ok(value) => Some(Document::Json(value)),
            Err(_) => std::str::from_utf8(bytes).ok().map(Document::Text),
        }
    }

    /// The figure of a rule, as text.
    ///
    /// # Errors
    ///
    /// Why there is none, as what the target gave.
    pub(crate) fn figure(&self, rule: &Rule) -> Result<String, &'static str> {
        match (self, &rule.pointer, &rule.metric) {
            (Document::Json(value), Some(pointer), _) => {
                value.pointer(pointer).and_then(text_of).ok_or("gave no value there")
            }
            (Document::Text(_), Some(_), _) => Err("gave no JSON"),
            (Document::Text(text), None, Some(metric)) => {
                let values = exposition::values(text, metric, &rule.labels);
                combine(&values, rule.of_several).map(|value| Number(value).to_string()).ok_or("gave no such metric")
            }
            (Document::Json(_), None, _) => Err("gave JSON, and no metrics"),
            (Document::Text(_), None, None) => Err("was asked for nothing"),
        }
    }
}

/// A value as a figure: of a list or an object, how many it has.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.len().to_string()),
        Value::Object(members) => Some(members.len().to_string()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
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
    use super::*;

    fn figure(document: &[u8], rule: &str) -> Result<String, &'static str> {
        let rule: Rule = serde_json::from_str(&format!(r#"{{"name": "a", {rule}}}"#)).unwrap();
        Document::read(document).unwrap().figure(&rule)
    }

    #[test]
    fn a_pointer_finds_a_figure_in_json() {
        let json = br#"{"peers": [1, 2, 3], "raft": {"leader": "n1", "term": 7.5, "ok": true, "lag": null}}"#;
        let at = |pointer: &str| figure(json, &format!(r#""pointer": "{pointer}""#));
        assert_eq!(at("/peers").as_deref(), Ok("3"));
        assert_eq!(at("/raft").as_deref(), Ok("4"));
        assert_eq!(at("/raft/leader").as_deref(), Ok("n1"));
        assert_eq!(at("/raft/term").as_deref(), Ok("7.5"));
        assert_eq!(at("/raft/ok").as_deref(), Ok("true"));
        assert_eq!((at("/raft/lag"), at("/absent")), (Err("gave no value there"), Err("gave no value there")));
        assert_eq!(figure(json, r#""metric": "up""#), Err("gave JSON, and no metrics"));
        assert_eq!(figure(b"<html>", r#""pointer": "/a""#), Err("gave no JSON"));
        assert!(Document::read(b"\xff").is_none());
    }

    #[test]
    fn several_series_come_to_one_figure() {
        let text = b"depth{q=\"a\"} 3\ndepth{q=\"b\"} 4.5\nup NaN\n";
        let of = |how: &str| figure(text, &format!(r#""metric": "depth", "of_several": "{how}""#)).unwrap();
        assert_eq!([of("sum"), of("min"), of("max"), of("count")], ["7.5", "3", "4.5", "2"]);
        assert_eq!(figure(text, r#""metric": "up""#), Err("gave no such metric"));
        assert_eq!(figure(text, r#""metric": "absent""#), Err("gave no such metric"));
    }

    #[test]
    fn a_counter_that_begins_anew_has_grown_by_what_it_has() {
        assert_eq!((growth(7.0, 5.0), growth(2.0, 5.0), growth(5.0, 5.0)), (2.0, 2.0, 0.0));
    }
}
