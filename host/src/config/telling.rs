//! Secrets that were written out where a placeholder would have kept them: known by what they are called.

use serde_json::Value;

/// Parts of the names of settings, headers and parameters that hold secrets.
const TELLING: [&str; 13] = [
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "nkey",
    "passphrase",
    "passw",
    "private",
    "secret",
    "session",
    "token",
];

/// The secrets in settings: values whose names say that they are, and parts of URLs.
pub(super) fn secrets(settings: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", settings, &mut found);
    // A placeholder is none, whatever it is called.
    found.retain(|secret| !secret.is_empty() && !secret.contains("${"));
    found
}

fn collect(name: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if is_telling(name) {
                found.push(text.clone());
                // The token of `Bearer 1234`.
                found.extend(text.split_once(' ').map(|(_, token)| token.to_owned()));
            }
            in_url(text, found);
        }
        Value::Array(values) => values.iter().for_each(|value| collect(name, value, found)),
        Value::Object(members) => members.iter().for_each(|(name, value)| collect(name, value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The password of `scheme://user:password@host/`, and what parameters have whose names are telling.
fn in_url(text: &str, found: &mut Vec<String>) {
    let Some((_, rest)) = text.split_once("://") else { return };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((_, password)) = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
        found.push(password.to_owned());
    }
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let parameters = query.split(['&', '#']).filter_map(|parameter| parameter.split_once('='));
    found.extend(parameters.filter(|(name, _)| is_telling(name)).map(|(_, value)| value.to_owned()));
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_urls_tell() {
        let settings = json!({
            "host": "db", "password": "p1", "headers": { "Authorization": "Bearer t1", "accept": "*/*" }, "tokens": ["t2"],
            "url": "https://u:p2@host/a?b=c&access_token=t3#x", "other": "http://host/?q=1", "passwords": 7, "secret": "", "token": "${env:T}",
        });
        assert_eq!(secrets(&settings), ["p1", "Bearer t1", "t1", "t2", "p2", "t3"]);
    }
}
