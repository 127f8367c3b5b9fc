//! One check, as it is published.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use probity_core::{machine::Policy, snapshot::Snapshot};

use crate::limits::Limits;

/// What is known of a check before it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckInfo {
    /// Unique among all checks.
    pub name: Arc<str>,
    /// The name of its probe.
    pub probe: String,
    /// What the operator says it is for.
    pub description: String,
    /// Whether its failure makes the whole unhealthy.
    pub critical: bool,
    /// The group it is shown in.
    pub group: Option<Arc<str>>,
    /// Whatever the operator attached to it.
    pub labels: BTreeMap<String, String>,
    /// When it runs, and what its outcomes lead to.
    pub policy: Arc<Policy>,
    /// The wall-clock limit of one run.
    pub timeout: Duration,
    /// What one run may use up; `None`: it runs in no sandbox.
    pub limits: Option<Limits>,
    /// What it may reach, one grant each.
    pub grants: Vec<String>,
    /// Counts the replacements of its probe or its configuration, from 1.
    pub generation: u64,
    /// The SHA-256 of the component it runs, in hexadecimal; `None` while there is none.
    pub digest: Option<Arc<str>>,
}

/// One check as published.
#[derive(Clone, Debug)]
pub struct CheckState {
    /// What does not change from run to run.
    pub info: Arc<CheckInfo>,
    /// What does.
    pub snapshot: Snapshot,
}
