//! One case, as it is written.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::{
    expectation::Expectation,
    stem,
    target::{Script, Target, fill},
};
use crate::{
    cli::{recording::Recorded, subject::read_check},
    config::{Check, is_name},
};

/// What is run, against which targets, and what is to come of it.
pub(super) struct Case {
    /// Where it is written.
    pub(super) file: PathBuf,
    written: Written,
    /// What is to come of it.
    pub(super) expect: Expectation,
}

/// What a case's file says, but for its expectation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The component, as a file beside this one or a standard probe.
    probe: Option<String>,
    /// How long the run may take.
    timeout: Option<String>,
    /// Grants beyond those that the manifest makes of the settings.
    #[serde(default)]
    allow: Vec<String>,
    /// What the probe is told; `{NAME.port}`, `{NAME.host}` and `{NAME.address}` are those of a target.
    #[serde(default)]
    settings: Table,
    /// What it finds on the network.
    #[serde(default)]
    target: BTreeMap<String, Script>,
    /// The recording that it is replayed from, as a file beside this one.
    recording: Option<PathBuf>,
    expect: Expectation,
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    ///
    /// It can't be read, or is none.
    pub(super) fn read(file: &Path) -> Result<Case> {
        let shown = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("can't read {shown}"))?;
        let written: Written = toml::from_str(&text).with_context(|| format!("{shown} is no case"))?;
        for (name, script) in &written.target {
            script.is_sound().with_context(|| format!("{shown}: target.{name}"))?;
        }
        ensure!(
            written.recording.is_none() || written.target.is_empty(),
            "{shown}: a recording stands in the place of all targets: leave out the one or the others"
        );
        Ok(Case { file: file.to_owned(), expect: written.expect.clone(), written })
    }

    /// The component's file, or the name of the standard probe.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(super) fn probe(&self) -> Result<String> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let name = stem(&self.file);
        let places = match &self.written.probe {
            Some(probe) if folder.join(probe).is_file() => vec![folder.join(probe)],
            // Whoever loads it says so if there is none either.
            Some(probe) => return Ok(probe.clone()),
            // Where `probity build` leaves it, and beside the case.
            None => [folder.join("target"), folder.to_owned()].map(|part| part.join(format!("{name}.wasm"))).to_vec(),
        };
        match places.iter().find(|place| place.is_file()) {
            Some(place) => Ok(place.to_string_lossy().into_owned()),
            None => {
                let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
                bail!(
                    "{}: there is no {}; build the probe, or name it: probe = \"my.wasm\"",
                    self.file.display(),
                    places.join(" nor ")
                )
            }
        }
    }

    /// The file of the recording that it is replayed from, if it is.
    pub(super) fn recording(&self) -> Option<PathBuf> {
        Some(self.file.parent().unwrap_or(Path::new(".")).join(self.written.recording.as_ref()?))
    }

    /// Starts all targets.
    ///
    /// # Errors
    ///
    /// This machine has no port for one.
    pub(super) fn start_targets(&self) -> Result<Vec<Target>> {
        self.written.target.iter().map(|(name, script)| Target::start(name, script)).collect()
    }

    /// The check that it is a run of, with the places of its targets filled in, and the settings that were recorded where it has
    /// none.
    ///
    /// # Errors
    ///
    /// Something is wrong with its time-out, its grants or its settings.
    pub(super) fn check(&self, targets: &[Target], recorded: Option<&Recorded>) -> Result<Arc<Check>> {
        let mut check = Table::new();
        let name = stem(&self.file);
        check.insert("name".into(), if is_name(name) { name } else { "case" }.into());
        if let Some(timeout) = &self.written.timeout {
            check.insert("timeout".into(), timeout.as_str().into());
        }
        let allow = self.written.allow.iter().map(|grant| fill(&Value::from(grant.as_str()), targets)).collect();
        check.insert("allow".into(), Value::Array(allow));
        check.insert("settings".into(), fill(&Value::Table(self.written.settings.clone()), targets));
        let text = toml::to_string(&Table::from_iter([("check".to_owned(), Value::Array(vec![check.into()]))]))?;
        let text = recorded.map_or_else(|| Ok(text.clone()), |recorded| recorded.under(&text))?;
        read_check(&format!("the check of {}", self.file.display()), &text)
    }
}
