//! A server's account of itself, which `INFO` asks for, and what it comes to.

use probity_guest::{Attempt, Failure, Findings, adapter::Examination, settings::Share};

use crate::{
    session::Session,
    settings::{Role, Settings},
};

/// What there is to tell of a server: its account of itself, where the settings ask for something that is in it.
pub(crate) fn examine(
    session: &mut Session,
    settings: &Settings,
    attempt: &mut Attempt,
) -> Result<Examination, Failure> {
    let mut findings = Findings::default();
    if !settings.ask_for_info() {
        return Ok(Examination::of(findings).detail("address", session.peer()));
    }
    let info = attempt.phase("info", |deadline| session.info(deadline))?;
    let show = |said: &str| session.word(said);
    info.judge(settings, &mut findings, show);
    let mut told = Examination::of(findings).detail("address", session.peer());
    if let Some(version) = info.get("redis_version") {
        told = told.detail("version", show(version));
    }
    if let Some(role) = info.role() {
        told = told.detail("role", role.to_string());
    }
    if let Some(replicas) = info.number("connected_slaves") {
        told = told.detail("replicas", i64::try_from(replicas).unwrap_or(i64::MAX));
    }
    if let Some(used) = info.number("used_memory") {
        told = told.measurement("memory-used", "By", used as f64);
    }
    if let Some(share) = info.memory_share() {
        told = told.measurement("memory-share", "1", share.0);
    }
    Ok(told)
}

/// The account: lines of `name:value`, and others.
pub(crate) struct Info(String);

impl Info {
    pub(crate) fn new(text: &[u8]) -> Self {
        Self(String::from_utf8_lossy(text).into_owned())
    }

    /// The value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// `None` if there is none that is known; a sentinel has one of its own.
    pub(crate) fn role(&self) -> Option<Role> {
        match self.get("role")? {
            "master" => Some(Role::Master),
            "slave" => Some(Role::Replica),
            _ => None,
        }
    }

    /// The share of the memory that it allows itself; `None` if it has no limit.
    pub(crate) fn memory_share(&self) -> Option<Share> {
        let limit = self.number("maxmemory").filter(|limit| *limit > 0)?;
        Some(Share(self.number("used_memory")? as f64 / limit as f64))
    }

    /// What speaks against the server. `show` makes its words fit to be shown.
    fn judge(&self, settings: &Settings, findings: &mut Findings, show: impl Fn(&str) -> String) {
        match self.role() {
            Some(role) => self.judge_role(role, settings, findings, &show),
            None => {
                let told = self.get("role").map_or("nothing".to_owned(), |role| format!("\"{}\"", show(role)));
                findings.unhealthy(format!("it says {told} of its role, expected master or replica"));
            }
        }
        if let Some(share) = self.memory_share() {
            let beyond = |limit: Option<Share>| limit.filter(|limit| share >= *limit);
            let text = |limit| format!("it uses {share} of its maxmemory: {limit} or more");
            match (beyond(settings.memory_critical), beyond(settings.memory_warn)) {
                (Some(limit), _) => findings.unhealthy(text(limit)),
                (None, Some(limit)) => findings.degraded(text(limit)),
                (None, None) => {}
            }
        }
    }

    fn judge_role(&self, role: Role, settings: &Settings, findings: &mut Findings, show: &impl Fn(&str) -> String) {
        if let Some(expected) = settings.role.filter(|expected| *expected != role) {
            findings.unhealthy(format!("it is a {role}, expected a {expected}"));
        } else if role == Role::Replica && self.get("master_link_status") != Some("up") {
            let part = |name| show(self.get(name).unwrap_or("?"));
            let (host, port) = (part("master_host"), part("master_port"));
            let underway = self.get("master_sync_in_progress") == Some("1");
            let remark = if underway { ", which is synchronising it" } else { "" };
            findings.unhealthy(format!("it is a replica without a link to its master {host}:{port}{remark}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::{Finding, Status, settings::parse};

    use super::*;

    const MASTER: &str = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:850\r\nused_memory_rss:9000\r\n\
                          maxmemory:1000\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n";
    const REPLICA: &str = "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nmaster_link_status:up\r\n\
                           used_memory:850\r\nmaxmemory:0\r\n";

    #[test]
    fn values_are_found_by_their_whole_name() {
        let info = Info::new(MASTER.as_bytes());
        assert_eq!(info.get("redis_version"), Some("7.0.15"));
        assert_eq!(info.number("used_memory"), Some(850));
        assert_eq!(info.get("memory"), None);
        assert_eq!(info.number("redis_version"), None);
        assert_eq!(info.memory_share(), Some(Share(0.85)));
        assert_eq!(Info::new(REPLICA.as_bytes()).memory_share(), None);
        assert_eq!(Info::new(b"\xff:\xff").get("role"), None);
    }

    /// All that is found, the gravest marked.
    fn judge(info: &str, settings: &str) -> Vec<String> {
        let settings = parse(&format!(r#"{{ "host": "a", {settings} }}"#)).unwrap();
        let mut findings = Findings::default();
        Info::new(info.as_bytes()).judge(&settings, &mut findings, str::to_owned);
        let findings: Vec<Finding> = findings.into();
        let mark = |status| if status == Status::Unhealthy { "! " } else { "" };
        findings.into_iter().map(|Finding { status, text }| [mark(status), &text].concat()).collect()
    }

    #[test]
    fn a_finding_tells_what_was_seen_and_expected() {
        assert_eq!(judge(MASTER, r#""role": "master""#), [""; 0]);
        assert_eq!(judge(MASTER, r#""role": "replica""#), ["! it is a master, expected a replica"]);
        assert_eq!(judge(REPLICA, r#""role": "master""#), ["! it is a replica, expected a master"]);
        let severed = REPLICA.replace("status:up", "status:down");
        let text = "! it is a replica without a link to its master 10.0.0.1:6379";
        assert_eq!(judge(&severed, r#""role": "replica""#), [text]);
        assert_eq!(judge(&severed, r#""memory_warn": 0.9"#), [text]);
        assert_eq!(
            judge(&(severed + "master_sync_in_progress:1\r\n"), r#""role": "replica""#),
            [format!("{text}, which is synchronising it")]
        );
        assert_eq!(judge(MASTER, r#""memory_warn": 0.86"#), [""; 0]);
        assert_eq!(
            judge(MASTER, r#""memory_warn": 0.85, "memory_critical": 0.9"#),
            ["it uses 85% of its maxmemory: 85% or more"]
        );
        assert_eq!(
            judge(MASTER, r#""role": "replica", "memory_warn": 0.5, "memory_critical": 0.8"#),
            ["! it is a master, expected a replica", "! it uses 85% of its maxmemory: 80% or more"]
        );
        assert_eq!(judge(REPLICA, r#""memory_critical": 0.1"#), [""; 0]);
        let text = "! it says \"sentinel\" of its role, expected master or replica";
        assert_eq!(judge("role:sentinel\n", r#""memory_warn": 0.9"#), [text]);
        let text = "! it says nothing of its role, expected master or replica";
        assert_eq!(judge("", r#""memory_warn": 0.9"#), [text]);
    }
}
