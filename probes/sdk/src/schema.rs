//! Holding a probe's JSON Schema to the type that its settings are read into. For tests: it is not part of a component.

use std::collections::{BTreeMap, BTreeSet};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Visitor},
};
use serde_json::{Map, Value, json};

use crate::{Connector, Probe, settings};

/// Where the schema and the settings of `P` do not say the same; empty if they agree. They agree if
///
/// - the schema's properties are the fields of the settings, and nothing else is allowed,
/// - what the schema requires is required, and nothing else is,
/// - every `default` is what the settings take a missing property for,
/// - every one of a property's `examples` is accepted, together with the `examples` of what is required.
///
/// A property that is required, or has no default, must have an example.
///
/// # Errors
///
/// If the schema is not JSON, or has not the form of a schema of one object.
pub fn disagreements<P>() -> Result<Vec<String>, String>
where
    P: Probe,
    P::Settings: DeserializeOwned + PartialEq,
{
    between::<P::Settings>(&P::describe().settings_schema)
}

/// The same for a probe that keeps a connection open.
///
/// # Errors
///
/// As for [`disagreements`].
pub fn disagreements_of_connector<P>() -> Result<Vec<String>, String>
where
    P: Connector,
    P::Settings: DeserializeOwned + PartialEq,
{
    between::<P::Settings>(&P::describe().settings_schema)
}

/// The same for any settings and their schema.
///
/// # Errors
///
/// As for [`disagreements`].
pub fn between<S: DeserializeOwned + PartialEq>(schema: &str) -> Result<Vec<String>, String> {
    let schema: Schema = serde_json::from_str(schema).map_err(|error| error.to_string())?;
    let mut found = Vec::new();

    if schema.additional_properties {
        found.push("the schema allows additional properties".to_owned());
    }
    let fields = fields::<S>();
    let properties: BTreeSet<&str> = schema.properties.keys().map(String::as_str).collect();
    for name in properties.symmetric_difference(&fields) {
        found.push(format!("`{name}` is known to one of the two alone"));
    }

    let mut least = Map::new();
    for name in &schema.required {
        match schema.properties.get(name).and_then(|property| property.examples.first()) {
            Some(example) => drop(least.insert(name.clone(), example.clone())),
            None => found.push(format!("`{name}` is required and has no example")),
        }
    }
    let usual = match read::<S>(&least) {
        Ok(usual) => usual,
        Err(error) => return Err(format!("what the schema requires is not enough: {error}")),
    };

    for (name, property) in &schema.properties {
        if least.contains_key(name) {
            let without = least.iter().filter(|(key, _)| *key != name).map(|(key, value)| (key.clone(), value.clone()));
            if read::<S>(&without.collect()).is_ok() {
                found.push(format!("`{name}` is required by the schema alone"));
            }
        } else if property.default.is_none() && property.examples.is_empty() {
            found.push(format!("`{name}` has neither a default nor an example"));
        }
        let with = |value: &Value| {
            let mut settings = least.clone();
            settings.insert(name.clone(), value.clone());
            read::<S>(&settings)
        };
        match property.default.as_ref().map(with) {
            Some(Ok(settings)) if settings != usual => found.push(format!("`{name}` has another default")),
            Some(Err(error)) => found.push(format!("the default of `{name}` is refused: {error}")),
            Some(Ok(_)) | None => {}
        }
        for example in &property.examples {
            if let Err(error) = with(example) {
                found.push(format!("an example of `{name}` is refused: {error}"));
            }
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Schema {
    #[serde(default = "allowed")]
    additional_properties: bool,
    properties: BTreeMap<String, Property>,
    #[serde(default)]
    required: Vec<String>,
}

/// JSON Schema allows what it does not forbid.
fn allowed() -> bool {
    true
}

#[derive(Deserialize)]
struct Property {
    default: Option<Value>,
    #[serde(default)]
    examples: Vec<Value>,
}

fn read<S: DeserializeOwned>(settings: &Map<String, Value>) -> Result<S, String> {
    let json = json!(settings).to_string();
    settings::parse(&json).map_err(|problem| format!("{}: {}", problem.pointer, problem.message))
}

/// The fields of a struct, as its `Deserialize` asks for them.
fn fields<T: DeserializeOwned>() -> BTreeSet<&'static str> {
    let mut fields: &'static [&'static str] = &[];
    // Fails in any case: it gives no values.
    let _ = T::deserialize(Fields(&mut fields));
    fields.iter().copied().collect()
}

/// Takes down what fields it is asked for, and gives nothing.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(de::Error::custom("asked for fields alone"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attempt, Description, Failure, Verdict, settings::Port};

    #[derive(Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        host: String,
        #[serde(default = "usual")]
        port: Port,
        name: Option<String>,
    }

    fn usual() -> Port {
        Port(53)
    }

    /// Declares a probe with these settings and a schema.
    macro_rules! probe {
        ($name:ident, $schema:expr) => {
            struct $name;

            impl Probe for $name {
                type Settings = Settings;

                fn describe() -> Description {
                    Description::new("sample", "1.0.0", "A sample.", $schema)
                }

                fn check(_: &Settings, _: &mut Attempt) -> Result<Verdict, Failure> {
                    Ok(Verdict::healthy("never asked"))
                }
            }
        };
    }

    probe!(
        Agreeing,
        r#"{
            "additionalProperties": false,
            "required": ["host"],
            "properties": {
                "host": { "examples": ["db"] },
                "port": { "default": 53, "examples": [1, 65535] },
                "name": { "examples": ["orders"] }
            }
        }"#
    );

    probe!(
        Disagreeing,
        r#"{
            "required": ["host", "port"],
            "properties": {
                "host": { "examples": ["db", 7] },
                "port": { "default": 54, "examples": [54] },
                "nmae": {}
            }
        }"#
    );

    #[test]
    fn agreement_is_silent() {
        assert_eq!(disagreements::<Agreeing>(), Ok(Vec::new()));
    }

    #[test]
    fn every_disagreement_is_told() {
        let found = disagreements::<Disagreeing>().unwrap();
        assert_eq!(
            found,
            [
                "the schema allows additional properties",
                "`name` is known to one of the two alone",
                "`nmae` is known to one of the two alone",
                "an example of `host` is refused: /host: invalid type: integer `7`, expected a string",
                "`nmae` has neither a default nor an example",
                "`port` is required by the schema alone",
            ]
        );
    }
}
