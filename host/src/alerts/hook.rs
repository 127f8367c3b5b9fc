//! Components that are told of events. Whoever knows of sandboxes is handed in.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use probity_core::alert::Letter;

use super::delivery::{Deliver, Failure};
use crate::config::Hook;

/// What a hook is to be told, and within which time.
pub struct Call<'a> {
    /// The hook.
    pub hook: &'a Hook,
    /// The name of its sink, under which it logs.
    pub sink: &'a str,
    /// The message, as JSON has it.
    pub letter: String,
    /// What names the message, however often it is told.
    pub id: &'a str,
    /// How long it may take.
    pub timeout: Duration,
}

/// Whoever can call components.
pub trait Hooks: Send + Sync {
    /// Tells a hook of a message.
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Calls none.
pub struct NoHooks;

impl Hooks for NoHooks {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<(), Failure>> {
        let message = format!("there is nobody to run the hook `{}`", call.hook.component.display());
        Box::pin(std::future::ready(Err(Failure::passing(message))))
    }
}

/// The sink that such a component is.
pub(super) struct ToHook {
    pub(super) hook: Hook,
    pub(super) sink: Arc<str>,
    pub(super) timeout: Duration,
    pub(super) hooks: Arc<dyn Hooks>,
}

impl Deliver for ToHook {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        // All keys of a letter are texts, so it can always be written.
        let text = serde_json::to_string(letter).unwrap_or_default();
        self.hooks.call(Call {
            hook: &self.hook,
            sink: &self.sink,
            letter: text,
            id: &letter.id,
            timeout: self.timeout,
        })
    }
}
