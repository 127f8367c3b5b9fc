//! What of a recording nobody may read: secrets.
//!
//! A secret is left out of everything that is written, and what remains says which one stood there: `{"$parts": ["PASS ",
//! {"$secret": 0}]}`. A replay of a check that has the same secrets puts them back, so that a probe gets what it got. One that is
//! written in another form than those which are put back, as in the base64 of an `authorization` header, is left out as well:
//! `{"$masked": 12}` tells how long it was.
//!
//! Secrets are numbered in the order of the check, so that a replay that has others has them in their places.
//!
//! What is *derived* from a secret, such as a proof or a hash, is written as it went over the network.

use serde_json::{Value, json};

use super::values::{read_bytes, write_bytes};
use crate::secrets::{HIDDEN, Secrets as Known};

/// Marks a text or bytes of which a part is left out.
const PARTS: &str = "$parts";
/// A secret, by its number among those of the check.
const SECRET: &str = "$secret";
/// So many bytes that are a secret in another form.
const MASKED: &str = "$masked";

/// Bytes that something masked can have: more than a guest can hand over, or be handed, in one call.
const MOST_MASKED: usize = 64 * 1024 * 1024;

/// The forms in which a secret is put back: as it is, in a URL, and in JSON.
const FORMS: [fn(&str) -> String; 3] = [str::to_owned, percent_encoded, escaped];

/// The secrets of a check, and each in the forms in which it is put back, which are numbered in their order.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    known: Known,
    forms: Vec<Vec<u8>>,
}

/// A part of some bytes.
enum Part {
    Plain(Vec<u8>),
    Secret(usize),
    Masked(usize),
}

impl Secrets {
    pub(super) fn new(known: Known) -> Secrets {
        let forms = known.all().iter().flat_map(|secret| FORMS.map(|form| form(secret).into_bytes())).collect();
        Secrets { known, forms }
    }

    /// The value without the secrets.
    pub(super) fn cover(&self, value: Value) -> Value {
        if self.forms.is_empty() {
            return value;
        }
        if let Some(bytes) = read_bytes(&value) {
            return self.cover_bytes(&bytes).unwrap_or(value);
        }
        match value {
            Value::Array(values) => values.into_iter().map(|value| self.cover(value)).collect(),
            Value::Object(members) => {
                Value::Object(members.into_iter().map(|(key, value)| (key, self.cover(value))).collect())
            }
            value => value,
        }
    }

    /// The value with the secrets.
    pub(super) fn uncover(&self, value: &Value) -> Value {
        match value {
            Value::Array(values) => values.iter().map(|value| self.uncover(value)).collect(),
            Value::Object(members) => match members.get(PARTS).and_then(Value::as_array) {
                Some(parts) => write_bytes(parts.iter().flat_map(|part| self.uncover_part(part)).collect()),
                None => Value::Object(members.iter().map(|(key, value)| (key.clone(), self.uncover(value))).collect()),
            },
            value => value.clone(),
        }
    }

    fn cover_bytes(&self, bytes: &[u8]) -> Option<Value> {
        let parts = self.parts(bytes);
        if let [Part::Plain(_)] | [] = &parts[..] {
            return None;
        }
        let parts = parts.into_iter().map(|part| match part {
            Part::Plain(bytes) => write_bytes(bytes),
            Part::Secret(number) => json!({ SECRET: number }),
            Part::Masked(length) => json!({ MASKED: length }),
        });
        Some(json!({ PARTS: parts.collect::<Vec<_>>() }))
    }

    fn uncover_part(&self, part: &Value) -> Vec<u8> {
        let number = |key: &str| part.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        if let Some(secret) = number(SECRET) {
            return self.forms.get(secret).cloned().unwrap_or_else(|| HIDDEN.into());
        }
        match number(MASKED) {
            Some(length) => vec![b'*'; length.min(MOST_MASKED)],
            None => read_bytes(part).unwrap_or_default(),
        }
    }

