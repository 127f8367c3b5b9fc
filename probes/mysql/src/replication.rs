//! How a server takes part in replication: what it is asked, and what its answer is held to.

use probity_guest::{
    Findings, SettingProblem,
    adapter::Examination,
    expected::Number,
    settings::Span,
    text::{blot, excerpt},
};
use serde::Deserialize;

use crate::answer::Answer;

/// The question since MySQL 8.0.22 and MariaDB 10.5, and the only one in MySQL 8.4.
pub(crate) const QUERY: &str = "SHOW REPLICA STATUS";
/// The question before.
pub(crate) const OLD_QUERY: &str = "SHOW SLAVE STATUS";
/// What a server says to a question that it does not know.
pub(crate) const SYNTAX_ERROR: u16 = 1064;
/// Sources of one replica that are looked at.
pub(crate) const MOST_SOURCES: usize = 16;
/// Characters of a text of the server's that a verdict shows. The cause stands at the end of one that names a server and an account.
const SHOWN: usize = 500;

/// What the operator expects of a server's part in replication.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replication {
    role: Option<Role>,
    degraded_lag: Option<Span>,
    unhealthy_lag: Option<Span>,
}

/// What a server is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Primary,
    Replica,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// What a server says of itself: a status for each source that it replicates. A primary has none.
#[derive(Debug, PartialEq)]
pub(crate) struct State(Vec<Status>);

/// How it replicates one source.
#[derive(Debug, PartialEq)]
struct Status {
    receiving: Thread,
    applying: Thread,
    lag: Option<Number>,
}

/// One half of the work.
#[derive(Debug, PartialEq, Eq)]
struct Thread {
    /// `Yes`, `No` or `Connecting`.
    runs: String,
    /// What it failed at last; empty if at nothing.
    error: String,
}

impl State {
    /// From the answer to either question; `None` if it is none. Before MySQL 8.0.22 a source was called otherwise.
    pub(crate) fn parse(answer: &Answer, secrets: &[String]) -> Option<Self> {
        let place = |names: [&str; 2]| answer.columns.iter().position(|column| names.contains(&column.as_str()));
        let statuses = answer.rows.iter().map(|row| {
            let value = |names| row.get(place(names)?)?.as_deref();
            let text = |names| value(names).map(|text| String::from_utf8_lossy(&blot(text, secrets)).into_owned());
            let thread = |runs, error: &'static str| {
                Some(Thread { runs: text(runs)?, error: text([error, error]).unwrap_or_default() })
            };
            Some(Status {
                receiving: thread(["Replica_IO_Running", "Slave_IO_Running"], "Last_IO_Error")?,
                applying: thread(["Replica_SQL_Running", "Slave_SQL_Running"], "Last_SQL_Error")?,
                lag: value(["Seconds_Behind_Source", "Seconds_Behind_Master"]).and_then(Number::parse),
            })
        });
        statuses.collect::<Option<_>>().map(Self)
    }

    fn role(&self) -> Role {
        if self.0.is_empty() { Role::Primary } else { Role::Replica }
    }

    /// Adds what is known to what is told.
    pub(crate) fn tell(&self, told: Examination) -> Examination {
        let told = told.detail("role", self.role().name());
        let lags = self.0.iter().map(|status| status.lag);
        // Of several sources the last one counts, and nothing does if one of them is unknown.
        match lags
            .reduce(|one, other| one.zip(other).map(|(one, other)| if one > other { one } else { other }))
            .flatten()
        {
            Some(Number(lag)) => told.measurement("replication-lag", "s", lag),
            None => told,
        }
    }
}

impl Replication {
    /// What is wrong with it beside its form: limits of which one hides the other.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        if self.degraded_lag.zip(self.unhealthy_lag).is_some_and(|(milder, graver)| milder > graver) {
            let message = "more than `unhealthy_lag`, which decides before it; give less";
            return vec![SettingProblem::new("/replication/degraded_lag", message)];
        }
        Vec::new()
    }

    /// Holds a server to it.
    pub(crate) fn judge(&self, state: &State, findings: &mut Findings) {
        let role = state.role();
        if let Some(expected) = self.role.filter(|expected| *expected != role) {
            findings.unhealthy(format!("it is a {}, expected a {}", role.name(), expected.name()));
        }
        for status in &state.0 {
            let mut stands_still = false;
            for (thread, does) in [(&status.receiving, "receives"), (&status.applying, "applies")] {
                if thread.runs != "Yes" {
                    stands_still = true;
                    findings.unhealthy(format!("it is a replica that {does} nothing{}", thread.why()));
                }
            }
            if stands_still || self.degraded_lag.is_none() && self.unhealthy_lag.is_none() {
                continue;
            }
            let Some(lag) = status.lag else {
                findings.degraded("it is a replica, and does not tell how long it lags");
                continue;
            };
            let exceeds =
                |limit: Option<Span>| limit.map(|Span(limit)| Number(limit.as_secs_f64())).filter(|limit| lag > *limit);
            let told = |limit: Number| format!("it lags {lag} seconds, more than {limit}");
            if let Some(limit) = exceeds(self.unhealthy_lag) {
                findings.unhealthy(told(limit));
            } else if let Some(limit) = exceeds(self.degraded_lag) {
                findings.degraded(told(limit));
            }
        }
    }
}

