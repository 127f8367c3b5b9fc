//! Probes for all targets of a kind, each composed with an adapter for one of them. To the operator the two are one: what both
//! want to be told stands in one object of settings, in one schema.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    Description, Failure, Findings, SettingProblem, Verdict,
    bindings::probity::probe::types::{self, Examination},
    cut,
    settings::{FromJson, accept, escape, parse},
};

pub use crate::more_bindings::{
    database_probe::probity::probe::database, dht_probe::probity::probe::dht, pubsub_probe::probity::probe::pubsub,
};

/// The settings of a check, each with whom it is for.
#[derive(Debug, PartialEq)]
pub struct Shared<S> {
    /// Those of the probe.
    pub own: S,
    /// Those of the adapter: JSON, to be handed on.
    pub adapters: String,
}

/// The settings of a probe that is composed with an adapter.
pub trait Own: DeserializeOwned {
    /// Their JSON Schema: whatever it has as a property is the probe's.
    const SCHEMA: &str;

    /// All that is wrong with those that have the right form.
    fn problems(&self) -> Vec<SettingProblem>;

    /// What the adapter says of itself.
    fn adapter() -> Description;

    /// All that the adapter finds wrong with its own.
    fn adapters_problems(adapters: &str) -> Vec<SettingProblem>;
}

impl<S: Own> FromJson for Shared<S> {
    fn from_json(json: &str, validate: fn(&Self) -> Vec<SettingProblem>) -> Result<Self, Vec<SettingProblem>> {
        // Those of the adapter as well: what it hands back may be shown here.
        cut::spare(json);
        let Object(members) = parse(json).map_err(|problem| vec![problem])?;
        let own = properties(S::SCHEMA);
        let (own, adapters): (Vec<_>, Vec<_>) = members.into_iter().partition(|(key, _)| own.has(key));
        let unsorted = Object(adapters);
        let adapters = unsorted.to_string();
        let mut theirs = S::adapters_problems(&adapters);
        if !theirs.is_empty() {
            name_all_known::<S>(&unsorted, &mut theirs);
        }
        let own = match accept(&Object(own).to_string(), S::problems) {
            Ok(own) if theirs.is_empty() => own,
            ours => return Err(ours.err().into_iter().flatten().chain(theirs).collect()),
        };
        let shared = Self { own, adapters };
        let problems = validate(&shared);
        if problems.is_empty() { Ok(shared) } else { Err(problems) }
    }
}

/// An adapter that does not know a setting names its own alone; but whoever misspelt one may have meant one of the probe's.
fn name_all_known<S: Own>(given: &Object, problems: &mut [SettingProblem]) {
    let (theirs, own) = (properties(&S::adapter().settings_schema), properties(S::SCHEMA));
    let unknown = || given.0.iter().map(|(key, _)| key).filter(|key| !theirs.has(key));
    for problem in problems {
        let Some(key) = unknown().find(|key| problem.pointer.strip_prefix('/') == Some(&escape(key))) else { continue };
        let names: Vec<_> = theirs.0.iter().chain(&own.0).map(|(name, _)| format!("`{name}`")).collect();
        problem.message = format!("unknown field `{key}`, expected one of {}", names.join(", "));
    }
}

/// What probe and adapter are together: what the adapter says of itself, with the properties of the probe's schema beside its own.
pub fn describe<S: Own>(adapter: Description) -> Description {
    let settings_schema = merged(&adapter.settings_schema, S::SCHEMA);
    Description { settings_schema, ..adapter }
}

/// The verdict on a target that has answered: `judge` makes it of all findings, and what the adapter tells is added.
///
/// # Errors
///
/// Why the adapter has nothing to tell; but if something was found before, that is the verdict.
pub fn verdict(
    mut findings: Findings,
    examined: Result<Examination, types::Failure>,
    judge: impl FnOnce(Findings) -> Verdict,
) -> Result<Verdict, Failure> {
    let Examination { findings: more, permanent, details, measurements } = match examined {
        Ok(examination) => examination,
        Err(_) if !findings.is_empty() => return Ok(judge(findings)),
        Err(failure) => return Err(failure.into()),
    };
    findings.extend(more);
    let mut verdict = judge(findings);
    verdict.permanent |= permanent;
    verdict.details.extend(details);
    verdict.measurements.extend(measurements);
    Ok(verdict)
}

