//! Limits that a figure is held to: one that makes the target degraded, and one that makes it unhealthy. A figure that equals a
//! limit has reached it.

use std::fmt::Display;

use crate::{
    Findings, SettingProblem, Status,
    settings::{Share, Size},
};

/// The limits of one figure; none by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits<T> {
    /// Whoever reaches this is degraded.
    pub degraded: Option<T>,
    /// Whoever reaches this is unhealthy.
    pub unhealthy: Option<T>,
}

impl<T: Copy + PartialOrd + Display> Limits<T> {
    /// Holds a figure to them of which too much is bad. `told` is a clause about it: `the processors are 97% busy`.
    pub fn hold_down(&self, figure: T, told: &str, findings: &mut Findings) {
        if let Some((status, limit)) = self.reached(|limit| figure >= limit) {
            add(findings, status, format!("{told}: {limit} or more"));
        }
    }

    /// Holds a figure to them of which too little is bad.
    pub fn hold_up(&self, figure: T, told: &str, findings: &mut Findings) {
        if let Some((status, limit)) = self.reached(|limit| figure <= limit) {
            add(findings, status, format!("{told}: {limit} or less"));
        }
    }

    /// What is wrong with the settings `degraded_{name}` and `unhealthy_{name}`, if too much is bad: the one hides the other.
    pub fn problem_down(&self, name: &str) -> Option<SettingProblem> {
        self.problem(name, |milder, graver| milder > graver, "more", "less")
    }

    /// The same if too little is bad.
    pub fn problem_up(&self, name: &str) -> Option<SettingProblem> {
        self.problem(name, |milder, graver| milder < graver, "less", "more")
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.degraded.is_none() && self.unhealthy.is_none()
    }

    fn reached(&self, is_reached: impl Fn(T) -> bool) -> Option<(Status, T)> {
        let reached = |limit: Option<T>, status| limit.filter(|limit| is_reached(*limit)).map(|limit| (status, limit));
        reached(self.unhealthy, Status::Unhealthy).or_else(|| reached(self.degraded, Status::Degraded))
    }

    fn problem(
        &self,
        name: &str,
        is_hidden: impl Fn(T, T) -> bool,
        seen: &str,
        better: &str,
    ) -> Option<SettingProblem> {
        let hidden = self.degraded.zip(self.unhealthy).is_some_and(|(milder, graver)| is_hidden(milder, graver));
        hidden.then(|| {
            let message = format!("{seen} than `unhealthy_{name}`, which decides before it; give {better}");
            SettingProblem::new(format!("/degraded_{name}"), message)
        })
    }
}

impl<T> Default for Limits<T> {
    fn default() -> Self {
        Self { degraded: None, unhealthy: None }
    }
}

/// Limits on what is left of something that runs out: as a share of the whole, in bytes, or both, of which either decides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Room {
    /// The share.
    pub share: Limits<Share>,
    /// The bytes.
    pub bytes: Limits<Size>,
}

/// Where nothing else is said, less than a tenth is little.
const LITTLE: Share = Share(0.1);
/// And half of that is too little.
const TOO_LITTLE: Share = Share(0.05);

impl Room {
    /// These limits, or the usual ones if there are none: a tenth, and a twentieth.
    #[must_use]
    pub fn or_usual(self) -> Self {
        if !self.share.is_none() || !self.bytes.is_none() {
            return self;
        }
        Self { share: Limits { degraded: Some(LITTLE), unhealthy: Some(TOO_LITTLE) }, ..self }
    }

    /// What is wrong with the settings `degraded_available`, `unhealthy_available`, `degraded_available_bytes` and
    /// `unhealthy_available_bytes`.
    pub fn problems(&self) -> Vec<SettingProblem> {
        [self.share.problem_up("available"), self.bytes.problem_up("available_bytes")].into_iter().flatten().collect()
    }

    /// Holds what is available of `total` bytes to them. `who` has it, such as `/var`.
    pub fn hold(&self, available: u64, total: u64, who: &str, findings: &mut Findings) {
        let share = share(available, total);
        let told = format!("{who} has {} of {} available, {share}", Size(available), Size(total));
        // One of the two says it all, and the graver one says it.
        let by_share = self.share.reached(|limit| share <= limit).map(|(status, limit)| (status, limit.to_string()));
        let by_bytes =
            self.bytes.reached(|limit| Size(available) <= limit).map(|(status, limit)| (status, limit.to_string()));
        let graver = |(status, _): &(Status, String)| *status == Status::Unhealthy;
        let decides = by_share.clone().filter(graver).or(by_bytes.clone().filter(graver)).or(by_share).or(by_bytes);
        if let Some((status, limit)) = decides {
            add(findings, status, format!("{told}: {limit} or less"));
        }
    }
}

