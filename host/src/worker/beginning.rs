//! Where a check begins: where it was under the runner before this one, or anew.

use std::sync::Arc;

use probity_core::machine::Machine;

use super::{Assignment, Shared};
use crate::{
    board::{CheckInfo, CheckState},
    store::Keeper,
};

/// The life of a check that begins to run, and who keeps it: it goes on where it was if it is known to the store, or else it is
/// new. `random` is from `[0, 1)` and places its first run.
#[must_use]
pub fn life(shared: &Shared, first: &Assignment, random: f64) -> (Machine, Option<Box<Keeper>>) {
    let now = shared.clock.now();
    let store = shared.board.store();
    let keeper_of = |store| {
        let CheckInfo { name, probe, .. } = &*first.info;
        Box::new(Keeper::new(Arc::clone(store), Arc::clone(name), probe, first.target, now))
    };
    let mut keeper = store.map(keeper_of);
    let machine = match &mut keeper {
        Some(keeper) => keeper.machine(Arc::clone(&first.policy), now, random),
        None => Machine::new(Arc::clone(&first.policy), now, random),
    };
    (machine, keeper)
}

/// How a check stands that is to run, and can't yet.
#[must_use]
pub fn standing(shared: &Shared, first: &Assignment) -> CheckState {
    let (policy, now) = (Arc::clone(&first.policy), shared.clock.now());
    let snapshot = match shared.board.store() {
        Some(store) => store.as_it_was(&first.info.name, first.target, policy, now),
        None => Machine::new(policy, now, 0.0).snapshot(),
    };
    CheckState { info: Arc::clone(&first.info), snapshot }
}
