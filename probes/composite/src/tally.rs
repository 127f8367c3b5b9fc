//! From how the members stand to how the whole does.

use std::time::Duration;

use probity_guest::{
    Status,
    checks::{Health, Standing},
    settings::Span,
    text::{line, roughly},
};

use crate::settings::{DegradedAs, Settings, UnknownAs};

/// Members that a message names; the others are in the details.
const NAMED: usize = 5;
/// Characters of a member's own message that a message shows.
const REASON: usize = 80;

/// What is known of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Healthy,
    Degraded,
    Unhealthy,
    /// Nothing: its probe fails.
    Unknown,
    /// Nothing any more: its verdict is so old.
    Stale(Duration),
    /// Nothing yet.
    Pending,
    /// Nothing, because nobody watches it, which somebody wants so: it is left out.
    Unwatched,
}

impl Found {
    pub(crate) fn of(standing: &Standing, max_age: Option<Span>) -> Self {
        let age = Duration::from_nanos(standing.age.unwrap_or_default());
        let is_stale = max_age.is_some_and(|Span(most)| age > most);
        match standing.health {
            Health::Pending if !standing.watched => Self::Unwatched,
            Health::Pending => Self::Pending,
            Health::Unknown => Self::Unknown,
            _ if is_stale => Self::Stale(age),
            Health::Healthy => Self::Healthy,
            Health::Degraded => Self::Degraded,
            Health::Unhealthy => Self::Unhealthy,
        }
    }

    fn is_known(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded | Self::Unhealthy)
    }

    /// What it counts as; `None`: it is left out.
    fn counts_as(self, settings: &Settings) -> Option<Status> {
        match self {
            Self::Healthy => Some(Status::Healthy),
            Self::Unhealthy => Some(Status::Unhealthy),
            Self::Degraded => Some(match settings.degraded_counts_as {
                DegradedAs::Healthy => Status::Healthy,
                DegradedAs::Degraded => Status::Degraded,
                DegradedAs::Unhealthy => Status::Unhealthy,
            }),
            Self::Unknown | Self::Stale(_) | Self::Pending => match settings.unknown_counts_as {
                UnknownAs::Healthy => Some(Status::Healthy),
                UnknownAs::Degraded => Some(Status::Degraded),
                UnknownAs::Unhealthy => Some(Status::Unhealthy),
                UnknownAs::Nothing => None,
            },
            Self::Unwatched => None,
        }
    }

    /// How grave it is: what is graver is told first.
    pub(crate) fn gravity(self) -> u8 {
        match self {
            Self::Unhealthy => 0,
            Self::Unknown | Self::Stale(_) => 1,
            Self::Degraded => 2,
            Self::Pending => 3,
            Self::Unwatched => 4,
            Self::Healthy => 5,
        }
    }

    /// How a member stands, with its own words for why.
    pub(crate) fn story(self, message: &str, most: usize) -> String {
        let state = match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Unwatched => return "not watched".to_owned(),
            Self::Stale(age) => return format!("not known any more: its last run was {} ago", roughly(age)),
        };
        match line(message.lines().next().unwrap_or_default(), most).as_str() {
            "" => state.to_owned(),
            reason => format!("{state} ({reason})"),
        }
    }
}

/// A member, and what is known of it.
pub(crate) struct Member {
    pub(crate) standing: Standing,
    pub(crate) found: Found,
}

/// How many members are how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) healthy: usize,
    pub(crate) degraded: usize,
    pub(crate) unhealthy: usize,
    /// Stale and pending ones among them, but not those that nobody watches.
    pub(crate) unknown: usize,
}

impl Counts {
    pub(crate) fn of(members: &[Member]) -> Self {
        let mut counts = Self::default();
        for member in members {
            match member.found {
                Found::Healthy => counts.healthy += 1,
                Found::Degraded => counts.degraded += 1,
                Found::Unhealthy => counts.unhealthy += 1,
                Found::Unknown | Found::Stale(_) | Found::Pending => counts.unknown += 1,
                Found::Unwatched => {}
            }
        }
        counts
    }
}

