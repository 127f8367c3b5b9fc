//! Incoming webhooks of chats, each in the words of its kind.

use std::time::Duration;

use futures_util::future::BoxFuture;
use probity_core::alert::{Letter, Severity};
use serde_json::{Value, json};

use crate::{
    alerts::{
        delivery::{Deliver, Failure},
        web::Place,
    },
    config::Web,
};

/// The longest title and description of an embed (Discord, "Embed Limits").
const DISCORD: (usize, usize) = (256, 4_096);
/// The longest text of an attachment that Slack takes.
const SLACK: usize = 3_000;

/// How bad it is, as a colour.
#[derive(Clone, Copy)]
enum Shade {
    Red,
    Amber,
    Green,
    Grey,
}

impl Shade {
    fn of(letter: &Letter) -> Shade {
        match (letter.firing, letter.severity) {
            (true, Some(Severity::Critical | Severity::Unhealthy)) => Shade::Red,
            (true, _) => Shade::Amber,
            (false, _) if letter.kind == "resolved" || letter.kind == "summary" => Shade::Green,
            (false, _) => Shade::Grey,
        }
    }

    /// As 24 bits.
    fn rgb(self) -> u32 {
        match self {
            Shade::Red => 0xd0_21_21,
            Shade::Amber => 0xd9_8e_04,
            Shade::Green => 0x1f_8a_3b,
            Shade::Grey => 0x6b_72_80,
        }
    }

    /// As adaptive cards name it.
    fn word(self) -> &'static str {
        match self {
            Shade::Red => "Attention",
            Shade::Amber => "Warning",
            Shade::Green => "Good",
            Shade::Grey => "Default",
        }
    }
}

pub(super) struct ToChat {
    place: Place,
    words: fn(&Letter) -> Value,
}

impl ToChat {
    pub(super) fn new(web: &Web, patience: Duration, words: fn(&Letter) -> Value) -> ToChat {
        ToChat { place: Place::new(web, patience), words }
    }
}

impl Deliver for ToChat {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { self.place.post_json(&(self.words)(letter)).await })
    }
}

/// For Slack, Mattermost and Rocket.Chat: <https://docs.slack.dev/messaging/formatting-message-text>.
pub(super) fn slack(letter: &Letter) -> Value {
    // What would be taken for a mention, a link or a channel must not be one.
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let title = plain(&letter.title);
    json!({
        "text": title,
        "attachments": [{
            "color": format!("#{:06x}", Shade::of(letter).rgb()),
            "fallback": title,
            "text": plain(&shortened(&letter.text, SLACK)),
            "ts": letter.time.as_second(),
        }],
    })
}

/// For Discord: <https://discord.com/developers/docs/resources/webhook#execute-webhook>.
pub(super) fn discord(letter: &Letter) -> Value {
    let (title, description) = DISCORD;
    json!({
        "embeds": [{
            "title": shortened(&letter.title, title),
            "description": shortened(&letter.text, description),
            "color": Shade::of(letter).rgb(),
            "timestamp": letter.time,
        }],
        // Whatever a probe says, it calls nobody.
        "allowed_mentions": { "parse": [] },
    })
}

/// For a workflow of Teams that posts a card: <https://adaptivecards.io/explorer/>.
pub(super) fn teams(letter: &Letter) -> Value {
    let block = |text: &str| json!({ "type": "TextBlock", "text": text, "wrap": true });
    let mut title = block(&letter.title);
    title["weight"] = "Bolder".into();
    title["size"] = "Medium".into();
    title["color"] = Shade::of(letter).word().into();
    let body: Vec<Value> = std::iter::once(title).chain(letter.text.lines().map(block)).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use probity_core::alert::{Item, ItemKind, Message};

    use super::*;

    fn letter(kind: ItemKind, severity: Option<Severity>, message: &str) -> Letter {
        let time = "2026-03-01T12:00:00Z".parse().unwrap();
        let item = Item { kind, severity, check: Some("db".into()), message: message.into(), ..Item::test(time) };
        Letter::new(
            "1".into(),
            "node",
            &Message { rule: "r".into(), sinks: vec![], time, summary: false, items: vec![item] },
        )
    }

    #[test]
    fn nobody_is_called_by_what_a_probe_says() {
        let bad = letter(ItemKind::Alert, Some(Severity::Unhealthy), "<!channel> & <@U1>");
        let said = slack(&bad);
        assert_eq!(said["text"], "db is unhealthy");
        assert!(said["attachments"][0]["text"].as_str().unwrap().starts_with("&lt;!channel&gt; &amp; &lt;@U1&gt;"));
        assert_eq!(said["attachments"][0]["color"], "#d02121");
        assert_eq!(discord(&bad)["allowed_mentions"]["parse"], json!([]));
    }

    #[test]
    fn what_is_too_long_is_cut_short() {
        let long = letter(ItemKind::Resolved, Some(Severity::Unhealthy), &"ä".repeat(10_000));
        assert_eq!(discord(&long)["embeds"][0]["description"].as_str().unwrap().chars().count(), 4_096);
        assert_eq!(discord(&long)["embeds"][0]["color"], 0x1f_8a_3b);
    }

    #[test]
    fn a_card_has_its_title_first() {
        let card = teams(&letter(ItemKind::Alert, Some(Severity::Degraded), "slow"));
        let body = &card["attachments"][0]["content"]["body"];
        assert_eq!((&body[0]["text"], &body[0]["color"]), (&json!("db is degraded"), &json!("Warning")));
        assert_eq!(body[1]["text"], "slow");
    }
}
