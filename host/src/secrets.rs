//! The secrets of a check, found wherever they stand: as they are, and as others write them who repeat what they were told. That is
//! in a URL, in JSON, in hexadecimal, and in base64, at any place of a longer text.
//!
//! A text is read in each of these ways from each of its places on, until it differs from the secret, which it does at once
//! nearly everywhere. So nothing is kept beside the secrets, and it does not matter which of several ways to write something was
//! chosen.

use std::{borrow::Cow, ops::Range, sync::Arc};

/// What is shown in a secret's place.
pub const HIDDEN: &str = "***";
/// Bytes of a secret that is not found by chance in what any word would be as base64 or hexadecimal.
const UNLIKELY: usize = 4;
/// Bytes of the longest letter of JSON: two units of UTF-16.
const LONGEST: usize = 12;
/// Bits of a byte that a digit of base64 and one of hexadecimal stand for.
const SEXTET: usize = 6;
const BYTE: usize = 8;

/// The secrets of a check, in its order. Clones share them; who has none allocates nothing.
#[derive(Clone, Default)]
pub struct Secrets(Option<Arc<[Box<str>]>>);

/// A letter of a text, as it is read in one of the ways: the bytes that it stands for, and how many it takes up itself.
struct Letter {
    bytes: [u8; 4],
    count: usize,
    length: usize,
}

/// Reads the letter that a text begins with; `None` if it can't be read in this way.
type Read = fn(&[u8]) -> Option<Letter>;

impl Secrets {
    /// Secrets to look for; empty ones are none.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Secrets {
        let mut all: Vec<Box<str>> = Vec::new();
        for secret in secrets.into_iter().map(String::into_boxed_str) {
            if !secret.is_empty() && !all.contains(&secret) {
                all.push(secret);
            }
        }
        Secrets((!all.is_empty()).then(|| all.into()))
    }

    /// They, each once.
    #[must_use]
    pub fn all(&self) -> &[Box<str>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Where there are secrets in a text, in order. Those that overlap are one.
    #[must_use]
    pub fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        if self.0.is_none() {
            return found;
        }
        let firsts = Firsts::of(self.all());
        for at in 0..text.len() {
            let rest = &text[at..];
            if !firsts.may_begin(rest) {
                continue;
            }
            let longest = self.all().iter().filter_map(|secret| length_at(rest, secret.as_bytes())).max();
            let Some(length) = longest else { continue };
            match found.last_mut() {
                Some(last) if at < last.end => last.end = last.end.max(at + length),
                _ => found.push(at..at + length),
            }
        }
        found
    }

    /// A text with [`HIDDEN`] in the place of each secret.
    ///
    /// This guards against slips, not against somebody who means to tell: a secret can be spelled backwards.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.find(text.as_bytes());
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut from) = (Vec::with_capacity(text.len()), 0);
        for Range { start, end } in found {
            shown.extend_from_slice(&text.as_bytes()[from..start]);
            shown.extend_from_slice(HIDDEN.as_bytes());
            from = end;
        }
        shown.extend_from_slice(&text.as_bytes()[from..]);
        Cow::Owned(String::from_utf8_lossy(&shown).into_owned())
    }
}

/// The bytes that secrets begin with. Nearly everywhere in a text the first letters are those of none of them in any spelling, and
/// this tells so at once.
struct Firsts([bool; 256]);

