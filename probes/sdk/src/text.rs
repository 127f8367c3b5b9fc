//! What a target said, made fit to be shown.

use std::{fmt::Write, time::Duration};

use crate::{cut, settings::Span};

/// `bytes` as a quoted piece of text of about `most` characters: what can't be shown is escaped, and what is over is cut and
/// marked with an ellipsis after the quote. Nothing that is in the settings is cut in two.
pub fn excerpt(bytes: &[u8], most: usize) -> String {
    let end = cut::end(bytes, most);
    let mut shown = String::from("\"");
    for chunk in bytes[..end].utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => shown.extend(['\\', character]),
                _ if character.is_control() => shown.extend(character.escape_default()),
                _ => shown.push(character),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown + if end < bytes.len() { "\"…" } else { "\"" }
}

/// The first line of `text`, without what would colour a terminal, cut after about `most` characters. Nothing that is in the
/// settings is cut in two.
pub fn first_line(text: &str, most: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = &line[..cut::end(line.as_bytes(), most)];
    line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A span of time in its two largest units, as a person would say it: `2 d 3 h`, `5 m`, `4.8 s`.
pub fn roughly(span: Duration) -> String {
    let seconds = span.as_secs();
    let (larger, smaller) = match seconds {
        0..60 => return Span(span).to_string(),
        60..3_600 => ((seconds / 60, "m"), (seconds % 60, "s")),
        3_600..86_400 => ((seconds / 3_600, "h"), (seconds / 60 % 60, "m")),
        _ => ((seconds / 86_400, "d"), (seconds / 3_600 % 24, "h")),
    };
    match smaller {
        (0, _) => format!("{} {}", larger.0, larger.1),
        (some, unit) => format!("{} {} {some} {unit}", larger.0, larger.1),
    }
}

/// All of `text` in one line, however it was laid out, without what would colour a terminal; cut after about `most` characters,
/// and then marked with an ellipsis. Nothing that is in the settings is cut in two.
pub fn line(text: &str, most: usize) -> String {
    let mut shown = String::new();
    // One character more than is looked at tells that there are more.
    let mut left = cut::reach(most) + 1;
    'words: for word in text.split_whitespace() {
        let space = if shown.is_empty() { "" } else { " " };
        for character in space.chars().chain(word.chars()) {
            if left == 0 {
                break 'words;
            }
            left -= 1;
            shown.push(if character.is_control() { ' ' } else { character });
        }
    }
    let end = cut::end(shown.as_bytes(), most);
    if end < shown.len() {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// `bytes` with `***` in the place of each of `secrets`: a target may repeat what it was told. The empty one is none.
pub fn blot(bytes: &[u8], secrets: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut blotted = Vec::new();
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        // The longest, lest what it has more than another shows.
        let secrets = secrets.iter().map(AsRef::as_ref);
        let found = secrets.filter(|secret| !secret.is_empty() && rest.starts_with(secret));
        match found.map(<[u8]>::len).max() {
            Some(length) => {
                blotted.extend(b"***");
                rest = &rest[length..];
            }
            None => {
                blotted.push(*first);
                rest = others;
            }
        }
    }
    blotted
}

/// Whether `needle` occurs in `haystack`. The empty one occurs everywhere. No byte is looked at more often than twice, whatever a
/// target has put together (Knuth, Morris and Pratt, 1977).
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    let borders = borders(needle);
    let (mut at, mut matched) = (0, 0);
    while let Some(rest) = haystack.get(at..) {
        if matched == 0 {
            // Most bytes are not the needle's first: passing over them is what takes time.
            let Some(skipped) = rest.iter().position(|byte| byte == first) else { return false };
            at += skipped + 1;
            matched = 1;
        }
        if matched == needle.len() {
            return true;
        }
        if haystack.get(at) == Some(&needle[matched]) {
            at += 1;
            matched += 1;
        } else {
            matched = borders[matched - 1];
        }
    }
    false
}

/// For each beginning of a text, the length of the longest shorter one that it ends with.
fn borders(text: &[u8]) -> Vec<usize> {
    let mut borders = vec![0; text.len()];
    let mut length = 0;
    for at in 1..text.len() {
        while length > 0 && text[at] != text[length] {
            length = borders[length - 1];
        }
        length += usize::from(text[at] == text[length]);
        borders[at] = length;
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_printable_and_bounded() {
        assert_eq!(excerpt(b"220 mail\r\n", 80), r#""220 mail\r\n""#);
        assert_eq!(excerpt(b"say \"hi\" \\ \x1b[31m", 80), r#""say \"hi\" \\ \u{1b}[31m""#);
        assert_eq!(excerpt(b"\xff\x00ok", 80), r#""\xff\u{0}ok""#);
        assert_eq!(excerpt("naïve".as_bytes(), 3), "\"naï\"…");
        assert_eq!(excerpt(b"\xff\xff", 1), "\"\\xff\"…");
        assert_eq!(excerpt(b"", 0), "\"\"");
        assert_eq!(excerpt("𝄞𝄞𝄞".as_bytes(), 2), "\"𝄞𝄞\"…");
        assert_eq!(excerpt("𝄞𝄞".as_bytes(), 2), "\"𝄞𝄞\"");
    }

    #[test]
    fn a_first_line_is_printable_and_bounded() {
        assert_eq!(first_line("a\tb\r\nc", 80), "a b");
        assert_eq!(first_line("naïve", 3), "naï");
        assert_eq!(first_line("", 3), "");
    }

    #[test]
    fn spans_are_said_in_two_units() {
        for (seconds, said) in [
            (0, "0.0 ms"),
            (59, "59.0 s"),
            (60, "1 m"),
            (3_599, "59 m 59 s"),
            (3_600, "1 h"),
            (3_661, "1 h 1 m"),
            (86_400, "1 d"),
            (90_061, "1 d 1 h"),
            (u64::MAX, "213503982334601 d 7 h"),
        ] {
            assert_eq!(roughly(Duration::from_secs(seconds)), said);
        }
    }

    #[test]
    fn a_line_is_printable_and_bounded() {
        assert_eq!(line(" [\n  1,\t\u{9b}2\r\n] ", 80), "[ 1, \u{20}2 ]");
        assert_eq!(line("[1, 2]", 6), "[1, 2]");
        assert_eq!(line("[1, 2]", 4), "[1, …");
        assert_eq!(line("", 0), "");
    }

    #[test]
    fn secrets_are_blotted_out() {
        let blotted = |text: &str, secrets: &[&str]| {
            let secrets: Vec<String> = secrets.iter().map(ToString::to_string).collect();
            String::from_utf8(blot(text.as_bytes(), &secrets)).unwrap()
        };
        assert_eq!(blotted("no user pw, hunter2!", &["pw", "hunter2"]), "no user ***, ***!");
        assert_eq!(blotted("abcab", &["ab", "abc"]), "******");
        assert_eq!(blotted("all", &["", "none"]), "all");
    }

    #[test]
    fn contains_finds_bytes() {
        assert!(contains(b"+PONG\r\n", b"PONG"));
        assert!(contains(b"", b""));
        assert!(contains(b"PPONG", b"PONG"));
        assert!(!contains(b"PON", b"PONG"));
        assert!(!contains(b"", b"P"));
        assert!(contains(b"aabaabaaab", b"aabaaab"));
        assert!(contains(b"abababac", b"ababac"));
        assert!(!contains(&b"a".repeat(1000), &[b"a".repeat(100).as_slice(), b"b"].concat()));
        assert!(contains(b"aaa", b"aaa") && !contains(b"aa", b"aaa"));
    }
}
