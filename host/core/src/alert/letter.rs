//! A message in words: what a person reads, and what a program is given.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Item, ItemKind, Message, Severity};

/// So many things of a summary are named in its text; the rest is counted.
const NAMED: usize = 20;

/// A message, as it is handed to one sink: all that it says, and the same in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// What names the message, however often it is sent.
    pub id: Arc<str>,
    /// The runner that sends it.
    pub node_id: String,
    /// The rule that has it sent.
    pub rule: Arc<str>,
    /// What it says: `alert`, `worse`, `reminder`, `resolved`, `event`, `test` or `summary`.
    pub kind: String,
    /// Whether there is trouble, as far as the message goes.
    pub firing: bool,
    /// The worst of what it tells.
    pub severity: Option<Severity>,
    /// When it was made.
    pub time: Timestamp,
    /// It, in one line.
    pub title: String,
    /// It, in some lines.
    pub text: String,
    /// What it says of what: one thing, or all of a summary.
    pub items: Vec<Item>,
    /// The check it is about, if it is one.
    pub check: Option<Arc<str>>,
    /// The group of that.
    pub group: Option<Arc<str>>,
    /// What the probe said, or what happened.
    pub message: Option<Arc<str>>,
    /// What the operator says the check is for; whoever knows fills it in.
    #[serde(default)]
    pub description: Option<String>,
    /// When the trouble began, or the event happened.
    pub since: Option<Timestamp>,
    /// When the trouble ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// The labels of the check.
    pub labels: BTreeMap<String, String>,
}

impl Letter {
    /// Puts a message into words.
    #[must_use]
    pub fn new(id: Arc<str>, node_id: &str, message: &Message) -> Letter {
        let items = &message.items;
        let single = match &items[..] {
            [item] if !message.summary => Some(item),
            _ => None,
        };
        let firing = |item: &Item| item.kind.is_of_trouble();
        Letter {
            id,
            node_id: node_id.to_owned(),
            rule: Arc::clone(&message.rule),
            kind: single.map_or("summary", |item| item.kind.as_str()).to_owned(),
            firing: items.iter().any(firing),
            severity: items.iter().filter(|item| firing(item)).filter_map(|item| item.severity).max(),
            time: message.time,
            title: single.map_or_else(|| summary_title(items), title),
            text: single.map_or_else(|| summary_text(items), |item| text(item, node_id)),
            check: single.and_then(|item| item.check.clone()),
            group: single.and_then(|item| item.group.clone()),
            message: single.map(|item| Arc::clone(&item.message)),
            description: None,
            since: single.map(|item| item.since),
            ended: single.and_then(|item| item.ended),
            labels: single.map(|item| item.labels.clone()).unwrap_or_default(),
            items: items.clone(),
        }
    }

    /// What is sent to see whether messages arrive.
    #[must_use]
    pub fn test(id: Arc<str>, node_id: &str, now: Timestamp) -> Letter {
        let (rule, items) = ("test".into(), vec![Item::test(now)]);
        Letter::new(id, node_id, &Message { rule, sinks: Vec::new(), time: now, summary: false, items })
    }
}

/// One thing in one line.
fn title(item: &Item) -> String {
    let check = item.check.as_deref().unwrap_or("the runner");
    let how = match item.severity {
        Some(Severity::Critical) => "unhealthy (critical)",
        Some(severity) => severity.as_str(),
        None => "",
    };
    match item.kind {
        ItemKind::Alert => format!("{check} is {how}"),
        ItemKind::Worse => format!("{check} got worse: {how}"),
        ItemKind::Reminder => format!("{check} is still {how}"),
        ItemKind::Resolved => format!("{check} is resolved"),
        ItemKind::Event => format!("{check}: {}", item.event.as_deref().unwrap_or_default()),
        ItemKind::Test => "test of notifications".to_owned(),
    }
}

/// One thing in some lines, without its title.
fn text(item: &Item, node_id: &str) -> String {
    let mut lines = vec![item.message.to_string()];
    match item.ended {
        Some(ended) => {
            lines.push(format!("from {:.0} to {ended:.0}, for {}", item.since, span(item.since, ended)));
        }
        None if item.alert.is_some() => lines.push(format!("since {:.0}", item.since)),
        None => {}
    }
    if let Some(group) = &item.group {
        lines.push(format!("group: {group}"));
    }
    lines.extend(item.labels.iter().map(|(name, said)| format!("{name}: {said}")));
    lines.push(format!("told by {node_id}"));
    lines.join("\n")
}

