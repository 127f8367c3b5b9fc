//! What the operator configures; settings.schema.json says what each setting means.

use probity_guest::{
    SettingProblem,
    expected::{Expected, Number},
    settings::{Port, Span},
};
use serde::Deserialize;

use crate::replication::Replication;

/// What is asked unless the operator asks something else: the least that goes all the way.
pub(crate) const USUAL_QUERY: &str = "SELECT 1";

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: String,
    #[serde(default = "usual_port")]
    pub(crate) port: Port,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: Option<String>,
    #[serde(default)]
    pub(crate) sslmode: SslMode,
    #[serde(default = "usual_query")]
    pub(crate) query: String,
    pub(crate) expect: Option<String>,
    pub(crate) degraded_below: Option<Number>,
    pub(crate) degraded_above: Option<Number>,
    pub(crate) unhealthy_below: Option<Number>,
    pub(crate) unhealthy_above: Option<Number>,
    pub(crate) replication: Option<Replication>,
    pub(crate) degraded_after: Option<Span>,
}

/// Whether the connection is to be secure, in the words of PostgreSQL's own clients.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyFull,
}

fn usual_port() -> Port {
    Port(5432)
}

fn usual_query() -> String {
    USUAL_QUERY.to_owned()
}

impl Settings {
    /// What the first value of the query's answer should be.
    pub(crate) fn expected(&self) -> Expected<'_> {
        Expected {
            text: self.expect.as_deref(),
            degraded_below: self.degraded_below,
            degraded_above: self.degraded_above,
            unhealthy_below: self.unhealthy_below,
            unhealthy_above: self.unhealthy_above,
        }
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = self.expected().problems();
        let mut problem = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        for (pointer, text, example) in [
            ("/host", &self.host, "empty; give a name or an address such as `db.internal`"),
            ("/user", &self.user, "empty; give the name of a role such as `probe`"),
            ("/query", &self.query, "empty; leave it out, or ask something such as `SELECT count(*) FROM jobs`"),
        ] {
            if text.trim().is_empty() {
                problem(pointer, example);
            }
        }
        for (pointer, text) in [
            ("/user", Some(&self.user)),
            ("/password", self.password.as_ref()),
            ("/database", self.database.as_ref()),
            ("/query", Some(&self.query)),
        ] {
            if text.is_some_and(|text| text.contains('\0')) {
                problem(pointer, "has the character U+0000, which ends a text in this protocol; leave it out");
            }
        }
        problems.extend(self.replication.iter().flat_map(Replication::problems));
        problems
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings;

    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        settings::pointers(json, Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        assert_eq!(pointers(r#"{ "host": "a", "user": "b" }"#), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""password": "a\u0000b""#, "/password"),
            (r#""database": "\u0000""#, "/database"),
            (r#""sslmode": "allow""#, "/sslmode"),
            (r#""query": " ""#, "/query"),
            (r#""unhealthy_above": 1, "degraded_above": 2"#, "/degraded_above"),
            (r#""degraded_after": "500""#, "/degraded_after"),
            (r#""replication": { "role": "master" }"#, "/replication/role"),
            (r#""replication": { "degraded_lag": "5s", "unhealthy_lag": "1s" }"#, "/replication/degraded_lag"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", "user": "b", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "host": "", "user": "" }"#), ["/host", "/user"]);
    }
}
