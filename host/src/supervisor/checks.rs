//! The checks that run: each has a worker, which is told what changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use probity_core::{
    history::History,
    machine::Machine,
    outcome::{Fault, FaultKind},
};
use sha2::{Digest, Sha256};
use tokio::{task::JoinSet, time::Instant};

use super::examiner::{Absent, Examiner, grants};
use crate::{
    board::{CheckInfo, CheckState, Slot},
    config::{Check, Plan, PlanError, Suggestions},
    engine::{Engine, Prepared},
    store::Keeper,
    worker::{self, Assignment, Examine, Inbox, Shared, Stop},
};

/// How much later each further check may have its first run, so that a start with many is no stampede: a hundred thousand
/// take ten seconds, a thousand a tenth of one.
const SPREAD: Duration = Duration::from_micros(100);

/// What a check is to run with.
#[derive(Clone)]
pub(super) enum With {
    /// This probe.
    Probe(Arc<Prepared>),
    /// None, and why.
    Nothing(String),
}

impl With {
    fn is_the_same_as(&self, other: &With) -> bool {
        match (self, other) {
            (With::Probe(a), With::Probe(b)) => a.digest == b.digest,
            (With::Nothing(a), With::Nothing(b)) => a == b,
            _ => false,
        }
    }
}

struct Running {
    check: Arc<Check>,
    with: With,
    generation: u64,
    inbox: Arc<Inbox>,
    slot: Arc<Slot>,
}

impl Running {
    fn is_as(&self, check: &Arc<Check>, with: &With) -> bool {
        (Arc::ptr_eq(&self.check, check) || self.check.says_the_same_as(check)) && self.with.is_the_same_as(with)
    }
}

/// A check that is to run once its probe is ready. It has its place on the board, and whoever asks something of it waits.
struct Expected {
    check: Arc<Check>,
    inbox: Arc<Inbox>,
}

/// A check that is about to begin.
struct Beginning {
    slot: Arc<Slot>,
    inbox: Arc<Inbox>,
    assignment: Assignment,
    life: (Machine, Option<Box<Keeper>>),
}

/// All checks that run, by name.
pub(super) struct Checks {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    running: BTreeMap<Arc<str>, Running>,
    expected: BTreeMap<Arc<str>, Expected>,
    workers: JoinSet<()>,
}

impl Checks {
    pub(super) fn new(engine: Arc<Engine>, shared: Arc<Shared>) -> Checks {
        Checks { engine, shared, running: BTreeMap::new(), expected: BTreeMap::new(), workers: JoinSet::new() }
    }

    /// Starts, replaces and stops workers until those run that are wanted. `waiting` are wanted too, but what they are to
    /// run with is not known yet: those of them that run go on as they are, and the others are told of as pending.
    pub(super) fn apply(&mut self, wanted: Vec<(Arc<Check>, With)>, waiting: Vec<Arc<Check>>) {
        // Those that ended are of no more interest.
        while self.workers.try_join_next().is_some() {}
        let spread = SPREAD.saturating_mul(u32::try_from(wanted.len()).unwrap_or(u32::MAX));
        let all = wanted.iter().map(|(check, _)| check).chain(&waiting);
        let names: BTreeSet<&str> = all.map(|check| check.name.as_str()).collect();
        let known = self.running.keys().chain(self.expected.keys());
        let gone: Vec<Arc<str>> = known.filter(|name| !names.contains(&***name)).cloned().collect();
        for name in &gone {
            let running = self.running.remove(name).map(|running| running.inbox);
            let expected = self.expected.remove(name).map(|expected| expected.inbox);
            running.or(expected).iter().for_each(|inbox| inbox.stop(Stop::Removed));
            self.shared.inboxes.remove(name);
        }
        let mut added = Vec::new();
        for (check, with) in wanted {
            match self.running.get_mut(check.name.as_str()) {
                Some(running) if running.is_as(&check, &with) => {
                    // The one that was read last, so that the next look need not compare them word by word.
                    running.check = check;
                }
                Some(_) => self.replace(check, with, spread),
                None => added.push(self.start(check, with, spread)),
            }
        }
        let mut places: Vec<_> = added
            .iter()
            .map(|beginning| (Arc::clone(&beginning.assignment.info.name), Arc::clone(&beginning.slot)))
            .collect();
        places.extend(waiting.into_iter().filter_map(|check| self.expect(check, spread)));
        if !places.is_empty() || !gone.is_empty() {
            self.shared.board.arrange(places, &gone);
        }
        // A probe may look for its own place on the board.
        for Beginning { slot, inbox, assignment, life } in added {
            self.workers.spawn(worker::work(Arc::clone(&self.shared), slot, inbox, assignment, life));
        }
    }

