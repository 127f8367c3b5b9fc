//! Where a text can be cut without cutting a secret in two.
//!
//! The runner blots out of all that a probe says what it has filled into the settings, but only where it stands there whole; and
//! which settings are secret it does not tell. So no text is cut between two bytes that are neighbours anywhere in the settings: of
//! whatever is in the settings and in the text, the cut leaves all or nothing.

use std::cell::RefCell;

/// Bits of a word.
const BITS: usize = u64::BITS as usize;
/// One bit for each two bytes: eight KiB, where the settings themselves may have megabytes.
const WORDS: usize = (1 << 16) / BITS;

thread_local! {
    static NEIGHBOURS: RefCell<Neighbours> = const { RefCell::new(Neighbours(Vec::new())) };
}

/// The bytes that stand beside each other in the settings, as JSON has them; empty while there are none.
struct Neighbours(Vec<u64>);

impl Neighbours {
    fn learn(&mut self, json: &str) {
        self.0.resize(WORDS, 0);
        for two in json.as_bytes().windows(2) {
            let (word, bit) = place(two[0], two[1]);
            self.0[word] |= bit;
        }
    }

    fn may_part(&self, before: u8, after: u8) -> bool {
        let (word, bit) = place(before, after);
        // What JSON escapes has other neighbours there than in what is meant.
        let is_escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        self.0.is_empty() || !(is_escaped(before) || is_escaped(after) || self.0[word] & bit != 0)
    }
}

/// Where the bit of two neighbours is: in which word, and which of that.
fn place(before: u8, after: u8) -> (usize, u64) {
    let number = usize::from(before) << 8 | usize::from(after);
    (number / BITS, 1 << (number % BITS))
}

/// From now on nothing that is in these settings is cut in two.
pub(crate) fn spare(json: &str) {
    NEIGHBOURS.with_borrow_mut(|neighbours| neighbours.learn(json));
}

/// How many of the first characters are looked at to find where a text of about `most` can be cut.
pub(crate) const fn reach(most: usize) -> usize {
    most.saturating_mul(2)
}

/// Where to cut a text of about `most` characters, in bytes; its length if it need not be cut. That is at the first place after
/// so many characters, within as many again; or else at the last one before. Bytes that are no UTF-8 are a character each.
pub(crate) fn end(bytes: &[u8], most: usize) -> usize {
    NEIGHBOURS.with_borrow(|neighbours| {
        // The bytes of that many characters, and one to tell that there are more: the rest need not even be looked at.
        let seen = &bytes[..bytes.len().min(reach(most).saturating_mul(4).saturating_add(1))];
        let (mut at, mut passed, mut last) = (0, 0, 0);
        for length in seen
            .utf8_chunks()
            .flat_map(|chunk| chunk.valid().chars().map(char::len_utf8).chain(chunk.invalid().iter().map(|_| 1)))
        {
            if at == 0 || neighbours.may_part(bytes[at - 1], bytes[at]) {
                if passed >= most {
                    return at;
                }
                last = at;
            }
            if passed >= reach(most) {
                return last;
            }
            at += length;
            passed += 1;
        }
        at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a text when settings have this in them.
    fn cut<'a>(settings: &str, text: &'a str, most: usize) -> &'a str {
        NEIGHBOURS.with_borrow_mut(|neighbours| neighbours.0.clear());
        spare(settings);
        let cut = &text[..end(text.as_bytes(), most)];
        NEIGHBOURS.with_borrow_mut(|neighbours| neighbours.0.clear());
        cut
    }

    #[test]
    fn a_text_is_cut_after_so_many_characters() {
        assert_eq!(end(b"", 0), 0);
        assert_eq!(end(b"all", 0), 0);
        assert_eq!(end(b"all", 2), 2);
        assert_eq!(end(b"all", 3), 3);
        assert_eq!(end("naïve".as_bytes(), 3), 4);
        assert_eq!(end(b"\xff\xff\xff", 2), 2);
        assert_eq!(end("𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞".as_bytes(), 2), 8);
    }

    #[test]
    fn what_is_in_the_settings_is_shown_whole_or_not_at_all() {
        let settings = r#"{"password":"hunter2"}"#;
        let text = "it is hunter2, as you know";
        for (most, left) in
            [(5, "it is"), (6, "it is "), (7, "it is hunter2"), (12, "it is hunter2"), (14, "it is hunter2,")]
        {
            assert_eq!(cut(settings, text, most), left, "{most}");
        }
        // There is no place to cut soon enough after that.
        assert_eq!(cut(settings, "no hunter2", 4), "no ");
        assert_eq!(cut(settings, "hunter2", 4), "hunter2");
        assert_eq!(cut(settings, "hunter2", 3), "");
        assert_eq!(cut(r#"{"send":"AUTH hunter2\r\n"}"#, text, 8), "it is hunter2");
    }

    #[test]
    fn what_json_writes_otherwise_is_not_cut() {
        assert_eq!(cut(r#"{"password":"a\"b"}"#, "1234a\"b6789", 5), "1234a\"b");
        assert_eq!(cut(r#"{"password":"ä\nö"}"#, "1234ä\nö6789", 5), "1234ä\nö");
    }

    #[test]
    fn no_secret_is_left_in_part_wherever_a_text_is_cut() {
        let text = "x=hunter2hunter2 hunter2; hunterhunter2 and 2hunter2";
        for most in 0..text.len() {
            let left = cut(r#"["hunter2"]"#, text, most).replace("hunter2", "");
            let whole = text.replace("hunter2", "");
            assert!(whole.starts_with(&left), "{most}: {left}");
        }
    }
}
