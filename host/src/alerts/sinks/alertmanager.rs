//! Alertmanager, by its API v2: <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>.
//!
//! It forgets an alert that it does not hear of for a while, so those that go on are told again and again, as Prometheus does.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use probity_core::alert::{Item, ItemKind, Letter, Severity};
use serde_json::{Map, Value, json};

use crate::{
    alerts::{
        delivery::{Deliver, Failure},
        web::Place,
    },
    config::Web,
};

/// Prometheus' `--rules.alert.resend-delay`.
const RESEND: Duration = Duration::from_secs(60);
/// After so many of these without a word, an alert is over: as with Prometheus.
const MISSED: u32 = 4;
/// Where alerts are posted.
const PATH: &str = "/api/v2/alerts";

pub(super) struct ToAlertmanager {
    place: Place,
    node_id: String,
    path: String,
}

impl ToAlertmanager {
    pub(super) fn new(web: &Web, node_id: &str, patience: Duration) -> ToAlertmanager {
        let path = format!("{}{PATH}", web.url.path().trim_end_matches('/'));
        ToAlertmanager { place: Place::new(web, patience), node_id: node_id.to_owned(), path }
    }

    async fn post(&self, items: &[Item]) -> Result<(), Failure> {
        let now = Timestamp::now();
        let alerts: Vec<Value> = items.iter().map(|item| alert(item, &self.node_id, now)).collect();
        self.place.post_to(&self.path, "application/json", &[], Value::from(alerts).to_string()).await
    }
}

impl Deliver for ToAlertmanager {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        // It groups by itself, so a summary is taken apart.
        Box::pin(self.post(&letter.items))
    }

    fn refreshes(&self) -> Option<Duration> {
        Some(RESEND)
    }

    fn refresh<'a>(&'a self, items: &'a [Item]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.post(items))
    }
}

/// What a label of the check is named there that is named as one of ours: as Prometheus has it for labels of targets.
const EXPORTED: &str = "exported_";
/// The labels whose word is the operator's, if they say one: routes go by them, and no alert is known by them alone.
const YIELDING: [&str; 2] = ["alertname", "severity"];

/// An alert, as Alertmanager has it. It is known by its labels, so that they say nothing that changes while it goes on.
fn alert(item: &Item, node_id: &str, now: Timestamp) -> Value {
    let mut labels: Map<String, Value> =
        item.labels.iter().map(|(name, said)| (label_name(name), said.as_str().into())).collect();
    let name = match item.kind {
        ItemKind::Event => "ProbityEvent",
        ItemKind::Test => "ProbityTest",
        _ => "ProbityCheck",
    };
    let own = [
        ("alertname", Some(name)),
        ("severity", Some(if item.critical { "critical" } else { "warning" })),
        ("node_id", Some(node_id)),
        ("check", item.check.as_deref()),
        ("group", item.group.as_deref()),
        ("event", item.event.as_deref()),
    ];
    for (name, said) in own.into_iter().filter_map(|(name, said)| Some((name, said?))) {
        if YIELDING.contains(&name) && labels.contains_key(name) {
            continue;
        }
        if let Some(other) = labels.insert(name.into(), said.into()) {
            labels.insert(format!("{EXPORTED}{name}"), other);
        }
    }
    let over = item.kind == ItemKind::Resolved;
    let ends =
        if over { item.ended.unwrap_or(item.time) } else { now.checked_add(RESEND * MISSED).unwrap_or(Timestamp::MAX) };
    let mut annotations = Map::new();
    annotations.insert("description".into(), (*item.message).into());
    annotations.insert("status".into(), item.severity.map_or("", Severity::as_str).into());
    if let Some(id) = &item.alert {
        annotations.insert("alert_id".into(), (**id).into());
    }
    json!({
        "labels": labels,
        "annotations": annotations,
        // An end before the beginning is refused.
        "startsAt": item.since.min(ends),
        "endsAt": ends,
    })
}

/// A name that a label may have there (Prometheus, "Metric names and labels").
fn label_name(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = name.chars().map(letter).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_alert_is_known_by_what_does_not_change() {
        let (since, now) = ("2026-03-01T12:00:00Z".parse().unwrap(), "2026-03-01T13:00:00Z".parse().unwrap());
        let labels = [("team/a".to_owned(), "x".to_owned()), ("1st".to_owned(), "y".to_owned())].into();
        let bad = Item {
            kind: ItemKind::Alert,
            check: Some("db".into()),
            severity: Some(Severity::Degraded),
            critical: true,
            labels,
            ..Item::test(since)
        };
        let worse = Item { kind: ItemKind::Worse, severity: Some(Severity::Critical), ..bad.clone() };
        let over = Item { kind: ItemKind::Resolved, time: now, ..worse.clone() };
        let [bad, worse, over] = [bad, worse, over].map(|item| alert(&item, "node", now));
        assert_eq!((&bad["labels"], &bad["labels"]), (&worse["labels"], &over["labels"]));
        let expected = json!({
            "team_a": "x", "_1st": "y", "alertname": "ProbityCheck", "node_id": "node", "severity": "critical", "check": "db"
        });
        assert_eq!(bad["labels"], expected);
        assert_eq!((&bad["endsAt"], &over["endsAt"]), (&json!("2026-03-01T13:04:00Z"), &json!("2026-03-01T13:00:00Z")));
        assert_eq!(bad["startsAt"], "2026-03-01T12:00:00Z");
    }

    #[test]
    fn what_the_operator_says_is_not_overwritten() {
        let now = "2026-03-01T13:00:00Z".parse().unwrap();
        let labels =
            ["severity", "alertname", "check", "group", "node_id"].map(|name| (name.to_owned(), "mine".to_owned()));
        let item = Item { kind: ItemKind::Alert, check: Some("db".into()), labels: labels.into(), ..Item::test(now) };
        let expected = json!({
            "severity": "mine", "alertname": "mine", "check": "db", "exported_check": "mine", "group": "mine",
            "node_id": "node", "exported_node_id": "mine",
        });
        assert_eq!(alert(&item, "node", now)["labels"], expected);
    }
}
