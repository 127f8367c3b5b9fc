//! A connection that stays open between runs: its instance, with its memory and its sockets, lives as long as it does.
//!
//! Every run has fresh budgets, but for memory, tables and handles: these are one budget over the whole life. What went wrong
//! once is never used again: a session is consumed by each call, and given back only by one that ended well. So whoever drops an attempt drops
//! its session as well, and nothing half-used is left.

use probity_core::outcome::{Attempt, FaultKind, Outcome};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::{AsContextMut, component::ResourceAny};

use super::{
    Engine, Prepared, Redactor, Request,
    bindings::{connector, types},
    follow::Follow,
    output,
    run::{Sandbox, Term},
};

/// An open connection.
pub struct Session {
    sandbox: Sandbox,
    guest: connector::Guest,
    connection: ResourceAny,
    /// Given back once the instance is gone: fields are dropped in this order.
    _room: OwnedSemaphorePermit,
}

/// What came of opening a connection.
pub enum Opening {
    /// It is open. A call of the same term finds what opening it left of the run's budgets.
    Open(Box<Session>),
    /// It is not, and that is what the attempt comes to.
    Failed(Box<Attempt>),
}

impl Engine {
    /// Opens a connection, in an instance of its own.
    pub async fn open(&self, prepared: &Prepared, request: Request<'_>, term: Term) -> Opening {
        let Ok(room) = self.live.clone().try_acquire_owned() else {
            return Opening::Failed(Box::new(self.no_room(request.redact)));
        };
        let mut sandbox = Sandbox::new(self, prepared, &request, term);
        let opened = sandbox
            .call(async |store| {
                let instance = prepared.pre.instantiate_async(&mut *store).await?;
                let guest = prepared.entry.connector()?.load(&mut *store, &instance)?;
                let run = store.data().told(term.run(&request))?;
                let opened = guest.connection().call_open(&mut *store, request.settings, &run).await?;
                Ok(opened.map(|connection| (guest, connection)))
            })
            .await;
        let said = match opened {
            Ok(Ok((guest, connection))) => {
                return Opening::Open(Box::new(Session { sandbox, guest, connection, _room: room }));
            }
            // There is no such thing as a healthy target that can't be reached.
            Ok(Err(types::Failure::Verdict(verdict))) => {
                Ok(Ok(types::Verdict { status: types::Status::Unhealthy, ..verdict }))
            }
            Ok(Err(types::Failure::Problem(problem))) => Ok(Err(problem)),
            Err(fault) => Err(fault),
        };
        Opening::Failed(Box::new(sandbox.settle(said, request.redact)))
    }

    fn no_room(&self, redact: &Redactor) -> Attempt {
        let message = format!(
            "there is no room for another live connection: there may be {} at a time; raise `runner.max_live_connections`",
            self.max_live
        );
        Attempt::of(output::fault(FaultKind::Host, message, redact))
    }

    /// How many connections are open now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.max_live.saturating_sub(self.live.available_permits())
    }
}

impl Session {
    /// Examines the target over the connection. The session comes back unless the attempt is a fault: then it is gone.
    pub async fn check(mut self: Box<Self>, request: Request<'_>, term: Term) -> (Attempt, Option<Box<Session>>) {
        let Session { sandbox, guest, connection, .. } = &mut *self;
        sandbox.begin_call(request.limits.fuel, term, request.follow);
        let said = sandbox
            .call(async |store| {
                let run = store.data().told(term.run(&request))?;
                guest.connection().call_check(&mut *store, *connection, &run).await
            })
            .await;
        let attempt = sandbox.settle(said, request.redact);
        let usable = matches!(attempt.outcome, Outcome::Verdict(_));
        (attempt, usable.then_some(self))
    }

    /// Takes leave of the target. What goes wrong with that is of no consequence, and told in the log.
    pub async fn close(mut self: Box<Self>, fuel: u64, term: Term) {
        let Session { sandbox, guest, connection, .. } = &mut *self;
        sandbox.begin_call(fuel, term, Follow::default());
        let left = sandbox
            .call(async |store| {
                guest.connection().call_close(&mut *store, *connection).await?;
                connection.resource_drop_async(store.as_context_mut()).await
            })
            .await;
        sandbox.tell_of_leave(left);
    }
}
