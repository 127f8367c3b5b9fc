//! Opens an incident for each alert, and closes it when the alert is over: what most providers of on-call schedules take, over
//! HTTP. Everything that a hook consists of is in this file.

use probity_guest::{
    Event, Hook, HookRefusal,
    http::{self, Request},
    url::Url,
};
use serde::Deserialize;
use serde_json::json;

/// Bytes of an answer that are read.
const ANSWER: usize = 4096;

/// What the operator can configure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Where incidents are posted.
    url: Url,
    /// What is sent as a bearer token.
    key: String,
}

/// What it needs of a message.
#[derive(Deserialize)]
struct Message {
    kind: String,
    firing: bool,
    severity: Option<String>,
    title: String,
    text: String,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    alert: Option<String>,
}

struct Incidents;

impl Hook for Incidents {
    type Settings = Settings;

    fn on_event(settings: &Settings, event: &Event) -> Result<(), HookRefusal> {
        let message: Message =
            serde_json::from_str(&event.message).map_err(|error| HookRefusal::Permanent(error.to_string()))?;
        // All messages of an alert are of one incident; what is of no single alert is one by itself.
        let alert = match &message.items[..] {
            [Item { alert: Some(alert) }] => alert.clone(),
            _ => event.id.clone(),
        };
        let action = if message.firing { "trigger" } else { "resolve" };
        let body = json!({
            "action": action,
            "incident": alert,
            "kind": message.kind,
            "severity": message.severity,
            "summary": message.title,
            "details": message.text,
        })
        .to_string();
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("authorization", format!("Bearer {}", settings.key)),
            ("idempotency-key", event.id.clone()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        let request = Request { method: "POST", url: &settings.url, headers: &headers, body: body.as_bytes() };
        let mut answer = http::send(&request, event.deadline)?;
        let said = answer.read_body(ANSWER, event.deadline)?;
        let why = || format!("{} {}", answer.status, String::from_utf8_lossy(&said.bytes));
        match answer.status {
            200..=299 => Ok(()),
            400 | 422 => Err(HookRefusal::Permanent(why())),
            _ => Err(HookRefusal::Retry(why())),
        }
    }
}

probity_guest::export_hook!(Incidents);
