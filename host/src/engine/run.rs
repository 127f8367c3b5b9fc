//! One attempt: a fresh instance, one call, and whatever comes of it as a value.

use std::{sync::Arc, time::Duration};

use probity_core::outcome::{Attempt, FaultKind, Outcome, Usage};
use tokio::time::Instant;
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};

use super::{
    Engine, Prepared, Redact,
    bindings::types,
    ctx::{Ctx, MemoryExceeded, TableExceeded},
    http::Requests,
    network::Network,
    output,
};
use crate::grant::Grants;

/// Bytes that a guest may hand to the host in one call, its verdict included.
const HANDED_OVER: usize = 1024 * 1024;
/// Handles that a guest may hold at once; a probe of one target needs a few dozen.
const HANDLES: usize = 1_000;

/// A run is cut off once it is over its time by this part of it. A probe that gives up in time on its target, and is then
/// held up on a busy machine, still gets its word in.
const GRACE: u32 = 10;

/// The budgets of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of work, about one an instruction.
    pub fuel: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// From the call to the verdict, waiting included.
    pub timeout: Duration,
}

/// What an attempt is to do.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The name of the check.
    pub check: &'a Arc<str>,
    /// JSON.
    pub settings: &'a str,
    /// Counted from 1 within a run.
    pub attempt: u32,
    /// What the last verdict left for this one.
    pub state: &'a [u8],
    /// What it may use.
    pub limits: Limits,
    /// What it may reach.
    pub grants: &'a Arc<Grants>,
    /// Hides what must not be shown of what it says.
    pub redact: Redact<'a>,
}

impl Engine {
    /// Calls a probe's `check` in a fresh instance.
    pub async fn check(&self, prepared: &Prepared, request: Request<'_>) -> Attempt {
        let mut sandbox = Sandbox::new(self, prepared, &request);
        let call = async |store: &mut Store<Ctx>, deadline: Instant| {
            let instance = prepared.pre.instantiate_async(&mut *store).await?;
            let guest = prepared.checker.load(&mut *store, &instance)?;
            let left = deadline.saturating_duration_since(Instant::now());
            let run = types::Run {
                check: request.check.to_string(),
                attempt: request.attempt,
                time_left: u64::try_from(left.as_nanos()).unwrap_or(u64::MAX),
                traceparent: String::new(),
                state: request.state.to_vec(),
            };
            guest.call_check(&mut *store, request.settings, &run).await
        };
        let (outcome, state) = match sandbox.call(call).await {
            Ok(Ok(mut verdict)) => {
                let state = std::mem::take(&mut verdict.state);
                if state.len() > output::STATE {
                    let message =
                        format!("the probe returned {} bytes of state, and may return {}", state.len(), output::STATE);
                    (output::fault(FaultKind::OutputTooLarge, message, request.redact), Vec::new())
                } else {
                    (output::verdict(verdict, request.redact), state)
                }
            }
            Ok(Err(problem)) => (output::problem(problem, request.redact), Vec::new()),
            Err((kind, message)) => (output::fault(kind, message, request.redact), Vec::new()),
        };
        let outcome = sandbox.or_denied(outcome, request.redact);
        let dropped = sandbox.store.data().lines_dropped();
        if dropped > 0 {
            tracing::warn!(target: "probe", check = &**request.check, "{dropped} more lines were dropped");
        }
        Attempt { outcome, usage: sandbox.usage(), state }
    }
}

/// A store with its budgets.
pub(super) struct Sandbox {
    pub(super) store: Store<Ctx>,
    limits: Limits,
    /// Until when the probe is to give its verdict.
    deadline: Instant,
    /// When the runner gives up on it.
    cut_off: Instant,
}

