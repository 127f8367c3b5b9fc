//! What a value that a target gave should be like: the operators that settings have for it.

mod judge;
mod reading;

pub use self::judge::Judge;
use crate::{Secrets, expected::Number, json::Value, pattern::Pattern, text::contains};

/// What a value should be like, as a setting: a value alone, or a table of operators that must all hold, such as
/// `{ ">=" = 3, "<" = 10 }`. What is missing meets `exists = false` and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison(Vec<Condition>);

/// What it means that a value is written alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// The whole must be that.
    Equals,
    /// It must be contained.
    Contains,
}

/// One operator, and what is to its right.
#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Alone(Operand),
    Equal(Operand),
    NotEqual(Operand),
    Ordered(Relation, Number),
    Contains(Operand),
    NotContains(Operand),
    Matches(Pattern),
    NotMatches(Pattern),
    Exists(bool),
}

/// How two numbers stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// What a value is compared with. It decides what the value is taken for: see [`Value::number`] and [`Value::text`].
#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Text(String),
    Number(Number),
    Boolean(bool),
}

impl Comparison {
    /// What is not to contain this text.
    pub fn without(text: &str) -> Self {
        Self(vec![Condition::NotContains(Operand::Text(text.to_owned()))])
    }

    /// Whether it says so little that every text meets it: that an empty one is contained.
    pub fn is_idle(&self) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Alone(Operand::Text(text)) | Condition::Contains(Operand::Text(text)) => text.is_empty(),
            _ => false,
        })
    }

    /// Units of fuel that its regular expressions take at most for each byte of a text.
    fn work(&self) -> u64 {
        self.0.iter().filter_map(Condition::pattern).map(Pattern::work).sum()
    }
}

impl Condition {
    fn pattern(&self) -> Option<&Pattern> {
        match self {
            Self::Matches(pattern) | Self::NotMatches(pattern) => Some(pattern),
            _ => None,
        }
    }

    fn is_met(&self, values: &[Value<'_>], alone: Alone) -> bool {
        let denies = matches!(self, Self::NotEqual(_) | Self::NotContains(_) | Self::NotMatches(_));
        match self {
            Self::Exists(wanted) => *wanted != values.is_empty(),
            _ if denies => !values.is_empty() && values.iter().all(|value| self.holds(value, alone)),
            _ => values.iter().any(|value| self.holds(value, alone)),
        }
    }

    fn holds(&self, value: &Value<'_>, alone: Alone) -> bool {
        match self {
            Self::Alone(operand) if alone == Alone::Contains => operand.is_in(value),
            Self::Alone(operand) | Self::Equal(operand) => operand.equals(value),
            Self::NotEqual(operand) => !operand.equals(value),
            Self::Ordered(relation, number) => value.number().is_some_and(|value| relation.holds(value, *number)),
            Self::Contains(operand) => operand.is_in(value),
            Self::NotContains(operand) => !operand.is_in(value),
            Self::Matches(pattern) => is_found(pattern, value),
            Self::NotMatches(pattern) => !is_found(pattern, value),
            Self::Exists(wanted) => *wanted,
        }
    }

    /// What was expected, as it goes on after that word.
    fn told(&self, alone: Alone, secrets: &Secrets) -> String {
        match self {
            Self::Alone(operand) if alone == Alone::Contains => format!("to contain {}", operand.told(secrets)),
            Self::Alone(operand) | Self::Equal(operand) => operand.told(secrets),
            Self::NotEqual(operand) => format!("!= {}", operand.told(secrets)),
            Self::Ordered(relation, number) => format!("{} {number}", relation.sign()),
            Self::Contains(operand) => format!("to contain {}", operand.told(secrets)),
            Self::NotContains(operand) => format!("not to contain {}", operand.told(secrets)),
            Self::Matches(pattern) => format!("to match {}", secrets.quote(pattern.to_string().as_bytes())),
            Self::NotMatches(pattern) => format!("not to match {}", secrets.quote(pattern.to_string().as_bytes())),
            Self::Exists(true) => "to exist".to_owned(),
            Self::Exists(false) => "not to exist".to_owned(),
        }
    }
}

impl Relation {
    fn holds(self, left: Number, right: Number) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl Operand {
    fn equals(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Text(text) => *text.as_bytes() == *value.text(),
            Self::Number(number) => value.number() == Some(*number),
            Self::Boolean(boolean) => *value.text() == *boolean.to_string().as_bytes(),
        }
    }

    /// Whether it is part of a text, an element of a list, or the name of a member.
    fn is_in(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (_, Value::List(_) | Value::Object(_)) => value.within().any(|within| self.equals(&within)),
            (Self::Text(text), _) => contains(&value.text(), text.as_bytes()),
            (Self::Number(_) | Self::Boolean(_), _) => {
                contains(&value.text(), self.told(&Secrets::default()).as_bytes())
            }
        }
    }

