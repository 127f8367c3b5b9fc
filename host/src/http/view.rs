//! All checks at one moment: what a rendering is made from.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use probity_core::health::{Overall, Phase, Tally};

use crate::board::{Board, CheckState};

/// The board, as it stood at one moment.
pub(super) struct View<'a> {
    /// For what is not a check.
    pub(super) board: &'a Board,
    /// The board's version: what is seen here is at least as new.
    pub(super) version: u64,
    /// Where the runner is in its life.
    pub(super) phase: Phase,
    /// How long it has been up.
    pub(super) uptime: Duration,
    /// The time of day.
    pub(super) now: Timestamp,
    /// Every check that is looked at, by name.
    pub(super) checks: Vec<Arc<CheckState>>,
    /// The names of those that are not because somebody wants it so.
    pub(super) excluded: Vec<Arc<str>>,
    /// How many of them are how.
    pub(super) tally: Tally,
    /// The one word for all.
    pub(super) overall: Overall,
}

impl<'a> View<'a> {
    /// Looks at the board. The version comes first: should a change slip in after it, the next look will find the
    /// version different, and at worst look again for nothing.
    pub(super) fn of(board: &'a Board) -> View<'a> {
        let version = board.version();
        let phase = board.phase();
        let checks: Vec<_> = board.checks().values().map(|slot| slot.state()).collect();
        let impaired = board.components().values().filter(|component| !component.healthy).count();
        let tally = tally(&checks, impaired);
        View {
            board,
            version,
            phase,
            uptime: board.uptime(),
            now: board.wall(),
            overall: tally.overall(phase),
            checks,
            excluded: Vec::new(),
            tally,
        }
    }

    /// The same, as if there were no other checks than those of this group, if any is named, and none of these names.
    pub(super) fn only(self, group: Option<&str>, excluded: &[String]) -> View<'a> {
        let in_group = |check: &&Arc<CheckState>| group.is_none() || check.info.group.as_deref() == group;
        let is_excluded = |check: &&Arc<CheckState>| excluded.iter().any(|name| *name == *check.info.name);
        let (excluded, checks): (Vec<_>, Vec<_>) = self.checks.iter().filter(in_group).partition(is_excluded);
        let checks: Vec<_> = checks.into_iter().cloned().collect();
        // A group is what its checks are; the whole is the runner's own parts as well.
        let tally = tally(&checks, if group.is_none() { self.tally.impaired } else { 0 });
        let excluded = excluded.into_iter().map(|check| Arc::clone(&check.info.name)).collect();
        View { overall: tally.overall(self.phase), checks, excluded, tally, ..self }
    }
}

fn tally(checks: &[Arc<CheckState>], impaired: usize) -> Tally {
    let mut tally = Tally { impaired, ..Tally::default() };
    for check in checks {
        tally.count(check.snapshot.counts_as(), check.info.critical);
    }
    tally
}
