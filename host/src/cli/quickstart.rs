//! The quickstart, for whoever starts the program with nothing at all: it is part of the binary, and laid out on disk so
//! that it can be changed and broken.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The folder that the quickstart is laid out in.
const FOLDER: &str = "probity-quickstart";

const FILES: [(&str, &[u8]); 2] = [
    ("probity.toml", include_bytes!("../../../examples/quickstart/probity.toml")),
    ("probes.d/hello.wasm", include_bytes!("../../../examples/quickstart/probes.d/hello.wasm")),
];

/// Lays the quickstart out below `parent`, unless it is there already; returns its configuration.
#[expect(clippy::print_stdout, reason = "it is this program's output")]
pub(super) fn unpack(parent: &Path) -> Result<PathBuf> {
    let folder = parent.join(FOLDER);
    let config = folder.join(FILES[0].0);
    if !config.exists() {
        for (name, bytes) in FILES {
            let path = folder.join(name);
            let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, bytes));
            made.with_context(|| {
                format!("can't lay out the quickstart as {}; go to a folder that you can write, or name a configuration with --config", path.display())
            })?;
        }
    }
    println!(
        "There is no configuration here, so this is the quickstart. It lies in {0}: drop components into {0}/probes.d,\n\
         and remove {0} to start afresh.",
        folder.display()
    );
    Ok(config)
}
