//! What takes messages, by kind.

mod alertmanager;
mod chat;
mod email;
mod ntfy;
mod stdout;
mod webhook;

use std::sync::Arc;

use jiff::Timestamp;
use probity_core::alert::Letter;

use super::{
    delivery::{Deliver, Failure},
    hook::{Hooks, ToHook},
    new_id,
};
use crate::config::{Sink, SinkKind};

/// What takes messages for a sink, told by the runner of this name.
pub(super) fn make(sink: &Sink, node_id: &str, hooks: &Arc<dyn Hooks>) -> Box<dyn Deliver> {
    let patience = sink.timeout;
    match &sink.kind {
        SinkKind::Webhook(webhook) => Box::new(webhook::ToWebhook::new(webhook, patience)),
        SinkKind::Alertmanager(web) => Box::new(alertmanager::ToAlertmanager::new(web, node_id, patience)),
        SinkKind::Email(email) => Box::new(email::ByEmail::new(email)),
        SinkKind::Slack(web) => Box::new(chat::ToChat::new(web, patience, chat::slack)),
        SinkKind::Discord(web) => Box::new(chat::ToChat::new(web, patience, chat::discord)),
        SinkKind::Teams(web) => Box::new(chat::ToChat::new(web, patience, chat::teams)),
        SinkKind::Ntfy(web) => Box::new(ntfy::ToNtfy::new(web, patience)),
        SinkKind::Stdout => Box::<stdout::ToStdout>::default(),
        SinkKind::Hook(hook) => Box::new(ToHook {
            hook: (**hook).clone(),
            sink: Arc::clone(&sink.name),
            timeout: patience,
            hooks: Arc::clone(hooks),
        }),
    }
}

/// Sends a test message to a sink, once.
///
/// # Errors
///
/// The sink did not take it, and why.
pub async fn test(sink: &Sink, node_id: &str, hooks: &Arc<dyn Hooks>) -> Result<(), Failure> {
    let letter = Letter::test(new_id(), node_id, Timestamp::now());
    let deliver = make(sink, node_id, hooks);
    tokio::time::timeout(sink.timeout, deliver.deliver(&letter))
        .await
        .unwrap_or_else(|_| Err(Failure::passing(format!("it was not taken within {:?}", sink.timeout))))
}
