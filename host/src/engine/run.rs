//! One attempt: a fresh instance, one call, and whatever comes of it as a value. And what every call is made under.

use std::{sync::Arc, time::Duration};

use probity_core::outcome::{Attempt, Detail, FaultKind, Outcome, Usage, Value};
use tokio::time::Instant;
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};

use super::{
    Engine, Prepared, Redact, Tls,
    bindings::types,
    ctx::{Ctx, MemoryExceeded, Reach, TableExceeded},
    house::House,
    icmp::Echoes,
    network::Network,
    output,
    refusals::Refusals,
    system::Machine,
};
use crate::{board::Board, grant::Grants};

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
    /// Units of work, about one an instruction, for each call.
    pub fuel: u64,
    /// Bytes of memory, over the whole life of an instance.
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
    /// How it speaks TLS; `None` is as everybody does of whom nothing else was said.
    pub tls: Option<&'a Tls>,
    /// Where it finds what is known of other checks, and what was reported to its own; `None` is nowhere.
    pub board: Option<&'a Arc<Board>>,
    /// Hides what must not be shown of what it says.
    pub redact: Redact<'a>,
}

/// The time that an attempt has, over all of its calls.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// All of it.
    timeout: Duration,
    /// Until when the probe is to give its verdict.
    deadline: Instant,
    /// When the runner gives up on it.
    cut_off: Instant,
}

impl Term {
    /// A time-out that begins now.
    #[must_use]
    pub fn of(timeout: Duration) -> Term {
        let deadline = Instant::now() + timeout;
        Term { timeout, deadline, cut_off: deadline + timeout / GRACE }
    }

    /// What the guest is told of the run at the start of a call.
    pub(super) fn run(&self, request: &Request<'_>) -> types::Run {
        let left = self.deadline.saturating_duration_since(Instant::now());
        types::Run {
            check: request.check.to_string(),
            attempt: request.attempt,
            time_left: u64::try_from(left.as_nanos()).unwrap_or(u64::MAX),
            traceparent: String::new(),
            state: request.state.to_vec(),
        }
    }
}

impl Engine {
    /// Calls a probe's `check` in a fresh instance.
    pub async fn check(&self, prepared: &Prepared, request: Request<'_>) -> Attempt {
        let term = Term::of(request.limits.timeout);
        let mut sandbox = Sandbox::new(self, prepared, &request, term);
        let call = async |store: &mut Store<Ctx>| {
            let instance = prepared.pre.instantiate_async(&mut *store).await?;
            let guest = prepared.entry.checker()?.load(&mut *store, &instance)?;
            guest.call_check(&mut *store, request.settings, &term.run(&request)).await
        };
        let said = sandbox.call(call).await;
        sandbox.settle(said, request.redact)
    }
}

/// What a call came to: what the guest returned, or the fault in which it ended.
pub(super) type Said<T> = Result<T, (FaultKind, String)>;

/// A store with the budgets of the call that it is in.
pub(super) struct Sandbox {
    store: Store<Ctx>,
    fuel: u64,
    term: Term,
}

impl Sandbox {
    /// A store for an instance, with the budgets of its first call.
    pub(super) fn new(engine: &Engine, prepared: &Prepared, request: &Request<'_>, term: Term) -> Sandbox {
        let (check, memory) = (Arc::clone(request.check), request.limits.memory);
        let (grants, refusals) = (Arc::clone(request.grants), Refusals::default());
        let reach = Reach {
            network: Network::new(Arc::clone(&grants), engine.resolver.clone(), refusals.clone()),
            tls: request.tls.map_or_else(|| engine.tls(&Arc::default()), Tls::clone),
            echoes: Echoes::new(engine.sockets.clone()),
            machine: Machine::new(Arc::clone(&grants), refusals.clone(), engine.disks.clone()),
            house: House::new(request.board.map(Arc::clone), Arc::clone(&check), grants, refusals.clone()),
            refusals,
        };
        let ctx = Ctx::new(check, reach, memory, term.deadline);
        let mut store = Store::new(prepared.engine(), ctx);
        store.limiter(|ctx| &mut ctx.memory);
        store.set_hostcall_fuel(HANDED_OVER);
        store.set_max_component_handles(HANDLES);
        let mut sandbox = Sandbox { store, fuel: request.limits.fuel, term };
        sandbox.set_budgets();
        sandbox
    }

