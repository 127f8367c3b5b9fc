//! A queue that the operator named, and what its depth and its consumers come to.

use probity_guest::Findings;
use serde::Deserialize;

/// A queue, and what is expected of it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queue {
    pub(crate) name: String,
    degraded_messages_above: Option<u32>,
    unhealthy_messages_above: Option<u32>,
    degraded_consumers_below: Option<u32>,
    unhealthy_consumers_below: Option<u32>,
}

/// What a broker tells of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Depth {
    /// Messages that wait for a consumer.
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
}

impl Queue {
    /// What measurements call it: lower-case words joined by `-`.
    pub(crate) fn word(&self) -> String {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let word = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
        // A name may be of letters that a measurement's may not have.
        if word.is_empty() { "queue".to_owned() } else { word }
    }

    /// What is wrong with its limits, by the setting: one that hides the other.
    pub(crate) fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        let both = |milder: Option<u32>, graver: Option<u32>| milder.zip(graver);
        if both(self.degraded_messages_above, self.unhealthy_messages_above)
            .is_some_and(|(milder, graver)| milder > graver)
        {
            let message = "more than `unhealthy_messages_above`, which decides before it; give less";
            problems.push(("degraded_messages_above", message));
        }
        if both(self.degraded_consumers_below, self.unhealthy_consumers_below)
            .is_some_and(|(milder, graver)| milder < graver)
        {
            let message = "less than `unhealthy_consumers_below`, which decides before it; give more";
            problems.push(("degraded_consumers_below", message));
        }
        problems
    }

    /// Holds what is told of it to what is expected.
    pub(crate) fn judge(&self, depth: Depth, findings: &mut Findings) {
        let (name, Depth { messages, consumers }) = (&self.name, depth);
        let above = |limit: Option<u32>| limit.filter(|limit| messages > *limit);
        let told = |limit| format!("queue {name} has {messages} messages, more than {limit}");
        if let Some(limit) = above(self.unhealthy_messages_above) {
            findings.unhealthy(told(limit));
        } else if let Some(limit) = above(self.degraded_messages_above) {
            findings.degraded(told(limit));
        }
        let below = |limit: Option<u32>| limit.filter(|limit| consumers < *limit);
        let told = |limit| format!("queue {name} has {consumers} consumers, fewer than {limit}");
        if let Some(limit) = below(self.unhealthy_consumers_below) {
            findings.unhealthy(told(limit));
        } else if let Some(limit) = below(self.degraded_consumers_below) {
            findings.degraded(told(limit));
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::{Finding, Status, settings::parse};

    use super::*;

    #[test]
    fn a_queue_has_a_depth_and_consumers() {
        let queue: Queue = parse(
            r#"{ "name": "q", "degraded_messages_above": 5, "unhealthy_messages_above": 10,
                 "degraded_consumers_below": 2, "unhealthy_consumers_below": 1 }"#,
        )
        .unwrap();
        let judged = |messages, consumers| {
            let mut findings = Findings::default();
            queue.judge(Depth { messages, consumers }, &mut findings);
            let findings: Vec<Finding> = findings.into();
            findings.into_iter().map(|Finding { status, text }| (status, text)).collect::<Vec<_>>()
        };
        let (degraded, unhealthy) = (Status::Degraded, Status::Unhealthy);
        assert_eq!(judged(5, 2), []);
        assert_eq!(judged(6, 2), [(degraded, "queue q has 6 messages, more than 5".to_owned())]);
        assert_eq!(judged(11, 2), [(unhealthy, "queue q has 11 messages, more than 10".to_owned())]);
        assert_eq!(judged(0, 1), [(degraded, "queue q has 1 consumers, fewer than 2".to_owned())]);
        assert_eq!(judged(0, 0), [(unhealthy, "queue q has 0 consumers, fewer than 1".to_owned())]);
        assert_eq!(judged(11, 0).len(), 2);
    }

    #[test]
    fn measurements_have_words() {
        let word = |name: &str| parse::<Queue>(&format!(r#"{{ "name": "{name}" }}"#)).unwrap().word();
        assert_eq!([word("orders"), word("Billing.in_1"), word("a//b.")], ["orders", "billing-in-1", "a-b"]);
        assert_eq!(word("заказы"), "queue");
    }
}
