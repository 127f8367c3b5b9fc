//! What became of the messages that were sent.

use probity_guest::{Findings, Verdict, text::excerpt};

use crate::{letter::origin, settings::Settings};

/// Messages of others that are passed over in one run: more than anybody's, where each run has a channel of its own, and few
/// enough for the fuel of a run.
const MOST_OTHERS: usize = 10_000;
/// Characters of a message that are shown.
const SHOWN: usize = 80;

/// The messages, and what was received.
pub(crate) struct Delivery {
    sent: Vec<Vec<u8>>,
    /// How often each came.
    came: Vec<usize>,
    /// What came of one of them that is not what was sent; the first of its kind.
    corrupted: Option<(Vec<u8>, Vec<u8>)>,
    /// How many messages came that have nothing to do with any of them.
    others: usize,
}

impl Delivery {
    /// Of these messages, which nobody else sends.
    pub(crate) fn of(sent: Vec<Vec<u8>>) -> Self {
        let came = vec![0; sent.len()];
        Self { sent, came, corrupted: None, others: 0 }
    }

    /// What is to be sent.
    pub(crate) fn letters(&self) -> impl Iterator<Item = &[u8]> {
        self.sent.iter().map(Vec::as_slice)
    }

    /// Takes a message that came, to the channel that was sent to or to another.
    pub(crate) fn take(&mut self, seen: Vec<u8>, is_ours: bool) {
        if !is_ours {
            self.others += 1;
        } else if let Some(index) = self.sent.iter().position(|sent| *sent == seen) {
            self.came[index] += 1;
        } else if let Some(sent) = origin(&seen, &self.sent) {
            self.corrupted.get_or_insert_with(|| (seen, sent.to_vec()));
        } else {
            self.others += 1;
        }
    }

    /// Whether all has come, or what has come is wrong already.
    pub(crate) fn is_complete(&self) -> bool {
        self.corrupted.is_some() || self.missing() == 0
    }

    /// Whether there is too much of others to go on.
    pub(crate) fn is_drowned(&self) -> bool {
        self.others > MOST_OTHERS
    }

    fn missing(&self) -> usize {
        self.came.iter().filter(|times| **times == 0).count()
    }

    fn repeated(&self) -> usize {
        self.came.iter().map(|times| times.saturating_sub(1)).sum()
    }

    /// What speaks against the broker.
    pub(crate) fn judge(&self, settings: &Settings, findings: &mut Findings) {
        let (missing, all, others) = (self.missing(), self.sent.len(), self.others);
        if let Some((seen, sent)) = &self.corrupted {
            let (seen, sent) = (excerpt(seen, SHOWN), excerpt(sent, SHOWN));
            findings.unhealthy(format!("it corrupted a message: it delivered {seen}, and {sent} was sent"));
        } else if self.is_drowned() {
            findings.unhealthy(format!(
                "{missing} of {all} messages were not among the first {others} that came, all of them from others: \
                 let `channel` be one that others do not use"
            ));
        } else if missing > 0 {
            let among = if others == 0 { String::new() } else { format!(", and {others} of others came") };
            findings.unhealthy(match all {
                1 => format!("it did not deliver the message{among}"),
                _ => format!("it did not deliver {missing} of {all} messages{among}"),
            });
        }
        let repeated = self.repeated();
        if repeated > 0 && !settings.ignore_duplicates {
            findings.degraded(match all {
                1 => format!("it delivered the message {} times", repeated + 1),
                _ => format!("it delivered {repeated} messages more than were sent"),
            });
        }
    }

    /// What the broker did, if nothing speaks against it.
    pub(crate) fn praise(&self) -> String {
        match self.sent.len() {
            1 => "delivered a message".to_owned(),
            all => format!("delivered {all} messages"),
        }
    }

    /// Adds what was counted.
    pub(crate) fn tell(&self, verdict: Verdict) -> Verdict {
        let counts = [
            ("messages-sent", self.sent.len()),
            ("messages-received", self.sent.len() - self.missing()),
            ("messages-repeated", self.repeated()),
            ("messages-of-others", self.others),
        ];
        counts.into_iter().fold(verdict, |verdict, (name, count)| verdict.measurement(name, "1", count as f64))
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::{Finding, Status};

    use super::*;
    use crate::letter::letters;

    /// The one thing that is found when this comes of two messages.
    fn found(came: &[&[u8]], more: &str) -> Option<(Status, String)> {
        let settings = probity_guest::settings::parse::<Settings>(more).unwrap();
        let mut delivery = Delivery::of(letters(1, 2, 64));
        came.iter().for_each(|came| delivery.take(came.to_vec(), true));
        let mut findings = Findings::default();
        delivery.judge(&settings, &mut findings);
        let findings: Vec<Finding> = findings.into();
        assert!(findings.len() <= 1, "{findings:?}");
        findings.into_iter().next().map(|Finding { status, text }| (status, text))
    }

    #[test]
    fn troubles_are_told_apart() {
        let [one, two] = <[_; 2]>::try_from(letters(1, 2, 64)).unwrap();
        let mut wrong = two.clone();
        wrong[3] ^= 1;
        let unhealthy = |text: &str| Some((Status::Unhealthy, text.to_owned()));
        assert_eq!(found(&[&two, &one], "{}"), None, "they may come in any order");
        assert_eq!(found(&[b"other", &one, b"", &two], "{}"), None, "others may say what they like");
        assert_eq!(found(&[&one], "{}"), unhealthy("it did not deliver 1 of 2 messages"));
        assert_eq!(found(&[b"other"], "{}"), unhealthy("it did not deliver 2 of 2 messages, and 1 of others came"));
        let (status, text) = found(&[&one, &wrong], "{}").unwrap();
        assert_eq!(status, Status::Unhealthy);
        assert!(text.starts_with("it corrupted a message: it delivered \""), "{text}");
        let repeated = (Status::Degraded, "it delivered 1 messages more than were sent".to_owned());
        assert_eq!(found(&[&one, &two, &one], "{}"), Some(repeated));
        assert_eq!(found(&[&one, &two, &one], r#"{ "ignore_duplicates": true }"#), None);
        let mut elsewhere = Delivery::of(letters(1, 1, 64));
        elsewhere.take(one, false);
        assert!(!elsewhere.is_complete());
        let drowned = found(&[b"other".as_slice(); 10_001], "{}").unwrap();
        assert!(drowned.1.starts_with("2 of 2 messages were not among the first 10001 that came"), "{drowned:?}");
    }
}
