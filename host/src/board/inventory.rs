//! What the supervisor publishes beside the checks: every probe, and every file that says what is to run.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;

/// Where a probe comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeSource {
    /// It is part of this binary.
    Standard,
    /// It was dropped into the folder.
    File(PathBuf),
}

/// How far a probe has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeState {
    /// Known, and compiled when the first check needs it.
    Available,
    /// Being compiled, or its file is still being written.
    Loading,
    /// Ready to run.
    Loaded,
    /// Can't be used, and why. If there is a digest, the component of that digest runs on in its place.
    Rejected(String),
}

/// One probe as published.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeInfo {
    /// The name that checks use.
    pub name: String,
    /// Where it comes from.
    pub source: ProbeSource,
    /// How far it has come.
    pub state: ProbeState,
    /// The SHA-256 of the component in use, in hexadecimal.
    pub digest: Option<Arc<str>>,
    /// Counts the components loaded under this name, from 1; 0 while there was none.
    pub generation: u64,
    /// The size of the component in use, in bytes.
    pub size: Option<u64>,
    /// The version that its manifest gives.
    pub version: Option<String>,
    /// One sentence from its manifest.
    pub description: Option<String>,
    /// What it imports, by full name.
    pub imports: Vec<String>,
    /// Whether a standard probe of the same name is hidden by it.
    pub hides_standard: bool,
}

/// A configuration file, or the folder, as it was found at the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: Option<String>,
    /// What of it is in force.
    pub in_force: InForce,
}

/// What of a configuration file is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForce {
    /// What it says.
    Whole,
    /// What it says, but for what is wrong with it.
    Part,
    /// What it said before.
    Earlier,
    /// Nothing: it has been wrong ever since it was found.
    Nothing,
}

impl InForce {
    /// Every value.
    pub const ALL: [InForce; 4] = [InForce::Whole, InForce::Part, InForce::Earlier, InForce::Nothing];

    /// The word used in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            InForce::Whole => "whole",
            InForce::Part => "part",
            InForce::Earlier => "earlier",
            InForce::Nothing => "nothing",
        }
    }
}

/// What the supervisor publishes beside the checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// Every probe, by name.
    pub probes: Vec<ProbeInfo>,
    /// Every file of configuration, and the folder.
    pub sources: Vec<Source>,
    /// How often a changed probe or configuration was taken into use.
    pub reloads_ok: u64,
    /// How often one was rejected.
    pub reloads_failed: u64,
    /// When the latest of the former was.
    pub last_reload_ok: Option<Timestamp>,
    /// When the latest of the latter was.
    pub last_reload_failed: Option<Timestamp>,
}
