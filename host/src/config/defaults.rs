//! What can be said for all checks and for each.

use std::time::Duration;

use super::{
    circuit, connection,
    kind::At,
    layout,
    report::{Report, Source},
};

/// What the config says for all checks. What it does not say is left to the probe's manifest, and then to what is built
/// in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Defaults {
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) jitter: Option<f64>,
    pub(super) critical: Option<bool>,
    pub(super) fuel: Option<u64>,
    pub(super) memory: Option<u64>,
    pub(super) connection: connection::Options,
    pub(super) circuit: circuit::Options,
}

impl Defaults {
    pub(super) fn read(section: &layout::Shared) -> Defaults {
        let limits = section.limits.as_ref().map(|limits| &limits.value);
        let connection = section.connection.as_ref().map(|connection| &connection.value);
        Defaults {
            interval: At::value(section.interval),
            timeout: At::value(section.timeout),
            jitter: At::value(section.jitter),
            critical: At::value(section.critical),
            fuel: limits.and_then(|limits| At::value(limits.fuel)),
            memory: limits.and_then(|limits| At::value(limits.memory)),
            connection: connection.map(connection::Options::read).unwrap_or_default(),
            circuit: section.circuit.as_ref().map(|circuit| circuit::Options::read(&circuit.value)).unwrap_or_default(),
        }
    }

    /// What is said here, and for the rest what is said there.
    pub(super) fn or(self, other: &Defaults) -> Defaults {
        Defaults {
            interval: self.interval.or(other.interval),
            timeout: self.timeout.or(other.timeout),
            jitter: self.jitter.or(other.jitter),
            critical: self.critical.or(other.critical),
            fuel: self.fuel.or(other.fuel),
            memory: self.memory.or(other.memory),
            connection: self.connection.or(other.connection),
            circuit: self.circuit.or(other.circuit),
        }
    }
}

/// Reports what contradicts itself in `together`, if `section` has a part in it: what others said before was reported then.
pub(super) fn refuse_contradictions(
    together: Defaults,
    section: &layout::Shared,
    source: &Source<'_>,
    problems: &mut Report,
) {
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
