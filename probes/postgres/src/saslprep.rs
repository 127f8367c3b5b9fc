//! Passwords as SASL has them (RFC 4013), as far as it goes without the tables of Unicode.
//!
//! Those would be most of this component. What they are for is to make two spellings of one letter the same, and people who
//! set a password and people who write it into a configuration nearly always use the composed one.

/// The password as it is hashed. One of ASCII stays as it is, and so does one that SASL forbids: that is what PostgreSQL does.
pub(crate) fn prepare(password: &str) -> String {
    let is_forbidden = |character: char| character.is_control();
    if password.is_ascii() || password.chars().any(is_forbidden) {
        return password.to_owned();
    }
    password.chars().filter(|character| !is_nothing(*character)).map(|c| if is_space(c) { ' ' } else { c }).collect()
}

/// What is mapped to nothing (RFC 3454, table B.1).
fn is_nothing(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}' | '\u{2060}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// What is mapped to a space (RFC 3454, table C.1.2).
fn is_space(character: char) -> bool {
    matches!(character, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_prepared() {
        for (password, prepared) in [
            ("", ""),
            ("user", "user"),
            ("a b\t\u{7f}", "a b\t\u{7f}"),
            // RFC 4013, section 3.
            ("I\u{ad}X", "IX"),
            ("naïve\u{a0}пароль", "naïve пароль"),
            ("\u{200b}\u{3000}é", " é"),
            ("\u{ad}é\u{7}", "\u{ad}é\u{7}"),
        ] {
            assert_eq!(prepare(password), prepared, "{password:?}");
        }
    }
}
