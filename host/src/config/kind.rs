//! What a key may be: how its value is read, and what the JSON Schema says of it.

use std::marker::PhantomData;

use serde_json::{Value, json};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    fill,
    reader::Reader,
    schema,
    section::{Heading, Key, Section},
};

/// A value, and the offset of the key or the heading that it was written for.
#[derive(Clone, Copy)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

impl<T> At<T> {
    /// The value alone.
    pub(super) fn value(at: Option<At<T>>) -> Option<T> {
        at.map(|at| at.value)
    }
}

/// The key whose value is being read, for messages.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) within: &'a Heading,
    pub(super) key: &'a str,
    pub(super) example: &'a str,
}

/// The half of a kind that needs no type.
pub(super) trait Shape {
    /// The JSON Schema of a value.
    fn schema(&self) -> Value;

    /// The keys of the section or sections that a value is, and whether there can be many.
    fn section(&self) -> Option<(Vec<&'static Key>, bool)> {
        None
    }
}

/// A kind of value.
pub(super) trait Kind: Shape {
    type Value;

    /// The value, or `None` after reporting what is wrong with it.
    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<Self::Value>;
}

/// What is wrong with one value.
pub(super) enum Flaw {
    /// What it should be, to be followed by the key's own example: `a whole number from 1 to 100`.
    Not(String),
    /// All that there is to say.
    Because(String),
}

/// A kind of value without parts, which has one thing wrong with it at most.
pub(super) trait Scalar {
    type Value;

    /// Whether values are secrets: they are not shown in messages, and what fills them in may be named.
    const SECRET: bool = false;
    /// Whether what is wrong already shows the value.
    const SHOWN_BY_FLAW: bool = false;

    fn parse(&self, value: &DeValue<'_>) -> Result<Self::Value, Flaw>;

    /// The JSON Schema of a value.
    fn schema(&self) -> Value;
}

impl<S: Scalar> Shape for S {
    fn schema(&self) -> Value {
        Scalar::schema(self)
    }
}

impl<S: Scalar> Kind for S {
    type Value = S::Value;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<S::Value> {
        let Place { key, example, .. } = place;
        let subject =
            if S::SECRET || S::SHOWN_BY_FLAW { key.to_owned() } else { format!("{key} = {}", show(value.get_ref())) };
        let at = value.span().start;
        let placeholder = value.get_ref().as_str().and_then(fill::placeholder);
        if let Some(placeholder) = placeholder.filter(|_| !S::SECRET) {
            let message = "is filled in within `settings` and secrets only; write the value itself";
            reader.report(at, format!("{subject}: `{placeholder}` {message}"));
            return None;
        }
        match self.parse(value.get_ref()) {
            Ok(value) => Some(value),
            Err(Flaw::Not(expected)) => {
                let message = format!("{subject}: must be {expected}, for example {key} = {example}");
                reader.report(at, message);
                None
            }
            Err(Flaw::Because(message)) => {
                reader.report(at, format!("{subject}: {message}"));
                None
            }
        }
    }
}

/// A value as in TOML, for messages; what would not fit one is cut short.
fn show(value: &DeValue<'_>) -> String {
    /// In characters: what is right is never longer by much, but for a description.
    const LONGEST: usize = 60;
    match value {
        DeValue::String(text) if text.chars().count() > LONGEST => {
            let start: String = text.chars().take(LONGEST).collect();
            format!("{:?}", start + "…")
        }
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) => "[…]".into(),
        DeValue::Table(_) => "{…}".into(),
    }
}