    /// Gives the next call fresh budgets. The memory is what the instance has of it: its budget is one over its whole life.
    pub(super) fn begin_call(&mut self, fuel: u64, term: Term) {
        self.fuel = fuel;
        self.term = term;
        self.store.data_mut().begin_call(term.deadline);
        self.set_budgets();
    }

    fn set_budgets(&mut self) {
        let cut_off = self.term.cut_off;
        // Fuel is on in every engine of ours, so this can't fail; were it off, the run would end at once for want of it.
        let _ = self.store.set_fuel(self.fuel);
        self.store.set_epoch_deadline(1);
        self.store.epoch_deadline_callback(move |_: StoreContextMut<'_, Ctx>| {
            Ok(if Instant::now() < cut_off { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
    }

    /// Makes a call under all budgets.
    pub(super) async fn call<T>(&mut self, call: impl AsyncFnOnce(&mut Store<Ctx>) -> wasmtime::Result<T>) -> Said<T> {
        // A guest that computes is stopped by its epoch deadline, one that waits by this time-out.
        let ended = tokio::time::timeout_at(self.term.cut_off, call(&mut self.store)).await;
        self.store.data().tell_dropped_lines();
        match ended {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err((
                FaultKind::Timeout,
                format!(
                    "no verdict within {:?}: the probe was still waiting; raise `timeout`, or have the probe give up sooner",
                    self.term.timeout
                ),
            )),
        }
    }

    /// The attempt that a call comes to, in a form that can be kept and shown.
    pub(super) fn settle(&self, said: Said<Result<types::Verdict, types::Problem>>, redact: Redact<'_>) -> Attempt {
        let (outcome, state) = match said {
            Ok(Ok(mut verdict)) => {
                let state = std::mem::take(&mut verdict.state);
                if state.len() > output::STATE {
                    let message =
                        format!("the probe returned {} bytes of state, and may return {}", state.len(), output::STATE);
                    (output::fault(FaultKind::OutputTooLarge, message, redact), Vec::new())
                } else {
                    (self.marked(output::verdict(verdict, redact)), state)
                }
            }
            Ok(Err(problem)) => (output::problem(problem, redact), Vec::new()),
            Err((kind, message)) => (output::fault(kind, message, redact), Vec::new()),
        };
        let outcome = self.or_denied(outcome, redact);
        Attempt { outcome, usage: self.usage(), state }
    }

    /// What the operator must not forget stands beside each verdict that it has a part in.
    fn marked(&self, mut outcome: Outcome) -> Outcome {
        if let Outcome::Verdict(verdict) = &mut outcome
            && self.store.data().handshakes.unverified()
        {
            let value = Value::Text("off (insecure_skip_verify)".to_owned());
            verdict.details.push(Detail { key: "tls-verification".to_owned(), value });
        }
        outcome
    }

    /// What this call used so far.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            fuel: self.fuel.saturating_sub(self.store.get_fuel().unwrap_or(0)),
            peak_memory: self.store.data().memory.peak,
        }
    }

    /// Writes down that a leave-taking went wrong: nobody waits for what comes of it.
    pub(super) fn tell_of_leave(&self, left: Said<()>) {
        if let Err((kind, message)) = left {
            let check = self.store.data().check();
            tracing::debug!(check, "the probe took no proper leave of its target ({kind}): {message}");
        }
    }

    /// A call that was refused something, and did not find its target up all the same, says nothing of the target.
    fn or_denied(&self, outcome: Outcome, redact: Redact<'_>) -> Outcome {
        let missing = self.store.data().refusals.missing();
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
        let (fuel, timeout) = (self.fuel, self.term.timeout);
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
