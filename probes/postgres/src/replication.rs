//! How a server takes part in replication: what it is asked, and what its answer is held to.

use probity_guest::{Findings, SettingProblem, adapter::Examination, expected::Number, settings::Span};
use serde::Deserialize;

/// Asks for: whether it is a standby; whether it receives from a primary; the lag in seconds and in bytes; the replicas that
/// stream from it.
///
/// A standby lags by the age of the last transaction that it replayed, unless it has replayed all that it received from a primary
/// that is there: an idle primary makes no lag. A primary lags as its last replica does. What a role may not see is NULL.
pub(crate) const QUERY: &str = "\
SELECT pg_is_in_recovery(), EXISTS (SELECT FROM pg_stat_wal_receiver), \
CASE WHEN NOT pg_is_in_recovery() THEN (SELECT max(CASE WHEN replay_lsn IS NULL THEN NULL \
ELSE coalesce(extract(epoch FROM replay_lag), 0) END) FROM pg_stat_replication) \
WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END, \
CASE WHEN NOT pg_is_in_recovery() \
THEN (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication) \
WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) \
THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) END, \
(SELECT count(*) FROM pg_stat_replication WHERE coalesce(state, 'streaming') = 'streaming')";

/// What the operator expects of a server's part in replication.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replication {
    role: Option<Role>,
    degraded_lag: Option<Span>,
    unhealthy_lag: Option<Span>,
    degraded_lag_bytes: Option<u64>,
    unhealthy_lag_bytes: Option<u64>,
    replicas: Option<u64>,
}

/// What a server is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Primary,
    Standby,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
        }
    }
}

/// What a server says of itself.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) role: Role,
    receiving: bool,
    lag: Option<Number>,
    lag_bytes: Option<Number>,
    replicas: Number,
}

impl State {
    /// From the answer to [`QUERY`]; `None` if it is none.
    pub(crate) fn parse(row: &[Option<Vec<u8>>]) -> Option<Self> {
        let [standby, receiving, lag, lag_bytes, replicas] = row else { return None };
        let number = |value: &Option<Vec<u8>>| value.as_deref().and_then(Number::parse);
        // Clocks that disagree make a lag that is less than none.
        let span = |value| number(value).map(|Number(value)| Number(value.max(0.0)));
        Some(Self {
            role: if standby.as_deref()? == b"t" { Role::Standby } else { Role::Primary },
            receiving: receiving.as_deref()? == b"t",
            lag: span(lag),
            lag_bytes: span(lag_bytes),
            replicas: number(replicas)?,
        })
    }

    fn why_unknown(&self) -> &'static str {
        match (self.role, self.receiving) {
            (Role::Primary, _) => "the user may not see it, unless it is granted pg_monitor",
            (Role::Standby, false) => "it receives nothing from a primary",
            (Role::Standby, true) => "it has replayed no transaction since it was started",
        }
    }

    /// Adds what is known to what is told.
    pub(crate) fn tell(&self, told: Examination) -> Examination {
        let mut told = told.measurement("replicas", "1", self.replicas.0);
        if self.role == Role::Standby {
            told = told.detail("receiving", self.receiving);
        }
        for (name, unit, value) in [("replication-lag", "s", self.lag), ("replication-lag-bytes", "By", self.lag_bytes)]
        {
            if let Some(Number(value)) = value {
                told = told.measurement(name, unit, value);
            }
        }
        told
    }
}

