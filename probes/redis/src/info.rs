//! A server's account of itself, which `INFO` asks for, and what it comes to.

use probity_guest::{Status, settings::Share};

use crate::settings::{Role, Settings};

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

    /// What is wrong with the server, the worst first; continues a sentence about it. `show` makes its words fit to be shown.
    pub(crate) fn shortcoming(&self, settings: &Settings, show: impl Fn(&str) -> String) -> Option<(Status, String)> {
        let Some(role) = self.role() else {
            let told = self.get("role").map_or("nothing".to_owned(), |role| format!("\"{}\"", show(role)));
            return Some((Status::Unhealthy, format!("says {told} of its role, expected master or replica")));
        };
        if let Some(expected) = settings.role.filter(|expected| *expected != role) {
            return Some((Status::Unhealthy, format!("is a {role}, expected a {expected}")));
        }
        if role == Role::Replica && self.get("master_link_status") != Some("up") {
            let part = |name| show(self.get(name).unwrap_or("?"));
            let (host, port) = (part("master_host"), part("master_port"));
            let underway = self.get("master_sync_in_progress") == Some("1");
            let remark = if underway { "; it is being synchronised" } else { "" };
            return Some((
                Status::Unhealthy,
                format!("is a replica without a link to its master {host}:{port}{remark}"),
            ));
        }
        let share = self.memory_share()?;
        let beyond = |limit: Option<Share>| limit.filter(|limit| share >= *limit);
        let (status, limit) = match (beyond(settings.memory_critical), beyond(settings.memory_warn)) {
            (Some(limit), _) => (Status::Unhealthy, limit),
            (None, Some(limit)) => (Status::Degraded, limit),
            (None, None) => return None,
        };
        Some((status, format!("uses {share} of its maxmemory: {limit} or more")))
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

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

    #[test]
    fn a_shortcoming_tells_what_was_seen_and_expected() {
        let judge = |info: &str, settings: &str| {
            let settings = parse(&format!(r#"{{ "host": "a", {settings} }}"#)).unwrap();
            Info::new(info.as_bytes()).shortcoming(&settings, str::to_owned)
        };
        let unhealthy = |text: &str| Some((Status::Unhealthy, text.to_owned()));
        assert_eq!(judge(MASTER, r#""role": "master""#), None);
        assert_eq!(judge(MASTER, r#""role": "replica""#), unhealthy("is a master, expected a replica"));
        assert_eq!(judge(REPLICA, r#""role": "master""#), unhealthy("is a replica, expected a master"));
        let severed = REPLICA.replace("status:up", "status:down");
        let text = "is a replica without a link to its master 10.0.0.1:6379";
        assert_eq!(judge(&severed, r#""role": "replica""#), unhealthy(text));
        assert_eq!(judge(&severed, r#""memory_warn": 0.9"#), unhealthy(text));
        assert_eq!(
            judge(&(severed + "master_sync_in_progress:1\r\n"), r#""role": "replica""#),
            unhealthy(&format!("{text}; it is being synchronised"))
        );
        assert_eq!(judge(MASTER, r#""memory_warn": 0.86"#), None);
        assert_eq!(
            judge(MASTER, r#""memory_warn": 0.85, "memory_critical": 0.9"#),
            Some((Status::Degraded, "uses 85% of its maxmemory: 85% or more".to_owned()))
        );
        assert_eq!(
            judge(MASTER, r#""memory_warn": 0.5, "memory_critical": 0.8"#),
            unhealthy("uses 85% of its maxmemory: 80% or more")
        );
        assert_eq!(judge(REPLICA, r#""memory_critical": 0.1"#), None);
        let text = "says \"sentinel\" of its role, expected master or replica";
        assert_eq!(judge("role:sentinel\n", r#""memory_warn": 0.9"#), unhealthy(text));
        let text = "says nothing of its role, expected master or replica";
        assert_eq!(judge("", r#""memory_warn": 0.9"#), unhealthy(text));
    }
}
