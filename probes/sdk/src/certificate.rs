//! What the runner saw of a server's certificate, put to use.

use std::time::Duration;

use crate::{
    SettingProblem, Status, Verdict,
    bindings::probity::probe::tls::{Certificate, Handshake, Refusal, Verification, latest},
    clock::{self, DAY},
};

pub use crate::clock::date;

/// Days that can be asked for: ten years are more than any authority gives.
const MOST_DAYS: u32 = 3_650;

/// The latest handshake that was done for this probe, whatever came of it.
pub fn latest_handshake() -> Option<Handshake> {
    latest().into_iter().next()
}

/// Says in a verdict how long the server's certificate is valid, as far as one was shown in the latest handshake.
pub fn described(verdict: Verdict) -> Verdict {
    match Shown::latest() {
        Some(shown) => shown.described(verdict),
        None => verdict,
    }
}

/// A certificate that a server showed for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The name that it had to prove.
    pub server: String,
    /// Until when it is valid, in seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
    /// For how many days that is from now on; less than zero once it has expired.
    pub days_left: f64,
}

impl Shown {
    /// The one of the latest handshake.
    pub fn latest() -> Option<Self> {
        latest_handshake().as_ref().and_then(Self::of)
    }

    /// The one of a handshake.
    pub fn of(handshake: &Handshake) -> Option<Self> {
        let own = handshake.chain.first()?;
        Some(Self { server: handshake.server_name.clone(), not_after: own.not_after, days_left: own.days_left() })
    }

    /// Says in a verdict how long it is valid.
    pub fn described(&self, verdict: Verdict) -> Verdict {
        let verdict = verdict.detail("certificate-not-after", date(self.not_after));
        verdict.measurement("certificate-days-left", "d", self.days_left)
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

/// For how many days a certificate should still be valid, as the settings `warn_days` and `critical_days` say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// A server whose certificate is valid for fewer days is degraded.
    pub warn_days: Option<u32>,
    /// A server whose certificate is valid for fewer days is unhealthy.
    pub critical_days: Option<u32>,
}

impl Lifetime {
    /// What is wrong with the two as settings.
    pub fn problems(self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        for (pointer, days) in [("/warn_days", self.warn_days), ("/critical_days", self.critical_days)] {
            if let Some(days) = days.filter(|days| *days > MOST_DAYS) {
                problems.push(SettingProblem::new(pointer, format!("{days} days; it may be {MOST_DAYS} at most")));
            }
        }
        if let (Some(warn), Some(critical)) = (self.warn_days, self.critical_days)
            && critical > warn
        {
            let message = format!("{critical} days are more than warn_days, {warn}");
            problems.push(SettingProblem::new("/critical_days", message));
        }
        problems
    }

    /// Holds a server's certificate to it: a status, and a line that says why.
    pub fn judge(self, shown: &Shown) -> (Status, String) {
        let Shown { server: name, days_left, .. } = shown;
        let (until, days_left) = (date(shown.not_after), *days_left);
        if days_left < 0.0 {
            return (Status::Unhealthy, format!("the certificate of {name} expired on {until}"));
        }
        // Whole days suffice, and floats are dear to print.
        let days = match days_left as i64 {
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        let undercut = |limit: Option<u32>| limit.filter(|limit| days_left < f64::from(*limit));
        let (status, key, limit) = match (undercut(self.critical_days), undercut(self.warn_days)) {
            (Some(limit), _) => (Status::Unhealthy, "critical_days", limit),
            (None, Some(limit)) => (Status::Degraded, "warn_days", limit),
            (None, None) => {
                return (Status::Healthy, format!("the certificate of {name} is good for {days}, until {until}"));
            }
        };
        (status, format!("the certificate of {name} expires in {days}, on {until}: {key} is {limit}"))
    }
}

fn days_between(now: Duration, not_after: i64) -> f64 {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    // Whole seconds of a few thousand years fit a float.
    not_after.saturating_sub(now) as f64 / DAY as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_decide() {
        let both = Lifetime { warn_days: Some(21), critical_days: Some(7) };
        let late = Lifetime { critical_days: Some(2), ..Lifetime::default() };
        for (lifetime, days_left, status, told) in [
            (both, 21.0, Status::Healthy, "is good for 21 days, until 2026-01-02"),
            (both, 20.9, Status::Degraded, "expires in 20 days, on 2026-01-02: warn_days is 21"),
            (both, 7.0, Status::Degraded, "expires in 7 days, on 2026-01-02: warn_days is 21"),
            (both, 6.9, Status::Unhealthy, "expires in 6 days, on 2026-01-02: critical_days is 7"),
            (both, -0.1, Status::Unhealthy, "expired on 2026-01-02"),
            (late, 2.5, Status::Healthy, "is good for 2 days, until 2026-01-02"),
            (late, 1.9, Status::Unhealthy, "expires in 1 day, on 2026-01-02: critical_days is 2"),
            (Lifetime::default(), 0.5, Status::Healthy, "is good for 0 days, until 2026-01-02"),
        ] {
            let shown = Shown { server: "a.test".to_owned(), not_after: 1_767_312_000, days_left };
            assert_eq!(
                lifetime.judge(&shown),
                (status, format!("the certificate of a.test {told}")),
                "{lifetime:?} {days_left}"
            );
        }
    }

    #[test]
    fn days_must_make_sense() {
        let pointers = |warn_days, critical_days| {
            let problems = Lifetime { warn_days, critical_days }.problems();
            problems.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(None, None), [""; 0]);
        assert_eq!(pointers(Some(3_650), Some(3_650)), [""; 0]);
        assert_eq!(pointers(Some(3_651), None), ["/warn_days"]);
        assert_eq!(pointers(Some(6), Some(7)), ["/critical_days"]);
        assert_eq!(pointers(None, Some(7)), [""; 0]);
    }

    #[test]
    fn days_are_counted_both_ways() {
        assert_eq!(days_between(Duration::from_secs(86_400), 3 * DAY), 2.0);
        assert_eq!(days_between(Duration::from_secs(86_400), DAY / 2), -0.5);
        assert!(days_between(Duration::MAX, 0) < 0.0);
    }
}
