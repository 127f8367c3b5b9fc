//! What can be said for all checks and for each.

use std::{sync::Arc, time::Duration};

use super::{
    circuit, connection,
    kind::At,
    layout,
    limits::{self, Said},
    report::{Report, Source},
    tls::{self, Files},
};
use crate::grant::Policy;

/// What the config says for all checks. What it does not say is left to the probe's manifest, and then to what is built
/// in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) jitter: Option<f64>,
    pub(super) critical: Option<bool>,
    pub(super) limits: Said,
    /// What no check may go beyond.
    pub(super) most: Said,
    pub(super) connection: connection::Options,
    pub(super) circuit: circuit::Options,
    pub(super) tls: tls::Options,
    /// What holds for all checks.
    pub(super) policy: Arc<Policy>,
}

impl Defaults {
    /// Reads a section, and the files that it names; reports those that are of no use.
    pub(super) fn read(
        section: &layout::Shared,
        files: &Files<'_>,
        source: &Source<'_>,
        problems: &mut Report,
    ) -> Defaults {
        let connection = section.connection.as_ref().map(|connection| &connection.value);
        let tls = section.tls.as_ref().map(|tls| tls::Options::read(&tls.value, files, source, problems));
        Defaults {
            interval: At::value(section.interval),
            timeout: At::value(section.timeout),
            jitter: At::value(section.jitter),
            critical: At::value(section.critical),
            limits: Said::read(section.limits.as_ref()),
            most: Said::default(),
            connection: connection.map(connection::Options::read).unwrap_or_default(),
            circuit: section.circuit.as_ref().map(|circuit| circuit::Options::read(&circuit.value)).unwrap_or_default(),
            tls: tls.unwrap_or_default(),
            policy: Arc::default(),
        }
    }

    /// What is said here, and for the rest what is said there.
    pub(super) fn or(self, other: &Defaults) -> Defaults {
        Defaults {
            interval: self.interval.or(other.interval),
            timeout: self.timeout.or(other.timeout),
            jitter: self.jitter.or(other.jitter),
            critical: self.critical.or(other.critical),
            limits: self.limits.or(other.limits),
            most: self.most.or(other.most),
            connection: self.connection.or(other.connection),
            circuit: self.circuit.or(other.circuit),
            tls: self.tls.or(&other.tls),
            policy: Arc::clone(&other.policy),
        }
    }
}

/// Reports what contradicts itself in `together`, if `section` has a part in it: what others said before was reported then.
pub(super) fn refuse_contradictions(
    together: &Defaults,
    section: &layout::Shared,
    source: &Source<'_>,
    problems: &mut Report,
) {
    if let Some(section) = &section.limits {
        limits::refuse_excess(&section.value, together.most, source, problems);
    }
    let mut report = |place: Option<(usize, &str)>, error: &dyn std::fmt::Display| {
        if let Some((at, key)) = place {
            problems.push(source.origin(at), format!("{key}: {error}"));
        }
    };
    if let (Err(error), Some(section)) = (together.connection.resolve(), &section.connection) {
        report(section.value.place(&error), &error);
    }
    let longest_wait = together.connection.resolve().unwrap_or_default().max_reconnect_delay;
    if let (Err(error), Some(section)) = (together.circuit.resolve(longest_wait), &section.circuit) {
        report(section.value.place(&error), &error);
    }
}
