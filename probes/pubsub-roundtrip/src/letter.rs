//! What is sent: texts that nobody else sends, and that are known again when they were damaged on the way.

/// Bytes of the shortest: two blocks, so that what is damaged in one is known by the other.
pub(crate) const LEAST: usize = 2 * BLOCK;
/// Digits of the mark that all texts of a run have and no other run's, and of the part that each block has for itself.
const HALF: usize = 8;
/// Bytes of a block: the mark, and digits of its own.
const BLOCK: usize = 2 * HALF;
/// Blocks of a damaged text by which its origin is looked for: each may be damaged, and looking costs fuel.
const MOST_BLOCKS: usize = 16;

/// So many texts of so many bytes, at least [`LEAST`]. They are of hexadecimal digits, in blocks of a mark, which depends on the
/// nonce, and of digits as unlike those of other blocks as chance makes them.
pub(crate) fn letters(nonce: u64, count: usize, bytes: usize) -> Vec<Vec<u8>> {
    let mut state = nonce;
    let mut digits = || hexadecimal((next(&mut state) >> 32) as u32);
    let mark = digits();
    let mut letter = || {
        let mut letter = vec![0; bytes.max(LEAST)];
        let (halves, rest) = letter.as_chunks_mut();
        for (index, half) in halves.iter_mut().enumerate() {
            *half = if index.is_multiple_of(2) { mark } else { digits() };
        }
        rest.copy_from_slice(&digits()[..rest.len()]);
        letter
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

/// The eight digits of a number. All are made at once, each in a byte of its own: formatting takes thirty times the fuel, and there
/// may be megabytes of them.
fn hexadecimal(number: u32) -> [u8; HALF] {
    let spread = u64::from(number);
    let spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // One in each byte from 10 on.
    let letters = ((spread + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    let to_letters = u64::from(b'a' - b'9' - 1);
    (spread + letters * to_letters + 0x3030_3030_3030_3030).to_be_bytes()
}

/// Of which of these letters this is what became on the way; `None` if of none. Where each block of it is damaged, one of the
/// letters is as good as another.
pub(crate) fn origin<'a>(seen: &[u8], letters: &'a [Vec<u8>]) -> Option<&'a [u8]> {
    let mark: &[u8; HALF] = letters.first()?.first_chunk()?;
    let marked = seen.windows(HALF).enumerate().filter(|(_, window)| window.first_chunk() == Some(mark));
    let mut blocks = marked.map(|(at, _)| &seen[at..seen.len().min(at + BLOCK)]).take(MOST_BLOCKS).peekable();
    blocks.peek()?;
    let has = |letter: &Vec<u8>, block: &[u8]| letter.chunks(BLOCK).any(|own| own == block);
    let origin = blocks.find_map(|block| letters.iter().find(|letter| has(letter, block)));
    origin.or(letters.first()).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let (ours, theirs) = (letters(1, 3, 100), letters(2, 3, 100));
        for (index, letter) in ours.iter().enumerate() {
            assert_eq!(letter.len(), 100);
            assert!(letter.iter().all(u8::is_ascii_hexdigit));
            assert!(!ours[index + 1..].contains(letter));
            assert_eq!(origin(letter, &ours), Some(letter.as_slice()));
            assert_eq!(origin(letter, &theirs), None);
        }
        assert_eq!(letters(1, 1, 0)[0].len(), LEAST);
        assert_eq!(letters(7, 2, 64), letters(7, 2, 64));
    }

    #[test]
    fn digits_are_those_of_a_number() {
        for number in [0, 0x0123_4567, 0x89ab_cdef, 0x9a9a_a9a9, u32::MAX] {
            assert_eq!(hexadecimal(number), *format!("{number:08x}").as_bytes());
        }
    }

    #[test]
    fn what_was_damaged_is_known_again() {
        for bytes in [LEAST, 64] {
            let letters = letters(1, 3, bytes);
            let sent = &letters[1];
            for at in 0..bytes {
                let mut flipped = sent.clone();
                flipped[at] ^= 1;
                assert_eq!(origin(&flipped, &letters), Some(sent.as_slice()), "{at}");
            }
            let most = bytes * 2 / 3;
            for seen in
                [sent[..most].to_vec(), sent[bytes - most..].to_vec(), [b"more", &sent[..]].concat(), sent.repeat(2)]
            {
                assert_eq!(origin(&seen, &letters), Some(sent.as_slice()), "{}", String::from_utf8_lossy(&seen));
            }
            for seen in [b"".as_slice(), b"hello", &[0; 64], &sent[..4]] {
                assert_eq!(origin(seen, &letters), None, "{}", String::from_utf8_lossy(seen));
            }
        }
    }
}
