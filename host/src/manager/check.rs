//! The program's own health check, as what a worker examines its target by.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use probity_core::outcome::{Attempt, Fault, FaultKind, Outcome, Status, Verdict};
use tokio::{task::JoinSet, time::timeout};

use crate::worker::{Attempting, Examine};

/// A health check of whatever types.
pub(super) type Check = dyn Fn() -> BoxFuture<'static, Verdict> + Send + Sync;

/// Makes one type of all health checks.
pub(super) fn erase<C, F, T, E>(check: C) -> Arc<Check>
where
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Into<Verdict>,
    E: fmt::Display,
{
    Arc::new(move || {
        let said = check();
        let verdict = async move {
            match said.await {
                Ok(said) => said.into(),
                // The alternate form has all the causes of an error that keeps them.
                Err(error) => Verdict::new(Status::Unhealthy, format!("{error:#}")),
            }
        };
        verdict.boxed()
    })
}

/// Examines a target by a health check.
pub(super) struct Examiner {
    pub(super) check: Arc<Check>,
    pub(super) timeout: Duration,
}

impl Examine for Examiner {
    fn attempt<'a>(&'a self, _state: &'a [u8]) -> Attempting<'a> {
        Box::pin(async move {
            // In a task of its own, so that nothing it does, and nothing it does when it is dropped, ends the worker's.
            let mut task = JoinSet::new();
            let check = Arc::clone(&self.check);
            task.spawn(async move { check().await });
            let outcome = match timeout(self.timeout, task.join_next()).await {
                Ok(Some(Ok(verdict))) => Outcome::Verdict(verdict),
                Ok(Some(Err(failed))) => Outcome::Fault(fault(failed.try_into_panic().ok())),
                Ok(None) => Outcome::Fault(fault(None)),
                Err(_) => {
                    Outcome::Verdict(Verdict::new(Status::Unhealthy, format!("no answer within {:?}", self.timeout)))
                }
            };
            Attempt::of(outcome)
        })
    }
}

fn fault(panic: Option<Box<dyn Any + Send>>) -> Fault {
    let Some(panic) = panic else {
        return Fault::new(FaultKind::Host, "the health check did not end, as its runtime is shutting down");
    };
    let said = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("without a message");
    Fault::new(FaultKind::Trap, format!("the health check panicked ({said}); have it return an error instead"))
}