    /// Stops all workers. Runs under way may go on until `deadline`.
    pub(super) async fn stop(mut self, deadline: Instant) {
        let expected = self.expected.values().map(|expected| &expected.inbox);
        let all = self.running.values().map(|running| &running.inbox).chain(expected);
        // Those who wait for a probe that is not ready yet are told, too, that nothing will come of it.
        all.for_each(|inbox| inbox.stop(Stop::Drained));
        let drained = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, drained).await.is_err() {
            tracing::warn!("{} runs did not end within the grace period and are cut off", self.workers.len());
            self.workers.shutdown().await;
        }
    }

    /// The place of a check whose probe is not ready yet, unless it runs with another or has a place as it is.
    fn expect(&mut self, check: Arc<Check>, spread: Duration) -> Option<(Arc<str>, Arc<Slot>)> {
        let name: Arc<str> = check.name.as_str().into();
        let as_it_is = self.expected.get(&name).is_some_and(|expected| expected.check.says_the_same_as(&check));
        if as_it_is || self.running.contains_key(&name) {
            return None;
        }
        let nothing = With::Nothing("its probe is being made ready".to_owned());
        let standing = worker::standing(&self.shared, &self.assignment(&check, &nothing, 1, true, spread));
        let inbox = self.expected.remove(&name).map(|expected| expected.inbox).unwrap_or_default();
        self.shared.inboxes.add(Arc::clone(&name), Arc::clone(&inbox));
        self.expected.insert(Arc::clone(&name), Expected { check, inbox });
        Some((name, Arc::new(Slot::resumed(standing, History::default()))))
    }

    fn start(&mut self, check: Arc<Check>, with: With, spread: Duration) -> Beginning {
        let assignment = self.assignment(&check, &with, 1, true, spread);
        let name = Arc::clone(&assignment.info.name);
        let life = worker::life(&self.shared, &assignment, fastrand::f64());
        let (machine, keeper) = &life;
        let state = CheckState { info: Arc::clone(&assignment.info), snapshot: machine.snapshot() };
        let slot = Arc::new(Slot::resumed(state, keeper.as_ref().map(|keeper| keeper.history()).unwrap_or_default()));
        if let Some(reports) = keeper.as_ref().and_then(|keeper| keeper.reports()) {
            slot.recall_reports(reports);
        }
        self.listen(&slot, &with);
        let inbox = self.expected.remove(&name).map(|expected| expected.inbox).unwrap_or_default();
        self.shared.inboxes.add(Arc::clone(&name), Arc::clone(&inbox));
        let running = Running { check, with, generation: 1, inbox: Arc::clone(&inbox), slot: Arc::clone(&slot) };
        self.running.insert(name, running);
        Beginning { slot, inbox, assignment, life }
    }

    fn replace(&mut self, check: Arc<Check>, with: With, spread: Duration) {
        let Some(running) = self.running.get(check.name.as_str()) else {
            return;
        };
        let generation = running.generation + 1;
        // Another probe or other settings may mean another target; another version of the same probe does not.
        let afresh = running.check.probe != check.probe || running.check.settings != check.settings;
        if running.check.probe != check.probe {
            // What was reported was meant for the other one.
            running.slot.listen_no_more();
        }
        self.listen(&running.slot, &with);
        let assignment = self.assignment(&check, &with, generation, afresh, spread);
        if let Some(running) = self.running.get_mut(check.name.as_str()) {
            running.inbox.assign(assignment);
            running.generation = generation;
            running.check = check;
            running.with = with;
        }
    }

    /// Has reports taken for a check if its probe wants to know of them. Those of a check whose probe is missing wait for it.
    fn listen(&self, slot: &Slot, with: &With) {
        match with {
            With::Probe(prepared) if prepared.takes_reports() => slot.listen(self.shared.clock.now()),
            With::Probe(_) => slot.listen_no_more(),
            With::Nothing(_) => {}
        }
    }

    fn assignment(
        &self,
        check: &Arc<Check>,
        with: &With,
        generation: u64,
        afresh: bool,
        spread: Duration,
    ) -> Assignment {
        let prepared = match with {
            With::Probe(prepared) => Some(prepared),
            With::Nothing(_) => None,
        };
        let suggestions = prepared.map_or_else(Suggestions::default, |prepared| suggestions(prepared));
        let (plan, unplannable) = plan(check, suggestions, spread);
        let absent = |kind, reason: &str| -> Arc<dyn Examine> { Arc::new(Absent(Fault::new(kind, reason))) };
        let name: Arc<str> = check.name.as_str().into();
        let examine = match (with, &unplannable) {
            (_, Some(error)) => absent(FaultKind::InvalidSettings, &error.to_string()),
            (With::Nothing(reason), None) => absent(FaultKind::Link, reason),
            (With::Probe(prepared), None) => {
                let (engine, prepared) = (Arc::clone(&self.engine), Arc::clone(prepared));
                let board = Some(Arc::clone(&self.shared.board));
                let examiner = Examiner::new(engine, prepared, Arc::clone(&name), check, &plan, board);
                Arc::new(examiner.traced(self.shared.record.is_some()))
            }
        };
        let policy = Arc::new(plan.policy);
        let info = CheckInfo {
            name,
            probe: check.probe.clone(),
            description: check.description.clone(),
            critical: plan.critical,
            group: check.group.as_deref().map(Into::into),
            labels: check.labels.clone(),
            policy: Arc::clone(&policy),
            timeout: plan.timeout,
            limits: Some(check.limits),
            // A setting that a grant is made of may be a secret.
            grants: grants(check, prepared.map(|prepared| &**prepared))
                .iter()
                .map(|grant| check.settings.redact(&grant.to_string()).into_owned())
                .collect(),
            generation,
            digest: match with {
                With::Probe(prepared) => Some(Arc::clone(&prepared.digest)),
                With::Nothing(_) => None,
            },
        };
        Assignment { info: Arc::new(info), policy, examine, afresh, target: target(check) }
    }
}

/// What tells a check's target from others: its probe, and its settings as they are written. So a password that is changed where
/// it is kept does not make another target of it.
fn target(check: &Check) -> u64 {
    let mut digest = Sha256::new();
    digest.update(check.probe.as_bytes());
    digest.update([0]);
    digest.update(check.settings.written().to_string());
    digest.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What a probe suggests for its checks.
pub(super) fn suggestions(prepared: &Prepared) -> Suggestions {
    prepared.manifest.as_ref().map_or_else(Suggestions::default, |manifest| Suggestions {
        interval: manifest.default_interval,
        timeout: manifest.default_timeout,
        critical: Some(manifest.critical),
        passive: manifest.passive,
    })
}

/// The plan of a check; where the probe suggests the impossible, what is built in, and the error to show.
fn plan(check: &Check, suggestions: Suggestions, spread: Duration) -> (Plan, Option<PlanError>) {
    match check.plan(suggestions, spread) {
        Ok(plan) => (plan, None),
        Err(error) => match check.plan(Suggestions::default(), spread) {
            Ok(plan) => (plan, Some(error)),
            Err(error) => unreachable!("what is built in is in range: {error}"),
        },
    }
}
