//! What of a recording nobody may read: secrets.
//!
//! A secret is left out of everything that is written, and what remains says which one stood there: `{"$parts": ["PASS ",
//! {"$secret": 0}]}`. A replay of a check that has the same secrets puts them back, so that a probe gets what it got. In base64,
//! as in an `authorization` header, the whole word is left out: `{"$masked": 12}` tells its length.
//!
//! Secrets are numbered in the order of the check, so that a replay that has others has them in their places.
//!
//! What is *derived* from a secret, such as a proof or a hash, is written as it went over the network.

use std::cmp::Reverse;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Value, json};

use super::values::{read_bytes, write_bytes};

/// Marks a text or bytes of which a part is left out.
const PARTS: &str = "$parts";
/// A secret, by its number among those of the check.
const SECRET: &str = "$secret";
/// So many bytes that hold a secret in another form.
const MASKED: &str = "$masked";
/// What takes the place of what is left out, if it is not known.
const HIDDEN: &[u8] = b"***";

/// Bytes of a secret that is not found by chance in what any word would be as base64.
const UNLIKELY: usize = 4;
/// Bytes that something masked can have: more than a guest can hand over, or be handed, in one call.
const MOST_MASKED: usize = 64 * 1024 * 1024;

/// Reads base64 as anybody might write it.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const READERS: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&alphabet::STANDARD, LENIENT), GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT)];

/// The forms that a secret is found in: as it is, in a URL, and in JSON.
const FORMS: [fn(&str) -> String; 3] = [str::to_owned, percent_encoded, escaped];

/// The secrets of a check, each in all its forms: the longest first, so that none is left out in part because it holds another.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<Form>);

/// A form of a secret.
#[derive(Clone)]
struct Form {
    bytes: Vec<u8>,
    /// Its number: whoever has other secrets, in the same order, has another one in its place.
    number: usize,
}

/// A part of some bytes.
enum Part {
    Plain(Vec<u8>),
    Secret(usize),
    Masked(usize),
}

impl Secrets {
    pub(super) fn new(secrets: &[String]) -> Secrets {
        let forms = secrets.iter().flat_map(|secret| FORMS.map(|form| form(secret).into_bytes()));
        let mut all: Vec<Form> = forms.enumerate().map(|(number, bytes)| Form { bytes, number }).collect();
        all.retain(|form| !form.bytes.is_empty());
        // Of forms that are alike the first is found.
        all.sort_by_key(|form| Reverse(form.bytes.len()));
        Secrets(all)
    }

    /// The value without the secrets.
    pub(super) fn cover(&self, value: Value) -> Value {
        if self.0.is_empty() {
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
            let known = self.0.iter().find(|form| form.number == secret);
            return known.map_or_else(|| HIDDEN.to_vec(), |form| form.bytes.clone());
        }
        match number(MASKED) {
            Some(length) => vec![b'*'; length.min(MOST_MASKED)],
            None => read_bytes(part).unwrap_or_default(),
        }
    }

    fn parts(&self, bytes: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        let (mut plain, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            let found = self.0.iter().find(|form| rest.starts_with(&form.bytes));
            let (part, length) = match found {
                Some(form) => (Part::Secret(form.number), form.bytes.len()),
                None => match self.hiding_word(bytes, at) {
                    Some(word) => (Part::Masked(word), word),
                    None => {
                        plain.push(bytes[at]);
                        at += 1;
                        continue;
                    }
                },
            };
            if !plain.is_empty() {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
            }
            parts.push(part);
            at += length;
        }
        if !plain.is_empty() {
            parts.push(Part::Plain(plain));
        }
        parts
    }

    /// The length of the word of base64 that begins there, if one does that hides a secret. Each word is looked at once.
    fn hiding_word(&self, bytes: &[u8], at: usize) -> Option<usize> {
        if !is_base64(bytes[at]) || (at > 0 && is_base64(bytes[at - 1])) {
            return None;
        }
        let word = bytes[at..].iter().take_while(|byte| is_base64(**byte)).count();
        self.hides_in(&bytes[at..at + word]).then_some(word)
    }

    /// Whether a word is base64 of something with a secret in it.
    fn hides_in(&self, word: &[u8]) -> bool {
        READERS.iter().any(|reader| {
            // One letter more than whole groups is none of it.
            let word = if word.len() % 4 == 1 { &word[..word.len() - 1] } else { word };
            reader.decode(word).is_ok_and(|read| {
                let mut long = self.0.iter().map(|form| &form.bytes).filter(|secret| secret.len() >= UNLIKELY);
                long.any(|secret| read.windows(secret.len()).any(|window| window == secret))
            })
        })
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
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
    use super::{super::values::BASE64, *};

    fn secrets() -> Secrets {
        Secrets::new(&["hunter2".to_owned(), "a b".to_owned(), "hunter2 and more".to_owned()])
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
    fn base64_is_seen_through() {
        // user:hunter2, and the same in three places of a group.
        for user in ["user", "use", "us"] {
            let word = base64::prelude::BASE64_STANDARD.encode(format!("{user}:hunter2"));
            let covered = secrets().cover(json!(format!("Basic {word}")));
            assert_eq!(covered[PARTS][0], json!("Basic "), "{covered}");
            assert!(covered[PARTS][1][MASKED].is_u64() && !covered.to_string().contains(&word[..8]), "{covered}");
            let back = secrets().uncover(&covered);
            assert_eq!(back.as_str().map(str::len), Some("Basic ".len() + word.len()), "{back}");
        }
    }

    #[test]
    fn a_secret_is_found_as_json_escapes_it() {
        let secrets = Secrets::new(&["a\"b\\c".to_owned()]);
        let body = json!({ "password": "a\"b\\c" }).to_string();
        let covered = secrets.cover(json!(body));
        assert_eq!(covered, json!({ PARTS: ["{\"password\":\"", { SECRET: 2 }, "\"}"] }));
        assert_eq!(secrets.uncover(&covered), json!(body));
    }

    #[test]
    fn other_secrets_come_in_the_place_of_those_that_were() {
        let covered =
            Secrets::new(&["correct-horse".to_owned(), "tok".to_owned()]).cover(json!("correct-horse and tok"));
        let others = Secrets::new(&["pw".to_owned(), "a-longer-token".to_owned()]);
        assert_eq!(others.uncover(&covered), json!("pw and a-longer-token"));
    }

    #[test]
    fn without_the_secrets_their_places_are_still_there() {
        let covered = secrets().cover(json!("PASS hunter2"));
        assert_eq!(Secrets::default().uncover(&covered), json!("PASS ***"));
        assert_eq!(Secrets::default().cover(json!("PASS hunter2")), json!("PASS hunter2"));
    }
}
