//! Has checks run that others depend on, as notifications ask for it.

use futures_util::future::BoxFuture;

use crate::{
    alerts::RunChecks,
    worker::{Ask, Shared},
};

impl RunChecks for Shared {
    fn run<'a>(&'a self, check: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Some(inbox) = self.inboxes.find(check) {
                // A worker that stops answers nothing.
                let _ = inbox.ask(Ask::Run).await;
            }
        })
    }
}
