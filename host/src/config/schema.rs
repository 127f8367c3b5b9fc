//! The JSON Schema of the config, for editors. It comes from the same declarations as the reading.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use toml::de::DeValue;

use super::{
    layout::{Shared, Top},
    section::{Key, Rule, Section},
    settings::to_json,
};

/// The JSON Schema (2020-12) of `probity.toml`.
#[must_use]
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "probity.toml",
        "description": "The configuration of Probity.",
    });
    if let (Value::Object(schema), Value::Object(top)) = (&mut schema, object::<Top>()) {
        schema.extend(top);
    }
    // What a check leaves out is as `[defaults]` has it, and only what that leaves out has a certain value.
    for key in Shared::keys() {
        forget_defaults(&mut schema["properties"]["check"]["items"]["properties"][key.name]);
    }
    // And what nobody is said to go beyond has no bound.
    forget_defaults(&mut schema["properties"]["limits"]["properties"]["max"]);
    schema
}

/// Removes the defaults of a key and of all keys below it.
fn forget_defaults(schema: &mut Value) {
    let Value::Object(schema) = schema else {
        return;
    };
    schema.remove("default");
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(forget_defaults);
    }
}

/// The schema of a section.
pub(super) fn object<S: Section>() -> Value {
    let properties: Map<String, Value> =
        S::keys().into_iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    let rules = S::rules();
    if !rules.is_empty() {
        let rules = rules.iter().map(|rule| match rule {
            Rule::NotBoth(one, other) => json!({ "not": { "required": [one, other] } }),
            Rule::Needs(one, other) => json!({ "dependentRequired": { *one: [other] } }),
            Rule::Required(name) => json!({ "required": [name] }),
        });
        schema["allOf"] = rules.collect();
    }
    schema
}

/// The schema of a key, with everything that was declared of it.
fn property(key: &Key) -> Value {
    let mut schema = key.shape.schema();
    let range = schema["description"].as_str().unwrap_or_default();
    schema["description"] = format!("{} {range}", key.doc.trim()).trim_end().into();
    if let Some(default) = key.default.and_then(value) {
        schema["default"] = default;
    }
    if let Some(example) = value(key.example) {
        schema["examples"] = json!([example]);
    }
    schema
}

/// A declared value as JSON.
fn value(toml: &str) -> Option<Value> {
    let value = DeValue::parse(toml).ok()?;
    Some(to_json(&value, "", &mut BTreeMap::new(), &mut Vec::new()))
}
