//! What ends a run that goes beyond one of its budgets.

use probity_core::outcome::FaultKind;
use thiserror::Error;

/// A budget that a run went beyond. It ends the run at once: a guest that is merely refused something seldom does anything
/// but crash, and its own crash would hide the reason.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// It computed too much.
    #[error("the probe used up its {limit} units of fuel; if its work is worth more, raise `limits.fuel`")]
    Fuel { limit: u64 },
    /// Its memories grew too large.
    #[error("the probe wanted {wanted} bytes of memory, and may have {limit}; if it needs more, raise `limits.memory`")]
    Memory { wanted: u64, limit: u64 },
    /// Its tables grew too large.
    #[error(
        "the probe wanted tables of {wanted} elements, and may have {limit}; if it needs more, raise \
         `limits.table_elements`"
    )]
    Tables { wanted: u64, limit: u64 },
    /// It consists of too many instances.
    #[error("the probe consists of more than {limit} core instances; if it needs more, raise `limits.instances`")]
    Instances { limit: u64 },
    /// It held too many resources.
    #[error("the probe held more than {limit} handles and resources at once; if it needs more, raise `limits.handles`")]
    Handles { limit: u64 },
    /// It wanted too many sockets.
    #[error("the probe wanted more than {limit} sockets at once; if it needs more, raise `limits.sockets`")]
    Sockets { limit: u64 },
    /// It sent too much.
    #[error("the probe sent more than {limit} bytes; if it has more to say, raise `limits.bytes_sent`")]
    Sent { limit: u64 },
    /// It received too much.
    #[error("the probe received more than {limit} bytes; if it has to hear more, raise `limits.bytes_received`")]
    Received { limit: u64 },
    /// It looked too many names up.
    #[error("the probe looked more than {limit} names up; if it needs more, raise `limits.lookups`")]
    Lookups { limit: u64 },
    /// It returned too much state.
    #[error(
        "the probe returned {wanted} bytes of state, and may return {limit}; if it needs more, raise `limits.state`"
    )]
    State { wanted: u64, limit: u64 },
}

impl Exceeded {
    /// The kind of fault that the run ends in.
    pub(super) fn kind(self) -> FaultKind {
        match self {
            Exceeded::Fuel { .. } => FaultKind::OutOfFuel,
            Exceeded::Memory { .. } => FaultKind::OutOfMemory,
            Exceeded::Tables { .. } => FaultKind::TablesTooLarge,
            Exceeded::Instances { .. } => FaultKind::TooManyInstances,
            Exceeded::Handles { .. } => FaultKind::TooManyHandles,
            Exceeded::Sockets { .. } => FaultKind::TooManySockets,
            Exceeded::Sent { .. } => FaultKind::TooMuchSent,
            Exceeded::Received { .. } => FaultKind::TooMuchReceived,
            Exceeded::Lookups { .. } => FaultKind::TooManyLookups,
            Exceeded::State { .. } => FaultKind::OutputTooLarge,
        }
    }

    /// As a call ends in it.
    pub(super) fn said(self) -> (FaultKind, String) {
        (self.kind(), self.to_string())
    }
}