impl Replication {
    /// What is wrong with it beside its form: limits of which one hides the other.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut hidden = |name: &str, graver: &str, is_hidden: bool| {
            if is_hidden {
                let message = format!("more than `{graver}`, which decides before it; give less");
                problems.push(SettingProblem::new(format!("/replication/{name}"), message));
            }
        };
        let spans = self.degraded_lag.zip(self.unhealthy_lag);
        let bytes = self.degraded_lag_bytes.zip(self.unhealthy_lag_bytes);
        hidden("degraded_lag", "unhealthy_lag", spans.is_some_and(|(milder, graver)| milder > graver));
        hidden("degraded_lag_bytes", "unhealthy_lag_bytes", bytes.is_some_and(|(milder, graver)| milder > graver));
        problems
    }

    /// Holds a server to it.
    pub(crate) fn judge(&self, state: &State, findings: &mut Findings) {
        if let Some(role) = self.role.filter(|role| *role != state.role) {
            findings.unhealthy(format!("it is a {}, expected a {}", state.role.name(), role.name()));
        }
        if let Some(least) = self.replicas.filter(|least| state.replicas.0 < *least as f64) {
            findings.unhealthy(format!("{} replicas stream from it, expected {least}", state.replicas));
        }
        // There is none where nobody follows.
        if state.role == Role::Primary && state.replicas.0 < 1.0 {
            return;
        }
        let whose = if state.role == Role::Primary { "its last replica" } else { "it" };
        let seconds = |limit: Option<Span>| limit.map(|Span(limit)| Number(limit.as_secs_f64()));
        let bytes = |limit: Option<u64>| limit.map(|limit| Number(limit as f64));
        for (lag, unit, degraded, unhealthy) in [
            (state.lag, "seconds", seconds(self.degraded_lag), seconds(self.unhealthy_lag)),
            (state.lag_bytes, "bytes", bytes(self.degraded_lag_bytes), bytes(self.unhealthy_lag_bytes)),
        ] {
            if degraded.is_none() && unhealthy.is_none() {
                continue;
            }
            let Some(lag) = lag else {
                findings.degraded(format!("nobody can tell how many {unit} {whose} lags: {}", state.why_unknown()));
                continue;
            };
            let told = |limit: Number| format!("{whose} lags {lag} {unit}, more than {limit}");
            if let Some(limit) = unhealthy.filter(|limit| lag > *limit) {
                findings.unhealthy(told(limit));
            } else if let Some(limit) = degraded.filter(|limit| lag > *limit) {
                findings.degraded(told(limit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::Status;

    use super::*;

    fn state(columns: [&str; 5]) -> Option<State> {
        // An empty text stands for NULL, which none of the columns is otherwise.
        let column = |text: &str| Some(text.as_bytes().to_vec()).filter(|bytes| !bytes.is_empty());
        State::parse(&columns.map(column))
    }

    #[test]
    fn an_answer_is_read() {
        let standby = State {
            role: Role::Standby,
            receiving: true,
            lag: Some(Number(0.0)),
            lag_bytes: Some(Number(16.0)),
            replicas: Number(0.0),
        };
        assert_eq!(state(["t", "t", "-0.25", "16", "0"]), Some(standby));
        let primary =
            State { role: Role::Primary, receiving: false, lag: None, lag_bytes: None, replicas: Number(2.0) };
        assert_eq!(state(["f", "f", "", "", "2"]), Some(primary));
        assert_eq!(state(["", "f", "", "", "2"]), None);
        assert_eq!(State::parse(&[]), None);
    }

    #[test]
    fn a_server_is_held_to_what_is_expected() {
        let all = Replication {
            role: Some(Role::Primary),
            degraded_lag: Span::parse("5s"),
            unhealthy_lag: Span::parse("30s"),
            degraded_lag_bytes: Some(1_000),
            unhealthy_lag_bytes: Some(10_000),
            replicas: Some(2),
        };
        assert_eq!(all.problems(), Vec::new());
        let follows = Replication { role: Some(Role::Standby), replicas: None, ..all.clone() };
        for (expected, columns, findings) in [
            (&all, ["f", "f", "5", "1000", "2"], vec![]),
            (&all, ["f", "f", "", "", "0"], vec![(Status::Unhealthy, "0 replicas stream from it, expected 2")]),
            (
                &all,
                ["f", "f", "5.5", "10001", "3"],
                vec![
                    (Status::Degraded, "its last replica lags 5.5 seconds, more than 5"),
                    (Status::Unhealthy, "its last replica lags 10001 bytes, more than 10000"),
                ],
            ),
            (&follows, ["t", "t", "0", "0", "0"], vec![]),
            (
                &follows,
                ["f", "f", "31", "0", "1"],
                vec![
                    (Status::Unhealthy, "it is a primary, expected a standby"),
                    (Status::Unhealthy, "its last replica lags 31 seconds, more than 30"),
                ],
            ),
            (
                &follows,
                ["t", "f", "1", "", "0"],
                vec![(Status::Degraded, "nobody can tell how many bytes it lags: it receives nothing from a primary")],
            ),
        ] {
            let mut found = Findings::default();
            expected.judge(&state(columns).unwrap(), &mut found);
            let mut wanted = Findings::default();
            for (status, text) in findings {
                if status == Status::Unhealthy { wanted.unhealthy(text) } else { wanted.degraded(text) }
            }
            assert_eq!(found, wanted, "{columns:?}");
        }
    }
}
