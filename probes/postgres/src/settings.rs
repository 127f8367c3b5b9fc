//! What the operator configures; settings.schema.json says what each setting means.

use probity_guest::{
    SettingProblem,
    settings::{Host, Port},
};
use serde::Deserialize;

use crate::replication::Replication;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    #[serde(default = "usual_port")]
    pub(crate) port: Port,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    pub(crate) database: Option<String>,
    #[serde(default)]
    pub(crate) sslmode: SslMode,
    pub(crate) replication: Option<Replication>,
}

/// Whether the connection is to be secure, in the words of PostgreSQL's own clients. TLS is verified as by `verify-full` in each.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslMode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    /// Whether there may be no TLS, where it can't be had.
    pub(crate) fn may_be_plain(self) -> bool {
        matches!(self, Self::Allow | Self::Prefer)
    }
}

fn usual_port() -> Port {
    Port(5432)
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut problem = |pointer: &str, message: &str| problems.push(SettingProblem::new(pointer, message));
        if self.user.trim().is_empty() {
            problem("/user", "empty; give the name of a role such as `probe`");
        }
        for (pointer, text) in
            [("/user", Some(&self.user)), ("/password", self.password.as_ref()), ("/database", self.database.as_ref())]
        {
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
        for mode in ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] {
            let json = format!(r#"{{ "host": "a", "user": "b", "sslmode": "{mode}" }}"#);
            assert_eq!(pointers(&json), Vec::<String>::new(), "{mode}");
        }
        for (wrong, pointer) in [
            (r#""password": "a\u0000b""#, "/password"),
            (r#""database": "\u0000""#, "/database"),
            (r#""sslmode": "verify""#, "/sslmode"),
            (r#""replication": { "role": "master" }"#, "/replication/role"),
            (r#""replication": { "degraded_lag": "5s", "unhealthy_lag": "1s" }"#, "/replication/degraded_lag"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", "user": "b", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "host": "a:5432", "user": "b" }"#), ["/host"]);
    }
}
