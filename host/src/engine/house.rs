//! What a probe may know of the runner that it is part of: how other checks stand, what was reported to its own, and when
//! something is due by the calendar.

mod calendar;
mod checks;
mod reports;

use std::sync::Arc;

use super::refusals::Refusals;
use crate::{
    board::{Board, Slot},
    grant::Grants,
};

/// One run's, or one open connection's, view of its runner.
#[derive(Clone)]
pub(super) struct House {
    /// `None` where a probe is tried without a runner around it.
    board: Option<Arc<Board>>,
    check: Arc<str>,
    grants: Arc<Grants>,
    refusals: Refusals,
    /// Whether this call has read another check.
    has_read: bool,
    /// How often this call has asked the calendar.
    asked: u32,
}

impl House {
    pub(super) fn new(board: Option<Arc<Board>>, check: Arc<str>, grants: Arc<Grants>, refusals: Refusals) -> House {
        House { board, check, grants, refusals, has_read: false, asked: 0 }
    }

    /// Counts anew what is counted for each call.
    pub(super) fn begin_call(&mut self) {
        (self.has_read, self.asked) = (false, 0);
    }

    /// The place of the check itself; it has none without a runner, or once it was removed.
    fn own(&self) -> Option<(&Arc<Board>, Arc<Slot>)> {
        let board = self.board.as_ref()?;
        Some((board, board.check(&self.check)?))
    }
}
