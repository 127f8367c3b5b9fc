//! The settings of a check: what the operator wrote for the probe, as JSON.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock},
};

use serde_json::{Map, Number, Value};
use toml::{Spanned, de::DeValue};

use super::{
    fill::Filler,
    kind::{Kind, Place, Shape},
    reader::Reader,
    report::{Origin, Position, Report, Source},
    telling,
};
use crate::secrets::{HIDDEN, Secrets};

/// The settings of a check. Its `Debug` shows them as they were written, with the names of the secrets only.
#[derive(Clone)]
pub struct Settings {
    parts: Arc<Parts>,
    origin: Origin,
}

#[derive(Clone)]
struct Parts {
    written: Value,
    filled: Value,
    /// Those that were filled in.
    secrets: Secrets,
    /// Where the values were written, by JSON pointer.
    positions: BTreeMap<String, Position>,
}

/// What all checks without settings share: there may be a hundred thousand.
static NONE: LazyLock<Arc<Parts>> = LazyLock::new(|| {
    Arc::new(Parts {
        written: Map::new().into(),
        filled: Map::new().into(),
        secrets: Secrets::default(),
        positions: BTreeMap::new(),
    })
});

impl Settings {
    /// No settings, for a check that was written at `origin`.
    pub(super) fn none(origin: Origin) -> Settings {
        Settings { parts: Arc::clone(&NONE), origin }
    }

    /// The settings as the probe gets them: a JSON object with the secrets filled in. Not for the eyes of others.
    #[must_use]
    pub fn filled(&self) -> &Value {
        &self.parts.filled
    }

    /// The settings as the operator wrote them: `${env:NAME}` is still that. A password that was written out is too.
    #[must_use]
    pub fn written(&self) -> &Value {
        &self.parts.written
    }

    /// The same with other values in the place of some texts: of those for which there is one.
    ///
    /// # Errors
    ///
    /// The first for which there should be one, and is not.
    pub fn replace<E>(&self, with: &impl Fn(&str) -> Result<Value, E>) -> Result<Settings, E> {
        let mut settings = self.clone();
        replace(&mut Arc::make_mut(&mut settings.parts).filled, with)?;
        Ok(settings)
    }

    /// A text of the probe's without the secrets that were filled in: each is replaced with `***`, however it is written.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.parts.secrets.redact(text)
    }

    /// All that is secret of the settings: what was filled in, and what was written out under a name that says so.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let filled_in = self.parts.secrets.all().iter().map(|secret| secret.to_string());
        Secrets::new(filled_in.chain(telling::secrets(self.written())))
    }

    /// The settings as they were written, with `***` for what was written out though it is secret: to be kept for others.
    #[must_use]
    pub fn covered(&self) -> Value {
        let mut secrets = telling::secrets(self.written());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut covered = self.written().clone();
        cover(&mut covered, &secrets);
        covered
    }

    /// Where the value that a JSON pointer (RFC 6901) leads to was written, or what holds it if it is absent.
    #[must_use]
    pub fn origin(&self, pointer: &str) -> Origin {
        let mut pointer = pointer;
        loop {
            if let Some(position) = self.parts.positions.get(pointer) {
                return Origin { position: Some(*position), ..self.origin.clone() };
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return self.origin.clone(),
            }
        }
    }
}

impl PartialEq for Settings {
    /// Whether both say the same, wherever it is written.
    fn eq(&self, other: &Settings) -> bool {
        (self.written(), self.filled()) == (other.written(), other.filled())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Settings").field(self.written()).finish()
    }
}

/// A table of the probe's own keys.
pub(super) struct AnyTable;

/// Settings as they were written, and the offset of each value by JSON pointer.
pub(super) struct Written {
    value: Value,
    offsets: BTreeMap<String, usize>,
}

impl Shape for AnyTable {
    fn schema(&self) -> Value {
        serde_json::json!({ "type": "object" })
    }
}

impl Kind for AnyTable {
    type Value = Written;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<Written> {
        if !value.get_ref().is_table() {
            let Place { key, example, .. } = place;
            let message = format!("{key}: must be a table, for example {key} = {example}");
            reader.report(value.span().start, message);
            return None;
        }
        let mut offsets = BTreeMap::new();
        let mut flaws = Vec::new();
        let json = to_json(value, "", &mut offsets, &mut flaws);
        for (pointer, at, flaw) in flaws {
            reader.report(at, format!("{}: {flaw}", spell(place.key, &pointer)));
        }
        Some(Written { value: json, offsets })
    }
}

