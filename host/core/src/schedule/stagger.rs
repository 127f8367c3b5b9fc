//! Where in its interval a check has its place.

/// Where the 64-bit hash FNV-1a of Fowler, Noll and Vo begins (IETF draft-eastlake-fnv, section 5).
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// Its prime, from the same place.
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// The factors of the 64-bit finaliser of Appleby's MurmurHash3 (`fmix64`).
const MIX: [u64; 2] = [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53];
/// How far that finaliser shifts.
const MIX_SHIFT: u32 = 33;

/// A place in `0..interval`, the same for the same `name` at all times and on all machines, and spread evenly over the
/// interval for many names. `interval` may be in any unit.
///
/// The hash is part of the contract: another one would move every check of every runner at its next update. That is why
/// it is written out here, and not the standard library's, which may change.
pub(super) fn place(name: &str, interval: u64) -> u64 {
    let hash = name.bytes().fold(FNV_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    // FNV leaves the high bits of names that differ in their last letter alike; the finaliser makes each depend on all.
    let mixed = MIX.iter().fold(hash, |hash, factor| (hash ^ (hash >> MIX_SHIFT)).wrapping_mul(*factor));
    let even = mixed ^ (mixed >> MIX_SHIFT);
    // The hash as a share of 2^64, of the interval: the product's upper half, which is less than the interval.
    let product = u128::from(even) * u128::from(interval);
    u64::try_from(product >> u64::BITS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_name_is_forever() {
        // Worked out apart from this implementation.
        for (name, expected) in [("", 936_769), ("a", 510_294), ("primary-db", 705_147), ("check-1", 704_250)] {
            assert_eq!(place(name, 1_000_000), expected, "{name}");
        }
    }

    /// Ten thousand places in a hundred slots should be a hundred to a slot, give or take: chi-squared with 99 degrees
    /// of freedom exceeds 149 once in a thousand tries of a fair die.
    #[test]
    fn numbered_names_spread_evenly() {
        for prefix in ["check-", "db.", ""] {
            let mut slots = [0_u32; 100];
            for number in 0..10_000 {
                let slot = place(&format!("{prefix}{number}"), 100);
                slots[usize::try_from(slot).unwrap_or(usize::MAX)] += 1;
            }
            let chi_squared: f64 = slots.iter().map(|&n| (f64::from(n) - 100.0).powi(2) / 100.0).sum();
            assert!(chi_squared < 149.0, "{prefix}: {chi_squared}");
        }
    }
}
