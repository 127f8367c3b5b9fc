//! A hook: a component that is told of trouble, in a fresh instance for each event and under the budgets of a run.

use thiserror::Error;
use wasmtime::Store;

use super::{
    Engine, Prepared, Request, Term,
    bindings::listener::{Event, Refusal},
    ctx::Ctx,
    run::Sandbox,
};

/// Why a hook did not pass an event on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct NotPassedOn {
    /// What it says of it, or how it failed.
    pub message: String,
    /// Whether it would be the same at any other time.
    pub permanent: bool,
}

impl Engine {
    /// Tells a hook of an event: `message` is JSON, and `id` names it however often it is told.
    ///
    /// # Errors
    ///
    /// The hook did not pass it on, failed, or was denied something.
    pub async fn tell(
        &self,
        prepared: &Prepared,
        request: Request<'_>,
        term: Term,
        id: &str,
        message: &str,
    ) -> Result<(), NotPassedOn> {
        let mut sandbox = Sandbox::new(self, prepared, &request, term);
        let call = async |store: &mut Store<Ctx>| {
            let instance = prepared.pre.instantiate_async(&mut *store).await?;
            let guest = prepared.entry.listener()?.load(&mut *store, &instance)?;
            let event = Event { id: id.into(), message: message.into(), time_left: term.run(&request).time_left };
            guest.call_on_event(&mut *store, request.settings, &event).await
        };
        let said = sandbox.call(call).await;
        let (message, permanent) = match said {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Refusal::Retry(why))) => (why, false),
            Ok(Err(Refusal::Permanent(why))) => (why, true),
            // Whoever mends it, or its settings, finds the event still there.
            Err((kind, why)) => (format!("it failed ({kind}): {why}"), false),
        };
        // What it was denied is the operator's to grant, whatever it made of that.
        let (message, permanent) = sandbox.denied().map_or((message, permanent), |denied| (denied, false));
        Err(NotPassedOn { message: request.redact.apply(message), permanent })
    }
}