impl Firsts {
    fn of(secrets: &[Box<str>]) -> Firsts {
        let mut firsts = [false; 256];
        for first in secrets.iter().filter_map(|secret| secret.as_bytes().first()) {
            firsts[usize::from(first.to_ascii_lowercase())] = true;
            firsts[usize::from(first.to_ascii_uppercase())] = true;
        }
        Firsts(firsts)
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// Whether a text can begin with a secret.
    fn may_begin(&self, text: &[u8]) -> bool {
        let Some(first) = text.first() else { return false };
        if self.has(*first) || matches!(first, b'%' | b'+' | b'\\') {
            return true;
        }
        let Some(second) = text.get(1) else { return false };
        hexadecimal(*first, *second).is_some_and(|byte| self.has(byte))
            // A byte begins at any even bit of a digit.
            || two_sextets(*first, *second).is_some_and(|two| [4, 2, 0].iter().any(|after| self.has((two >> after).to_be_bytes()[1])))
    }
}

/// Bytes that a secret takes up at the beginning of a text, if it stands there: as many as it can be read from.
fn length_at(rest: &[u8], secret: &[u8]) -> Option<usize> {
    let spelled =
        [plain as Read, in_url, in_json, in_quoted_json].into_iter().filter_map(|read| length_by(read, rest, secret));
    let longest = spelled.max();
    if longest.is_some() || secret.len() < UNLIKELY {
        return longest;
    }
    length_by(in_hexadecimal, rest, secret).or_else(|| length_in_base64(rest, secret))
}

/// Bytes that a secret takes up at the beginning of a text that is read in this way. Whether letters are small or capital does not
/// matter: names of hosts are shown in lower case.
fn length_by(read: Read, text: &[u8], secret: &[u8]) -> Option<usize> {
    let (mut at, mut missing) = (0, secret);
    while !missing.is_empty() {
        let Letter { bytes, count, length } = read(&text[at..])?;
        let (next, rest) = missing.split_at_checked(count)?;
        if !next.eq_ignore_ascii_case(&bytes[..count]) {
            return None;
        }
        (at, missing) = (at + length, rest);
    }
    Some(at)
}

fn letter(byte: u8, length: usize) -> Letter {
    Letter { bytes: [byte, 0, 0, 0], count: 1, length }
}

fn plain(text: &[u8]) -> Option<Letter> {
    text.first().map(|byte| letter(*byte, 1))
}

/// Percent-encoded (RFC 3986, section 2.1), and with `+` for a space, as forms are.
fn in_url(text: &[u8]) -> Option<Letter> {
    match text {
        [b'%', high, low, ..] => Some(letter(hexadecimal(*high, *low)?, 3)),
        [b'+', ..] => Some(letter(b' ', 1)),
        _ => plain(text),
    }
}

/// As a string of JSON (RFC 8259, section 7).
fn in_json(text: &[u8]) -> Option<Letter> {
    let byte = match text {
        [b'\\', b'u', ..] => return in_unicode(text),
        [b'\\', b'n', ..] => b'\n',
        [b'\\', b'r', ..] => b'\r',
        [b'\\', b't', ..] => b'\t',
        [b'\\', b'b', ..] => 0x08,
        [b'\\', b'f', ..] => 0x0c,
        [b'\\', other, ..] => *other,
        _ => return plain(text),
    };
    Some(letter(byte, 2))
}

/// As a string of JSON that somebody has quoted, as probes quote what a server said.
fn in_quoted_json(text: &[u8]) -> Option<Letter> {
    if text.first() != Some(&b'\\') {
        return plain(text);
    }
    // What is quoted, as far as a letter of it can go, and where each byte of it ends.
    let (mut quoted, mut ends, mut count, mut at) = ([0; LONGEST], [0; LONGEST], 0, 0);
    while let Some(letter) = in_json(&text[at..]).filter(|letter| count + letter.count <= LONGEST) {
        at += letter.length;
        for byte in &letter.bytes[..letter.count] {
            (quoted[count], ends[count]) = (*byte, at);
            count += 1;
        }
    }
    let letter = in_json(&quoted[..count])?;
    Some(Letter { length: ends[letter.length - 1], ..letter })
}

/// `\u00e9`, or two of these for what takes more than 16 bits.
fn in_unicode(text: &[u8]) -> Option<Letter> {
    let unit = |text: &[u8]| match text {
        [b'\\', b'u', a, b, c, d, ..] => Some(u16::from_be_bytes([hexadecimal(*a, *b)?, hexadecimal(*c, *d)?])),
        _ => None,
    };
    let first = unit(text)?;
    let second = text.get(6..).and_then(unit);
    let mut letters = char::decode_utf16([Some(first), second].into_iter().flatten());
    let letter = letters.next()?.ok()?;
    let mut bytes = [0; 4];
    let count = letter.encode_utf8(&mut bytes).len();
    Some(Letter { bytes, count, length: 6 * letter.len_utf16() })
}

fn in_hexadecimal(text: &[u8]) -> Option<Letter> {
    match text {
        [high, low, ..] => Some(letter(hexadecimal(*high, *low)?, 2)),
        _ => None,
    }
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Some((digit(high)? << 4) | digit(low)?)
}

/// Digits of base64 (RFC 4648, in either alphabet) that a secret has a part in at the beginning of a text. It may begin within
/// the first one: three bytes are four digits, so that there are three ways to fall into them.
fn length_in_base64(text: &[u8], secret: &[u8]) -> Option<usize> {
    [0, 2, 4].into_iter().find_map(|skipped| {
        let mut bit = skipped;
        for byte in secret {
            let (digit, within) = (bit / SEXTET, bit % SEXTET);
            let two = two_sextets(*text.get(digit)?, *text.get(digit + 1)?)?;
            // A byte begins at an even bit, and so ends within the second digit at the latest.
            if (two >> (2 * SEXTET - BYTE - within)) & 0xff != u16::from(*byte) {
                return None;
            }
            bit += BYTE;
        }
        Some(bit.div_ceil(SEXTET))
    })
}

/// What two digits of base64 stand for.
fn two_sextets(first: u8, second: u8) -> Option<u16> {
    Some((u16::from(sextet(first)?) << SEXTET) | u16::from(sextet(second)?))
}

/// What a digit of base64 stands for.
fn sextet(digit: u8) -> Option<u8> {
    let value = SEXTETS[usize::from(digit)];
    (value != NO_DIGIT).then_some(value)
}

/// What stands in [`SEXTETS`] for what is no digit.
const NO_DIGIT: u8 = u8::MAX;
/// What each letter stands for as a digit of base64, in either alphabet: each letter of a text is looked up here.
const SEXTETS: [u8; 256] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut sextets = [NO_DIGIT; 256];
    let mut value = 0_u8;
    while (value as usize) < digits.len() {
        sextets[digits[value as usize] as usize] = value;
        value += 1;
    }
    sextets[b'-' as usize] = 62;
    sextets[b'_' as usize] = 63;
    sextets
};

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};

    use super::*;

    fn hidden(secrets: &[&str], text: &str) -> String {
        Secrets::new(secrets.iter().map(|&secret| secret.to_owned())).redact(text).into_owned()
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        for (secret, text, shown) in [
            ("hunter2", "can't log in with hunter2 (Hunter2)", "can't log in with *** (***)"),
            ("p@ss word/é", "?q=p%40ss%20word%2F%C3%A9&p=p%40ss+word%2f%c3%a9&r=p@ss%20word/é", "?q=***&p=***&r=***"),
            ("100%41", "100%41 100%2541", "*** ***"),
            ("a\"b\\c\n/é😀", r#"{"p": "a\"b\\c\n\/\u00e9\ud83d\ude00", "é": 1}"#, r#"{"p": "***", "é": 1}"#),
            ("a\"\u{e9}\\", r#""{\"p\": \"a\\\"\\u00e9\\\\\"}""#, r#""{\"p\": \"***\"}""#),
            ("hunter2", "<68756e74657232> 68756E74657232", "<***> ***"),
            ("ab", "ab YWI= 6162 é", "*** YWI= 6162 é"),
            ("", "nothing", "nothing"),
        ] {
            assert_eq!(hidden(&[secret], text), shown);
        }
        assert!(matches!(Secrets::default().redact("a"), Cow::Borrowed("a")));
    }

    #[test]
    fn base64_is_seen_through_wherever_the_secret_falls_into_it() {
        for before in ["", "u", "us", "use", "\0user\0"] {
            for after in ["", "\r", "\r\n", "~~~"] {
                let text = format!("{before}s\u{fb}cret-7>?{after}");
                for word in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE_NO_PAD.encode(&text)] {
                    let shown = hidden(&["s\u{fb}cret-7>?"], &format!("AUTH PLAIN {word}, or /{word}"));
                    // What is left beside it is of the letters before and after.
                    let most = 2 * (before.len() + after.len() + 3).div_ceil(3) * 4;
                    let left = shown.strip_prefix("AUTH PLAIN ").unwrap_or_default();
                    assert_eq!(shown.matches(HIDDEN).count(), 2, "{word}: {shown}");
                    assert!(left.len() <= most + ", or /".len() + 2 * HIDDEN.len(), "{word}: {shown}");
                }
            }
        }
        let stranger = BASE64_STANDARD.encode("user:hunter3");
        assert_eq!(hidden(&["hunter2"], &stranger), stranger);
    }

    #[test]
    fn secrets_that_overlap_or_follow_one_another_are_hidden_whole() {
        assert_eq!(hidden(&["ab", "bcdef", "abc"], "xabcdefx ab"), "x***x ***");
        assert_eq!(hidden(&["abc"], "abcabc"), "******");
        assert_eq!(Secrets::new(["b".to_owned(), "a".to_owned(), "b".to_owned()]).all(), ["b".into(), "a".into()]);
    }
}