    fn parts(&self, bytes: &[u8]) -> Vec<Part> {
        let (mut parts, mut from) = (Vec::new(), 0);
        for found in self.known.find(bytes) {
            if found.start > from {
                parts.push(Part::Plain(bytes[from..found.start].to_vec()));
            }
            from = found.end;
            let secret = &bytes[found];
            // Of forms that are alike the first is put back.
            let number = self.forms.iter().position(|form| form == secret);
            parts.push(number.map_or(Part::Masked(secret.len()), Part::Secret));
        }
        if from < bytes.len() {
            parts.push(Part::Plain(bytes[from..].to_vec()));
        }
        parts
    }
}

/// A text as a URL has it.
fn percent_encoded(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A text as JSON has it, without its quotes.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    use super::{super::values::BASE64, *};

    fn of(secrets: &[&str]) -> Secrets {
        Secrets::new(Known::new(secrets.iter().map(|&secret| secret.to_owned())))
    }

    fn secrets() -> Secrets {
        of(&["hunter2", "a b", "hunter2 and more"])
    }

    #[test]
    fn a_secret_is_nowhere_and_comes_back() {
        let secrets = secrets();
        for value in [
            json!("PASS hunter2\r\n"),
            json!(["x", { "user": "hunter2 and more", "n": 1 }, null]),
            json!("/?q=a%20b&p=a b"),
            write_bytes(b"\xffp\0\0\0\x0chunter2\0".to_vec()),
        ] {
            let covered = secrets.cover(value.clone());
            let written = covered.to_string();
            assert!(
                !written.contains("hunter2") && !written.contains("a b") && !written.contains("a%20b"),
                "{written}"
            );
            assert_eq!(secrets.uncover(&covered), value, "{written}");
        }
        let untouched = json!({ "a": ["hunter", 2, { BASE64: "/w==" }] });
        assert_eq!(secrets.cover(untouched.clone()), untouched);
        assert_eq!(secrets.uncover(&untouched), untouched);
    }

    #[test]
    fn what_is_not_put_back_is_left_out_all_the_same() {
        // user:hunter2, and the same in three places of a group; and in other spellings than those that are put back.
        let words = ["user", "use", "us"].map(|user| BASE64_STANDARD.encode(format!("{user}:hunter2")));
        for word in words.iter().map(String::as_str).chain(["68756e74657232", "h%75nter2", "HUNTER2"]) {
            let covered = secrets().cover(json!(format!("Basic {word}!")));
            let [before, masked, after] = covered[PARTS].as_array().unwrap().as_slice() else { panic!("{covered}") };
            assert!(before.as_str().unwrap().starts_with("Basic ") && after.as_str().unwrap().ends_with('!'));
            assert!(masked[MASKED].is_u64(), "{covered}");
            let back = secrets().uncover(&covered);
            assert_eq!(back.as_str().map(str::len), Some("Basic !".len() + word.len()), "{back}");
        }
    }

    #[test]
    fn a_secret_is_found_as_json_escapes_it() {
        let secrets = of(&["a\"b\\c"]);
        let body = json!({ "password": "a\"b\\c" }).to_string();
        let covered = secrets.cover(json!(body));
        assert_eq!(covered, json!({ PARTS: ["{\"password\":\"", { SECRET: 2 }, "\"}"] }));
        assert_eq!(secrets.uncover(&covered), json!(body));
    }

    #[test]
    fn other_secrets_come_in_the_place_of_those_that_were() {
        let covered = of(&["correct-horse", "tok"]).cover(json!("correct-horse and tok"));
        let others = of(&["pw", "a-longer-token"]);
        assert_eq!(others.uncover(&covered), json!("pw and a-longer-token"));
    }

    #[test]
    fn without_the_secrets_their_places_are_still_there() {
        let covered = secrets().cover(json!("PASS hunter2"));
        assert_eq!(Secrets::default().uncover(&covered), json!("PASS ***"));
        assert_eq!(Secrets::default().cover(json!("PASS hunter2")), json!("PASS hunter2"));
    }
}
