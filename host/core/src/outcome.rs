//! What came of a run: a verdict on the target, or a fault of the probe.

use std::{fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How a target is, in its probe's judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It does what it is for.
    Healthy,
    /// It works, but not as well as it should.
    Degraded,
    /// It does not do what it is for.
    Unhealthy,
}

impl Status {
    /// Whether the target is of use: healthy or degraded.
    #[must_use]
    pub fn is_up(self) -> bool {
        self != Status::Unhealthy
    }

    /// The word used in configuration, HTTP and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Healthy => "healthy",
            Status::Degraded => "degraded",
            Status::Unhealthy => "unhealthy",
        }
    }
}

/// The value of a [`Detail`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Any text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number; may be NaN or infinite, as the guest gave it.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Integer(number) => number.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Boolean(boolean) => boolean.fmt(f),
        }
    }
}

/// One fact about the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// What the fact is about.
    pub key: String,
    /// The fact.
    pub value: Value,
}

/// One figure of a run, for time series.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Lower-case words joined by `-`.
    pub name: String,
    /// A UCUM code such as `s` or `By`.
    pub unit: String,
    /// May be NaN or infinite, as the guest gave it.
    pub value: f64,
}

impl Measurement {
    /// How long it was, if it tells of time: in seconds, finite and not below 0. The phases of a run do.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        (self.unit == "s").then(|| Duration::try_from_secs_f64(self.value).ok()).flatten()
    }
}

/// What a probe says of its target.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How the target is.
    pub status: Status,
    /// One line for a person.
    pub message: Arc<str>,
    /// Facts about the target.
    pub details: Vec<Detail>,
    /// Figures of the run.
    pub measurements: Vec<Measurement>,
    /// How long the target took, if the probe timed it.
    pub latency: Option<Duration>,
    /// Trying again soon is pointless (wrong credentials, say). Means nothing unless unhealthy.
    pub permanent: bool,
}

impl Verdict {
    /// A verdict with nothing but its message.
    #[must_use]
    pub fn new(status: Status, message: impl Into<Arc<str>>) -> Verdict {
        Verdict {
            status,
            message: message.into(),
            details: Vec::new(),
            measurements: Vec::new(),
            latency: None,
            permanent: false,
        }
    }
}

impl From<Status> for Verdict {
    /// A verdict that has no more to say.
    fn from(status: Status) -> Self {
        Verdict::new(status, status.as_str())
    }
}

impl From<()> for Verdict {
    /// No news is good news.
    fn from((): ()) -> Self {
        Status::Healthy.into()
    }
}

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FaultKind {
    /// The run's time was used up, computing or waiting.
    Timeout,
    /// The run's work was used up.
    OutOfFuel,
    /// The probe wanted more memory than it may have.
    OutOfMemory,
    /// The probe called itself too often before it came back.
    OutOfStack,
    /// The probe wanted larger tables than it may have.
    TablesTooLarge,
    /// The probe consists of more instances than it may.
    TooManyInstances,
    /// The probe held more resources at once than it may.
    TooManyHandles,
    /// The probe wanted more sockets at once than it may have.
    TooManySockets,
    /// The probe sent more than it may.
    TooMuchSent,
    /// The probe received more than it may.
    TooMuchReceived,
    /// The probe looked more names up than it may.
    TooManyLookups,
    /// The probe returned more than may be taken from it.
    OutputTooLarge,
    /// The probe crashed.
    Trap,
    /// The sandbox refused something the probe could not do without.
    Denied,
    /// The probe does not accept its settings.
    InvalidSettings,
    /// There is no component that could run, or it does not fit this runner.
    Link,
    /// The runner could not do its part, or the probe gave up for a reason of its own.
    Host,
    /// The probe is run on what another run was told, and did not do what that one did.
    Divergence,
    /// Nothing went wrong: there is nothing to judge yet.
    Waiting,
}

impl FaultKind {
    /// Every kind, in the order of [`FaultKind::index`].
    pub const ALL: [FaultKind; 19] = [
        FaultKind::Timeout,
        FaultKind::OutOfFuel,
        FaultKind::OutOfMemory,
        FaultKind::OutOfStack,
        FaultKind::TablesTooLarge,
        FaultKind::TooManyInstances,
        FaultKind::TooManyHandles,
        FaultKind::TooManySockets,
        FaultKind::TooMuchSent,
        FaultKind::TooMuchReceived,
        FaultKind::TooManyLookups,
        FaultKind::OutputTooLarge,
        FaultKind::Trap,
        FaultKind::Denied,
        FaultKind::InvalidSettings,
        FaultKind::Link,
        FaultKind::Host,
        FaultKind::Divergence,
        FaultKind::Waiting,
    ];

