//! All checks at one moment: what a rendering is made from.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use probity_core::health::{Overall, Phase, Tally};

use crate::board::{Board, CheckState, Component};

/// That the runner has started, as a part of it that can be left out of account.
pub(super) const STARTUP: &str = "startup";
/// That the runner does not stop, likewise.
pub(super) const SHUTDOWN: &str = "shutdown";

/// The board, as it stood at one moment.
pub(super) struct View<'a> {
    /// For what is not a check.
    pub(super) board: &'a Board,
    /// The board's version: what is seen here is at least as new.
    pub(super) version: u64,
    /// Where the runner is in its life, as far as that is not left out of account.
    pub(super) phase: Phase,
    /// How long it has been up.
    pub(super) uptime: Duration,
    /// The time of day.
    pub(super) now: Timestamp,
    /// Every check that is looked at, by name.
    pub(super) checks: Vec<Arc<CheckState>>,
    /// The parts of the runner itself that are looked at, by name, be they left out of account or not.
    pub(super) components: Arc<BTreeMap<&'static str, Component>>,
    /// What is left out of account because somebody wants it so.
    pub(super) excluded: Excluded,
    /// How many of them are how.
    pub(super) tally: Tally,
    /// The one word for all.
    pub(super) overall: Overall,
}

/// What is left out of account.
#[derive(Debug, Default)]
pub(super) struct Excluded {
    /// Checks, by name.
    pub(super) checks: Vec<Arc<str>>,
    /// Parts of the runner itself: `startup`, `shutdown`, and its components.
    pub(super) parts: BTreeSet<String>,
    /// What was to be, and is not there.
    pub(super) unknown: Vec<String>,
}

impl<'a> View<'a> {
    /// Looks at the board. The version comes first: should a change slip in after it, the next look will find the
    /// version different, and at worst look again for nothing.
    pub(super) fn of(board: &'a Board) -> View<'a> {
        let version = board.version();
        let phase = board.phase();
        let checks: Vec<_> = board.checks().values().map(|slot| slot.state()).collect();
        let components = board.components();
        let impaired = components.values().filter(|component| !component.healthy).count();
        let tally = tally(&checks, impaired);
        View {
            board,
            version,
            phase,
            uptime: board.uptime(),
            now: board.wall(),
            overall: tally.overall(phase),
            checks,
            components,
            excluded: Excluded::default(),
            tally,
        }
    }

    /// The parts of the runner itself that do not do what they are for, and are not left out of account.
    pub(super) fn impaired(&self) -> impl Iterator<Item = (&'static str, &Component)> {
        let counts = |name: &str| !self.excluded.parts.contains(name);
        let all = self.components.iter().map(|(name, component)| (*name, component));
        all.filter(move |(name, component)| !component.healthy && counts(name))
    }

    /// The same, as if there were no other checks than those of this group, if any is named, and neither checks nor parts of the runner
    /// of these names.
    pub(super) fn only(self, group: Option<&str>, excluded: &[String]) -> View<'a> {
        let in_group = |check: &&Arc<CheckState>| group.is_none() || check.info.group.as_deref() == group;
        let is_excluded = |check: &&Arc<CheckState>| excluded.iter().any(|name| *name == *check.info.name);
        let (left_out, checks): (Vec<_>, Vec<_>) = self.checks.iter().filter(in_group).partition(is_excluded);
        let checks: Vec<_> = checks.into_iter().cloned().collect();
        let left_out: Vec<_> = left_out.into_iter().map(|check| Arc::clone(&check.info.name)).collect();
        // A group is what its checks are; the whole is the runner's own parts as well.
        let components = if group.is_none() { Arc::clone(&self.components) } else { Arc::default() };
        let is_part = |name: &str| name == STARTUP || name == SHUTDOWN || components.contains_key(name);
        let parts: BTreeSet<_> = excluded.iter().filter(|name| is_part(name)).cloned().collect();
        let is_known = |name: &String| parts.contains(name) || left_out.iter().any(|check| **check == **name);
        let unknown = excluded.iter().filter(|name| !is_known(name)).cloned().collect();
        let phase = match self.phase {
            Phase::Starting if parts.contains(STARTUP) => Phase::Running,
            Phase::Stopping if parts.contains(SHUTDOWN) => Phase::Running,
            phase => phase,
        };
        let excluded = Excluded { checks: left_out, parts, unknown };
        let mut view = View { phase, checks, components, excluded, ..self };
        view.tally = tally(&view.checks, view.impaired().count());
        view.overall = view.tally.overall(phase);
        view
    }
}

fn tally(checks: &[Arc<CheckState>], impaired: usize) -> Tally {
    let mut tally = Tally { impaired, ..Tally::default() };
    for check in checks {
        tally.count(check.snapshot.counts_as(), check.info.critical);
    }
    tally
}
