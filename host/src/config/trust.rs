//! Which dropped components are trusted, as configured.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toml::{Spanned, de::DeValue};

use super::{
    kind::{At, Flaw, Kind, List, Place, Scalar, Shape},
    layout,
    reader::Reader,
};
use crate::{
    name::is_name,
    trust::{PublicKey, Trust},
};

/// What a digest begins with.
const SHA256: &str = "sha256:";
/// A digest, in TOML.
const EXAMPLE: &str = r#""sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824""#;

impl Trust {
    pub(super) fn of_section(section: layout::Trust) -> Trust {
        Trust {
            allow_unlisted: At::value(section.allow_unlisted).unwrap_or(true),
            digests: At::value(section.digests).unwrap_or_default(),
            keys: At::value(section.keys).unwrap_or_default(),
        }
    }
}

/// A key that signatures are verified with.
pub(super) struct Key;

impl Scalar for Key {
    type Value = PublicKey;

    fn parse(&self, value: &DeValue<'_>) -> Result<PublicKey, Flaw> {
        let text = value.as_str().unwrap_or_default();
        text.parse().map_err(|error: crate::trust::NoPublicKey| Flaw::Because(error.to_string()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": "^RW[A-Za-z0-9+/]{54}$" })
    }
}

/// The digest of a component, in hexadecimal.
struct Digest;

impl Scalar for Digest {
    type Value = String;

    fn parse(&self, value: &DeValue<'_>) -> Result<String, Flaw> {
        let digits = value.as_str().and_then(|text| text.strip_prefix(SHA256)).unwrap_or_default();
        let is_digest = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_digest.then(|| digits.to_ascii_lowercase()).ok_or_else(|| {
            Flaw::Not(format!("`{SHA256}` and 64 hexadecimal digits, as `probity inspect` and `/probes` show them"))
        })
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": format!("^{SHA256}[0-9a-fA-F]{{64}}$") })
    }
}

/// A table of the digests that are pinned: one for a probe, or several.
pub(super) struct DigestTable;

impl Shape for DigestTable {
    fn schema(&self) -> Value {
        let one = Scalar::schema(&Digest);
        json!({ "type": "object", "additionalProperties": { "anyOf": [one, { "type": "array", "items": one }] } })
    }
}

impl Kind for DigestTable {
    type Value = BTreeMap<String, BTreeSet<String>>;

    fn read(&self, value: &Spanned<DeValue<'_>>, place: Place<'_>, reader: &mut Reader<'_>) -> Option<Self::Value> {
        let Place { within, key, example } = place;
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("{key}: must be a table of digests, for example {key} = {example}");
            reader.report(value.span().start, message);
            return None;
        };
        let mut pinned = BTreeMap::new();
        for (name, value) in table {
            let name = name.get_ref();
            if !is_name(name) {
                let message = format!("{key}: `{name}` can't be the name of a probe, for example {key} = {example}");
                reader.report(value.span().start, message);
                continue;
            }
            let place = Place { within, key: &format!("{key}.{name}"), example: EXAMPLE };
            let digests = if value.get_ref().is_array() {
                List(Digest).read(value, place, reader)
            } else {
                Digest.read(value, place, reader).map(|digest| vec![digest])
            };
            pinned.insert(name.to_string(), digests.into_iter().flatten().collect());
        }
        Some(pinned)
    }
}
