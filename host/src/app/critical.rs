//! What the runner does when a critical check fails: nothing more than to show it, to stop, or to run a program.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use probity_core::{
    event::Event,
    health::{Health, Mode},
};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::timeout;

use crate::{
    board::{Board, CheckState},
    config::OnCriticalFailure,
    events::{Events, Fact, Followed, Record},
};

/// How long a program may take that is run for a critical failure; the next failure waits for it.
const PROGRAM: Duration = Duration::from_secs(60);

/// What the operator says of critical failures, as it is in force: it changes while the runner runs.
pub type Reaction = Arc<ArcSwap<OnCriticalFailure>>;

/// A critical check that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The check.
    pub check: Arc<str>,
    group: Option<Arc<str>>,
    /// What its probe said.
    pub message: Arc<str>,
}

/// Follows what happens after the event of this number, and reacts to each critical failure. Resolves with one that is to end the runner.
pub(super) async fn failure(board: Arc<Board>, events: Arc<Events>, after: u64, reaction: Reaction) -> Failure {
    {
        let mut follower = events.follow(after);
        loop {
            let failures = match follower.next().await {
                Followed::Event(record) => of_record(&board, &record).into_iter().collect(),
                // What is not told any more is still to be seen.
                Followed::Gap(_) => all(&board),
                Followed::End => break,
            };
            for failure in failures {
                match &**reaction.load() {
                    OnCriticalFailure::Report => {}
                    OnCriticalFailure::Shutdown => return failure,
                    OnCriticalFailure::Command(words) => run(words, &failure, &board.node_id).await,
                }
            }
        }
    }
    // The runner is stopping already.
    std::future::pending().await
}

/// The failure that an event tells of, if it does and that is still so. What the operator decreed is no failure.
fn of_record(board: &Board, record: &Record) -> Option<Failure> {
    match &record.fact {
        Fact::Check { check, event: Event::HealthChange { to: Health::Unhealthy, .. }, .. } => {
            failing(&board.check(check)?.state())
        }
        _ => None,
    }
}

fn all(board: &Board) -> Vec<Failure> {
    board.checks().values().filter_map(|slot| failing(&slot.state())).collect()
}

fn failing(state: &CheckState) -> Option<Failure> {
    let (info, snapshot) = (&state.info, &state.snapshot);
    let fails = info.critical && snapshot.health == Health::Unhealthy && snapshot.mode == Mode::Auto;
    fails.then(|| Failure {
        check: Arc::clone(&info.name),
        group: info.group.clone(),
        message: snapshot.last.as_deref().map_or_else(|| "".into(), |run| Arc::clone(run.outcome.message())),
    })
}

/// Runs a program, and sees to its end. What it writes goes to the runner's log.
async fn run(words: &[String], failure: &Failure, node_id: &str) {
    let (program, check) = (&words[0], &failure.check);
    let child = match start(words, failure, node_id) {
        Ok(child) => child,
        Err(error) => {
            return tracing::error!("{check} failed, and `on_critical_failure` can't be run: {program}: {error}");
        }
    };
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = tokio::task::spawn_blocking(|| wait(child));
    match timeout(PROGRAM, ended).await {
        Ok(Ok(Ok(status))) if status.success() => tracing::info!("{check} failed, and {program} was run"),
        Ok(Ok(Ok(status))) => tracing::error!("{check} failed, and so did {program}: {status}"),
        Ok(Ok(Err(error))) => tracing::error!("{check} failed, and {program} can't be waited for: {error}"),
        Ok(Err(error)) => tracing::error!("{check} failed, and {program} was lost: {error}"),
        Err(_) => {
            tracing::error!("{check} failed, and {program} did not end within {PROGRAM:?}, and is killed");
            if let Some(group) = group {
                // It may have ended just now.
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
    }
}

fn wait(mut child: Child) -> io::Result<ExitStatus> {
    child.wait()
}

fn start(words: &[String], failure: &Failure, node_id: &str) -> io::Result<Child> {
    Command::new(&words[0])
        .args(&words[1..])
        .env("PROBITY_CHECK", &*failure.check)
        .env("PROBITY_GROUP", failure.group.as_deref().unwrap_or_default())
        // A zero is what no variable can hold.
        .env("PROBITY_MESSAGE", failure.message.replace('\0', " "))
        .env("PROBITY_NODE_ID", node_id)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .process_group(0)
        .spawn()
}
