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
    /// Every check, by name.
    pub(super) checks: Vec<Arc<CheckState>>,
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
        let mut tally = Tally { impaired, ..Tally::default() };
        for check in &checks {
            tally.count(check.snapshot.counts_as(), check.info.critical);
        }
        View {
            board,
            version,
            phase,
            uptime: board.uptime(),
            now: board.wall(),
            overall: tally.overall(phase),
            checks,
            tally,
        }
    }
}
