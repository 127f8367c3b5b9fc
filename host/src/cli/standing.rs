//! How all checks of a runner are, as it tells at `/health`.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// All that is shown of a runner.
#[derive(Debug, Deserialize)]
pub(super) struct Standing {
    /// The one word for all.
    pub(super) status: String,
    /// What is wrong.
    pub(super) message: String,
    pub(super) checks: BTreeMap<String, Entry>,
    pub(super) node_id: String,
}

/// One check.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) message: String,
    /// In nanoseconds; `None` before the first run.
    pub(super) latency: Option<u64>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) status: String,
    #[serde(default)]
    pub(super) critical: bool,
    #[serde(default)]
    pub(super) mode: String,
    pub(super) group: Option<String>,
}

/// A condition: its word, its shape and its colour (Select Graphic Rendition, ECMA-48, section 8.3.117), the gravest first.
pub(super) struct Condition {
    word: &'static str,
    pub(super) label: &'static str,
    pub(super) shape: char,
    pub(super) colour: u8,
}

/// All of them. Shapes that are in every font of a terminal.
pub(super) const CONDITIONS: [Condition; 6] = [
    Condition { word: "unhealthy", label: "down", shape: '✗', colour: 31 },
    Condition { word: "unknown", label: "unknown", shape: '?', colour: 35 },
    Condition { word: "degraded", label: "degraded", shape: '▲', colour: 33 },
    Condition { word: "pending", label: "pending", shape: '…', colour: 90 },
    Condition { word: "disabled", label: "paused", shape: '‖', colour: 90 },
    Condition { word: "healthy", label: "healthy", shape: '✓', colour: 32 },
];

impl Entry {
    /// What it counts as, as the place in [`CONDITIONS`]: what the operator decreed, or else what is known. A word that a newer runner
    /// may say is unknown here.
    pub(super) fn condition(&self) -> usize {
        let word = match self.mode.as_str() {
            "forced-up" => "healthy",
            "forced-down" => "unhealthy",
            "disabled" => "disabled",
            _ => &self.status,
        };
        CONDITIONS.iter().position(|condition| condition.word == word).unwrap_or(1)
    }

    /// How long the target took, in words.
    pub(super) fn took(&self) -> String {
        let latency = self.latency.filter(|_| self.timestamp.is_some()).map(Duration::from_nanos);
        latency.map_or_else(|| "-".into(), |latency| format!("{latency:.1?}"))
    }

    /// How long ago it ran, in words.
    pub(super) fn age(&self, now: Timestamp) -> String {
        let Some(at) = self.timestamp else { return "never".into() };
        let seconds = now.duration_since(at).as_secs().max(0);
        match seconds {
            0..60 => format!("{seconds}s ago"),
            60..3600 => format!("{}m ago", seconds / 60),
            3600..86_400 => format!("{}h ago", seconds / 3600),
            _ => format!("{}d ago", seconds / 86_400),
        }
    }
}

impl Standing {
    /// Every check with its name, the gravest first, and among equals what is critical.
    pub(super) fn by_gravity(&self) -> Vec<(&str, &Entry)> {
        let mut checks: Vec<_> = self.checks.iter().map(|(name, entry)| (name.as_str(), entry)).collect();
        checks.sort_by_key(|(name, entry)| (entry.condition(), !entry.critical, *name));
        checks
    }

    /// How many are in each condition, as in [`CONDITIONS`].
    pub(super) fn counts(&self) -> [usize; CONDITIONS.len()] {
        let mut counts = [0; CONDITIONS.len()];
        self.checks.values().for_each(|entry| counts[entry.condition()] += 1);
        counts
    }

    /// The exit code of monitoring plug-ins for the whole.
    pub(super) fn exit_code(&self) -> u8 {
        match self.status.as_str() {
            "healthy" => 0,
            "degraded" => 1,
            "unhealthy" => 2,
            _ => super::FAILED,
        }
    }
}

/// One line that a terminal shows and does not obey: what a target says may have anything in it.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect::<String>().into()
    } else {
        text.into()
    }
}

/// A text in just so many columns: cut, or filled up.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return format!("{text}{}", " ".repeat(width - text.width()));
    }
    let mut cut = String::new();
    let mut taken = 0;
    for letter in text.chars() {
        let wide = letter.width().unwrap_or_default();
        if taken + wide + 1 > width {
            break;
        }
        cut.push(letter);
        taken += wide;
    }
    if taken < width {
        cut.push('…');
        taken += 1;
    }
    cut + &" ".repeat(width - taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(status: &str, mode: &str) -> Entry {
        let (status, mode) = (status.into(), mode.into());
        Entry { message: String::new(), latency: None, timestamp: None, status, critical: false, mode, group: None }
    }

    #[test]
    fn what_the_operator_decreed_comes_before_what_is_known() {
        let table = [
            ("healthy", "auto", "healthy"),
            ("unhealthy", "forced-up", "healthy"),
            ("healthy", "forced-down", "down"),
            ("unhealthy", "disabled", "paused"),
            ("something new", "auto", "unknown"),
        ];
        for (status, mode, label) in table {
            assert_eq!(CONDITIONS[entry(status, mode).condition()].label, label, "{status} {mode}");
        }
    }

    #[test]
    fn ages_are_in_their_largest_unit() {
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let at = |time: &str| Entry { timestamp: Some(time.parse().unwrap()), ..entry("healthy", "auto") }.age(now);
        assert_eq!(at("2026-03-02T11:59:59.5Z"), "0s ago");
        assert_eq!(at("2026-03-02T12:00:10Z"), "0s ago", "a clock that is ahead");
        assert_eq!(at("2026-03-02T11:59:00Z"), "1m ago");
        assert_eq!(at("2026-03-02T09:30:00Z"), "2h ago");
        assert_eq!(at("2026-02-27T12:00:00Z"), "3d ago");
        assert_eq!(entry("pending", "auto").age(now), "never");
    }

    #[test]
    fn no_text_commands_the_terminal() {
        assert_eq!(one_line("a\x1b[2J\nb\u{9b}c"), "a [2J b c");
    }
}