    fn told(&self, secrets: &Secrets) -> String {
        match self {
            Self::Text(text) => secrets.quote(text.as_bytes()),
            Self::Number(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
        }
    }
}

/// Whether a text, any element of a list, or the name of any member matches.
fn is_found(pattern: &Pattern, value: &Value<'_>) -> bool {
    match value {
        Value::List(_) | Value::Object(_) => value.within().any(|within| is_in_text(pattern, &within)),
        _ => is_in_text(pattern, value),
    }
}

/// Whether a value matches as text, in which what is no UTF-8 counts as U+FFFD.
fn is_in_text(pattern: &Pattern, value: &Value<'_>) -> bool {
    // The text is of bounded length, and so is its copy.
    pattern.is_in(&String::from_utf8_lossy(&value.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json, settings::parse};

    const DOCUMENT: &str = r#"{
        "name": "n1", "peers": ["a", "b",  3], "lag": 2.5, "ok": true, "text": "12", "at": {"zone": 1}, "none": null
    }"#;

    /// What is said of a value of the document.
    fn judged(comparison: &str, pointer: &str) -> Result<(), String> {
        let comparison: Comparison = parse(comparison).map_err(|problem| problem.message).unwrap();
        let value = json::find(DOCUMENT, &[&json::Pointer::parse(pointer).unwrap()]).unwrap().remove(0);
        Judge::new([&comparison], &Secrets::default()).hold("it", value.as_slice(), &comparison, Alone::Equals)
    }

    #[test]
    fn each_operator_passes_or_tells_what_was_seen() {
        for (pointer, meets, fails, told) in [
            ("/name", r#"{"==": "n1"}"#, r#"{"==": "n2"}"#, r#"it is "n1", expected "n2""#),
            ("/name", r#"{"!=": "n2"}"#, r#"{"!=": "n1"}"#, r#"it is "n1", expected != "n1""#),
            ("/lag", r#"{"<": 3}"#, r#"{"<": 2.5}"#, "it is 2.5, expected < 2.5"),
            ("/lag", r#"{"<=": 2.5}"#, r#"{"<=": 2}"#, "it is 2.5, expected <= 2"),
            ("/lag", r#"{">": 2}"#, r#"{">": 2.5}"#, "it is 2.5, expected > 2.5"),
            ("/lag", r#"{">=": 2.5}"#, r#"{">=": 3}"#, "it is 2.5, expected >= 3"),
            ("/name", r#"{"contains": "1"}"#, r#"{"contains": "2"}"#, r#"it is "n1", expected to contain "2""#),
            (
                "/name",
                r#"{"not_contains": "2"}"#,
                r#"{"not_contains": "1"}"#,
                r#"it is "n1", expected not to contain "1""#,
            ),
            ("/name", r#"{"matches": "^n\\d$"}"#, r#"{"matches": "^\\d"}"#, r#"it is "n1", expected to match "^\\d""#),
            (
                "/name",
                r#"{"not_matches": "^\\d"}"#,
                r#"{"not_matches": "n"}"#,
                r#"it is "n1", expected not to match "n""#,
            ),
            ("/name", r#"{"exists": true}"#, r#"{"exists": false}"#, r#"it is "n1", expected not to exist"#),
            ("/none", r#"{"exists": false}"#, r#"{"exists": true}"#, "it is missing, expected to exist"),
        ] {
            assert_eq!(judged(meets, pointer), Ok(()), "{pointer} {meets}");
            assert_eq!(judged(fails, pointer), Err(told.to_owned()), "{pointer} {fails}");
        }
    }

    #[test]
    fn what_is_compared_with_decides_what_a_value_is_taken_for() {
        for (pointer, comparison) in [
            ("/text", "12"),
            ("/text", r#""12""#),
            ("/text", r#"{">": 11}"#),
            ("/lag", r#""2.5""#),
            ("/lag", r#"{"matches": "^2"}"#),
            ("/lag", r#"{"contains": 5}"#),
            ("/ok", "true"),
            ("/ok", r#""true""#),
            ("/peers", "3"),
            ("/peers", r#"{">=": 3, "<": 4, "!=": 0}"#),
            ("/peers", r#"{"contains": "b", "not_contains": "ab"}"#),
            ("/peers", r#"{"contains": 3}"#),
            ("/peers", r#"{"matches": "^[ab]$", "not_matches": "c"}"#),
            ("/at", r#"{"==": 1, "contains": "zone"}"#),
        ] {
            assert_eq!(judged(comparison, pointer), Ok(()), "{pointer} {comparison}");
        }
        for (pointer, comparison) in
            [("/ok", "1"), ("/name", r#"{"<": 5}"#), ("/name", r#"{">=": 5}"#), ("/at", r#"{"contains": "1"}"#)]
        {
            assert!(judged(comparison, pointer).is_err(), "{pointer} {comparison}");
        }
    }

    #[test]
    fn what_is_missing_meets_nothing() {
        for comparison in
            [r#"{"!=": "x"}"#, r#"{"not_contains": "x"}"#, r#"{"not_matches": "x"}"#, r#"{"<": 5}"#, r#""""#]
        {
            let told = judged(comparison, "/none").unwrap_err();
            assert!(told.starts_with("it is missing, expected "), "{told}");
        }
    }

    #[test]
    fn all_that_is_not_met_is_told_in_one_clause() {
        let told = judged(r#"{">=": 4, "<": 9, "contains": "c", "!=": 3}"#, "/peers");
        assert_eq!(told.unwrap_err(), r#"it is ["a", "b", 3], expected >= 4 and to contain "c" and != 3"#);
    }
}
