//! What ends a run that goes beyond one of its budgets.

use probity_core::outcome::FaultKind;
use thiserror::Error;

use crate::limits::Each;

/// A budget that a run went beyond. It ends the run at once: a guest that is merely refused something seldom does anything
/// but crash, and its own crash would hide the reason.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// It computed too much.
    #[error("the probe used up its {limit} units of fuel")]
    Fuel { limit: u64 },
    /// Its memories grew too large.
    #[error("the probe wanted {wanted} bytes of memory, and may have {limit}")]
    Memory { wanted: u64, limit: u64 },
    /// Its tables grew too large.
    #[error("the probe wanted tables of {wanted} elements, and may have {limit}")]
    Tables { wanted: u64, limit: u64 },
    /// It consists of too many instances.
    #[error("the probe consists of more than {limit} core instances")]
    Instances { limit: u64 },
    /// It held too many resources.
    #[error("the probe held more than {limit} handles and resources at once")]
    Handles { limit: u64 },
    /// It wanted too many sockets.
    #[error("the probe wanted more than {limit} sockets at once")]
    Sockets { limit: u64 },
    /// It sent too much.
    #[error("the probe sent more than {limit} bytes")]
    Sent { limit: u64 },
    /// It received too much.
    #[error("the probe received more than {limit} bytes")]
    Received { limit: u64 },
    /// It looked too many names up.
    #[error("the probe looked more than {limit} names up")]
    Lookups { limit: u64 },
    /// It wrote too much.
    #[error("the command wrote more than {limit} bytes to its standard output")]
    Output { limit: u64 },
    /// It returned too much state.
    #[error("the probe returned {wanted} bytes of state, and may return {limit}")]
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
            Exceeded::Output { .. } | Exceeded::State { .. } => FaultKind::OutputTooLarge,
        }
    }

    /// The setting by which it is allowed more.
    fn setting(self) -> &'static str {
        match self {
            Exceeded::Fuel { .. } => Each::NAMES.fuel,
            Exceeded::Memory { .. } => Each::NAMES.memory,
            Exceeded::Tables { .. } => Each::NAMES.table_elements,
            Exceeded::Instances { .. } => Each::NAMES.instances,
            Exceeded::Handles { .. } => Each::NAMES.handles,
            Exceeded::Sockets { .. } => Each::NAMES.sockets,
            Exceeded::Sent { .. } => Each::NAMES.bytes_sent,
            Exceeded::Received { .. } => Each::NAMES.bytes_received,
            Exceeded::Lookups { .. } => Each::NAMES.lookups,
            Exceeded::Output { .. } => Each::NAMES.output,
            Exceeded::State { .. } => Each::NAMES.state,
        }
    }

    /// What is told of it, and of what can be done about it if the budget was set by the operator.
    pub(super) fn told(self, set_by_operator: bool) -> String {
        if set_by_operator {
            format!("{self}; if it needs more, raise `limits.{}`", self.setting())
        } else {
            self.to_string()
        }
    }
}
