//! What probes share in each language: part of this program, and laid out beside a new probe, as it is in no registry.

mod packages;
mod rust;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{build::language::Language, write};

/// The folder that it is in, beside a probe.
pub(super) const FOLDER: &str = "sdk";

/// Files, and what is in them.
type Files = [(&'static str, &'static str)];

/// The package of a language, if it has one, but for Rust's.
fn package(language: Language) -> Option<&'static Files> {
    match language {
        Language::C | Language::Cpp => Some(packages::C),
        Language::Go => Some(packages::GO),
        Language::Js | Language::Ts => Some(packages::JAVASCRIPT),
        Language::Python => Some(packages::PYTHON),
        Language::Rust | Language::Zig | Language::Assemblyscript | Language::Wat => None,
    }
}

/// Writes it below the folder of a probe, if the language has one.
///
/// # Errors
/// If a file can't be written; the message names it.
pub(super) fn put_beside(folder: &Path, language: Language) -> Result<()> {
    let folder = folder.join(FOLDER);
    if language == Language::Rust {
        return rust::files().try_for_each(|(name, text)| write(&folder.join(name), &text));
    }
    package(language).unwrap_or_default().iter().try_for_each(|(name, text)| write(&folder.join(name), text))
}

/// Where the package is for a probe in `folder`: what lies there, or else this program's, laid out below `target`.
///
/// # Errors
/// If it can't be laid out.
pub(super) fn lay_out(folder: &Path, target: &Path, language: Language) -> Result<PathBuf> {
    let own = folder.join(FOLDER);
    if own.is_dir() {
        return Ok(own);
    }
    put_beside(target, language)?;
    Ok(target.join(FOLDER))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    /// The files of a package in the repository, but for its tests.
    fn found(root: &Path) -> BTreeSet<String> {
        let (mut found, mut folders) = (BTreeSet::new(), vec![PathBuf::new()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder)).unwrap().map(Result::unwrap) {
                let name = entry.file_name().into_string().unwrap();
                let path = folder.join(&name);
                if ["test", "tests", "__pycache__"].contains(&&*name) || name.ends_with("_test.go") {
                    continue;
                }
                if entry.file_type().unwrap().is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.display().to_string());
                }
            }
        }
        found
    }

    #[test]
    fn all_of_each_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
        for (folder, files) in [
            ("c", packages::C),
            ("go", packages::GO),
            ("javascript", packages::JAVASCRIPT),
            ("python", packages::PYTHON),
        ] {
            let kept = files.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(found(&root.join(folder)), kept, "{folder}");
        }
    }
}
