//! What is sent: texts that nobody else sends, and that are known again when they were damaged on the way.

/// Bytes of the shortest: what it takes to be unlike any other.
pub(crate) const LEAST: usize = 32;

/// So many texts of so many bytes, at least [`LEAST`]. They are of hexadecimal digits, and as unlike each other, and those of any
/// other nonce, as chance makes them.
pub(crate) fn letters(nonce: u64, count: usize, bytes: usize) -> Vec<Vec<u8>> {
    let mut state = nonce;
    let mut letter = || {
        let mut digits = Vec::with_capacity(bytes + 16);
        while digits.len() < bytes.max(LEAST) {
            digits.extend(format!("{:016x}", next(&mut state)).bytes());
        }
        digits.truncate(bytes.max(LEAST));
        digits
    };
    (0..count).map(|_| letter()).collect()
}

/// SplitMix64 (Steele, Lea and Flood, 2014): enough for texts that are to differ, and nobody is to be deceived.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Whether this is what became of a text: most of it is at its place, or it is a part of it, or it is within.
///
/// Two texts of hexadecimal digits that have nothing to do with each other agree in a sixteenth of their places.
pub(crate) fn resembles(seen: &[u8], sent: &[u8]) -> bool {
    let at_their_place = seen.iter().zip(sent).filter(|(seen, sent)| seen == sent).count();
    at_their_place * 2 > sent.len() || is_part(seen, sent) || is_part(sent, seen)
}

/// Whether a text of some length is within another.
fn is_part(part: &[u8], whole: &[u8]) -> bool {
    part.len() >= LEAST / 4 && part.len() <= whole.len() && whole.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let all = [letters(1, 3, 100), letters(2, 3, 100)].concat();
        for (index, letter) in all.iter().enumerate() {
            assert_eq!(letter.len(), 100);
            assert!(letter.iter().all(u8::is_ascii_hexdigit));
            for other in &all[index + 1..] {
                assert!(!resembles(letter, other));
            }
        }
        assert_eq!(letters(1, 1, 0)[0].len(), LEAST);
        assert_eq!(letters(7, 2, 64), letters(7, 2, 64));
    }

    #[test]
    fn what_was_damaged_is_known_again() {
        let sent = letters(1, 1, 64).remove(0);
        let mut flipped = sent.clone();
        flipped[10] ^= 1;
        for seen in [flipped, sent[..40].to_vec(), sent[20..].to_vec(), [&sent[..], b"more"].concat(), sent.repeat(2)] {
            assert!(resembles(&seen, &sent), "{}", String::from_utf8_lossy(&seen));
        }
        for seen in [b"".as_slice(), b"hello", &[0; 64], &sent[..4]] {
            assert!(!resembles(seen, &sent), "{}", String::from_utf8_lossy(seen));
        }
    }
}
