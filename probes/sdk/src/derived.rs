//! What a schema is derived with: see [`Settings`](macro@crate::Settings).

use crate::{
    Description,
    settings::{Port, Span},
};

/// Settings whose JSON Schema is known. Derived; there is nothing to implement.
pub trait Described {
    /// The JSON Schema (2020-12).
    fn schema() -> String;
}

impl Description {
    /// Says that a failing check makes the whole unhealthy where the operator does not say.
    #[must_use]
    pub fn critical(mut self) -> Self {
        self.critical = true;
        self
    }
}

/// A text as JSON has it, in its quotes.
fn escape_text(text: &str) -> String {
    // Text can be written without fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// What a setting can be.
pub trait Setting {
    /// The members of its schema, such as `"type":"string"`.
    fn members() -> String;

    /// Whether it is known what stands where nothing is given, without its being said.
    const OPTIONAL: bool = false;

    /// It, as JSON; none where there is nothing to be said.
    fn json(&self) -> Option<String>;
}

impl Setting for String {
    fn members() -> String {
        r#""type":"string""#.to_owned()
    }

    fn json(&self) -> Option<String> {
        Some(escape_text(self))
    }
}

impl Setting for bool {
    fn members() -> String {
        r#""type":"boolean""#.to_owned()
    }

    fn json(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! numbers {
    ($kind:literal: $($number:ty),*) => {
        $(impl Setting for $number {
            fn members() -> String {
                concat!("\"type\":\"", $kind, "\"").to_owned()
            }

            fn json(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

numbers!("integer": i8, i16, i32, i64, u8, u16, u32, u64, usize);
numbers!("number": f32, f64);

impl Setting for Port {
    fn members() -> String {
        r#""type":"integer","minimum":1,"maximum":65535"#.to_owned()
    }

    fn json(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

impl Setting for Span {
    fn members() -> String {
        r#""type":"string","pattern":"^[0-9]""#.to_owned()
    }

    fn json(&self) -> Option<String> {
        Some(escape_text(&self.to_string()))
    }
}

impl<T: Setting> Setting for Option<T> {
    fn members() -> String {
        T::members()
    }

    const OPTIONAL: bool = true;

    fn json(&self) -> Option<String> {
        self.as_ref().and_then(T::json)
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn members() -> String {
        format!(r#""type":"array","items":{{{}}}"#, T::members())
    }

    fn json(&self) -> Option<String> {
        Some(format!("[{}]", self.iter().filter_map(T::json).collect::<Vec<_>>().join(",")))
    }
}

/// A schema that is being written.
#[derive(Default)]
pub struct Schema {
    properties: Vec<String>,
    required: Vec<String>,
}

impl Schema {
    /// Of no settings yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, with members of its schema that are known beside its type's.
    pub fn property<T: Setting>(
        &mut self,
        name: &str,
        description: &str,
        default: Option<fn() -> T>,
        members: &[(&str, &str)],
    ) {
        let mut all = vec![T::members()];
        if !description.is_empty() {
            all.push(format!("\"description\":{}", escape_text(description)));
        }
        all.extend(members.iter().map(|(key, value)| format!("\"{key}\":{value}")));
        if let Some(default) = default.and_then(|make| make().json()) {
            all.push(format!("\"default\":{default}"));
        } else if default.is_none() && !T::OPTIONAL {
            self.required.push(escape_text(name));
        }
        self.properties.push(format!("{}:{{{}}}", escape_text(name), all.join(",")));
    }

    /// All of it.
    #[must_use]
    pub fn finish(self) -> String {
        format!(
            r#"{{"type":"object","additionalProperties":false,"required":[{}],"properties":{{{}}}}}"#,
            self.required.join(","),
            self.properties.join(",")
        )
    }
}
