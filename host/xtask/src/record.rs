//! `probes/dist/dist.json`: what the kept components are, and what they were built with.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{component::Component, toolchain::Toolchain};

/// The record.
#[derive(Deserialize, Serialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) built_with: BuiltWith,
    /// By name.
    pub(crate) components: BTreeMap<String, Entry>,
}

/// What decides about the bytes of a component, beside its source: other versions give other bytes.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct BuiltWith {
    /// The line that the compiler prints about its version.
    pub(crate) rustc: String,
    /// The same of the linker.
    pub(crate) linker: String,
}

/// One component.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Entry {
    /// In hexadecimal.
    sha256: String,
    bytes: u64,
}

impl Record {
    pub(crate) fn new(built_with: BuiltWith, components: &[Component]) -> Self {
        let entry = |component: &Component| (component.name.clone(), Entry::of(&component.bytes));
        Self { built_with, components: components.iter().map(entry).collect() }
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}

impl BuiltWith {
    pub(crate) fn of(toolchain: &Toolchain) -> Result<Self> {
        let (rustc, linker) = toolchain.versions()?;
        Ok(Self { rustc, linker })
    }
}

impl Entry {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self { sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(), bytes: bytes.len() as u64 }
    }
}
