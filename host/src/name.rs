//! What checks and probes may be called.

/// Bytes of a name. Longer ones would not fit the line of any table.
pub const LONGEST: usize = 100;

/// Whether this can be the name of a check and of a probe: 1 to 100 of `[a-z0-9-_.]`.
///
/// `.` and `..` can't: in the path of a URL, they are no name (RFC 3986, section 3.3).
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_letter) && !matches!(text, "." | "..")
}

/// Whether a name may begin like this; nothing is a beginning as well.
#[must_use]
pub fn is_beginning(text: &str) -> bool {
    text.len() < LONGEST && text.bytes().all(is_letter)
}

fn is_letter(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')
}
