//! What the operator configures of etcd; settings.schema.json says what each setting means.

use probity_guest::{SettingProblem, settings::Share, url::Url};
use serde::Deserialize;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) url: Url,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    #[serde(default = "usual_prefix")]
    pub(crate) prefix: String,
    pub(crate) quota: Option<u64>,
    pub(crate) db_warn: Option<Share>,
    pub(crate) db_critical: Option<Share>,
    pub(crate) lag_warn: Option<u64>,
    pub(crate) lag_critical: Option<u64>,
}

/// Such that a role can be held to it.
fn usual_prefix() -> String {
    "probity/".to_owned()
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut wrong = |pointer, message| problems.push(SettingProblem::new(pointer, message));
        let path = self.url.path_with_query();
        if path.contains('?') || !path.ends_with('/') {
            wrong("/url", "not where `v3/…` can follow; end it with a `/`, and give no query");
        }
        match (&self.user, &self.password) {
            (Some(_), None) => wrong("/user", "a user has a password; give it as `password`"),
            (None, Some(_)) => wrong("/password", "a password is a user's; give it as `user`"),
            _ => {}
        }
        if self.quota == Some(0) {
            wrong("/quota", "nothing; give the bytes of etcd's `--quota-backend-bytes`, or leave it out");
        }
        if let (Some(warn), Some(critical)) = (self.db_warn, self.db_critical)
            && warn > critical
        {
            wrong("/db_warn", "more than `db_critical`; it must come first");
        }
        if let (Some(warn), Some(critical)) = (self.lag_warn, self.lag_critical)
            && warn > critical
        {
            wrong("/lag_warn", "more than `lag_critical`; it must come first");
        }
        problems
    }

    /// Whether etcd's own account of itself is needed to judge it.
    pub(crate) fn have_limits(&self) -> bool {
        [self.db_warn, self.db_critical].iter().any(Option::is_some)
            || [self.lag_warn, self.lag_critical].iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings;

    use super::*;

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let pointers = |json: &str| settings::pointers(json, Settings::problems);
        let all = r#"{ "url": "https://a/etcd/", "user": "u", "password": "", "quota": 1, "db_warn": 0.8, "db_critical": 0.8,
            "lag_warn": 0, "lag_critical": 5, "prefix": "" }"#;
        assert_eq!(pointers(all), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""user": "u""#, "/user"),
            (r#""password": "p""#, "/password"),
            (r#""quota": 0"#, "/quota"),
            (r#""quota": -1"#, "/quota"),
            (r#""db_warn": 80"#, "/db_warn"),
            (r#""db_warn": 0.9, "db_critical": 0.8"#, "/db_warn"),
            (r#""lag_warn": 9, "lag_critical": 8"#, "/lag_warn"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "url": "http://a:2379", {wrong} }}"#)), [pointer], "{wrong}");
        }
        for url in ["a:2379", "http://a/etcd", "http://a/?x=/"] {
            assert_eq!(pointers(&format!(r#"{{ "url": "{url}" }}"#)), ["/url"], "{url}");
        }
    }
}