    /// The word used in HTTP and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Timeout => "timeout",
            FaultKind::OutOfFuel => "out-of-fuel",
            FaultKind::OutOfMemory => "out-of-memory",
            FaultKind::OutOfStack => "out-of-stack",
            FaultKind::TablesTooLarge => "tables-too-large",
            FaultKind::TooManyInstances => "too-many-instances",
            FaultKind::TooManyHandles => "too-many-handles",
            FaultKind::TooManySockets => "too-many-sockets",
            FaultKind::TooMuchSent => "too-much-sent",
            FaultKind::TooMuchReceived => "too-much-received",
            FaultKind::TooManyLookups => "too-many-lookups",
            FaultKind::OutputTooLarge => "output-too-large",
            FaultKind::Trap => "trap",
            FaultKind::Denied => "denied",
            FaultKind::InvalidSettings => "invalid-settings",
            FaultKind::Link => "link",
            FaultKind::Host => "host",
            FaultKind::Divergence => "divergence",
            FaultKind::Waiting => "waiting",
        }
    }

    /// Whether it is the probe's own doing that nothing is known, and not that of its settings or its surroundings.
    #[must_use]
    pub fn is_of_the_probe(self) -> bool {
        match self {
            FaultKind::Timeout
            | FaultKind::OutOfFuel
            | FaultKind::OutOfMemory
            | FaultKind::OutOfStack
            | FaultKind::TablesTooLarge
            | FaultKind::TooManyInstances
            | FaultKind::TooManyHandles
            | FaultKind::TooManySockets
            | FaultKind::TooMuchSent
            | FaultKind::TooMuchReceived
            | FaultKind::TooManyLookups
            | FaultKind::OutputTooLarge
            | FaultKind::Trap => true,
            FaultKind::Denied
            | FaultKind::InvalidSettings
            | FaultKind::Link
            | FaultKind::Host
            | FaultKind::Divergence
            | FaultKind::Waiting => false,
        }
    }

    /// Whether something went wrong. A probe that has nothing to judge yet did not fail.
    #[must_use]
    pub fn is_failure(self) -> bool {
        self != FaultKind::Waiting
    }

    /// Its place in [`FaultKind::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A probe's failure to give a verdict. It says nothing of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of failure.
    pub kind: FaultKind,
    /// What happened, and what the operator can do about it.
    pub message: Arc<str>,
}

impl Fault {
    /// A fault with its message.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<Arc<str>>) -> Fault {
        Fault { kind, message: message.into() }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The probe judged its target.
    Verdict(Verdict),
    /// The probe failed: nothing is known of the target.
    Fault(Fault),
}

impl Outcome {
    /// The verdict's message, or the fault's.
    #[must_use]
    pub fn message(&self) -> &Arc<str> {
        match self {
            Outcome::Verdict(verdict) => &verdict.message,
            Outcome::Fault(fault) => &fault.message,
        }
    }
}

/// What a run used of its budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Units of fuel, as wasmtime counts them: about one an instruction.
    pub fuel: u64,
    /// The largest total size of the guest's memories, in bytes.
    pub peak_memory: u64,
}

/// What an attempt asked of its runner. It is for whoever looks at a single one: runs that are kept do not keep it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Names looked up; a literal address is none.
    pub lookups: u64,
    /// TCP connections begun, those of requests included.
    pub connections: u64,
    /// HTTP requests, those that were refused included.
    pub requests: u64,
    /// Bytes sent over the network.
    pub bytes_sent: u64,
    /// Bytes received over the network.
    pub bytes_received: u64,
    /// The grants that it missed, at most a few, as they would be written in the check's `allow`.
    pub missing: Vec<String>,
    /// The addresses that are denied to all checks and that it wanted to reach, each with the range that denies it.
    pub denied: Vec<String>,
}

/// The span that a run is, in a trace of its own (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Of the trace; not 0.
    pub id: u128,
    /// Of the span; not 0.
    pub span: u64,
}

impl fmt::Display for Trace {
    /// As the header `traceparent` has it: version 0, and recorded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.id, self.span)
    }
}

/// What came of one attempt, with all that it leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// A verdict or a fault.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// What it asked of its runner.
    pub calls: Calls,
    /// What the probe wants handed to the next run; empty after a fault.
    pub state: Vec<u8>,
    /// The span that it was, if anybody records it.
    pub trace: Option<Trace>,
}

impl Attempt {
    /// An attempt that used nothing, asked for nothing and left nothing.
    #[must_use]
    pub fn of(outcome: Outcome) -> Attempt {
        Attempt { outcome, usage: Usage::default(), calls: Calls::default(), state: Vec::new(), trace: None }
    }
}

impl From<Fault> for Attempt {
    /// An attempt that did not get as far as the probe.
    fn from(fault: Fault) -> Self {
        Attempt::of(Outcome::Fault(fault))
    }
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// When it started, by the wall clock.
    pub started: Timestamp,
    /// How long it took from start to outcome.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
}

impl Run {
    /// When it ended. A run that ends after the end of time ends then.
    #[must_use]
    pub fn ended(&self) -> Timestamp {
        let took = SignedDuration::try_from(self.took).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(took).unwrap_or(Timestamp::MAX)
    }

    /// How long the target took by the probe's own timing, or else how long the run took.
    #[must_use]
    pub fn latency(&self) -> Duration {
        match &self.outcome {
            Outcome::Verdict(Verdict { latency: Some(latency), .. }) => *latency,
            _ => self.took,
        }
    }
}