/// What the members come to, and why; `None` if nothing is known of any of them, and nobody is to blame for that.
pub(crate) fn judge(settings: &Settings, members: &[Member]) -> Option<(Status, String)> {
    let counted: Vec<Status> = members.iter().filter_map(|member| member.found.counts_as(settings)).collect();
    let nothing_yet = |member: &Member| matches!(member.found, Found::Pending | Found::Unwatched);
    if counted.is_empty() || members.iter().all(nothing_yet) {
        return None;
    }
    let left_out = members.len() - counted.len();
    let wanted = settings.healthy_at_least.of(members.len(), left_out);
    let needed = settings.degraded_at_least().of(members.len(), left_out);
    let healthy = counted.iter().filter(|status| **status == Status::Healthy).count();
    let of_use = counted.iter().filter(|status| **status != Status::Unhealthy).count();
    let (status, so_many) = if healthy >= wanted {
        let enough = if healthy < counted.len() { ", and that is enough" } else { "" };
        (Status::Healthy, format!("{healthy} of {} are healthy{enough}", counted.len()))
    } else if of_use >= needed {
        (Status::Degraded, format!("{healthy} of {} are healthy, and {wanted} should be", counted.len()))
    } else {
        (Status::Unhealthy, format!("{of_use} of {} are of use, and {needed} must be", counted.len()))
    };
    let troubled = troubled(members);
    Some((status, if troubled.is_empty() { so_many } else { format!("{so_many}: {troubled}") }))
}

/// Those that are not healthy, the gravest first, as far as it makes sense to name them.
fn troubled(members: &[Member]) -> String {
    let is_troubled = |member: &&Member| !matches!(member.found, Found::Healthy | Found::Unwatched);
    let mut troubled: Vec<&Member> = members.iter().filter(is_troubled).collect();
    troubled.sort_by_key(|member| member.found.gravity());
    let more = troubled.len().saturating_sub(NAMED);
    let mut named: Vec<String> = troubled
        .into_iter()
        .take(NAMED)
        .map(|Member { standing, found }| format!("{} is {}", standing.name, found.story(&standing.message, REASON)))
        .collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join("; ")
}

/// Why nothing is known of any of them, if nobody is to blame for that.
pub(crate) fn why_nothing(members: &[Member]) -> String {
    if members.iter().all(|member| member.found == Found::Unwatched) {
        return "nobody watches any of its checks".to_owned();
    }
    "none of its checks has a verdict yet".to_owned()
}

