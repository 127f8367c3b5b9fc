//! Whether it is a parent's fault: before anybody is told of a check that goes bad, it is found out how those are that it depends on.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use probity_core::{
    alert::{Keeper, Severity, Told},
    outcome::{Outcome, Status},
};
use tokio::time::{Instant, timeout_at};

use super::{Alerts, follow::see};
use crate::board::{Board, CheckState};

/// From the end of a parent's run to the next that its children want: where many go bad one after the other, it is not run for each.
const APART: Duration = Duration::from_secs(1);
/// What a run may take beyond the check's own time-out: it waits for room, and is published.
const SLACK: Duration = Duration::from_secs(1);

/// Whoever can have checks run.
pub trait RunChecks: Send + Sync {
    /// Has a check run now. Resolves when what came of it is on the board, or nothing will come of it.
    fn run<'a>(&'a self, check: &'a str) -> BoxFuture<'a, ()>;
}

/// Runs none.
pub struct NoRuns;

impl RunChecks for NoRuns {
    fn run<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A parent of which it is to be found out how it is.
pub(super) struct Suspect {
    name: Arc<str>,
    /// How long until it is to be run, as what is known of it is older than its child's trouble; `None`: it need not be.
    run_in: Option<Duration>,
    /// How long finding out may take.
    patience: Duration,
}

/// Whom to suspect as a check is found as it is now: nobody, unless it goes bad. The keeper hears how those are as far as is known.
pub(super) fn suspects(
    keeper: &mut Keeper,
    board: &Board,
    child: &CheckState,
    now: Timestamp,
    told: &mut Told,
) -> Vec<Suspect> {
    let name = &child.info.name;
    let Some(severity) = Severity::of(child.snapshot.counts_as(), child.info.critical) else { return Vec::new() };
    let goes_bad = keeper.alerts().get(name).is_none_or(|alert| severity.is_down() && !alert.down);
    let ancestors = if goes_bad { keeper.ancestors(name) } else { Vec::new() };
    let trouble = child.snapshot.last.as_ref().map_or(now, |run| run.started).min(now);
    let mut found = Vec::new();
    for parent in ancestors.into_iter().rev().filter_map(|parent| board.check(&parent)) {
        let parent = parent.state();
        see(keeper, &parent, now, told);
        let is_down = keeper.alerts().get(&parent.info.name).is_some_and(|alert| alert.down);
        let run_in = run_in(&parent, trouble, now);
        let asked_already = keeper.is_suspect(&parent.info.name, now);
        if is_down || asked_already || !parent.snapshot.watched || !(run_in.is_some() || is_in_doubt(&parent)) {
            continue;
        }
        let patience = patience(&parent).saturating_add(run_in.unwrap_or_default());
        let until = SignedDuration::try_from(patience).ok().and_then(|patience| now.checked_add(patience).ok());
        keeper.suspect(&parent.info.name, until.unwrap_or(Timestamp::MAX), now, told);
        found.push(Suspect { name: Arc::clone(&parent.info.name), run_in, patience });
    }
    found
}

/// How long until a check is to be run, if what is known of it is older than a moment.
fn run_in(state: &CheckState, than: Timestamp, now: Timestamp) -> Option<Duration> {
    let Some(last) = state.snapshot.last.as_ref().filter(|_| !state.snapshot.restored) else {
        return Some(Duration::ZERO);
    };
    let ago = Duration::try_from(now.duration_since(last.ended())).unwrap_or_default();
    (last.ended() < than).then(|| APART.saturating_sub(ago))
}

/// Whether a check was found down, and not as often as it takes to count.
fn is_in_doubt(state: &CheckState) -> bool {
    let last = state.snapshot.last.as_ref().map(|run| &run.outcome);
    let found_down = matches!(last, Some(Outcome::Verdict(verdict)) if verdict.status == Status::Unhealthy);
    let is_down = Severity::of(state.snapshot.counts_as(), false).is_some_and(Severity::is_down);
    found_down && !is_down
}

/// How long it takes at the most until a check that is found down counts as down.
fn patience(state: &CheckState) -> Duration {
    let (info, policy) = (&state.info, &state.info.policy);
    let again = info.timeout.saturating_add(policy.fast_interval).saturating_mul(policy.thresholds.fall.get() - 1);
    info.timeout.saturating_add(again).saturating_add(SLACK)
}

impl Alerts {
    /// Finds out how each of these is, and then has told what waits for it.
    pub(super) fn pursue(self: &Arc<Alerts>, runs: &Arc<dyn RunChecks>, suspects: Vec<Suspect>) {
        for suspect in suspects {
            let (alerts, runs) = (Arc::clone(self), Arc::clone(runs));
            tokio::spawn(async move {
                let deadline = Instant::now() + suspect.patience;
                // If it takes too long, those that wait are told of.
                let _ = timeout_at(deadline, alerts.find_out(&suspect, &*runs)).await;
                alerts
                    .act(false, |keeper, now, told| {
                        if let Some(slot) = alerts.board.check(&suspect.name) {
                            see(keeper, &slot.state(), now, told);
                        }
                        keeper.clear(&suspect.name, now, told);
                    })
                    .await;
                alerts.changed.notify_one();
            });
        }
    }

    async fn find_out(&self, suspect: &Suspect, runs: &dyn RunChecks) {
        if let Some(wait) = suspect.run_in {
            tokio::time::sleep(wait).await;
            runs.run(&suspect.name).await;
        }
        loop {
            let changed = self.board.changed();
            // One that is in doubt is run again by itself, and soon.
            if !self.board.check(&suspect.name).is_some_and(|slot| is_in_doubt(&slot.state())) {
                return;
            }
            changed.await;
        }
    }
}
