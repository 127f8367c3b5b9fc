//! How a server takes part in replication: what it is asked, and what its answer is held to.

use probity_guest::{Findings, SettingProblem, adapter::Examination, expected::Number, settings::Span};
use serde::Deserialize;

/// Asks for: whether it is a standby; whether it receives from a primary; the lag in seconds and in bytes; the replicas that
/// stream from it.
///
/// A standby receives as long as the primary's last message is no older than it would wait for another: a receiver that hangs
/// does not end by itself. One that is to stream from nobody (`primary_conninfo` is empty) gets its log otherwise: whether it
/// receives is NULL. It lags by the age of the last transaction that it replayed, unless it has replayed all that it received from
/// a primary that is there: an idle primary makes no lag.
///
/// A primary lags as its last replica does. One that has replayed everything does not lag, though the server remembers its last
/// lag for a while; one that has not lags by its last reply's age at least (`reply_time`, since PostgreSQL 12; by way of JSON,
/// where a column may be missing). What a role may not see is NULL.
pub(crate) const QUERY: &str = "\
SELECT standby, receiving, \
CASE WHEN NOT standby THEN (SELECT max(CASE WHEN replay_lsn IS NULL THEN NULL \
WHEN replay_lsn >= pg_current_wal_flush_lsn() THEN 0 \
ELSE greatest(0, extract(epoch FROM replay_lag), \
extract(epoch FROM clock_timestamp() - (to_jsonb(replica) ->> 'reply_time')::timestamptz)) END) \
FROM pg_stat_replication AS replica) \
WHEN receiving AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END, \
CASE WHEN NOT standby \
THEN (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication) \
WHEN receiving THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) END, \
(SELECT count(*) FROM pg_stat_replication WHERE coalesce(state, 'streaming') = 'streaming') \
FROM (SELECT pg_is_in_recovery() AS standby, CASE \
WHEN EXISTS (SELECT FROM pg_stat_wal_receiver WHERE (clock_timestamp() - last_msg_receipt_time \
> nullif(current_setting('wal_receiver_timeout')::interval, '0')) IS NOT TRUE) THEN true \
WHEN (SELECT setting FROM pg_settings WHERE name = 'primary_conninfo') = '' THEN NULL \
ELSE false END AS receiving) AS server";

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
    /// Whether a standby hears its primary; `None` if it is to hear none.
    receiving: Option<bool>,
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
            receiving: receiving.as_deref().map(|receiving| receiving == b"t"),
            lag: span(lag),
            lag_bytes: span(lag_bytes),
            replicas: number(replicas)?,
        })
    }

    fn why_unknown(&self) -> &'static str {
        match (self.role, self.receiving) {
            (Role::Primary, _) => "the user may not see it, unless it is granted pg_monitor",
            (Role::Standby, None) => "it does not stream from a primary",
            (Role::Standby, Some(_)) => "it has replayed no transaction since it was started",
        }
    }

    /// Adds what is known to what is told.
    pub(crate) fn tell(&self, told: Examination) -> Examination {
        let mut told = told.measurement("replicas", "1", self.replicas.0);
        if let Some(receiving) = self.receiving.filter(|_| self.role == Role::Standby) {
            told = told.detail("receiving", receiving);
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
        let receives_nothing = state.role == Role::Standby && state.receiving == Some(false);
        if receives_nothing {
            findings.unhealthy("it receives nothing from a primary");
        }
        let whose = if state.role == Role::Primary { "its last replica" } else { "it" };
        for Lag { lag, unit, degraded, unhealthy } in self.lags(state) {
            let Some(lag) = lag else {
                // Where nothing comes in, that has been said, and is why.
                if !receives_nothing {
                    let why = state.why_unknown();
                    findings.degraded(format!("nobody can tell how many {unit} {whose} lags: {why}"));
                }
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

    /// Whether the last replica lags too long as far as one look can tell. What was written a moment ago, no replica has answered
    /// yet, and then its last reply is old without any lag.
    pub(crate) fn wants_another_look(&self, state: &State) -> bool {
        let exceeds = |Lag { lag, degraded, unhealthy, .. }: &Lag| {
            [degraded, unhealthy].into_iter().flatten().any(|limit| lag.is_some_and(|lag| lag > *limit))
        };
        state.role == Role::Primary && self.lags(state).iter().any(exceeds)
    }

    /// The lags that there are limits to; none where nobody follows.
    fn lags(&self, state: &State) -> Vec<Lag> {
        if state.role == Role::Primary && state.replicas.0 < 1.0 {
            return Vec::new();
        }
        let seconds = |limit: Option<Span>| limit.map(|Span(limit)| Number(limit.as_secs_f64()));
        let bytes = |limit: Option<u64>| limit.map(|limit| Number(limit as f64));
        let in_seconds = Lag {
            lag: state.lag,
            unit: "seconds",
            degraded: seconds(self.degraded_lag),
            unhealthy: seconds(self.unhealthy_lag),
        };
        let in_bytes = Lag {
            lag: state.lag_bytes,
            unit: "bytes",
            degraded: bytes(self.degraded_lag_bytes),
            unhealthy: bytes(self.unhealthy_lag_bytes),
        };
        [in_seconds, in_bytes].into_iter().filter(|lag| lag.degraded.is_some() || lag.unhealthy.is_some()).collect()
    }
}

/// A lag, as far as it is known, and its limits.
struct Lag {
    lag: Option<Number>,
    unit: &'static str,
    degraded: Option<Number>,
    unhealthy: Option<Number>,
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
            receiving: Some(true),
            lag: Some(Number(0.0)),
            lag_bytes: Some(Number(16.0)),
            replicas: Number(0.0),
        };
        assert_eq!(state(["t", "t", "-0.25", "16", "0"]), Some(standby));
        let primary =
            State { role: Role::Primary, receiving: Some(false), lag: None, lag_bytes: None, replicas: Number(2.0) };
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
                ["t", "f", "31", "", "0"],
                vec![
                    (Status::Unhealthy, "it receives nothing from a primary"),
                    (Status::Unhealthy, "it lags 31 seconds, more than 30"),
                ],
            ),
            (
                &follows,
                ["t", "", "1", "", "0"],
                vec![(Status::Degraded, "nobody can tell how many bytes it lags: it does not stream from a primary")],
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

    /// Of a standby the first look is enough: what it has not replayed is there to be replayed.
    #[test]
    fn a_lag_of_replicas_is_looked_at_twice() {
        let limit = Replication { degraded_lag: Span::parse("5s"), ..Replication::default() };
        for (columns, wanted) in [
            (["f", "f", "9", "632", "1"], true),
            (["f", "f", "5", "632", "1"], false),
            (["f", "f", "", "", "1"], false),
            (["f", "f", "9", "632", "0"], false),
            (["t", "t", "9", "632", "1"], false),
        ] {
            assert_eq!(limit.wants_another_look(&state(columns).unwrap()), wanted, "{columns:?}");
        }
    }
}