impl Thread {
    fn why(&self) -> String {
        match (self.runs.as_str(), self.error.as_str()) {
            ("No", "") => String::new(),
            (_, "") => format!(" ({})", excerpt(self.runs.as_bytes(), SHOWN)),
            (_, error) => format!(" ({})", excerpt(error.as_bytes(), SHOWN)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer that a replica gives which is so.
    fn answer(receives: &str, applies: &str, lag: Option<&str>, error: &str) -> Answer {
        let columns =
            ["Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master", "Last_IO_Error", "Last_SQL_Error"];
        let row = [Some(receives), Some(applies), lag, Some(error), Some("")];
        let mut answer = Answer::default();
        answer.columns = columns.map(str::to_owned).to_vec();
        answer.rows = vec![row.map(|value| value.map(|text| text.as_bytes().to_vec())).to_vec()];
        answer
    }

    #[test]
    fn answers_of_all_times_are_read() {
        let status = |lag| Status {
            receiving: Thread { runs: "Yes".to_owned(), error: String::new() },
            applying: Thread { runs: "Yes".to_owned(), error: String::new() },
            lag,
        };
        assert_eq!(State::parse(&Answer::default(), &[]), Some(State(Vec::new())));
        let mut old = answer("Yes", "Yes", Some("7"), "");
        assert_eq!(State::parse(&old, &[]), Some(State(vec![status(Some(Number(7.0)))])));
        for (column, name) in
            old.columns.iter_mut().zip(["Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"])
        {
            *column = name.to_owned();
        }
        old.rows[0][2] = None;
        assert_eq!(State::parse(&old, &[]), Some(State(vec![status(None)])));
        old.columns[0] = "Elsewhere".to_owned();
        assert_eq!(State::parse(&old, &[]), None);
    }

    #[test]
    fn a_server_is_held_to_what_is_expected() {
        let limits = Replication { role: None, degraded_lag: Span::parse("5s"), unhealthy_lag: Span::parse("1m") };
        assert_eq!(limits.problems(), Vec::new());
        let primary = Replication { role: Some(Role::Primary), ..Replication::default() };
        let replica = Replication { role: Some(Role::Replica), ..Replication::default() };
        let mut degraded = Findings::default();
        for (expected, answer, wanted) in [
            (&limits, answer("Yes", "Yes", Some("5"), ""), ""),
            (&limits, Answer::default(), ""),
            (&replica, answer("Yes", "Yes", None, ""), ""),
            (&limits, answer("Yes", "Yes", Some("61"), ""), "it lags 61 seconds, more than 60"),
            (&primary, answer("Yes", "Yes", Some("0"), ""), "it is a replica, expected a primary"),
            (&replica, Answer::default(), "it is a primary, expected a replica"),
            (&limits, answer("Yes", "No", None, ""), "it is a replica that applies nothing"),
            (&limits, answer("No", "Yes", None, "no pw"), r#"it is a replica that receives nothing ("no ***")"#),
            (&limits, answer("Connecting", "Yes", None, ""), r#"it is a replica that receives nothing ("Connecting")"#),
        ] {
            let (mut found, mut unhealthy) = (Findings::default(), Findings::default());
            expected.judge(&State::parse(&answer, &["pw".to_owned()]).unwrap(), &mut found);
            if !wanted.is_empty() {
                unhealthy.unhealthy(wanted);
            }
            assert_eq!(found, unhealthy);
        }
        for lag in [Some("6"), None] {
            limits.judge(&State::parse(&answer("Yes", "Yes", lag, ""), &[]).unwrap(), &mut degraded);
        }
        let mut wanted = Findings::default();
        wanted.degraded("it lags 6 seconds, more than 5");
        wanted.degraded("it is a replica, and does not tell how long it lags");
        assert_eq!(degraded, wanted);
    }
}
