//! How figures of many runs are spread.

use std::iter::FromIterator;

/// Figures in their order.
pub(super) struct Spread<T>(Vec<T>);

impl<T: Ord> FromIterator<T> for Spread<T> {
    fn from_iter<I: IntoIterator<Item = T>>(figures: I) -> Spread<T> {
        let mut figures: Vec<T> = figures.into_iter().collect();
        figures.sort_unstable();
        Spread(figures)
    }
}

impl<T: Copy + Default> Spread<T> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What half of them do not go beyond; the default if there are none, as of all others.
    pub(super) fn p50(&self) -> T {
        self.percentile(50)
    }

    /// What all but a hundredth of them do not go beyond.
    pub(super) fn p99(&self) -> T {
        self.percentile(99)
    }

    /// The largest one.
    pub(super) fn most(&self) -> T {
        self.percentile(100)
    }

    /// By the nearest rank: a figure that there is, and not one between two.
    fn percentile(&self, percent: usize) -> T {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_figure_that_there_is() {
        let spread: Spread<u32> = (1..=200).rev().collect();
        assert_eq!((spread.p50(), spread.p99(), spread.most(), spread.len()), (100, 198, 200, 200));
        let spread: Spread<u32> = [7].into_iter().collect();
        assert_eq!((spread.p50(), spread.p99(), spread.most()), (7, 7, 7));
        let spread: Spread<u32> = [].into_iter().collect();
        assert_eq!((spread.p50(), spread.most()), (0, 0));
    }
}
