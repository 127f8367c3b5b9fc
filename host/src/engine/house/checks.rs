//! `probity:probe/checks`: how other checks stand, as the board has it.

use std::{sync::Arc, time::Duration};

use probity_core::{
    health::{Health, Phase},
    outcome::Outcome,
    time::nanoseconds,
};

use super::{
    super::{
        bindings::checks::{self, Refusal, Standing},
        output::cut,
    },
    House,
};
use crate::{
    board::{Board, CheckState},
    grant,
};

/// Bytes of another check's message: it is there to be named as a reason, and a group may have thousands.
const MESSAGE: usize = 512;

impl checks::Host for House {
    fn read(&mut self, name: String) -> wasmtime::Result<Result<Standing, Refusal>> {
        let found = self.find(&name);
        let group = found.as_ref().and_then(|state| state.info.group.as_deref());
        // Whether there is such a check is told to those alone who may know.
        if !self.grants.allow_check(&name, group) {
            self.refusals.add(grant::for_check(&name));
            return Ok(Err(Refusal::Denied));
        }
        Ok(self.stand(found, &name))
    }

    fn read_group(&mut self, group: String) -> wasmtime::Result<Result<Vec<Standing>, Refusal>> {
        if !self.grants.allow_group(&group) {
            self.refusals.add(grant::for_group(&group));
            return Ok(Err(Refusal::Denied));
        }
        Ok(self.stand_together(&group))
    }
}

impl House {
    fn find(&self, name: &str) -> Option<Arc<CheckState>> {
        Some(self.board.as_ref()?.check(name)?.state())
    }

    fn stand(&mut self, found: Option<Arc<CheckState>>, name: &str) -> Result<Standing, Refusal> {
        if *name == *self.check {
            return Err(Refusal::Itself);
        }
        let (Some(board), Some(state)) = (self.board.clone(), found) else {
            return Err(self.none());
        };
        self.remember([Arc::clone(&state.info.name)]);
        self.refuse_circles(&board, &state)?;
        Ok(standing(&board, &state))
    }

    fn stand_together(&mut self, group: &str) -> Result<Vec<Standing>, Refusal> {
        let Some(board) = self.board.clone() else {
            return Err(Refusal::Unknown);
        };
        if board.phase() == Phase::Starting {
            // Who counts must not count before all are there.
            return Err(Refusal::NotYet);
        }
        let members: Vec<Arc<CheckState>> = board
            .checks()
            .values()
            .map(|slot| slot.state())
            .filter(|state| state.info.group.as_deref() == Some(group) && state.info.name != self.check)
            .collect();
        if members.is_empty() {
            return Err(Refusal::Unknown);
        }
        self.remember(members.iter().map(|state| Arc::clone(&state.info.name)));
        members.iter().try_for_each(|state| self.refuse_circles(&board, state))?;
        Ok(members.iter().map(|state| standing(&board, state)).collect())
    }

    /// What is said of a check that is not there.
    fn none(&self) -> Refusal {
        let is_starting = self.board.as_ref().is_some_and(|board| board.phase() == Phase::Starting);
        if is_starting { Refusal::NotYet } else { Refusal::Unknown }
    }

    /// Remembers what was read, though it may be refused: of checks that read each other, each is to find that out.
    fn remember(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        let anew = !std::mem::replace(&mut self.has_read, true);
        if let Some((_, slot)) = self.own() {
            slot.has_read(names, anew);
        }
    }

    fn refuse_circles(&self, board: &Board, state: &CheckState) -> Result<(), Refusal> {
        let way = board.circle(&state.info.name, &self.check);
        way.map_or(Ok(()), |way| Err(Refusal::Circular(way.iter().map(ToString::to_string).collect())))
    }
}

fn standing(board: &Board, state: &CheckState) -> Standing {
    let (info, snapshot) = (&state.info, &state.snapshot);
    let last = snapshot.last.as_deref();
    let age = last.map(|run| board.wall().duration_since(run.ended()));
    Standing {
        name: info.name.to_string(),
        health: match snapshot.counts_as() {
            Health::Pending => checks::Health::Pending,
            Health::Unknown => checks::Health::Unknown,
            Health::Healthy => checks::Health::Healthy,
            Health::Degraded => checks::Health::Degraded,
            Health::Unhealthy => checks::Health::Unhealthy,
        },
        message: last.map(|run| cut(run.outcome.message(), MESSAGE).0.to_owned()).unwrap_or_default(),
        fault: last.and_then(|run| match &run.outcome {
            Outcome::Fault(fault) => Some(fault.kind.as_str().to_owned()),
            Outcome::Verdict(_) => None,
        }),
        // A clock that was set back makes nothing older.
        age: age.map(|age| nanoseconds(Duration::try_from(age).unwrap_or_default())),
        watched: snapshot.watched,
        critical: info.critical,
        group: info.group.as_deref().map(str::to_owned),
    }
}
