//! What somebody decrees while the runner runs: that nothing be told of some checks, or no more of one alert.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Selector, Severity};

/// That nothing be told of some checks until a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// What names it.
    pub id: String,
    /// Which checks.
    #[serde(flatten)]
    pub selector: Selector,
    /// When somebody said so.
    pub created: Timestamp,
    /// When it is over.
    pub until: Timestamp,
    /// Who said so; may be empty.
    pub by: String,
    /// Why; may be empty.
    pub comment: String,
}

/// That somebody takes care of an alert: no more is told of it until it is over, or gets worse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When somebody said so.
    pub at: Timestamp,
    /// When it is forgotten; `None`: when the alert is over.
    pub until: Option<Timestamp>,
    /// Who takes care; may be empty.
    pub by: String,
    /// What they say; may be empty.
    pub comment: String,
    /// How bad it was then.
    pub severity: Severity,
}
