//! One event as one line of the runner's log.

use probity_core::{
    alert::{Decree, Happening},
    event::Event,
    health::Health,
};

use super::{Fact, Notice, Record, Reload};

/// What the lines are filtered by.
const TARGET: &str = "event";

/// Writes it, as loud as it deserves.
pub(super) fn write(record: &Record) {
    let (seq, kind) = (record.seq, record.fact.kind());
    match &record.fact {
        Fact::Check { check, event, .. } => write_event(seq, kind, check, event),
        Fact::Reload(Reload { what, generation, error: None }) => match generation {
            Some(generation) => tracing::info!(target: TARGET, seq, kind, generation, "{what} is in use"),
            None => tracing::info!(target: TARGET, seq, kind, "{what} was read again"),
        },
        Fact::Reload(Reload { what, error: Some(error), .. }) => {
            tracing::error!(target: TARGET, seq, kind, "{what} is rejected: {error}")
        }
        Fact::Notice(notice) => write_notice(seq, kind, notice),
    }
}

fn write_notice(seq: u64, kind: &str, notice: &Notice) {
    let check = notice.alert().map_or("", |alert| &*alert.subject.check);
    match notice {
        Notice::Alert(Happening::Alert { alert, rule }) => {
            let severity = alert.severity.as_str();
            tracing::warn!(target: TARGET, seq, check, kind, severity, %rule, "{}", alert.message);
        }
        Notice::Alert(Happening::Resolved { rule, message, .. }) => {
            tracing::info!(target: TARGET, seq, check, kind, %rule, "{message}");
        }
        Notice::Alert(Happening::Suppressed { rule, by, .. }) => {
            tracing::info!(target: TARGET, seq, check, kind, %rule, "by {}", by.join(", "));
        }
        Notice::Alert(Happening::Acknowledged { by, comment, .. }) => {
            tracing::info!(target: TARGET, seq, check, kind, by, "{comment}");
        }
        Notice::Alert(Happening::Disowned { by, .. }) => {
            tracing::info!(target: TARGET, seq, check, kind, by, "nobody takes care of it any more");
        }
        Notice::Alert(Happening::Silenced(silence)) => {
            let Decree { id, selector, until, by, comment } = silence;
            tracing::warn!(target: TARGET, seq, kind, silence = id, by, "{selector} until {until:.0}: {comment}");
        }
        Notice::Alert(Happening::Unsilenced { silence, by }) => {
            tracing::info!(target: TARGET, seq, kind, silence = silence.id, by, "{} can be heard of again", silence.selector);
        }
        Notice::DeliveryFailed { sink, id, title, error, dropped: true } => {
            tracing::error!(target: TARGET, seq, kind, %sink, %id, "\"{title}\" is dropped: {error}");
        }
        Notice::DeliveryFailed { sink, id, title, error, dropped: false } => {
            tracing::warn!(target: TARGET, seq, kind, %sink, %id, "\"{title}\" is tried again: {error}");
        }
    }
}

fn write_event(seq: u64, kind: &str, check: &str, event: &Event) {
    match event {
        Event::StateChange(change) => {
            let (from, to, cause) = (change.from.as_str(), change.to.as_str(), change.cause.as_str());
            tracing::info!(target: TARGET, seq, check, kind, cause, "{from} -> {to}");
        }
        // The change of state before it says as much.
        Event::Connected { lost_for: None } => tracing::debug!(target: TARGET, seq, check, kind),
        Event::Connected { lost_for: Some(lost_for) } => {
            tracing::info!(target: TARGET, seq, check, kind, "after {lost_for:.1?}")
        }
        Event::Disconnected { cause } => tracing::debug!(target: TARGET, seq, check, kind, cause = cause.as_str()),
        Event::Reconnecting { attempt, delay } => {
            tracing::info!(target: TARGET, seq, check, kind, "attempt {attempt} in {delay:.1?}")
        }
        // The change of state before it says as much.
        Event::MaxReconnectAttemptsReached { attempts: 0 } => tracing::debug!(target: TARGET, seq, check, kind),
        Event::MaxReconnectAttemptsReached { attempts } => {
            tracing::error!(target: TARGET, seq, check, kind, "gave up after {attempts} attempts");
        }
        Event::HealthChange { from, to, message } => {
            let worse = matches!(to, Health::Unhealthy | Health::Degraded | Health::Unknown);
            let (from, to) = (from.as_str(), to.as_str());
            if worse {
                tracing::warn!(target: TARGET, seq, check, kind, "{from} -> {to}: {message}");
            } else {
                tracing::info!(target: TARGET, seq, check, kind, "{from} -> {to}: {message}");
            }
        }
        Event::Error { message } => tracing::info!(target: TARGET, seq, check, kind, "{message}"),
        Event::Fault(fault) => {
            tracing::warn!(target: TARGET, seq, check, kind, fault = fault.kind.as_str(), "{}", fault.message)
        }
        Event::CircuitChange { of, change } => {
            let (from, to, cause) = (change.from.as_str(), change.to.as_str(), change.cause.as_str());
            tracing::info!(target: TARGET, seq, check, kind, of = of.as_str(), cause, "{from} -> {to}");
        }
        Event::FlappingStart { share } => {
            tracing::warn!(target: TARGET, seq, check, kind, "{:.0} % of the latest results are changes", share * 100.0);
        }
        Event::FlappingEnd { share, health, state } => {
            let (health, state) = (health.as_str(), state.as_str());
            tracing::info!(target: TARGET, seq, check, kind, health, state, "{:.0} %", share * 100.0);
        }
        Event::ModeChange { from, to } => {
            tracing::info!(target: TARGET, seq, check, kind, "{} -> {}", from.as_str(), to.as_str())
        }
    }
}
