//! Holding values to comparisons, within the fuel of a run.

use super::{Alone, Comparison, Condition};
use crate::{Secrets, json::Value};

/// Values of one name, such as those of a header, that a message shows.
const SHOWN: usize = 4;

/// Units of fuel that all regular expressions together may take, of the billion that a run usually has.
const FUEL: u64 = 500_000_000;
/// Bytes of a text that a regular expression searches, however short it is.
const MOST_SEARCHED: u64 = 256 * 1024;
/// Bytes of a list or an object that is looked into for something. Each takes up to 250 units of fuel (measured).
const MOST_LOOKED_INTO: usize = 512 * 1024;

/// Holds values to comparisons.
pub struct Judge<'a> {
    secrets: &'a Secrets,
    /// Bytes of a text that regular expressions may search.
    reach: usize,
}

impl<'a> Judge<'a> {
    /// One for all the comparisons of a check: the more, and the longer, their regular expressions are, the shorter are the texts
    /// that they may search. Of a target's words no `secrets` are told.
    pub fn new(comparisons: impl IntoIterator<Item = &'a Comparison>, secrets: &'a Secrets) -> Self {
        let work: u64 = comparisons.into_iter().map(Comparison::work).sum();
        Self { secrets, reach: MOST_SEARCHED.min(FUEL / work.max(1)) as usize }
    }

    /// Holds to a comparison what goes by one name: of several values one must meet it, and all of them what it denies. `who` is
    /// that name, such as `the header etag`.
    ///
    /// # Errors
    ///
    /// A clause that says what was seen, and what was expected in its place.
    pub fn hold(&self, who: &str, values: &[Value<'_>], to: &Comparison, alone: Alone) -> Result<(), String> {
        for (condition, value) in to.0.iter().flat_map(|condition| values.iter().map(move |value| (condition, value))) {
            if let Some(most) = self.limit(condition, value, alone).filter(|most| value.len() > *most) {
                return Err(format!("{who} has more than {most} bytes, too many to be searched for this"));
            }
        }
        let unmet = to.0.iter().filter(|condition| !condition.is_met(values, alone));
        let unmet: Vec<String> = unmet.map(|condition| condition.told(alone, self.secrets)).collect();
        if unmet.is_empty() {
            return Ok(());
        }
        let mut seen: Vec<String> = values.iter().take(SHOWN).map(|value| told(value, self.secrets)).collect();
        if values.len() > SHOWN {
            seen.push("…".to_owned());
        }
        let seen = if seen.is_empty() { "missing".to_owned() } else { seen.join(" and ") };
        Err(format!("{who} is {seen}, expected {}", unmet.join(" and ")))
    }

    /// How long a value may be to be held to a condition, if there is fuel for some length alone.
    fn limit(&self, condition: &Condition, value: &Value<'_>, alone: Alone) -> Option<usize> {
        let is_within = match condition {
            Condition::Contains(_) | Condition::NotContains(_) => true,
            Condition::Alone(_) => alone == Alone::Contains,
            _ => false,
        };
        match value {
            _ if condition.pattern().is_some() => Some(self.reach),
            Value::List(_) | Value::Object(_) if is_within => Some(MOST_LOOKED_INTO),
            _ => None,
        }
    }
}

/// A value as it is shown: a text in quotes, anything else as it was written.
fn told(value: &Value<'_>, secrets: &Secrets) -> String {
    match value {
        Value::Text(text) => secrets.quote(text),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Number(text) => secrets.line(text),
        Value::List(json) | Value::Object(json) => secrets.line(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    fn judged_by(to: &Comparison, values: &[Value<'_>], alone: Alone, secrets: &Secrets) -> Result<(), String> {
        Judge::new([to], secrets).hold("it", values, to, alone)
    }

    #[test]
    fn of_several_values_one_must_do_and_none_may_be_denied() {
        let values: Vec<Value<'_>> =
            ["a=1", "b=2", "c=3", "d=4", "e=5"].map(|text| Value::Text(text.as_bytes().into())).into();
        let judged =
            |comparison: &str| judged_by(&parse(comparison).unwrap(), &values, Alone::Contains, &Secrets::default());
        assert_eq!(judged(r#""b=""#), Ok(()));
        assert_eq!(judged(r#"{"==": "e=5", "not_contains": "f"}"#), Ok(()));
        let all = r#"it is "a=1" and "b=2" and "c=3" and "d=4" and …, expected "#;
        assert_eq!(judged(r#"{"not_contains": "e"}"#), Err(format!("{all}not to contain \"e\"")));
        assert_eq!(judged(r#"{"==": "a"}"#), Err(format!("{all}\"a\"")));
    }

    #[test]
    fn no_secret_is_told() {
        let mut secrets = Secrets::default();
        secrets.hide("hunter2");
        let value = [Value::Text(b"I am hunter2".into())];
        let told = judged_by(&parse(r#""hunter2""#).unwrap(), &value, Alone::Equals, &secrets);
        assert_eq!(told, Err(r#"it is "I am ***", expected "***""#.to_owned()));
        let list = [Value::List(r#"["hunter2"]"#)];
        let told = judged_by(&parse("5").unwrap(), &list, Alone::Equals, &secrets);
        assert_eq!(told, Err(r#"it is ["***"], expected 5"#.to_owned()));
    }

    #[test]
    fn the_more_is_looked_for_the_shorter_a_text_must_be() {
        let reach = |comparisons: &str| {
            let comparisons: Vec<Comparison> = parse(comparisons).unwrap();
            Judge::new(&comparisons, &Secrets::default()).reach
        };
        assert_eq!(reach(r#"["a", { "contains": "b" }]"#), 256 * 1024);
        let (one, two) =
            (reach(r#"[{"matches": "[a-z]{9}"}]"#), reach(r#"[{"matches": "[a-z]{9}"}, {"not_matches": "b"}]"#));
        assert!(two < one && one < 256 * 1024, "{two} {one}");
        assert!(reach(r#"[{"matches": "[a-z]{200}"}]"#) < one / 4);
    }

    #[test]
    fn what_is_too_long_to_be_searched_is_told_so() {
        let long = "x".repeat(300 * 1024);
        let text = [Value::Text(long.as_bytes().into())];
        let list = [Value::List(&long)];
        let longest = "[".repeat(600 * 1024);
        let longer = [Value::List(&longest)];
        for (comparison, values, expected) in [
            (r#"{"contains": "x"}"#, &text, true),
            (r#"{"matches": "x"}"#, &text, false),
            (r#"{"not_matches": "y"}"#, &text, false),
            (r#"{"matches": "x"}"#, &list, false),
            (r#"{"contains": "x"}"#, &longer, false),
            (r#"{"==": 1, "<": 5}"#, &longer, true),
        ] {
            let judged = judged_by(&parse(comparison).unwrap(), values, Alone::Equals, &Secrets::default());
            assert_eq!(judged.is_ok(), expected, "{comparison}");
            if let Err(told) = judged {
                assert!(
                    told.starts_with("it has more than ") && told.ends_with("too many to be searched for this"),
                    "{told}"
                );
            }
        }
    }
}
