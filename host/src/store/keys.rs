//! Where everything lies in the store: a letter for what it is, whose it is, and its place.
//!
//! Places go round: a check has so many of each kind, and what is written into one takes the place of what was there. So the
//! store is bounded at any time, and nothing has to be deleted for that.

use probity_core::rollup::Level;

/// The number of a check in the store.
pub(super) type CheckId = u32;

/// How many of the latest failures of a check are kept beside its results.
pub(super) const FAILURES: u64 = 50;
/// How many of the latest incidents of a check are kept: for a day each, as long as the days themselves.
pub(super) const INCIDENTS: u64 = 732;

/// What the store knows of itself: which, when it was there last, what its events are named after.
pub(super) fn meta(name: &str) -> Vec<u8> {
    [b"M", name.as_bytes()].concat()
}

/// The name of a check.
pub(super) fn name(check: CheckId) -> Vec<u8> {
    of(b'N', check)
}

/// Where the account of a check stood.
pub(super) fn state(check: CheckId) -> Vec<u8> {
    of(b'S', check)
}

/// How a check lived.
pub(super) fn life(check: CheckId) -> Vec<u8> {
    of(b'L', check)
}

/// What the probe of a check has left for its next run.
pub(super) fn left(check: CheckId) -> Vec<u8> {
    of(b'O', check)
}

/// What was reported to a check.
pub(super) fn reports(check: CheckId) -> Vec<u8> {
    of(b'T', check)
}

/// The details of a check's last verdict.
pub(super) fn details(check: CheckId) -> Vec<u8> {
    of(b'D', check)
}

/// All results of a check.
pub(super) fn results(check: CheckId) -> Vec<u8> {
    of(b'R', check)
}

/// One of them, of so many that are kept.
pub(super) fn result(check: CheckId, number: u64, kept: u64) -> Vec<u8> {
    place(b'R', check, number % kept)
}

/// The failures of a check.
pub(super) fn failures(check: CheckId) -> Vec<u8> {
    of(b'F', check)
}

/// One of them.
pub(super) fn failure(check: CheckId, number: u64) -> Vec<u8> {
    place(b'F', check, number % FAILURES)
}

/// The incidents of a check.
pub(super) fn incidents(check: CheckId) -> Vec<u8> {
    of(b'I', check)
}

/// One of them.
pub(super) fn incident(check: CheckId, number: u64) -> Vec<u8> {
    place(b'I', check, number % INCIDENTS)
}

/// A stretch of a check's life.
pub(super) fn stretch(check: CheckId, level: Level, index: i64) -> Vec<u8> {
    let mut key = of(b'U', check);
    key.push(level as u8);
    key.extend_from_slice(&(index.rem_euclid(level.kept()) as u16).to_be_bytes());
    key
}

/// All stretches of a check.
pub(super) fn stretches(check: CheckId) -> Vec<u8> {
    of(b'U', check)
}

/// One of so many events that are kept.
pub(super) fn event(seq: u64, kept: u64) -> Vec<u8> {
    [b"E".as_slice(), &(seq % kept).to_be_bytes()].concat()
}

/// The name of a phase.
pub(super) fn phase(phase: u16) -> Vec<u8> {
    [b"P".as_slice(), &phase.to_be_bytes()].concat()
}

/// Everything of one kind.
pub(super) fn all(kind: u8) -> [u8; 1] {
    [kind]
}

/// The number that follows the letter of a key: of a check, or of a phase.
pub(super) fn number(key: &[u8]) -> Option<u32> {
    let digits = key.get(1..)?;
    (digits.len() <= 4).then(|| digits.iter().fold(0, |number, digit| number << 8 | u32::from(*digit)))
}

fn of(kind: u8, check: CheckId) -> Vec<u8> {
    let mut key = Vec::with_capacity(9);
    key.push(kind);
    key.extend_from_slice(&check.to_be_bytes());
    key
}

fn place(kind: u8, check: CheckId, place: u64) -> Vec<u8> {
    let mut key = of(kind, check);
    // There are never so many that it would not fit.
    key.extend_from_slice(&(place as u32).to_be_bytes());
    key
}
