//! Taking lists and objects apart that are known to be well-formed, so that only brackets and quotes matter: that is a tenth of the
//! work of reading them.

/// What is in a list or an object: values, and with members their names before them.
pub(super) struct Parts<'a> {
    json: &'a str,
    at: usize,
    have_names: bool,
}

impl<'a> Parts<'a> {
    /// Of anything else there are none.
    pub(super) fn of(json: &'a str) -> Self {
        let json = if json.starts_with(['{', '[']) { json } else { "" };
        Self { json, at: 1, have_names: json.starts_with('{') }
    }

    /// The next value or name.
    fn part(&mut self) -> Option<&'a str> {
        let bytes = self.json.as_bytes();
        while let Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b':') = bytes.get(self.at) {
            self.at += 1;
        }
        let (start, mut depth) = (self.at, 0);
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => self.at = end_of_text(bytes, self.at),
                b'[' | b'{' => depth += 1,
                b']' | b'}' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => break,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        self.json.get(start..self.at).filter(|part| !part.is_empty())
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = (Option<&'a str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.part()?;
        if self.have_names { Some((Some(first), self.part()?)) } else { Some((None, first)) }
    }
}

/// How many parts a list or an object has, which takes less work than to take them.
pub(super) fn count(json: &str) -> usize {
    let bytes = json.as_bytes();
    let (mut at, mut depth, mut commas) = (0, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_text(bytes, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b',' if depth == 1 => commas += 1,
            _ => {}
        }
        at += 1;
    }
    if Parts::of(json).next().is_some() { commas + 1 } else { 0 }
}

/// Where the quote is that ends the text which begins with one at `start`.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part, a member as its name and its value with a space between.
    fn parts(json: &str) -> Vec<String> {
        let parts: Vec<_> = Parts::of(json)
            .map(|(name, value)| name.map_or(value.to_owned(), |name| format!("{name} {value}")))
            .collect();
        assert_eq!(count(json), parts.len(), "{json}");
        parts
    }

    #[test]
    fn lists_and_objects_are_taken_apart() {
        assert_eq!(
            parts(r#"[1,"a,\"]\\" , [2, {"b": "]"}],{ } ,true, null,-1e2]"#),
            ["1", r#""a,\"]\\""#, r#"[2, {"b": "]"}]"#, "{ }", "true", "null", "-1e2"]
        );
        assert_eq!(
            parts("{\"a\" : [1,2],\r\n\t\"b:\": {\"d\": 1} ,\"\":null}"),
            [r#""a" [1,2]"#, r#""b:" {"d": 1}"#, r#""" null"#]
        );
        assert_eq!(parts("[[[]],[]]"), ["[[]]", "[]"]);
        for empty in ["[ ]", "{}"] {
            assert_eq!(parts(empty), [""; 0], "{empty}");
        }
    }

    #[test]
    fn what_is_not_well_formed_does_no_harm() {
        for json in ["", "[", "{", "[\"", "{\"a", "{\"a\"", "[\"\\", "]", "7", "[1 2]", "{\"a\": }", "[\u{e4}"] {
            for cut in (0..=json.len()).filter(|at| json.is_char_boundary(*at)) {
                assert!(Parts::of(&json[..cut]).count() <= 2, "{json}");
            }
        }
    }
}
