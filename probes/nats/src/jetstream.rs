//! What the JetStream API tells of a stream and of its consumer, and what it comes to.

use probity_guest::Status;
use serde::Deserialize;

use crate::settings::Settings;

/// The code of what is not there.
const NOT_FOUND: u16 = 404;
/// The kinds of errors of a server, and of an account, that has no JetStream at all (errors.json of the server's sources).
const NOT_ENABLED: [u16; 2] = [10_039, 10_076];

/// The answer to a question for a stream or a consumer: what matters of either.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    error: Option<ApiError>,
    cluster: Option<Cluster>,
    state: Option<State>,
    pub(crate) num_pending: Option<u64>,
    pub(crate) num_ack_pending: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct ApiError {
    code: u16,
    #[serde(default)]
    err_code: u16,
    #[serde(default)]
    description: String,
}

/// Where a stream or a consumer has replicas.
#[derive(Debug, Deserialize)]
struct Cluster {
    #[serde(default)]
    leader: String,
}

#[derive(Debug, Deserialize)]
struct State {
    messages: u64,
}

/// What speaks against a stream or a consumer.
#[derive(Debug, PartialEq)]
pub(crate) struct Flaw {
    pub(crate) status: Status,
    /// The continuation of a sentence about it.
    pub(crate) text: String,
    /// Whether it lasts until somebody does something about it.
    pub(crate) permanent: bool,
}

impl Answer {
    /// `None` if it is not of this API.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        // As text: settings are read from text too, and another reader would cost kilobytes.
        serde_json::from_str(str::from_utf8(payload).ok()?).ok()
    }

    /// Messages that the stream has.
    pub(crate) fn messages(&self) -> Option<u64> {
        self.state.as_ref().map(|state| state.messages)
    }

    /// What is wrong, the worst first. `show` makes the server's words fit to be shown.
    pub(crate) fn flaw(&self, settings: &Settings, show: impl Fn(&str) -> String) -> Option<Flaw> {
        let flaw = |status, text, permanent| Some(Flaw { status, text, permanent });
        if let Some(error) = &self.error {
            let permanent = error.code == NOT_FOUND || NOT_ENABLED.contains(&error.err_code);
            return flaw(Status::Unhealthy, format!("{} ({})", show(&error.description), error.code), permanent);
        }
        if self.cluster.as_ref().is_some_and(|cluster| cluster.leader.is_empty()) {
            return flaw(Status::Unhealthy, "no leader".to_owned(), false);
        }
        if self.state.is_none() && self.num_pending.is_none() {
            return flaw(Status::Unhealthy, "nothing is told of its messages".to_owned(), false);
        }
        let lag = self.num_pending?;
        let beyond = |limit: Option<u64>| limit.filter(|limit| lag >= *limit);
        let (status, limit) = match (beyond(settings.lag_critical), beyond(settings.lag_warn)) {
            (Some(limit), _) => (Status::Unhealthy, limit),
            (None, Some(limit)) => (Status::Degraded, limit),
            (None, None) => return None,
        };
        flaw(status, format!("{lag} messages behind: {limit} or more"), false)
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    fn judge(answer: &str, limits: &str) -> Option<Flaw> {
        let settings = parse(&format!(r#"{{ "host": "a", "stream": "S", "consumer": "c" {limits} }}"#)).unwrap();
        Answer::parse(answer.as_bytes()).unwrap().flaw(&settings, str::to_owned)
    }

    fn flaw(status: Status, text: &str, permanent: bool) -> Option<Flaw> {
        Some(Flaw { status, text: text.to_owned(), permanent })
    }

    #[test]
    fn a_stream_must_be_there_and_have_a_leader() {
        let stream = r#"{"type":"x","config":{"name":"S","subjects":["a"]},"state":{"messages":2,"bytes":50}}"#;
        assert_eq!(Answer::parse(stream.as_bytes()).unwrap().messages(), Some(2));
        assert_eq!(judge(stream, ""), None);
        for (cluster, led) in [
            (r#"{"name":"c","leader":"n1","replicas":[]}"#, true),
            (r#"{"name":"c","leader":""}"#, false),
            (r#"{"name":"c"}"#, false),
        ] {
            let seen = judge(&format!(r#"{{"cluster":{cluster},"state":{{"messages":0}}}}"#), "");
            assert_eq!(seen, if led { None } else { flaw(Status::Unhealthy, "no leader", false) }, "{cluster}");
        }
        assert_eq!(judge("{}", ""), flaw(Status::Unhealthy, "nothing is told of its messages", false));
        for (code, kind, permanent) in
            [(404, 10_059, true), (503, 10_076, true), (503, 10_039, true), (503, 10_008, false)]
        {
            let error = format!(r#"{{"error":{{"code":{code},"err_code":{kind},"description":"alas"}}}}"#);
            assert_eq!(judge(&error, ""), flaw(Status::Unhealthy, &format!("alas ({code})"), permanent));
        }
    }

    #[test]
    fn a_consumer_may_lag_so_far() {
        let consumer = r#"{"name":"c","num_ack_pending":1,"num_redelivered":0,"num_pending":7}"#;
        assert_eq!(judge(consumer, ""), None);
        assert_eq!(judge(consumer, r#", "lag_warn": 8, "lag_critical": 9"#), None);
        assert_eq!(
            judge(consumer, r#", "lag_warn": 7, "lag_critical": 8"#),
            flaw(Status::Degraded, "7 messages behind: 7 or more", false)
        );
        assert_eq!(
            judge(consumer, r#", "lag_warn": 1, "lag_critical": 5"#),
            flaw(Status::Unhealthy, "7 messages behind: 5 or more", false)
        );
    }

    #[test]
    fn nonsense_is_no_answer() {
        for nonsense in ["", "[]", "7", r#"{"error":"no"}"#, r#"{"num_pending":-1}"#, &"[".repeat(1000)] {
            assert!(Answer::parse(nonsense.as_bytes()).is_none(), "{nonsense}");
        }
    }
}
