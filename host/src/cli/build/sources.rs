//! What a probe is built of: which files, whether some of it changed, and what stands for all of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Folders that hold what is made or fetched, whichever the language.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// The files, and for each when it was written and how long it is.
pub(in crate::cli) type Stamps = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// What lies in the folder of a probe.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Sources {
    /// What is built.
    pub(in crate::cli) code: Stamps,
    /// What is not: checks and cases, for which nothing has to be built.
    pub(in crate::cli) checks: Stamps,
}

impl Sources {
    /// What is there once nothing of it changes any more: an editor may write several files in a row.
    pub(in crate::cli) async fn settled(folder: &Path, target: &Path, pause: Duration) -> Sources {
        let mut found = Sources::look(folder, target);
        loop {
            tokio::time::sleep(pause).await;
            let again = Sources::look(folder, target);
            if found == again {
                return found;
            }
            found = again;
        }
    }

    /// What is there now.
    pub(in crate::cli) fn look(folder: &Path, target: &Path) -> Sources {
        let mut found = Sources::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            // What disappears meanwhile is not there.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = entry.file_name();
                let name = name.to_string_lossy();
                // Editors keep their own files under such names.
                if name.starts_with('.') || name.ends_with('~') || path == target {
                    continue;
                }
                let Ok(about) = fs::metadata(&path) else { continue };
                if about.is_dir() {
                    if !MADE.contains(&&*name) {
                        folders.push(path);
                    }
                    continue;
                }
                let stamp = (about.modified().ok(), about.len());
                let kind = if is_beside(&name) { &mut found.checks } else { &mut found.code };
                kind.insert(path, stamp);
            }
        }
        found
    }
}

/// The SHA-256 of all that is built, in hexadecimal: of each file its name, its length and what is in it, by name.
///
/// # Errors
/// One can't be read; the message names it.
pub(super) fn digest(folder: &Path, target: &Path) -> Result<String> {
    let mut all = Sha256::new();
    for path in Sources::look(folder, target).code.keys() {
        let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy();
        for part in [name.as_bytes(), &bytes] {
            all.update((part.len() as u64).to_le_bytes());
            all.update(part);
        }
    }
    Ok(all.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Copies those of a folder's files whose names end so, and those of its folders, to where tools find them with what else they need.
///
/// # Errors
/// One can't be copied; the message names it.
pub(super) fn stage(folder: &Path, target: &Path, endings: &[&str], into: &Path) -> Result<()> {
    // What was removed must not be built.
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("can't clear {}", into.display()))?;
    }
    fs::create_dir_all(into).with_context(|| format!("can't make the folder {}", into.display()))?;
    for path in Sources::look(folder, target).code.into_keys() {
        let Ok(name) = path.strip_prefix(folder) else { continue };
        if endings.iter().any(|ending| name.to_string_lossy().ends_with(ending)) {
            let place = into.join(name);
            let copied = place.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(&path, &place));
            copied.with_context(|| format!("can't copy {} to {}", path.display(), place.display()))?;
        }
    }
    Ok(())
}

/// Whether a file is no part of the component.
fn is_beside(name: &str) -> bool {
    let is_manifest = matches!(name, "build.toml" | "Cargo.toml" | "pyproject.toml");
    name.ends_with(".md") || (name.ends_with(".toml") && !is_manifest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_made_is_no_source() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, name).unwrap();
            path
        };
        let code = ["probe.c", "wit/deps/io.wit", "src/lib.rs", "build.toml", "Cargo.toml"].map(put);
        let checks = ["probe.toml", "probe.case.toml", "README.md"].map(put);
        for made in ["out/probe.wasm", "target/probe.wasm", "node_modules/a/a.js", ".probe.c.swp", "probe.c~"] {
            put(made);
        }
        let found = Sources::look(folder.path(), &folder.path().join("out"));
        let names = |stamps: &Stamps| stamps.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&found.code), code.into());
        assert_eq!(names(&found.checks), checks.into());

        fs::write(folder.path().join("probe.c"), "longer than before").unwrap();
        let later = Sources::look(folder.path(), &folder.path().join("out"));
        assert!(later.code != found.code && later.checks == found.checks);

        let digest = || super::digest(folder.path(), &folder.path().join("out")).unwrap();
        let before = digest();
        put("README.md");
        assert_eq!((digest(), before.len()), (before.clone(), 64));
        fs::rename(folder.path().join("probe.c"), folder.path().join("probe.h")).unwrap();
        assert_ne!(digest(), before);

        let staged = folder.path().join("out/staged");
        fs::create_dir_all(&staged).unwrap();
        fs::write(staged.join("old.rs"), "").unwrap();
        stage(folder.path(), &folder.path().join("out"), &[".rs", ".wit"], &staged).unwrap();
        let all = Sources::look(&staged, Path::new("")).code;
        let names: Vec<_> = all.keys().map(|path| path.strip_prefix(&staged).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["src/lib.rs", "wit/deps/io.wit"]);
    }
}
