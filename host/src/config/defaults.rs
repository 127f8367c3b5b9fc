//! What can be said for all checks and for each.

use std::time::Duration;

use super::{
    connection,
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
        }
    }
}

/// Reports delays that contradict each other in `together`, if `section` has a part in it: what others said before was
/// reported then.
pub(super) fn refuse_delays(together: Defaults, section: &layout::Shared, source: &Source<'_>, problems: &mut Report) {
    let (Err(error), Some(section)) = (together.connection.resolve(), &section.connection) else {
        return;
    };
    let max = section.value.max_reconnect_delay.map(|max| (max.at, "max_reconnect_delay"));
    let first = section.value.reconnect_delay.map(|first| (first.at, "reconnect_delay"));
    if let Some((at, key)) = max.or(first) {
        problems.push(source.origin(at), format!("{key}: {error}"));
    }
}