/// How long it is from one moment to another, in the two largest units that there is anything of.
fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
    let shown = units.iter().skip(first).take(2).filter(|(count, _)| *count > 0 || first == units.len() - 1);
    shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

fn summary_title(items: &[Item]) -> String {
    let count = |wanted: fn(ItemKind) -> bool| items.iter().filter(|item| wanted(item.kind)).count();
    let parts = [
        (count(ItemKind::is_of_trouble), "in trouble"),
        (count(|kind| kind == ItemKind::Resolved), "resolved"),
        (count(|kind| kind == ItemKind::Event), "events"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// The worst first.
fn summary_text(items: &[Item]) -> String {
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by_key(|item| (!item.kind.is_of_trouble(), std::cmp::Reverse(item.severity)));
    let mut lines: Vec<String> =
        sorted.iter().take(NAMED).map(|item| format!("{}: {}", title(item), item.message)).collect();
    if sorted.len() > NAMED {
        lines.push(format!("and {} more", sorted.len() - NAMED));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::alert::Subject;

    fn item(kind: ItemKind, check: &str, severity: Option<Severity>) -> Item {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let subject = Subject { group: Some("storage".into()), ..Subject::new(check) };
        Item {
            kind,
            severity,
            alert: severity.map(|_| "id".into()),
            ..Item::event(Some(&subject), "fault", &"m".into(), now)
        }
    }

    fn letter(items: Vec<Item>, summary: bool) -> Letter {
        let time = "2026-03-01T12:00:00Z".parse().unwrap();
        Letter::new("1".into(), "node", &Message { rule: "r".into(), sinks: vec![], time, summary, items })
    }

    #[test]
    fn each_thing_is_put_into_words() {
        let bad = Some(Severity::Critical);
        for (kind, severity, title) in [
            (ItemKind::Alert, bad, "db is unhealthy (critical)"),
            (ItemKind::Worse, Some(Severity::Degraded), "db got worse: degraded"),
            (ItemKind::Reminder, Some(Severity::Unknown), "db is still unknown"),
            (ItemKind::Resolved, bad, "db is resolved"),
            (ItemKind::Event, None, "db: fault"),
            (ItemKind::Test, None, "test of notifications"),
        ] {
            assert_eq!(letter(vec![item(kind, "db", severity)], false).title, title);
        }
        let told = letter(vec![item(ItemKind::Alert, "db", bad)], false);
        assert_eq!(told.text, "m\nsince 2026-03-01T12:00:00Z\ngroup: storage\ntold by node");
        assert_eq!((told.firing, told.severity, told.kind.as_str()), (true, bad, "alert"));
        let resolved = item(ItemKind::Resolved, "db", bad);
        let over = Item { ended: Some("2026-03-01T14:00:05Z".parse().unwrap()), ..resolved };
        let over = letter(vec![over], false);
        assert_eq!((over.firing, over.severity), (false, None));
        let lasted = "from 2026-03-01T12:00:00Z to 2026-03-01T14:00:05Z, for 2h";
        assert_eq!(over.text.lines().nth(1), Some(lasted));
    }

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        let from: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (seconds, told) in
            [(0, "0s"), (59, "59s"), (61, "1m 1s"), (7_205, "2h"), (3_660, "1h 1m"), (180_000, "2d 2h"), (-5, "0s")]
        {
            let to = from.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
            assert_eq!(span(from, to), told);
        }
    }

    #[test]
    fn a_summary_counts_and_names_the_worst_first() {
        let mut items: Vec<Item> =
            (0..30).map(|number| item(ItemKind::Alert, &format!("n{number}"), Some(Severity::Degraded))).collect();
        items.insert(0, item(ItemKind::Resolved, "over", Some(Severity::Critical)));
        items.push(item(ItemKind::Alert, "worst", Some(Severity::Critical)));
        let told = letter(items, true);
        assert_eq!((told.title.as_str(), told.kind.as_str()), ("31 in trouble, 1 resolved", "summary"));
        assert!(told.text.starts_with("worst is unhealthy (critical): m\nn0 is degraded: m\n"), "{}", told.text);
        assert!(told.text.ends_with("\nand 12 more"), "{}", told.text);
        assert_eq!((told.severity, told.check), (Some(Severity::Critical), None));
    }
}
