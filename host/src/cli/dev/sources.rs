//! What a probe is built of, as far as it can be told that some of it changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Folders that hold what is made or fetched, whichever the language.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// The files, and for each when it was written and how long it is.
pub(super) type Stamps = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// What lies in the folder of a probe.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// What is built.
    pub(super) code: Stamps,
    /// What is not: checks and cases, for which nothing has to be built.
    pub(super) checks: Stamps,
}

impl Sources {
    /// What is there once nothing of it changes any more: an editor may write several files in a row.
    pub(super) async fn settled(folder: &Path, target: &Path, pause: Duration) -> Sources {
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

    fn look(folder: &Path, target: &Path) -> Sources {
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
    }
}