/// The share that a part is of the whole; of nothing, all is there.
pub fn share(part: u64, whole: u64) -> Share {
    Share(if whole == 0 { 1.0 } else { part as f64 / whole as f64 })
}

fn add(findings: &mut Findings, status: Status, text: String) {
    match status {
        Status::Unhealthy => findings.unhealthy(text),
        _ => findings.degraded(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(status: Option<Status>, text: &str) -> Findings {
        let mut findings = Findings::default();
        if let Some(status) = status {
            add(&mut findings, status, text.to_owned());
        }
        findings
    }

    #[test]
    fn a_limit_is_reached_by_what_equals_it() {
        let high = Limits { degraded: Some(Share(0.8)), unhealthy: Some(Share(0.9)) };
        let low = Limits { degraded: Some(Share(0.2)), unhealthy: Some(Share(0.1)) };
        for (figure, status, text) in [
            (0.79, None, ""),
            (0.8, Some(Status::Degraded), "it is full: 80% or more"),
            (0.9, Some(Status::Unhealthy), "it is full: 90% or more"),
            (1.0, Some(Status::Unhealthy), "it is full: 90% or more"),
        ] {
            let mut findings = Findings::default();
            high.hold_down(Share(figure), "it is full", &mut findings);
            assert_eq!(findings, found(status, text), "{figure}");
        }
        for (figure, status, text) in [
            (0.21, None, ""),
            (0.2, Some(Status::Degraded), "it is empty: 20% or less"),
            (0.0, Some(Status::Unhealthy), "it is empty: 10% or less"),
        ] {
            let mut findings = Findings::default();
            low.hold_up(Share(figure), "it is empty", &mut findings);
            assert_eq!(findings, found(status, text), "{figure}");
        }
        let mut findings = Findings::default();
        Limits::default().hold_down(Share(1.0), "it is full", &mut findings);
        assert_eq!(findings, Findings::default());
    }

    #[test]
    fn limits_that_never_decide_are_found() {
        let limits = Limits { degraded: Some(Share(0.8)), unhealthy: Some(Share(0.9)) };
        assert_eq!(limits.problem_down("busy"), None);
        let problem = limits.problem_up("available").unwrap();
        assert_eq!(problem.pointer, "/degraded_available");
        assert_eq!(problem.message, "less than `unhealthy_available`, which decides before it; give more");
        let equal = Limits { degraded: Some(Share(0.8)), unhealthy: Some(Share(0.8)) };
        assert_eq!((equal.problem_down("busy"), equal.problem_up("busy")), (None, None));
    }

    #[test]
    fn room_is_held_to_either_limit() {
        let room = Room {
            share: Limits { degraded: Some(Share(0.2)), unhealthy: None },
            bytes: Limits { degraded: Some(Size(300)), unhealthy: Some(Size(100)) },
        };
        for (available, total, status, text) in [
            (301, 1000, None, ""),
            (300, 1000, Some(Status::Degraded), "/ has 300 B of 1000 B available, 30%: 300 B or less"),
            (200, 1000, Some(Status::Degraded), "/ has 200 B of 1000 B available, 20%: 20% or less"),
            (100, 1000, Some(Status::Unhealthy), "/ has 100 B of 1000 B available, 10%: 100 B or less"),
            (500, 4000, Some(Status::Degraded), "/ has 500 B of 3.9 KiB available, 13%: 20% or less"),
            (0, 0, Some(Status::Unhealthy), "/ has 0 B of 0 B available, 100%: 100 B or less"),
        ] {
            let mut findings = Findings::default();
            room.hold(available, total, "/", &mut findings);
            assert_eq!(findings, found(status, text), "{available} of {total}");
        }
    }

    #[test]
    fn the_usual_limits_give_way_to_any_other() {
        let usual = Room::default().or_usual();
        assert_eq!(usual.share, Limits { degraded: Some(Share(0.1)), unhealthy: Some(Share(0.05)) });
        let own = Room { bytes: Limits { degraded: None, unhealthy: Some(Size(1)) }, ..Room::default() };
        assert_eq!(own.or_usual(), own);
    }
}
