//! One attempt: a fresh instance, one call, and whatever comes of it as a value. And what every call is made under.

use std::{sync::Arc, time::Duration};

use probity_core::outcome::{Attempt, Calls, Detail, FaultKind, Outcome, Usage, Value};
use tokio::time::Instant;
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline, component::ResourceTableError};

use super::{
    Engine, GUEST_STACK, Prepared, Redactor, Tls,
    bindings::types,
    command::Start,
    component::Entry,
    ctx::{Ctx, Reach},
    exceeded::Exceeded,
    exit::Exit,
    follow::Follow,
    house::House,
    icmp::Echoes,
    logbook::Logbook,
    network::Network,
    output,
    refusals::Refusals,
    system::Machine,
    tape::{Aside, Told},
    tls::Handshakes,
};
use crate::{board::Board, grant::Grants, limits::Limits};

/// Bytes that a guest may hand to the host in one call, its verdict included. What is kept of that has budgets of its own.
const HANDED_OVER: usize = 1024 * 1024;

/// A run is cut off once it is over its time by this part of it. A probe that gives up in time on its target, and is then
/// held up on a busy machine, still gets its word in.
const GRACE: u32 = 10;

/// What an attempt is to do.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The name of the check.
    pub check: &'a Arc<str>,
    /// JSON.
    pub settings: &'a str,
    /// Counted from 1 within a run; 0 is none: the probe is merely examined, under budgets of the runner's own.
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
    /// Hides what must not be shown of what it says and logs.
    pub redact: &'a Redactor,
    /// How it is followed.
    pub follow: Follow<'a>,
}

/// The time that an attempt has, over all of its calls. Calls of one term are of one run, and share its budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// A time-out that begins now, and ends with this term at the latest.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Term {
        Term::of(timeout.min(self.cut_off.saturating_duration_since(Instant::now())))
    }

    /// What the guest is told of the run at the start of a call.
    pub(super) fn run(&self, request: &Request<'_>) -> types::Run {
        let left = self.deadline.saturating_duration_since(Instant::now());
        types::Run {
            check: request.check.to_string(),
            attempt: request.attempt,
            time_left: u64::try_from(left.as_nanos()).unwrap_or(u64::MAX),
            traceparent: request.follow.traceparent.map(|parent| parent.to_string()).unwrap_or_default(),
            state: request.state.to_vec(),
        }
    }
}

impl Engine {
    /// Calls a probe's `check` in a fresh instance, or starts it if it is a command.
    pub async fn check(&self, prepared: &Prepared, request: Request<'_>, term: Term) -> Attempt {
        if let Entry::Command(command) = &prepared.entry {
            // In a box, so that the runs of all others are no larger for it.
            return Box::pin(self.run_command(prepared, command, request, term)).await;
        }
        let mut sandbox = Sandbox::new(self, prepared, &request, term);
        let call = async |store: &mut Store<Ctx>| {
            let instance = prepared.pre.instantiate_async(&mut *store).await?;
            let run = store.data().told(term.run(&request))?;
            prepared.entry.checker()?.check(store, &instance, request.settings, &run).await
        };
        let said = sandbox.call(call).await;
        sandbox.settle(said, request.redact)
    }
}

/// What a call came to: what the guest returned, or the fault in which it ended.
pub(super) type Said<T> = Result<T, (FaultKind, String)>;

/// A store with the budgets of the run that it is in.
pub(super) struct Sandbox {
    store: Store<Ctx>,
    limits: Limits,
    /// Whether the operator can change them.
    by_operator: bool,
    term: Term,
}

impl Sandbox {
    /// A store for an instance, with the budgets of its first run.
    pub(super) fn new(engine: &Engine, prepared: &Prepared, request: &Request<'_>, term: Term) -> Sandbox {
        Sandbox::with(engine, prepared, request, term, None)
    }

    /// A store for an instance of a command, which is to be started so.
    pub(super) fn of_command(
        engine: &Engine,
        prepared: &Prepared,
        request: &Request<'_>,
        term: Term,
        start: Start,
    ) -> Sandbox {
        Sandbox::with(engine, prepared, request, term, Some(start))
    }

