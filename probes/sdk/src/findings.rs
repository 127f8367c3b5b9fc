//! From all that is wrong with a target to one verdict.

use std::time::Duration;

use crate::{Attempt, Finding, Status, Verdict, settings::Span};

/// What speaks against a target that has answered. The gravest decides.
#[derive(Debug, Default, PartialEq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one that makes the target unhealthy; the text is a clause, such as `the lag is 7 s, more than 5 s`.
    pub fn unhealthy(&mut self, text: impl Into<String>) {
        self.0.push(Finding { status: Status::Unhealthy, text: text.into() });
    }

    /// Adds one that makes it degraded.
    pub fn degraded(&mut self, text: impl Into<String>) {
        self.0.push(Finding { status: Status::Degraded, text: text.into() });
    }

    /// Adds that the target took longer than `limit`, if it did.
    pub fn slow(&mut self, took: Duration, limit: Span) {
        if took > limit.0 {
            self.degraded(format!("it took {}: more than {limit}", Span(took)));
        }
    }

    /// Adds what an adapter found.
    pub fn extend(&mut self, findings: Vec<Finding>) {
        self.0.extend(findings);
    }

    /// Whether anything speaks against the target.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they come to. `target` names it; `praise` says in a few words what it does if there is nothing against it. One
    /// that has taken longer than `limit` by now is degraded as well.
    pub fn verdict(mut self, attempt: &Attempt, limit: Option<Span>, target: &str, praise: &str) -> Verdict {
        if let Some(limit) = limit.filter(|_| !self.is_empty()) {
            self.slow(attempt.elapsed(), limit);
        }
        match self.told() {
            Some((status, text)) => Verdict::new(status, format!("{target}: {text}")),
            None => attempt.healthy_within(limit, format!("{target} {praise}")),
        }
    }

    /// The gravest status, and the clauses, those of that status first; `None` if there is nothing against the target.
    pub fn told(self) -> Option<(Status, String)> {
        let grave = |finding: &Finding| finding.status == Status::Unhealthy;
        let (mut first, rest): (Vec<_>, Vec<_>) = self.0.into_iter().partition(grave);
        let status = if first.is_empty() { Status::Degraded } else { Status::Unhealthy };
        first.extend(rest);
        let clauses: Vec<String> = first.into_iter().map(|finding| finding.text).collect();
        (!clauses.is_empty()).then(|| (status, clauses.join("; ")))
    }
}

impl From<Findings> for Vec<Finding> {
    fn from(findings: Findings) -> Self {
        findings.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_comes_first_and_decides() {
        let mut findings = Findings::default();
        findings.degraded("it limps");
        assert_eq!(findings.told(), Some((Status::Degraded, "it limps".to_owned())));

        let mut findings = Findings::default();
        findings.degraded("it limps");
        findings.unhealthy("it lies");
        findings.degraded("it grunts");
        assert_eq!(findings.told(), Some((Status::Unhealthy, "it lies; it limps; it grunts".to_owned())));
        assert_eq!(Findings::default().told(), None);
    }
}
