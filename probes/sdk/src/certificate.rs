//! What the runner saw of a server's certificate, put to use.

use std::time::Duration;

use crate::{
    Verdict,
    bindings::probity::probe::tls::{Certificate, Handshake, Refusal, Verification, latest},
    clock,
};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The latest handshake that was done for this probe, whatever came of it.
pub fn latest_handshake() -> Option<Handshake> {
    latest().into_iter().next()
}

/// Says in a verdict how long the server's certificate is valid, as far as one was shown in the latest handshake.
pub fn described(verdict: Verdict) -> Verdict {
    match latest_handshake().as_ref().and_then(|handshake| handshake.chain.first()) {
        Some(own) => verdict.detail("certificate-not-after", date(own.not_after)).measurement(
            "certificate-days-left",
            "d",
            own.days_left(),
        ),
        None => verdict,
    }
}

impl Handshake {
    /// Why the server's certificate was refused, if that is why there is no connection.
    pub fn refused(&self) -> Option<&Refusal> {
        match &self.verification {
            Verification::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl Certificate {
    /// For how many days it is valid from now on; less than zero once it has expired.
    pub fn days_left(&self) -> f64 {
        days_between(clock::since_epoch(), self.not_after)
    }
}

fn days_between(now: Duration, not_after: i64) -> f64 {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    // Whole seconds of a few thousand years fit a float.
    not_after.saturating_sub(now) as f64 / DAY as f64
}

/// The day of a moment, given in seconds since 1970-01-01T00:00:00Z, as `2026-01-02`.
///
/// It counts by cycles of 400 years, each of 146,097 days, that begin on a first of March: so a leap day is the last of its year.
pub fn date(seconds: i64) -> String {
    const CYCLE: i64 = 146_097;
    /// Days from 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    let days = seconds.div_euclid(DAY) + EPOCH;
    let (cycle, day) = (days.div_euclid(CYCLE), days.rem_euclid(CYCLE));
    let year = (day - day / 1_460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", cycle * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_767_312_000, "2026-01-02"),
            (1_772_323_199, "2026-02-28"),
            (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(date(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn days_are_counted_both_ways() {
        assert_eq!(days_between(Duration::from_secs(86_400), 3 * DAY), 2.0);
        assert_eq!(days_between(Duration::from_secs(86_400), DAY / 2), -0.5);
        assert!(days_between(Duration::MAX, 0) < 0.0);
    }
}
