//! Bytes as hexadecimal digits.

/// The bytes that pairs of digits stand for, with any white space between them; `None` if they are something else.
pub(crate) fn read(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().filter(|character| !character.is_whitespace());
    let digits: Vec<u8> = digits.map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_digits_are_read() {
        assert_eq!(read("ff 00\n5A"), Some(vec![0xff, 0, 0x5a]));
        assert_eq!(read(""), Some(vec![]));
        assert_eq!((read("f"), read("0x00"), read("gg")), (None, None, None));
    }
}