    fn with(
        engine: &Engine,
        prepared: &Prepared,
        request: &Request<'_>,
        term: Term,
        command: Option<Start>,
    ) -> Sandbox {
        let (check, limits) = (Arc::clone(request.check), request.limits);
        let (grants, refusals) = (Arc::clone(request.grants), Refusals::of(request.grants.granter()));
        let reach = Reach {
            network: Network::new(Arc::clone(&grants), engine.resolver.clone(), refusals.clone(), &limits),
            tls: request.tls.map_or_else(|| engine.tls(&Arc::default()), Tls::clone),
            handshakes: Handshakes::default(),
            echoes: Echoes::new(engine.sockets.clone()),
            machine: Machine::new(Arc::clone(&grants), refusals.clone(), engine.disks.clone()),
            house: House::new(request.board.map(Arc::clone), Arc::clone(&check), Arc::clone(&grants), refusals.clone()),
            grants,
            refusals,
        };
        let logbook = || Logbook::new(Arc::clone(&check), request.redact.clone(), &limits);
        let mut ctx = match &prepared.taping {
            None => Ctx::new(reach, logbook(), &limits, term.deadline, command),
            Some(taping) => {
                let real = || Ctx::new(reach.clone(), logbook(), &limits, term.deadline, command);
                let taped = Some(Box::new(taping.start(real)));
                let mut ctx = Ctx::new(reach, logbook(), &limits, term.deadline, None);
                ctx.taped = taped;
                ctx
            }
        };
        ctx.follow(request.follow);
        let mut store = Store::new(prepared.engine(), ctx);
        store.limiter(|ctx| &mut ctx.growth);
        // What goes onto a tape is handed over value by value, each as large as the largest.
        let each = if prepared.taping.is_some() { size_of::<wasmtime::component::Val>() } else { 1 };
        store.set_hostcall_fuel(HANDED_OVER * each);
        store.set_max_component_handles(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        let mut sandbox = Sandbox { store, limits, by_operator: request.attempt > 0, term };
        sandbox.set_fuel();
        sandbox.set_deadline();
        sandbox
    }

    /// Gives the next call its budgets: what is left of them if it is of the same run as the one before, and otherwise fresh
    /// ones. What the instance has of memory and handles is one budget over its whole life.
    pub(super) fn begin_call(&mut self, fuel: u64, term: Term, follow: Follow<'_>) {
        self.store.data_mut().begin_call(term.deadline);
        self.store.data_mut().follow(follow);
        if term != self.term {
            self.limits.fuel = fuel;
            self.term = term;
            self.store.data_mut().begin_run();
            self.set_fuel();
        }
        self.set_deadline();
    }

    fn set_fuel(&mut self) {
        // Fuel is on in every engine of ours, so this can't fail; were it off, the run would end at once for want of it.
        let _ = self.store.set_fuel(self.limits.fuel);
    }

    fn set_deadline(&mut self) {
        let cut_off = self.term.cut_off;
        self.store.set_epoch_deadline(1);
        self.store.epoch_deadline_callback(move |_: StoreContextMut<'_, Ctx>| {
            Ok(if Instant::now() < cut_off { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
        });
    }

    /// Makes a call under all budgets.
    pub(super) async fn call<T>(&mut self, call: impl AsyncFnOnce(&mut Store<Ctx>) -> wasmtime::Result<T>) -> Said<T> {
        // A guest that computes is stopped by its epoch deadline, one that waits by this time-out.
        let ended = tokio::time::timeout_at(self.term.cut_off, call(&mut self.store)).await;
        self.store.data_mut().tell_dropped_lines();
        let said = match ended {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err((
                FaultKind::Timeout,
                format!(
                    "no verdict within {:?}: the probe was still waiting; raise `timeout`, or have the probe give up sooner",
                    self.term.timeout
                ),
            )),
        };
        if let (Err((kind, message)), Some(taped)) = (&said, &self.store.data().taped) {
            taped.tape.failed(*kind, message);
        }
        said
    }

    /// The attempt that a call comes to, in a form that can be kept and shown.
    pub(super) fn settle(&self, said: Said<Result<types::Verdict, types::Problem>>, redact: &Redactor) -> Attempt {
        let aside = self.aside(redact);
        let (outcome, state) = match said {
            Ok(Ok(mut verdict)) => {
                let state = std::mem::take(&mut verdict.state);
                let (wanted, limit) = (state.len() as u64, self.limits.state);
                if wanted > limit {
                    let (kind, message) = self.beyond(Exceeded::State { wanted, limit });
                    (output::fault(kind, message, redact), Vec::new())
                } else {
                    (marked(output::verdict(verdict, &self.limits, redact), &aside), state)
                }
            }
            Ok(Err(problem)) => (output::problem(problem, redact), Vec::new()),
            Err((kind, message)) => (output::fault(kind, message, redact), Vec::new()),
        };
        let outcome = or_exceeded(or_denied(outcome, &aside, redact), &aside, redact);
        let calls = self.store.data().network.traffic().calls();
        let calls = Calls { missing: aside.missing, denied: aside.denied, ..calls };
        Attempt { outcome, usage: self.usage(), calls, state, trace: None }
    }

    /// What the runner knows of this run so far, beside what the probe says.
    fn aside(&self, redact: &Redactor) -> Aside {
        let ctx = self.store.data();
        let (mut missing, mut denied) = ctx.refusals.all();
        missing.iter_mut().chain(&mut denied).for_each(|refused| *refused = redact.apply(std::mem::take(refused)));
        let aside = Aside {
            unverified: ctx.handshakes.unverified(),
            refused: ctx.refusals.told().map(|told| redact.apply(told)),
            exceeded: ctx.network.traffic().exceeded().map(|exceeded| self.beyond(exceeded)),
            missing,
            denied,
        };
        match &ctx.taped {
            None => aside,
            Some(taped) => taped.tape.end(aside),
        }
    }

    /// What this run used so far.
    fn usage(&self) -> Usage {
        Usage {
            fuel: self.limits.fuel.saturating_sub(self.store.get_fuel().unwrap_or(0)),
            peak_memory: self.store.data().growth.peak_memory(),
        }
    }

    /// What the guest was denied, and what would grant it.
    pub(super) fn denied(&self) -> Option<String> {
        self.store.data().refusals.told()
    }

    /// Takes down what a command wrote to its standard error, of which so many lines are lost.
    pub(super) fn log<'a>(&mut self, lines: impl Iterator<Item = &'a str>, lost: u64) {
        let ctx = self.store.data_mut();
        ctx.log(lines, lost);
        ctx.tell_dropped_lines();
    }

    /// What a command has written to its standard output and its standard error: what it has, or what a tape says.
    pub(super) fn on_tape(&self, said: String, complained: String) -> (String, String) {
        match &self.store.data().taped {
            None => (said, complained),
            Some(taped) => taped.tape.output(said, complained),
        }
    }

    /// Writes down that a leave-taking went wrong: nobody waits for what comes of it.
    pub(super) fn tell_of_leave(&self, left: Said<()>) {
        if let Err((kind, message)) = left {
            let check = self.store.data().check();
            tracing::debug!(check, "the probe took no proper leave of its target ({kind}): {message}");
        }
    }

    /// How a call ends that goes beyond a budget.
    fn beyond(&self, exceeded: Exceeded) -> (FaultKind, String) {
        (exceeded.kind(), exceeded.told(self.by_operator))
    }

    fn explain(&self, error: &wasmtime::Error) -> (FaultKind, String) {
        let (limits, timeout) = (&self.limits, self.term.timeout);
        if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
            return self.beyond(*exceeded);
        }
        if let Some(Told { kind, message }) = error.downcast_ref() {
            return (*kind, message.clone());
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref() {
            return self.beyond(Exceeded::Handles { limit: limits.handles });
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => self.beyond(Exceeded::Fuel { limit: limits.fuel }),
            Some(Trap::StackOverflow) => {
                let message =
                    format!("the probe called itself beyond its {GUEST_STACK} bytes of stack{}", place(error));
                (FaultKind::OutOfStack, message)
            }
            Some(Trap::Interrupt) => {
                let message = format!(
                    "no verdict within {timeout:?}: the probe was still computing; raise `timeout` if its work is worth more"
                );
                (FaultKind::Timeout, message)
            }
            Some(trap) => (FaultKind::Trap, format!("the probe crashed: {trap}{}", place(error))),
            None => self.explain_other(error),
        }
    }

    fn explain_other(&self, error: &wasmtime::Error) -> (FaultKind, String) {
        let text = error.root_cause().to_string();
        // The engine keeps the types of these errors to itself.
        if text.contains("handle limit exceeded") {
            return self.beyond(Exceeded::Handles { limit: self.limits.handles });
        }
        if text.contains("instance count too high") {
            return self.beyond(Exceeded::Instances { limit: self.limits.instances });
        }
        if text.contains("hostcalls has been exhausted") {
            let message = format!("the probe handed over more than {HANDED_OVER} bytes in one call, which none may");
            return (FaultKind::OutputTooLarge, message);
        }
        if let Some(exit) = error.downcast_ref::<Exit>() {
            return (FaultKind::Trap, format!("the probe ended itself {exit}"));
        }
        let pool_is_full = text.contains("maximum concurrent");
        let kind = if pool_is_full { FaultKind::Host } else { FaultKind::Trap };
        (kind, format!("the probe's call failed: {text}{}", place(error)))
    }
}

/// What the operator must not forget stands beside each verdict that it has a part in.
fn marked(mut outcome: Outcome, aside: &Aside) -> Outcome {
    if let Outcome::Verdict(verdict) = &mut outcome
        && aside.unverified
    {
        let value = Value::Text("off (insecure_skip_verify)".to_owned());
        verdict.details.push(Detail { key: "tls-verification".to_owned(), value });
    }
    outcome
}

/// A call that was refused something, and did not find its target up all the same, says nothing of the target.
fn or_denied(outcome: Outcome, aside: &Aside, redact: &Redactor) -> Outcome {
    let up = matches!(&outcome, Outcome::Verdict(verdict) if verdict.status.is_up());
    match &aside.refused {
        Some(message) if !up => output::fault(FaultKind::Denied, message.clone(), redact),
        _ => outcome,
    }
}

/// What went beyond a budget of the network says nothing of the target, whatever the guest made of it: a request that fails
/// for that looks to it like one whose server fails.
fn or_exceeded(outcome: Outcome, aside: &Aside, redact: &Redactor) -> Outcome {
    match &aside.exceeded {
        Some((kind, message)) => output::fault(*kind, message.clone(), redact),
        None => outcome,
    }
}

/// The function in which a guest crashed, and the one that called it.
fn place(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<_> = backtrace.frames().iter().filter_map(|frame| frame.func_name()).take(2).collect();
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(", called by ")) }
}
