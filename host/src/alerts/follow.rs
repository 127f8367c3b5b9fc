//! Follows what happens, and looks at the board: an event says that something changed, and the board says how it is now.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;
use probity_core::{
    alert::{Keeper, Severity, Subject, Told, Watches},
    health::{Health, Phase},
};

use super::{
    Alerts,
    parents::{RunChecks, Suspect, suspects},
    words,
};
use crate::{
    board::{Board, CheckInfo, CheckState},
    events::{Fact, Followed, Gap, RELOAD, Record, Reload},
};

/// How often all checks are looked at, whatever events say: those that are gone are told of by none.
const ALL: Duration = Duration::from_secs(5);
/// How long what nobody waits for may be kept off the disk.
const UNSAVED: Duration = Duration::from_secs(1);
/// How many events are taken in at once, at the most.
const AT_ONCE: usize = 4_096;
/// How far off a timer is set at the most: clocks are set, and timers do not know of it.
const FARTHEST: Duration = Duration::from_secs(60);

/// What is said of a check that is not there any more.
const GONE: &str = "the check is gone";
/// What is said of a check that runs no more.
const UNWATCHED: &str = "nobody watches it any more";

/// Keeps the alerts until there are no more events. Checks that may be what is wrong with others are run by `runs`.
pub async fn follow(alerts: Arc<Alerts>, runs: Arc<dyn RunChecks>) {
    let mut follower = alerts.events.follow(alerts.before);
    let mut in_force = alerts.in_force.subscribe();
    in_force.mark_unchanged();
    let alerting = Arc::clone(&in_force.borrow().alerting);
    alerts.post.apply(&alerting, &alerts).await;
    let mut all = tokio::time::interval(ALL);
    let mut unsaved = tokio::time::interval(UNSAVED);
    loop {
        let changed = alerts.changed.notified();
        let due = alerts.keeper().due();
        let wait = due.map_or(FARTHEST, |due| {
            Duration::try_from(due.duration_since(alerts.board.wall())).unwrap_or_default().min(FARTHEST)
        });
        tokio::select! {
            followed = follower.next() => {
                let mut records = Vec::new();
                let mut missed = false;
                let mut next = Some(followed);
                let mut ended = false;
                while let Some(followed) = next.take() {
                    match followed {
                        Followed::Event(record) => records.push(record),
                        Followed::Gap(gap) => {
                            missed = true;
                            // How checks are is looked at anew below; what only passed is not seen again.
                            if let Gap::Expired(numbers) = gap {
                                tracing::warn!(
                                    "notifications: the events {} to {} were gone before they were read, and rules with `events` \
                                     did not see them; raise `events.capacity`",
                                    numbers.start(),
                                    numbers.end()
                                );
                            }
                        }
                        Followed::End => {
                            ended = true;
                            break;
                        }
                    }
                    if records.len() < AT_ONCE {
                        next = follower.next().now_or_never();
                    }
                }
                let suspects = alerts.take_in(&records, missed).await;
                alerts.pursue(&runs, suspects);
                if ended {
                    alerts.save().await;
                    return;
                }
            }
            () = tokio::time::sleep(wait) => alerts.act(false, |_, _, _| ()).await,
            () = changed => {}
            _ = in_force.changed() => {
                let new = in_force.borrow_and_update().clone();
                alerts.post.apply(&new.alerting, &alerts).await;
                let policy = Arc::clone(&new.alerting.policy);
                alerts.act(false, |keeper, now, told| keeper.adopt(policy, new.family, now, told)).await;
            }
            _ = all.tick() => {
                let suspects = alerts.take_in(&[], true).await;
                alerts.pursue(&runs, suspects);
            }
            _ = unsaved.tick() => {
                alerts.save().await;
                alerts.mend().await;
                alerts.tell_standing();
            }
        }
    }
}

impl Alerts {
    /// Takes in what events tell of, and if some of them are missing, how everything is. Returns whom to suspect for it.
    async fn take_in(&self, records: &[Arc<Record>], missed: bool) -> Vec<Suspect> {
        let relevant = missed || records.iter().any(|record| !matches!(record.fact, Fact::Notice(_)));
        if !relevant {
            return Vec::new();
        }
        let board = Arc::clone(&self.board);
        self.act(false, |keeper, now, told| {
            let mut found = Vec::new();
            for record in records {
                found.extend(take_in(keeper, &board, record, now, told));
            }
            if missed {
                found.extend(look_at_all(keeper, &board, now, told));
            }
            found
        })
        .await
    }
}

fn take_in(keeper: &mut Keeper, board: &Board, record: &Record, now: Timestamp, told: &mut Told) -> Vec<Suspect> {
    let mut found = Vec::new();
    match &record.fact {
        Fact::Check { check, event, .. } => {
            let Some(state) = board.check(check).map(|slot| slot.state()) else { return found };
            found = look(keeper, board, &state, now, told);
            if is_wanted(keeper, event.kind()) {
                keeper.happened(Some(&subject(&state.info)), event.kind(), &words::of(event).into(), now);
            }
        }
        Fact::Reload(Reload { what, error, .. }) if is_wanted(keeper, RELOAD) => {
            let text = match error {
                None => format!("{what} is in use"),
                Some(error) => format!("{what} is rejected: {error}"),
            };
            keeper.happened(None, RELOAD, &text.into(), now);
        }
        Fact::Reload(_) | Fact::Notice(_) => {}
    }
    found
}

/// Whether a rule tells of such events at all.
fn is_wanted(keeper: &Keeper, kind: &str) -> bool {
    let wants = |watches: &Watches| matches!(watches, Watches::Events(kinds) if kinds.contains(kind));
    keeper.policy().rules.iter().any(|rule| wants(&rule.watches))
}

fn look_at_all(keeper: &mut Keeper, board: &Board, now: Timestamp, told: &mut Told) -> Vec<Suspect> {
    let checks = board.checks();
    let mut found = Vec::new();
    for slot in checks.values() {
        found.extend(look(keeper, board, &slot.state(), now, told));
    }
    // What is recalled of an earlier life may be of a check that is about to begin.
    if board.phase() == Phase::Running {
        let gone: Vec<Arc<str>> = keeper.alerts().keys().filter(|name| !checks.contains_key(*name)).cloned().collect();
        gone.iter().for_each(|name| keeper.forget(name, &GONE.into(), now, told));
    }
    found
}

/// Takes in how a check is. Returns whom to suspect for it.
fn look(keeper: &mut Keeper, board: &Board, state: &CheckState, now: Timestamp, told: &mut Told) -> Vec<Suspect> {
    let found = suspects(keeper, board, state, now, told);
    see(keeper, state, now, told);
    found
}

/// Takes in how a check is, whoever's fault that may be.
pub(super) fn see(keeper: &mut Keeper, state: &CheckState, now: Timestamp, told: &mut Told) {
    let (info, snapshot) = (&state.info, &state.snapshot);
    let health = snapshot.counts_as();
    let has_alert = keeper.alerts().contains_key(&info.name);
    if !has_alert && Severity::of(health, info.critical).is_none() {
        return;
    }
    if !snapshot.watched && health == Health::Pending {
        return keeper.forget(&info.name, &UNWATCHED.into(), now, told);
    }
    let message = snapshot.last.as_ref().map(|run| Arc::clone(run.outcome.message()));
    keeper.observe(&subject(info), health, &message.unwrap_or_else(|| health.as_str().into()), now, told);
}

fn subject(info: &CheckInfo) -> Subject {
    Subject {
        check: Arc::clone(&info.name),
        group: info.group.clone(),
        labels: info.labels.clone(),
        critical: info.critical,
    }
}
