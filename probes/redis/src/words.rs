//! A command as an operator writes it: words with spaces between them.

/// The words of a command line. One in double quotes may have spaces, and `\"` and `\\` in it stand for `"` and `\`.
///
/// # Errors
///
/// What is wrong with it, as the continuation of a sentence about it.
pub(crate) fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                if word.contains('"') {
                    return Err("has a quote within a word; put the whole word in quotes");
                }
                (word.to_owned(), after)
            }
        };
        if after.starts_with(|next: char| !next.is_whitespace()) {
            return Err("has no space after a closing quote");
        }
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// A word whose opening quote was taken, and what follows its closing one.
fn unquote(quoted: &str) -> Result<(String, &str), &'static str> {
    let mut word = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok((word, characters.as_str())),
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => word.push(escaped),
                _ => return Err(r#"has a `\` in quotes that is not before `"` or `\`"#),
            },
            _ => word.push(character),
        }
    }
    Err("has no closing quote")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        for (line, expected) in [
            ("GET key", &["GET", "key"][..]),
            ("  LLEN\t jobs ", &["LLEN", "jobs"]),
            (r#"SET "a b" """#, &["SET", "a b", ""]),
            (r#""say \"hi\" \\""#, &[r#"say "hi" \"#]),
            (r"GET it's\n", &["GET", r"it's\n"]),
            ("GET \"\u{fc}\u{2003}x\"\u{2003}y", &["GET", "\u{fc}\u{2003}x", "y"]),
            (" ", &[]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (line, part) in [
            (r#"GET "a"#, "no closing"),
            (r#"GET "a\"#, "not before"),
            (r#"GET "a\n""#, "not before"),
            (r#"GET "a"b"#, "no space"),
            (r#"GET a"b"#, "within a word"),
        ] {
            assert!(words(line).unwrap_err().contains(part), "{line}");
        }
    }
}
