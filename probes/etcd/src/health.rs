//! What a member tells of itself and of its cluster, and what it comes to.

use probity_guest::{Attempt, Failure, Findings, adapter::Examination, settings::Share};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    answer::{Alarms, Count, Status},
    client::{Client, STATUS},
    settings::Settings,
};

/// Bytes that a database may have unless etcd was told otherwise (`DefaultQuotaBytes`).
const USUAL_QUOTA: u64 = 2 * 1024 * 1024 * 1024;

/// What there is to tell: with users, later versions tell it to `root` alone, and then it is left out unless it is to be judged.
pub(crate) fn examine(client: &mut Client, attempt: &mut Attempt) -> Result<Examination, Failure> {
    let status: Option<Status> = told(client, STATUS, "status", attempt)?;
    let alarms: Option<Alarms> = told(client, "maintenance/alarm", "alarm", attempt)?;
    let mut findings = Findings::default();
    alarms.iter().for_each(|alarms| alarms.judge(&mut findings, |said| client.word(said)));
    let Some(status) = status else { return Ok(Examination::of(findings)) };
    status.judge(client.settings(), &mut findings);
    Ok(Examination::of(findings)
        .detail("version", client.word(&status.version))
        .detail("role", status.role())
        .detail("leader", format!("{:x}", status.leader))
        .measurement("raft-lag", "1", status.lag() as f64)
        .measurement("db-size", "By", status.db_size.0 as f64)
        .measurement("db-share", "1", status.db_share(client.settings()).0))
}

/// The answer of a method, as the phase `name`; `None` if it may be lacking, and the user may not have it.
fn told<T: DeserializeOwned>(
    client: &mut Client,
    method: &str,
    name: &'static str,
    attempt: &mut Attempt,
) -> Result<Option<T>, Failure> {
    match attempt.phase(name, |deadline| client.ask(method, &json!({}), deadline))? {
        Ok(answer) => Ok(Some(answer)),
        Err(complaint) if complaint.is_of_permission() && !client.settings().have_limits() => Ok(None),
        Err(complaint) => Err(client.refusal(method, &complaint)),
    }
}

impl Alarms {
    /// `show` makes etcd's words fit to be shown.
    fn judge(&self, findings: &mut Findings, show: impl Fn(&str) -> String) {
        for alarm in &self.alarms {
            let what = show(&alarm.alarm);
            findings.unhealthy(format!("member {:x} has raised the alarm {what}", alarm.member));
        }
    }
}

impl Status {
    fn judge(&self, settings: &Settings, findings: &mut Findings) {
        if self.leader == Count(0) {
            findings.unhealthy("it has no leader");
        }
        let lag = self.lag();
        let text = |limit| format!("{lag} entries of the log are yet to be applied: {limit} or more");
        hold_to(lag, settings.lag_warn, settings.lag_critical, text, findings);
        let share = self.db_share(settings);
        let text = |limit| format!("its database has {share} of its quota: {limit} or more");
        hold_to(share, settings.db_warn, settings.db_critical, text, findings);
    }

    fn lag(&self) -> u64 {
        self.raft_index.0.saturating_sub(self.raft_applied_index.0)
    }

    fn db_share(&self, settings: &Settings) -> Share {
        let told = Some(self.db_size_quota.0).filter(|quota| *quota > 0);
        let quota = settings.quota.or(told).unwrap_or(USUAL_QUOTA);
        Share(self.db_size.0 as f64 / quota as f64)
    }

    fn role(&self) -> &'static str {
        match self.leader == self.header.member_id {
            true => "leader",
            false if self.is_learner => "learner",
            false => "follower",
        }
    }
}

/// Holds a figure to the limits at which it is too much.
fn hold_to<T: PartialOrd + Copy>(
    figure: T,
    warn: Option<T>,
    critical: Option<T>,
    text: impl Fn(T) -> String,
    findings: &mut Findings,
) {
    let beyond = |limit: Option<T>| limit.filter(|limit| figure >= *limit);
    match (beyond(critical), beyond(warn)) {
        (Some(limit), _) => findings.unhealthy(text(limit)),
        (None, Some(limit)) => findings.degraded(text(limit)),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::{Finding, Status as Gravity, settings::parse};

    use super::*;

    fn status(more: &str) -> Status {
        serde_json::from_str(&format!(r#"{{ "header": {{ "member_id": "7" }}, {more} }}"#)).unwrap()
    }

    /// All that is found, the gravest marked.
    fn marked(findings: Findings) -> Vec<String> {
        let findings: Vec<Finding> = findings.into();
        let mark = |status| if status == Gravity::Unhealthy { "! " } else { "" };
        findings.into_iter().map(|Finding { status, text }| [mark(status), &text].concat()).collect()
    }

    fn judge(more: &str, settings: &str) -> Vec<String> {
        let settings = parse(&format!(r#"{{ "url": "http://a"{settings} }}"#)).unwrap();
        let mut findings = Findings::default();
        status(more).judge(&settings, &mut findings);
        marked(findings)
    }

    #[test]
    fn a_member_is_held_to_the_limits() {
        let well = r#""leader": "7", "raftIndex": "30", "raftAppliedIndex": "20", "dbSize": "1073741824""#;
        let quota = r#", "dbSizeQuota": "4294967296""#;
        let with_quota = [well, quota].concat();
        assert_eq!(judge(well, ""), [""; 0]);
        assert_eq!(judge(r#""raftIndex": "30", "raftAppliedIndex": "31""#, ""), ["! it has no leader"]);
        assert_eq!(judge(well, r#", "lag_warn": 11, "db_warn": 0.51"#), [""; 0]);
        let lag = "10 entries of the log are yet to be applied: 10 or more";
        assert_eq!(judge(well, r#", "lag_warn": 10, "lag_critical": 11"#), [lag]);
        assert_eq!(judge(well, r#", "lag_warn": 1, "lag_critical": 10"#), [format!("! {lag}")]);
        assert_eq!(judge(well, r#", "db_warn": 0.5"#), ["its database has 50% of its quota: 50% or more"]);
        assert_eq!(
            judge(&with_quota, r#", "db_critical": 0.25"#),
            ["! its database has 25% of its quota: 25% or more"]
        );
        assert_eq!(
            judge(&with_quota, r#", "quota": 1073741824, "db_critical": 0.5"#),
            ["! its database has 100% of its quota: 50% or more"]
        );
    }

    #[test]
    fn a_member_has_a_role() {
        assert_eq!(status(r#""leader": "7""#).role(), "leader");
        assert_eq!(status(r#""leader": "8""#).role(), "follower");
        assert_eq!(status(r#""leader": "8", "isLearner": true"#).role(), "learner");
    }

    #[test]
    fn alarms_are_told() {
        let mut findings = Findings::default();
        let alarms: Alarms = serde_json::from_str(r#"{"alarms":[{"memberID":"31","alarm":"NOSPACE"}]}"#).unwrap();
        alarms.judge(&mut findings, str::to_owned);
        assert_eq!(marked(findings), ["! member 1f has raised the alarm NOSPACE"]);
    }
}