impl Sandbox {
    pub(super) fn new(engine: &Engine, prepared: &Prepared, request: &Request<'_>) -> Sandbox {
        let limits = request.limits;
        let deadline = Instant::now() + limits.timeout;
        let cut_off = deadline + limits.timeout / GRACE;
        let network = Network::new(Arc::clone(request.grants), engine.resolver.clone());
        let requests = Requests::new(network.clone(), engine.tls.clone(), deadline);
        let ctx = Ctx::new(Arc::clone(request.check), network, requests, limits.memory);
        let mut store = Store::new(prepared.engine(), ctx);
        store.limiter(|ctx| &mut ctx.memory);
        // Fuel is on in every engine of ours, so this can't fail; were it off, the run would end at once for want of it.
        let _ = store.set_fuel(limits.fuel);
        store.set_hostcall_fuel(HANDED_OVER);
        store.set_max_component_handles(HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_: StoreContextMut<'_, Ctx>| {
            Ok(if Instant::now() < cut_off { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
        Sandbox { store, limits, deadline, cut_off }
    }

    /// Makes a call under all budgets.
    pub(super) async fn call<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut Store<Ctx>, Instant) -> wasmtime::Result<T>,
    ) -> Result<T, (FaultKind, String)> {
        // A guest that computes is stopped by its epoch deadline, one that waits by this time-out.
        match tokio::time::timeout_at(self.cut_off, call(&mut self.store, self.deadline)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err((
                FaultKind::Timeout,
                format!(
                    "no verdict within {:?}: the probe was still waiting; raise `timeout`, or have the probe give up sooner",
                    self.limits.timeout
                ),
            )),
        }
    }

    /// What a run used so far.
    fn usage(&self) -> Usage {
        Usage {
            fuel: self.limits.fuel.saturating_sub(self.store.get_fuel().unwrap_or(0)),
            peak_memory: self.store.data().memory.peak,
        }
    }

    /// A run that was refused something, and did not find its target up all the same, says nothing of the target.
    fn or_denied(&self, outcome: Outcome, redact: Redact<'_>) -> Outcome {
        let missing = self.store.data().network.missing();
        let up = matches!(&outcome, Outcome::Verdict(verdict) if verdict.status.is_up());
        if up || missing.is_empty() {
            return outcome;
        }
        let message = format!(
            "the check does not let its probe reach {}; to allow it, add to the check: allow = {:?}",
            missing.join(", "),
            missing
        );
        output::fault(FaultKind::Denied, message, redact)
    }

    fn explain(&self, error: &wasmtime::Error) -> (FaultKind, String) {
        let Limits { fuel, timeout, .. } = self.limits;
        if let Some(exceeded) = error.downcast_ref::<MemoryExceeded>() {
            let message = format!("the probe {exceeded}; raise `limits.memory` if it is to be trusted with more");
            return (FaultKind::OutOfMemory, message);
        }
        if let Some(exceeded) = error.downcast_ref::<TableExceeded>() {
            return (FaultKind::OutOfMemory, format!("the probe {exceeded}"));
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => {
                let message = format!(
                    "the probe used up its {fuel} units of fuel; raise `limits.fuel` if its work is worth more"
                );
                (FaultKind::OutOfFuel, message)
            }
            Some(Trap::Interrupt) => {
                let message = format!(
                    "no verdict within {timeout:?}: the probe was still computing; raise `timeout` if its work is worth more"
                );
                (FaultKind::Timeout, message)
            }
            Some(trap) => (FaultKind::Trap, format!("the probe crashed: {trap}{}", place(error))),
            None => explain_other(error),
        }
    }
}

fn explain_other(error: &wasmtime::Error) -> (FaultKind, String) {
    let text = error.root_cause().to_string();
    // The engine keeps the type of this error to itself.
    if text.contains("hostcalls has been exhausted") {
        let message = format!("the probe handed over more than {HANDED_OVER} bytes in one call");
        return (FaultKind::OutputTooLarge, message);
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return (FaultKind::Trap, format!("the probe ended itself with exit code {}", exit.0));
    }
    let pool_is_full = text.contains("maximum concurrent");
    let kind = if pool_is_full { FaultKind::Host } else { FaultKind::Trap };
    (kind, format!("the probe's call failed: {text}{}", place(error)))
}

/// The function in which a guest crashed, and the one that called it.
fn place(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<_> = backtrace.frames().iter().filter_map(|frame| frame.func_name()).take(2).collect();
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(", called by ")) }
}
