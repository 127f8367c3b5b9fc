//! Events get their number here, and are told.

use std::sync::atomic::{AtomicU64, Ordering};

use probity_core::{event::Event, health::Health};

/// Where every event passes: numbered without gaps, from 1.
#[derive(Debug, Default)]
pub struct Events {
    last: AtomicU64,
}

impl Events {
    /// Tells one event of one check.
    pub fn tell(&self, check: &str, event: &Event) {
        let seq = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let kind = event.kind();
        match event {
            Event::StateChange(change) => {
                let (from, to, cause) = (change.from.as_str(), change.to.as_str(), change.cause.as_str());
                tracing::info!(seq, check, kind, cause, "{from} -> {to}");
            }
            Event::Reconnecting { attempt, delay } => {
                tracing::info!(seq, check, kind, "attempt {attempt} in {delay:.1?}");
            }
            Event::MaxReconnectAttemptsReached { attempts } => {
                tracing::error!(seq, check, kind, "gave up after {attempts} attempts");
            }
            Event::HealthChange { from, to, message } => {
                let worse = matches!(to, Health::Unhealthy | Health::Degraded | Health::Unknown);
                let (from, to) = (from.as_str(), to.as_str());
                if worse {
                    tracing::warn!(seq, check, kind, "{from} -> {to}: {message}");
                } else {
                    tracing::info!(seq, check, kind, "{from} -> {to}: {message}");
                }
            }
            Event::Fault(fault) => {
                tracing::warn!(seq, check, kind, fault = fault.kind.as_str(), "{}", fault.message);
            }
        }
    }
}