/// One word or a value: `"off"` or `"30s"`. The word is read as `None`.
pub(super) struct OrWord<K>(pub(super) &'static str, pub(super) K);

impl<K: Scalar> Scalar for OrWord<K> {
    type Value = Option<K::Value>;

    fn parse(&self, value: &DeValue<'_>) -> Result<Option<K::Value>, Flaw> {
        let OrWord(word, kind) = self;
        if value.as_str() == Some(word) {
            return Ok(None);
        }
        kind.parse(value).map(Some).map_err(|flaw| match flaw {
            Flaw::Not(expected) => Flaw::Not(format!("{expected} or \"{word}\"")),
            Flaw::Because(message) => Flaw::Because(format!("{message}, or \"{word}\"")),
        })
    }

    fn schema(&self) -> Value {
        let OrWord(word, kind) = self;
        json!({ "anyOf": [kind.schema(), { "const": word }] })
    }
}

/// A section within another.
pub(super) struct Table<S>(PhantomData<fn() -> S>);

impl<S> Table<S> {
    pub(super) const fn new() -> Table<S> {
        Table(PhantomData)
    }
}

impl<S: Section> Shape for Table<S> {
    fn schema(&self) -> Value {
        schema::object::<S>()
    }

    fn section(&self) -> Option<(Vec<&'static Key>, bool)> {
        Some((S::keys(), false))
    }
}

impl<S: Section> Kind for Table<S> {
    type Value = S;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<S> {
        let heading = place.within.below(place.key, false);
        let at = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            let Place { key, example, .. } = place;
            let message = format!("{key}: must be a section {heading}, or {key} = {example}");
            reader.report(at, message);
            return None;
        };
        Some(S::read(table, at, &heading, reader))
    }
}

/// Any number of the same section.
pub(super) struct Tables<S>(PhantomData<fn() -> S>);

impl<S> Tables<S> {
    pub(super) const fn new() -> Tables<S> {
        Tables(PhantomData)
    }
}

impl<S: Section> Shape for Tables<S> {
    fn schema(&self) -> Value {
        json!({ "type": "array", "items": schema::object::<S>() })
    }

    fn section(&self) -> Option<(Vec<&'static Key>, bool)> {
        Some((S::keys(), true))
    }
}

impl<S: Section> Kind for Tables<S> {
    type Value = Vec<At<S>>;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<Vec<At<S>>> {
        let heading = place.within.below(place.key, true);
        let tables: Option<Vec<(&DeTable<'_>, usize)>> = value.get_ref().as_array().and_then(|array| {
            let tables = array.iter();
            tables.map(|value| Some((value.get_ref().as_table()?, value.span().start))).collect()
        });
        let Some(tables) = tables else {
            let message = format!("{}: write {heading}, in double brackets, above each", place.key);
            reader.report(value.span().start, message);
            return None;
        };
        let read = |(table, at)| At { value: S::read(table, at, &heading, reader), at };
        Some(tables.into_iter().map(read).collect())
    }
}

/// A list of values.
pub(super) struct List<K>(pub(super) K);

impl<K: Kind> Shape for List<K> {
    fn schema(&self) -> Value {
        json!({ "type": "array", "items": self.0.schema() })
    }
}

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<Vec<K::Value>> {
        let Some(array) = value.get_ref().as_array() else {
            let Place { key, example, .. } = place;
            let message = format!("{key} = {}: must be a list, for example {key} = {example}", show(value.get_ref()));
            reader.report(value.span().start, message);
            return None;
        };
        Some(array.iter().filter_map(|value| self.0.read(value, place, reader)).collect())
    }
}

/// A list of values that is not empty.
pub(super) struct AtLeastOne<K>(pub(super) K);

impl<K: Kind> Shape for AtLeastOne<K> {
    fn schema(&self) -> Value {
        json!({ "type": "array", "items": self.0.schema(), "minItems": 1 })
    }
}

impl<K: Kind> Kind for AtLeastOne<K> {
    type Value = Vec<K::Value>;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<Vec<K::Value>> {
        let Place { key, example, .. } = place;
        match value.get_ref().as_array() {
            Some(array) if array.is_empty() => {
                let message = format!("{key} = []: must have one at least, for example {key} = {example}");
                reader.report(value.span().start, message);
                Some(Vec::new())
            }
            Some(array) => Some(array.iter().filter_map(|value| self.0.read(value, place, reader)).collect()),
            None => {
                let message =
                    format!("{key} = {}: must be a list, for example {key} = {example}", show(value.get_ref()));
                reader.report(value.span().start, message);
                None
            }
        }
    }
}