/// Whether nothing is known of any of them because their probes fail.
pub(crate) fn is_blind(members: &[Member]) -> bool {
    !members.iter().any(|member| member.found.is_known())
        && members.iter().any(|member| matches!(member.found, Found::Unknown | Found::Stale(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        probity_guest::settings::parse(json).map_err(|problem| problem.message).unwrap()
    }

    /// Members as the letters say: Healthy, Degraded, Unhealthy, Known not (`?`), Stale, Pending, not watched (`-`).
    fn members(letters: &str) -> Vec<Member> {
        let member = |(at, letter): (usize, char)| {
            let (health, watched, age) = match letter {
                'h' => (Health::Healthy, true, 1),
                'd' => (Health::Degraded, true, 1),
                'u' => (Health::Unhealthy, true, 1),
                '?' => (Health::Unknown, true, 1),
                's' => (Health::Healthy, true, 3600),
                'p' => (Health::Pending, true, 0),
                _ => (Health::Pending, false, 0),
            };
            let standing = Standing {
                name: format!("m{at}"),
                health,
                message: if letter == 'u' { "refused\nby it".to_owned() } else { String::new() },
                fault: None,
                age: Some(age * 1_000_000_000),
                watched,
                critical: false,
                group: None,
            };
            let found = Found::of(&standing, Some(Span(Duration::from_secs(60))));
            Member { standing, found }
        };
        letters.chars().enumerate().map(member).collect()
    }

    /// The first letter of the status, or `-`.
    fn judged(json: &str, letters: &str) -> char {
        match judge(&settings(json), &members(letters)) {
            Some((Status::Healthy, _)) => 'h',
            Some((Status::Degraded, _)) => 'd',
            Some((Status::Unhealthy, _)) => 'u',
            None => '-',
        }
    }

    #[test]
    fn so_many_of_so_many() {
        let all = r#"{"group": "g"}"#;
        let two = r#"{"group": "g", "healthy_at_least": 2, "degraded_at_least": 1}"#;
        let most = r#"{"group": "g", "healthy_at_least": "60%", "degraded_at_least": "30%"}"#;
        for (letters, of_all, of_two, of_most) in [
            ("hhh", 'h', 'h', 'h'),
            ("hhu", 'u', 'h', 'h'),
            ("huu", 'u', 'd', 'd'),
            ("uuu", 'u', 'u', 'u'),
            ("ddd", 'd', 'd', 'd'),
            ("hdd", 'd', 'd', 'd'),
            ("hhd", 'd', 'h', 'h'),
            ("h", 'h', 'd', 'h'),
            ("hh?", 'd', 'h', 'h'),
            ("h??", 'd', 'd', 'd'),
            ("u??", 'u', 'd', 'd'),
            ("uu?", 'u', 'd', 'd'),
            ("hhs", 'd', 'h', 'h'),
            ("hhp", 'd', 'h', 'h'),
            ("hh-", 'h', 'h', 'h'),
            ("h--", 'h', 'h', 'h'),
            ("u--", 'u', 'u', 'u'),
            ("pp-", '-', '-', '-'),
            ("---", '-', '-', '-'),
        ] {
            assert_eq!(
                [judged(all, letters), judged(two, letters), judged(most, letters)],
                [of_all, of_two, of_most],
                "{letters}"
            );
        }
    }

    #[test]
    fn what_counts_as_what_is_up_to_the_operator() {
        let with = |more: &str| format!(r#"{{"group": "g", "healthy_at_least": 2{more}}}"#);
        for (more, letters, expected) in [
            (r#", "degraded_counts_as": "healthy""#, "hd", 'h'),
            (r#", "degraded_counts_as": "unhealthy""#, "hd", 'u'),
            (r#", "unknown_counts_as": "healthy""#, "h?", 'h'),
            (r#", "unknown_counts_as": "healthy""#, "hs", 'h'),
            (r#", "unknown_counts_as": "unhealthy""#, "h?", 'u'),
            (r#", "unknown_counts_as": "unhealthy""#, "hp", 'u'),
            (r#", "unknown_counts_as": "nothing""#, "hh?", 'h'),
            (r#", "unknown_counts_as": "nothing""#, "h?", 'h'),
            (r#", "unknown_counts_as": "nothing""#, "u?", 'u'),
            (r#", "unknown_counts_as": "nothing""#, "??", '-'),
        ] {
            assert_eq!(judged(&with(more), letters), expected, "{more} {letters}");
        }
    }

    #[test]
    fn a_message_says_how_many_and_names_the_gravest() {
        let two = settings(r#"{"group": "g", "healthy_at_least": 2, "degraded_at_least": 2}"#);
        let said = |letters: &str| judge(&two, &members(letters)).unwrap().1;
        assert_eq!(said("hh"), "2 of 2 are healthy");
        assert_eq!(said("hhu"), "2 of 3 are healthy, and that is enough: m2 is unhealthy (refused)");
        assert_eq!(said("hdu"), "1 of 3 are healthy, and 2 should be: m2 is unhealthy (refused); m1 is degraded");
        assert_eq!(said("hu"), "1 of 2 are of use, and 2 must be: m1 is unhealthy (refused)");
        assert_eq!(
            said("hhs?"),
            "2 of 4 are healthy, and that is enough: m2 is not known any more: its last run was 1 h ago; m3 is unknown"
        );
        assert!(said("huuuuuuuu").ends_with("; m5 is unhealthy (refused); and 3 more"), "{}", said("huuuuuuuu"));
    }

    #[test]
    fn a_reason_that_is_cut_says_so() {
        assert_eq!(Found::Unhealthy.story("refused", 7), "unhealthy (refused)");
        assert_eq!(Found::Unhealthy.story("refused by it", 8), "unhealthy (refused …)");
        assert_eq!(Found::Unhealthy.story("refused\nby it", 8), "unhealthy (refused)");
    }

    #[test]
    fn who_sees_nothing_knows_why() {
        assert_eq!(why_nothing(&members("--")), "nobody watches any of its checks");
        assert_eq!(why_nothing(&members("p-")), "none of its checks has a verdict yet");
        for (letters, blind) in [("??", true), ("?p", true), ("s-", true), ("?h", false), ("pp", false), ("--", false)]
        {
            assert_eq!(is_blind(&members(letters)), blind, "{letters}");
        }
        let counts = Counts { healthy: 1, degraded: 1, unhealthy: 1, unknown: 3 };
        assert_eq!(Counts::of(&members("hdu?sp-")), counts);
    }
}
