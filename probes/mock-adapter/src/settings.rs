//! How the target fails; settings.schema.json says what each setting means.

use probity_guest::settings::Span;
use serde::Deserialize;

/// The schema of the settings.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// The settings of a check.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    pub(crate) lose: bool,
    #[serde(default)]
    pub(crate) corrupt: bool,
    #[serde(default)]
    pub(crate) duplicate: bool,
    #[serde(default)]
    pub(crate) noise: u16,
    pub(crate) delay: Option<Span>,
    pub(crate) refuse: Option<Step>,
    pub(crate) warn: Option<String>,
    pub(crate) answer: Option<String>,
}

/// What can be refused.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    Open,
    Subscribe,
    Publish,
    Put,
    Get,
    Remove,
    Ping,
    Query,
    Examine,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::between::<Settings>(SCHEMA), Ok(Vec::new()));
    }
}
