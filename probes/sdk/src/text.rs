//! What a target said, made fit to be shown.

use std::fmt::Write;

/// `bytes` as a quoted piece of text of about `most` characters: what can't be shown is escaped, and what is over is cut and
/// marked with an ellipsis after the quote.
pub fn excerpt(bytes: &[u8], most: usize) -> String {
    // The bytes of that many characters, and one to tell that there are more: the rest need not even be looked at.
    let enough = bytes.len().min(most * 4 + 1);
    let mut shown = String::from("\"");
    let mut left = most;
    for chunk in bytes[..enough].utf8_chunks() {
        for character in chunk.valid().chars() {
            if left == 0 {
                return shown + "\"…";
            }
            left -= 1;
            match character {
                '"' | '\\' => shown.extend(['\\', character]),
                _ if character.is_control() => shown.extend(character.escape_default()),
                _ => shown.push(character),
            }
        }
        for byte in chunk.invalid() {
            if left == 0 {
                return shown + "\"…";
            }
            left -= 1;
            // Writing to a String does not fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown + "\""
}

/// The first line of `text`, without what would colour a terminal, cut after `most` characters.
pub fn first_line(text: &str, most: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().map(|character| if character.is_control() { ' ' } else { character }).take(most).collect()
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

/// Whether `needle` occurs in `haystack`. The empty one occurs everywhere.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, others)) = needle.split_first() else { return true };
    let mut rest = haystack;
    // Most bytes are not the needle's first: passing over them is what takes time.
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at + 1..];
        if rest.starts_with(others) {
            return true;
        }
    }
    false
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
    }
}
