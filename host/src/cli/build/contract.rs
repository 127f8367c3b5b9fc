//! The WIT that a probe is built with: part of this program, and laid out on disk for the tools.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::language::Kind;

/// The folder that a probe's own WIT is in.
const FOLDER: &str = "wit";

/// What hides drafts from tools that are not told of them. What is laid out for a probe is for whatever tool its author has.
const GATE: &str = "@unstable(feature = tls)";
/// What the world exports, for a checker.
const CHECKER: &str = "probity:probe/checker@";

/// A world for a checker that uses TCP, the contract, and what that depends on.
pub(in crate::cli) const FILES: [(&str, &str); 21] = [
    ("probe.wit", include_str!("../../../templates/wit/probe.wit")),
    ("deps/probity-probe/adapters.wit", include_str!("../../../../wit/adapters.wit")),
    ("deps/probity-probe/calendar.wit", include_str!("../../../../wit/calendar.wit")),
    ("deps/probity-probe/checks.wit", include_str!("../../../../wit/checks.wit")),
    ("deps/probity-probe/hook.wit", include_str!("../../../../wit/hook.wit")),
    ("deps/probity-probe/http.wit", include_str!("../../../../wit/http.wit")),
    ("deps/probity-probe/icmp.wit", include_str!("../../../../wit/icmp.wit")),
    ("deps/probity-probe/probe.wit", include_str!("../../../../wit/probe.wit")),
    ("deps/probity-probe/reports.wit", include_str!("../../../../wit/reports.wit")),
    ("deps/probity-probe/system.wit", include_str!("../../../../wit/system.wit")),
    ("deps/probity-probe/tls.wit", include_str!("../../../../wit/tls.wit")),
    ("deps/probity-probe/types.wit", include_str!("../../../../wit/types.wit")),
    ("deps/probity-probe/worlds.wit", include_str!("../../../../wit/worlds.wit")),
    ("deps/cli.wit", include_str!("../../../../wit/deps/cli.wit")),
    ("deps/clocks.wit", include_str!("../../../../wit/deps/clocks.wit")),
    ("deps/filesystem.wit", include_str!("../../../../wit/deps/filesystem.wit")),
    ("deps/http.wit", include_str!("../../../../wit/deps/http.wit")),
    ("deps/io.wit", include_str!("../../../../wit/deps/io.wit")),
    ("deps/random.wit", include_str!("../../../../wit/deps/random.wit")),
    ("deps/sockets.wit", include_str!("../../../../wit/deps/sockets.wit")),
    ("deps/tls.wit", include_str!("../../../../wit/deps/tls.wit")),
];

/// Where the WIT of the probe in `folder` is: what lies there, or else the usual, laid out below `target`.
///
/// # Errors
/// If it can't be laid out.
pub(super) fn lay_out(folder: &Path, target: &Path, kind: Kind) -> Result<PathBuf> {
    let own = folder.join(FOLDER);
    if own.is_dir() {
        return Ok(own);
    }
    let usual = target.join(FOLDER);
    write(&usual, kind)?;
    Ok(usual)
}

/// Writes all of it below `folder`, with a world for this kind of probe.
///
/// # Errors
/// If a file can't be written; the message names it.
pub(in crate::cli) fn write(folder: &Path, kind: Kind) -> Result<()> {
    for (name, text) in FILES {
        let path = folder.join(name);
        let lines = text.lines().filter(|line| line.trim() != GATE);
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        let text = text.replace(CHECKER, &CHECKER.replace("checker", &kind.to_string()));
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_of_the_contract_is_there() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let mut kept = BTreeSet::from(["probe.wit".to_owned()]);
        for (folder, prefix) in [(wit.clone(), "deps/probity-probe/"), (wit.join("deps"), "deps/")] {
            for entry in fs::read_dir(folder).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.ends_with(".wit") {
                    kept.insert(format!("{prefix}{name}"));
                }
            }
        }
        assert_eq!(kept, FILES.map(|(name, _)| name.to_owned()).into());
    }
}