impl Written {
    /// Fills in the placeholders of what was written for this key, and reports those that can't be.
    pub(super) fn fill(
        self,
        key: &str,
        filler: &Filler<'_>,
        at: usize,
        source: &Source<'_>,
        problems: &mut Report,
    ) -> Settings {
        let origin = source.origin(at);
        let offsets = self.offsets.into_iter();
        let positions = offsets.map(|(pointer, offset)| (pointer, source.position(offset))).collect();
        let mut filled = self.value.clone();
        let parts = Parts { written: self.value, filled: Value::Null, secrets: Secrets::default(), positions };
        let mut settings = Settings { parts: Arc::new(parts), origin };
        let mut secrets = Vec::new();
        fill(&mut filled, key, "", filler, &settings, &mut secrets, problems);
        let parts = Arc::make_mut(&mut settings.parts);
        parts.filled = filled;
        parts.secrets = Secrets::new(secrets);
        settings
    }
}

fn replace<E>(value: &mut Value, with: &impl Fn(&str) -> Result<Value, E>) -> Result<(), E> {
    match value {
        Value::String(text) => *value = with(text)?,
        Value::Array(values) => values.iter_mut().try_for_each(|value| replace(value, with))?,
        Value::Object(members) => members.values_mut().try_for_each(|value| replace(value, with))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn fill(
    value: &mut Value,
    key: &str,
    pointer: &str,
    filler: &Filler<'_>,
    settings: &Settings,
    secrets: &mut Vec<String>,
    problems: &mut Report,
) {
    match value {
        Value::String(text) => {
            let mut errors = Vec::new();
            let mut filled = filler.fill(text, &mut errors);
            for error in errors {
                problems.push(settings.origin(pointer), format!("{}: {error}", spell(key, pointer)));
            }
            secrets.append(&mut filled.secrets);
            *value = filled.value();
        }
        Value::Array(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                fill(value, key, &format!("{pointer}/{index}"), filler, settings, secrets, problems);
            }
        }
        Value::Object(members) => {
            for (member, value) in members.iter_mut() {
                fill(value, key, &format!("{pointer}/{}", escape(member)), filler, settings, secrets, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn cover(value: &mut Value, secrets: &[String]) {
    match value {
        Value::String(text) => {
            for secret in secrets {
                *text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| cover(value, secrets)),
        Value::Object(members) => members.values_mut().for_each(|value| cover(value, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A key as a part of a JSON pointer (RFC 6901, section 3).
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A JSON pointer as people write it: `settings.expect.0.status`.
fn spell(key: &str, pointer: &str) -> String {
    let path = pointer.replace('/', ".").replace("~1", "/").replace("~0", "~");
    format!("{key}{path}")
}

/// A value of TOML as JSON. Dates become texts; numbers that JSON does not have are flaws.
pub(super) fn to_json(
    value: &Spanned<DeValue<'_>>,
    pointer: &str,
    offsets: &mut BTreeMap<String, usize>,
    flaws: &mut Vec<(String, usize, &'static str)>,
) -> Value {
    let at = value.span().start;
    offsets.insert(pointer.to_owned(), at);
    match value.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(date) => date.to_string().into(),
        DeValue::Integer(number) => {
            let integer = i64::from_str_radix(number.as_str(), number.radix());
            integer.map(Value::from).unwrap_or_else(|_| {
                flaws.push((pointer.into(), at, "the number is too large; write it as a text if the probe takes one"));
                Value::Null
            })
        }
        DeValue::Float(number) => {
            let float = number.as_str().parse().ok().and_then(Number::from_f64);
            float.map(Value::from).unwrap_or_else(|| {
                flaws.push((pointer.into(), at, "JSON, in which probes get their settings, has no such number"));
                Value::Null
            })
        }
        DeValue::Array(values) => {
            let values = values.iter().enumerate();
            values.map(|(index, value)| to_json(value, &format!("{pointer}/{index}"), offsets, flaws)).collect()
        }
        DeValue::Table(table) => {
            let members = table.iter().map(|(key, value)| {
                let pointer = format!("{pointer}/{}", escape(key.get_ref()));
                (key.get_ref().to_string(), to_json(value, &pointer, offsets, flaws))
            });
            Value::Object(members.collect())
        }
    }
}
