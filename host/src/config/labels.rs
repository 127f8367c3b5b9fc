//! Labels: names and short texts that dashboards sort checks by.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use toml::{Spanned, de::DeValue};

use super::{
    kind::{Kind, Place, Scalar, Shape},
    reader::Reader,
    text::Line,
};

/// Characters of a label's name, as Kubernetes has it.
const LONGEST_NAME: usize = 63;
/// What a label can say.
const TEXT: Line = Line(255);

/// What one label can say, in TOML.
const EXAMPLE: &str = r#""orders""#;

/// A table of labels.
pub(super) struct LabelTable;

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(letter)
}

impl Shape for LabelTable {
    fn schema(&self) -> Value {
        let names = format!("^[A-Za-z0-9._/-]{{1,{LONGEST_NAME}}}$");
        json!({
            "type": "object",
            "propertyNames": { "pattern": names },
            "additionalProperties": Scalar::schema(&TEXT),
        })
    }
}

impl Kind for LabelTable {
    type Value = BTreeMap<String, String>;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let Place { within, key, example } = place;
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("{key}: must be a table of texts, for example {key} = {example}");
            reader.report(value.span().start, message);
            return None;
        };
        let mut labels = BTreeMap::new();
        for (name, value) in table {
            if !is_name(name.get_ref()) {
                let message = format!(
                    "{key}: `{}` can't be a label; take 1 to {LONGEST_NAME} letters, digits, `-`, `_`, `.` and `/`, for \
                     example {key} = {example}",
                    name.get_ref()
                );
                reader.report(name.span().start, message);
                continue;
            }
            let place = Place { within, key: &format!("{key}.{}", name.get_ref()), example: EXAMPLE };
            if let Some(text) = TEXT.read(value, place, reader) {
                labels.insert(name.get_ref().to_string(), text);
            }
        }
        Some(labels)
    }
}
