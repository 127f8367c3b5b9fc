//! What a call was refused, so that its operator hears what would have to change.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::grant::{Granter, Range};

/// Refusals of a kind that are remembered: a probe that asks at random must not fill the runner's memory with them.
const MOST: usize = 8;

/// What a call was refused. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    /// Where what would change them is to be said.
    granter: Granter,
    refused: Arc<Mutex<Refused>>,
}

#[derive(Debug, Default)]
struct Refused {
    /// The grants that were missing, in the order in which they were missed.
    missing: Vec<String>,
    /// The addresses that are denied to all checks, each with the range that denies it.
    denied: Vec<String>,
    /// What can't be done as the check says, and what to change in it: a sentence each.
    impossible: Vec<String>,
}

impl Refusals {
    /// None yet, of somebody whose grants are said there.
    pub(super) fn of(granter: Granter) -> Refusals {
        Refusals { granter, refused: Arc::default() }
    }

    /// Forgets all of them, for the next call.
    pub(super) fn begin_call(&self) {
        *self.refused() = Refused::default();
    }

    /// Takes down that this grant was missing.
    pub(super) fn add(&self, grant: String) {
        remember(&mut self.refused().missing, grant);
    }

    /// Takes down that an address is denied to all checks.
    pub(super) fn deny(&self, address: IpAddr, range: &Range) {
        remember(&mut self.refused().denied, format!("{address} ({range})"));
    }

    /// Takes down what can't be done as the check says, in a sentence that tells what to change in it.
    pub(super) fn cannot(&self, why: String) {
        remember(&mut self.refused().impossible, why);
    }

    /// What was refused, and what would change that; `None` if nothing was.
    pub(super) fn told(&self) -> Option<String> {
        let Refused { missing, denied, impossible } = &*self.refused();
        let denied = (!denied.is_empty()).then(|| {
            format!(
                "`[security.network]` lets no check reach {}; to allow it, take what is in brackets out of its `deny`",
                denied.join(", ")
            )
        });
        // Last, as it ends in the line to add.
        let missing = (!missing.is_empty()).then(|| {
            let (who, place) = match self.granter {
                Granter::Check => ("the check does not let its probe", "the check"),
                Granter::Probing => ("`[probe]` does not let its modules", "[probe]"),
                Granter::Sink => ("the sink does not let its hook", "the sink"),
            };
            format!("{who} reach {}; to allow it, add to {place}: allow = {missing:?}", missing.join(", "))
        });
        let told: Vec<String> = denied.into_iter().chain(impossible.iter().cloned()).chain(missing).collect();
        (!told.is_empty()).then(|| told.join(". And "))
    }

    /// The grants that were missing, and the addresses that are denied to all checks.
    pub(super) fn all(&self) -> (Vec<String>, Vec<String>) {
        let Refused { missing, denied, .. } = &*self.refused();
        (missing.clone(), denied.clone())
    }

    fn refused(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(list: &mut Vec<String>, refused: String) {
    if list.len() < MOST && !list.contains(&refused) {
        list.push(refused);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_would_change_it_is_told_once() {
        let refusals = Refusals::default();
        assert_eq!(refusals.told(), None);
        for _ in 0..2 {
            refusals.add("tcp:db:1".to_owned());
            refusals.deny("10.0.0.7".parse().unwrap(), &"private".parse().unwrap());
        }
        let denied = "`[security.network]` lets no check reach 10.0.0.7 (private); to allow it, take what is in brackets out of its `deny`";
        let missing =
            r#"the check does not let its probe reach tcp:db:1; to allow it, add to the check: allow = ["tcp:db:1"]"#;
        assert_eq!(refusals.told(), Some(format!("{denied}. And {missing}")));
        refusals.cannot("it can't".to_owned());
        assert_eq!(refusals.told(), Some(format!("{denied}. And it can't. And {missing}")));
        refusals.begin_call();
        assert_eq!(refusals.told(), None);
        (0..100).for_each(|port| refusals.add(format!("tcp:db:{port}")));
        assert_eq!(refusals.told().unwrap().matches("tcp:db:").count(), 2 * MOST);
    }

    #[test]
    fn it_is_told_where_to_allow_it() {
        for (granter, told) in [
            (
                Granter::Probing,
                r#"`[probe]` does not let its modules reach tcp:db:1; to allow it, add to [probe]: allow = ["tcp:db:1"]"#,
            ),
            (
                Granter::Sink,
                r#"the sink does not let its hook reach tcp:db:1; to allow it, add to the sink: allow = ["tcp:db:1"]"#,
            ),
        ] {
            let refusals = Refusals::of(granter);
            refusals.add("tcp:db:1".to_owned());
            assert_eq!(refusals.told().unwrap(), told);
        }
    }
}
