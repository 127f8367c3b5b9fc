//! How many of them: a number, or a share.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// How many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quorum {
    /// So many, at least 1.
    Number(u32),
    /// So many in a hundred, from 1 to 100.
    Percent(u8),
}

impl Quorum {
    /// How many it takes of `all`, of which so many are `left_out`: a number is of all, and is not to be had of fewer; but what
    /// was left out is not wanted either.
    pub(crate) fn of(self, all: usize, left_out: usize) -> usize {
        let counted = all.saturating_sub(left_out);
        match self {
            Self::Number(number) => {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                if number > all { number } else { number.min(counted) }
            }
            Self::Percent(percent) => (counted * usize::from(percent)).div_ceil(100),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('%')?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let percent = digits.parse().ok().filter(|_| is_number)?;
        (1..=100).contains(&percent).then_some(Self::Percent(percent))
    }
}

impl<'de> Deserialize<'de> for Quorum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuorumVisitor;

        impl Visitor<'_> for QuorumVisitor {
            type Value = Quorum;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 1 on, or a share from \"1%\" to \"100%\"")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Quorum, E> {
                match u32::try_from(number) {
                    Ok(number @ 1..) => Ok(Quorum::Number(number)),
                    _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
                }
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Quorum, E> {
                Quorum::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(QuorumVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_a_number_or_a_share() {
        let read = |json: &str| probity_guest::settings::parse::<Quorum>(json).map_err(|problem| problem.message);
        assert_eq!(read("2"), Ok(Quorum::Number(2)));
        assert_eq!(read("\"60%\""), Ok(Quorum::Percent(60)));
        for json in ["0", "-1", "1.5", "0.6", "\"0%\"", "\"101%\"", "\"60\"", "\"+6%\"", "\"%\"", "null", "4294967296"]
        {
            let error = read(json).unwrap_err();
            assert!(error.ends_with("a number from 1 on, or a share from \"1%\" to \"100%\""), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_left_out_is_not_wanted_and_what_is_missing_is() {
        let (two, most) = (Quorum::Number(2), Quorum::Percent(60));
        assert_eq!((two.of(3, 0), two.of(3, 1), two.of(3, 2), two.of(3, 3)), (2, 2, 1, 0));
        assert_eq!(two.of(1, 0), 2, "there are too few of them");
        assert_eq!((most.of(3, 0), most.of(5, 0), most.of(5, 4), most.of(0, 0)), (2, 3, 1, 0));
        assert_eq!(Quorum::Percent(100).of(3, 0), 3);
        assert_eq!(Quorum::Percent(1).of(3, 0), 1);
    }
}