/// The adapter's schema with the probe's properties. One that makes no sense is left alone: the runner says so.
fn merged(adapters: &str, own: &str) -> String {
    let Ok(Object(mut members)) = serde_json::from_str(adapters) else { return adapters.to_owned() };
    let Object(own) = properties(own);
    for (_, value) in members.iter_mut().filter(|(key, _)| key == PROPERTIES) {
        let Ok(Object(mut all)) = serde_json::from_str(value.get()) else { continue };
        all.extend(own.iter().cloned());
        if let Ok(text) = RawValue::from_string(Object(all).to_string()) {
            *value = text;
        }
    }
    Object(members).to_string()
}

/// Where a JSON Schema has what it says of each setting.
const PROPERTIES: &str = "properties";

fn properties(schema: &str) -> Object {
    let Object(members) = serde_json::from_str(schema).unwrap_or_default();
    let properties = members.iter().find(|(key, _)| key == PROPERTIES);
    properties.and_then(|(_, value)| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

/// A JSON object as it was written: in its order, and with its values as they are.
#[derive(Default)]
struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known == key)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (key, value)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let key = serde_json::to_string(key).map_err(|_| fmt::Error)?;
            write!(f, "{separator}{key}:{}", value.get())?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Port;

    const OWN: &str = r#"{ "type": "object", "properties": { "port": { "type": "integer" } } }"#;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Listed {
        port: Port,
    }

    impl Own for Listed {
        const SCHEMA: &str = OWN;

        fn problems(&self) -> Vec<SettingProblem> {
            Vec::new()
        }

        fn adapter() -> Description {
            Description::new("sample", "1.0.0", "A sample.", r#"{ "properties": { "host": {}, "bad": {} } }"#)
        }

        fn adapters_problems(adapters: &str) -> Vec<SettingProblem> {
            let is_wrong = |key: &&str| adapters.contains(key);
            ["bad", "hots"]
                .iter()
                .filter(|key| is_wrong(key))
                .map(|key| SettingProblem::new(format!("/{key}"), "no"))
                .collect()
        }
    }

    fn read(json: &str) -> Result<Shared<Listed>, Vec<SettingProblem>> {
        FromJson::from_json(json, |_| Vec::new())
    }

    #[test]
    fn each_gets_its_own() {
        let shared = read(r#"{ "z": [1, 2.0], "port": 80, "a\"b": "c" }"#).unwrap();
        assert_eq!(
            shared,
            Shared { own: Listed { port: Port(80) }, adapters: r#"{"z":[1, 2.0],"a\"b":"c"}"#.to_owned() }
        );
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let pointers = |json| {
            let problems = read(json).unwrap_err();
            problems.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(r#"{ "bad": 1, "port": 0 }"#), ["/port", "/bad"]);
        assert_eq!(pointers(r#"{ "bad": 1, "port": 1 }"#), ["/bad"]);
        assert_eq!(pointers("[]"), [""]);
    }

    #[test]
    fn what_nobody_knows_is_held_against_all_that_is_known() {
        let messages = |json| {
            let problems = read(json).unwrap_err();
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        let unknown = "unknown field `hots`, expected one of `host`, `bad`, `port`";
        assert_eq!(messages(r#"{ "hots": 1, "bad": 1, "port": 1 }"#), ["no", unknown]);
    }

    #[test]
    fn the_schemas_become_one() {
        let adapters = r#"{ "type": "object", "properties": { "host": {} }, "required": ["host"] }"#;
        let both = r#"{"type":"object","properties":{"host":{},"port":{ "type": "integer" }},"required":["host"]}"#;
        assert_eq!(merged(adapters, OWN), both);
        assert_eq!(merged("nonsense", OWN), "nonsense");
    }
}
