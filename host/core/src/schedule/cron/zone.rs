//! Time zones: finding one by name, and cutting its time into stretches of constant offset.

use jiff::Timestamp;
use jiff::tz::{self, TimeZone};

use super::error::CronError;

/// How many names are proposed for a mistyped one.
const PROPOSALS: usize = 3;
/// A proposal may differ from what was written in one letter out of this many.
const LETTERS_PER_SLIP: usize = 3;

/// The IANA time zone of that name, in any case.
pub(super) fn find(name: &str) -> Result<TimeZone, CronError> {
    match TimeZone::get(name) {
        // `Etc/Unknown` is in the database, but it is the absence of a zone.
        Ok(zone) if !zone.is_unknown() => Ok(zone),
        _ => Err(CronError::Zone { name: name.to_owned(), nearest: nearest(name) }),
    }
}

/// The zones whose names, or whose cities, look most like `name`.
fn nearest(name: &str) -> Vec<String> {
    let wanted = name.to_lowercase().replace(' ', "_");
    let mut scored: Vec<(usize, String)> = tz::db()
        .available()
        .map(|zone| {
            let known = zone.as_str().to_lowercase();
            let city = known.rsplit('/').next().unwrap_or(&known);
            let distance = edit_distance(&wanted, &known).min(edit_distance(&wanted, city));
            (distance, zone.as_str().to_owned())
        })
        .filter(|(distance, _)| distance * LETTERS_PER_SLIP <= wanted.chars().count())
        .collect();
    scored.sort();
    scored.into_iter().take(PROPOSALS).map(|(_, zone)| zone).collect()
}

/// How many letters must be put in, taken out or changed to make `b` of `a` (Levenshtein's distance), a row at a time.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A stretch of time over which a zone's wall clock runs evenly, between two changes of its offset. Instants are
/// seconds since 1970; readings are as in [`calendar`](super::calendar).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// What to add to an instant to have the clock's reading: seconds east of UTC.
    pub(super) offset: i64,
    /// The reading at which the clock was turned when the stretch began. If it was turned back, readings before this
    /// one have been shown before. `None` if the stretch has no beginning.
    pub(super) turned_from: Option<i64>,
    /// How the stretch ends; `None` if it never does.
    pub(super) end: Option<Turn>,
}

/// The turning of a clock from one offset to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// The first instant with the next offset.
    pub(super) at: i64,
    /// The reading that the clock shows then.
    pub(super) to: i64,
}

impl Stretch {
    /// The stretch of `zone` that holds the instant `at`.
    pub(super) fn at(zone: &TimeZone, at: i64) -> Stretch {
        let offset = |at| i64::from(zone.to_offset(timestamp(at)).seconds());
        // The transition at `at` itself begins the stretch, and jiff's "preceding" is strict.
        let begin = zone.preceding(timestamp(at + 1)).next();
        let end = zone.following(timestamp(at)).next();
        Stretch {
            offset: offset(at),
            turned_from: begin.map(|transition| {
                let at = transition.timestamp().as_second();
                at + offset(at - 1)
            }),
            end: end.map(|transition| {
                let at = transition.timestamp().as_second();
                let to = at + i64::from(transition.offset().seconds());
                Turn { at, to }
            }),
        }
    }
}

/// The instant `second` seconds after 1970 began, or the nearest one that there is.
fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
