//! How comparisons are written in settings.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::{Comparison, Condition, Operand, Relation};
use crate::expected::Number;

/// The operators.
#[derive(Clone, Copy, Deserialize)]
enum Operator {
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">")]
    More,
    #[serde(rename = ">=")]
    AtLeast,
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "not_contains")]
    NotContains,
    #[serde(rename = "matches")]
    Matches,
    #[serde(rename = "not_matches")]
    NotMatches,
    #[serde(rename = "exists")]
    Exists,
}

impl Operator {
    /// The condition that it makes with what is written to its right.
    fn read<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Condition, A::Error> {
        Ok(match self {
            Self::Equal => Condition::Equal(map.next_value()?),
            Self::NotEqual => Condition::NotEqual(map.next_value()?),
            Self::Less => Condition::Ordered(Relation::Less, map.next_value()?),
            Self::AtMost => Condition::Ordered(Relation::AtMost, map.next_value()?),
            Self::More => Condition::Ordered(Relation::More, map.next_value()?),
            Self::AtLeast => Condition::Ordered(Relation::AtLeast, map.next_value()?),
            Self::Contains => Condition::Contains(map.next_value()?),
            Self::NotContains => Condition::NotContains(map.next_value()?),
            Self::Matches => Condition::Matches(map.next_value()?),
            Self::NotMatches => Condition::NotMatches(map.next_value()?),
            Self::Exists => Condition::Exists(map.next_value()?),
        })
    }
}

/// Reads a comparison.
struct ComparisonVisitor;

impl<'de> Visitor<'de> for ComparisonVisitor {
    type Value = Comparison;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or operators such as { \">=\" = 3 }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Comparison, E> {
        OperandVisitor.visit_str(text).map(alone)
    }

    fn visit_bool<E: de::Error>(self, boolean: bool) -> Result<Comparison, E> {
        OperandVisitor.visit_bool(boolean).map(alone)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Comparison, E> {
        OperandVisitor.visit_u64(number).map(alone)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Comparison, E> {
        OperandVisitor.visit_i64(number).map(alone)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Comparison, E> {
        OperandVisitor.visit_f64(number).map(alone)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Comparison, A::Error> {
        let mut conditions = Vec::new();
        while let Some(operator) = map.next_key::<Operator>()? {
            conditions.push(operator.read(&mut map)?);
        }
        if conditions.is_empty() {
            return Err(de::Error::custom("no operator; write one such as { \">=\" = 3 }"));
        }
        Ok(Comparison(conditions))
    }
}

fn alone(operand: Operand) -> Comparison {
    Comparison(vec![Condition::Alone(operand)])
}

impl<'de> Deserialize<'de> for Comparison {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ComparisonVisitor)
    }
}

/// Reads what is compared with.
struct OperandVisitor;

impl Visitor<'_> for OperandVisitor {
    type Value = Operand;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Operand, E> {
        Ok(Operand::Text(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, boolean: bool) -> Result<Operand, E> {
        Ok(Operand::Boolean(boolean))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Operand, E> {
        Ok(Operand::Number(Number(number as f64)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Operand, E> {
        Ok(Operand::Number(Number(number as f64)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Operand, E> {
        Ok(Operand::Number(Number(number)))
    }
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OperandVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::parse;

    #[test]
    fn a_problem_points_to_the_operator_and_says_what_is_right() {
        for (json, pointer, message) in [
            (r#"{"a/b": {"=<": 3}}"#, "/a~1b/=<", "unknown variant `=<`, expected one of `==`, `!=`, `<`, `<=`"),
            (r#"{"a": {"<": "3"}}"#, "/a/<", "invalid type: string \"3\", expected a number"),
            (r#"{"a": {"==": []}}"#, "/a/==", "invalid type: sequence, expected a text, a number, true or false"),
            (r#"{"a": {"==": 1, "matches": "(a"}}"#, "/a/matches", "not a regular expression: "),
            (r#"{"a": {"exists": "yes"}}"#, "/a/exists", "invalid type: string \"yes\", expected a boolean"),
            (r#"{"a": {}}"#, "/a", "no operator; write one such as { \">=\" = 3 }"),
            (r#"{"a": null}"#, "/a", "invalid type: null, expected a value, or operators such as { \">=\" = 3 }"),
            (r#"{"b": 1, "a": []}"#, "/a", "invalid type: sequence, expected a value, or operators such as"),
        ] {
            let problem = parse::<BTreeMap<String, Comparison>>(json).unwrap_err();
            assert_eq!(problem.pointer, pointer, "{json}: {}", problem.message);
            assert!(problem.message.starts_with(message), "{json}: {}", problem.message);
        }
    }

    #[test]
    fn a_value_may_stand_alone() {
        let alone: Vec<Comparison> = parse(r#"["a", 1, -1, 0.5, true]"#).unwrap();
        let number = |number| Operand::Number(Number(number));
        let operands = [Operand::Text("a".to_owned()), number(1.0), number(-1.0), number(0.5), Operand::Boolean(true)];
        assert_eq!(alone, operands.map(|operand| Comparison(vec![Condition::Alone(operand)])));
    }
}
