//! `build.toml`: what a folder is to build.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::language::{Kind, Language};
use crate::name;

/// The file, in the probe's folder.
const FILE: &str = "build.toml";

/// What it says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Project {
    /// The probe's name, which is that of the component's file.
    pub(in crate::cli) name: String,
    /// As Semantic Versioning writes it; it goes into the component.
    pub(super) version: String,
    /// The language of its source.
    pub(super) language: Language,
    /// What it is; a checker unless said.
    #[serde(default)]
    pub(super) kind: Kind,
}

impl Project {
    /// Reads it.
    ///
    /// # Errors
    /// If there is none, or it is not as it should be; the message names the file.
    pub(in crate::cli) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("can't read {}; go to a folder that `probity new NAME --lang LANGUAGE` made", path.display())
        })?;
        let project: Self = toml::from_str(&text).with_context(|| {
            format!("{} is not as it should be, which is for example:\n\nname = \"banner\"\nversion = \"0.1.0\"\nlanguage = \"c\"\n\n", path.display())
        })?;
        ensure!(
            name::is_name(&project.name),
            "{}: the name `{}` is none for a probe: 1 to 100 of a-z, 0-9, `-`, `_` and `.`",
            path.display(),
            project.name
        );
        Ok(project)
    }
}
