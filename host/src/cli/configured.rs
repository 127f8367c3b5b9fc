//! The checks of a configuration, as a runner would have them: its own, and those of the watched folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

use super::verify::judge;
use crate::{
    app,
    catalog::LoadFlaw,
    config::{Check, Config, Origin, Overrides, Report, Surroundings, is_name},
};

/// A configuration, with what lies in its folder.
pub(super) struct Configured {
    /// The configuration itself.
    pub(super) config: Config,
    /// Its checks, and those of the side-cars that are sound.
    pub(super) checks: Vec<Arc<Check>>,
    /// What is wrong with all of that.
    pub(super) flaws: Report,
}

impl Configured {
    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// All that is wrong with the configuration's own file, without which nothing else can be read.
    pub(super) fn read(path: &Path, overrides: &Overrides) -> Result<Configured, Report> {
        let text = Config::text(path)?;
        let config = Config::parse(path, &text, overrides, surroundings())?;
        let mut flaws = app::unknown_probes(&config);
        let mut checks = config.checks.clone();
        for sidecar in in_folder(&config, "toml") {
            match read_sidecar(&config, &sidecar) {
                Ok(found) => checks.extend(found),
                Err(problems) => flaws.append(problems),
            }
        }
        for component in in_folder(&config, "wasm") {
            let name = component.file_stem().unwrap_or_default().to_string_lossy();
            if !is_name(&name) {
                flaws.push(Origin::of_file(&component), LoadFlaw::Name(name.into_owned()).to_string());
            }
        }
        crate::config::refuse_duplicates(&checks, &mut flaws);
        Ok(Configured { config, checks, flaws })
    }

    /// The first check of a text, as if it lay beside a component of the folder: what the configuration says of all checks holds.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text.
    pub(super) fn beside(&self, whence: &Path, text: &str) -> Result<Option<Arc<Check>>, Report> {
        Ok(self.config.sidecar(whence, text, "", surroundings())?.into_iter().next())
    }

    /// The checks that nobody wrote down: of dropped components that no other check makes use of.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = (PathBuf, Arc<Check>)> {
        in_folder(&self.config, "wasm").into_iter().filter_map(|path| {
            let probe = path.file_stem()?.to_str()?;
            if !is_name(probe) || self.checks.iter().any(|check| check.probe == probe) {
                return None;
            }
            let check = Check::of_component(probe, Origin::of_file(&path), &self.config.defaults);
            Some((path, Arc::new(check)))
        })
    }

    /// Where a probe is to be had: the file in the folder, if that is trusted, and otherwise the standard probe's name.
    ///
    /// # Errors
    ///
    /// The file is not trusted.
    pub(super) fn component(&self, probe: &str) -> Result<String, String> {
        let file = self.config.probes.join(format!("{probe}.wasm"));
        if !file.is_file() {
            return Ok(probe.to_owned());
        }
        match judge(&self.config.trust, &file) {
            Ok(Err(why)) => Err(format!("the probe `{probe}` can't be used: {why}")),
            // A file that can't be read is told of by whoever reads it.
            Ok(Ok(_)) | Err(_) => Ok(file.to_string_lossy().into_owned()),
        }
    }
}

/// The files of a kind in the watched folder.
fn in_folder(config: &Config, kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(&config.probes).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|found| found == kind)).collect();
    paths.sort();
    paths
}

fn read_sidecar(config: &Config, path: &Path) -> Result<Vec<Arc<Check>>, Report> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let mut report = Report::default();
        report.push(Origin::of_file(path), format!("the file can't be read: {error}"));
        report
    })?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    config.sidecar(path, &text, &stem, surroundings())
}

fn surroundings() -> Surroundings<'static> {
    Surroundings::of_process(None, Timestamp::now())
}
