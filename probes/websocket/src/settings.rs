//! What the operator configures; settings.schema.json says what each setting means.

use std::collections::BTreeMap;

use probity_guest::{
    SettingProblem, http,
    settings::{Span, escape},
    url::WebSocketUrl,
};
use serde::Deserialize;

/// Headers that are part of the handshake itself, in lower case, beside all that begin with [`OF_HANDSHAKE`].
const TAKEN: [&str; 3] = ["connection", "content-length", "upgrade"];
/// How the handshake's own headers begin.
const OF_HANDSHAKE: &str = "sec-websocket-";

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) url: WebSocketUrl,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) subprotocol: Option<String>,
    pub(crate) degraded_after: Option<Span>,
}

impl Settings {
    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            let taken = TAKEN.contains(&lower.as_str()) || lower.starts_with(OF_HANDSHAKE);
            let message = if taken {
                Some("part of the handshake; leave it out, and name a subprotocol by `subprotocol`")
            } else {
                http::header_problem(name, value)
            };
            problems.extend(message.map(|message| SettingProblem::new(format!("/headers/{}", escape(name)), message)));
        }
        if self.subprotocol.as_ref().is_some_and(|name| !http::is_token(name)) {
            let message = "not a subprotocol; it is one word, such as \"mqtt\" or \"graphql-transport-ws\"";
            problems.push(SettingProblem::new("/subprotocol", message));
        }
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
        assert_eq!(pointers(r#"{ "url": "wss://a/", "headers": { "Host": "b" } }"#), Vec::<String>::new());
        for (wrong, pointer) in [
            (r#""headers": { "a b": "" }"#, "/headers/a b"),
            (r#""headers": { "a": "b\r\nc: d" }"#, "/headers/a"),
            (r#""headers": { "Upgrade": "h2c" }"#, "/headers/Upgrade"),
            (r#""headers": { "Sec-WebSocket-Key": "a" }"#, "/headers/Sec-WebSocket-Key"),
            (r#""subprotocol": "a, b""#, "/subprotocol"),
            (r#""subprotocol": """#, "/subprotocol"),
            (r#""degraded_after": "500""#, "/degraded_after"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "url": "ws://a/", {wrong} }}"#)), [pointer], "{wrong}");
        }
        assert_eq!(pointers(r#"{ "url": "http://example.org" }"#), ["/url"]);
    }
}
