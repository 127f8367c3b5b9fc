//! `probity compose`

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{engine, supervisor::standard};

/// Makes one probe of a probe for all targets of a kind and an adapter for one of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity compose pubsub-roundtrip my-broker.wasm -o probes.d/my-broker.wasm")]
pub(super) struct Compose {
    /// The probe that needs an adapter: a file, or one of `database-ping`, `dht-roundtrip` and `pubsub-roundtrip`.
    probe: String,
    /// The adapter's file.
    adapter: PathBuf,
    /// Where to write the probe. It appears there as a whole, so this may be a folder that is watched.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Compose {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let probe = self.probe()?;
        let adapter = read(&self.adapter)?;
        let both = probity_compose::compose(&probe, &adapter)
            .with_context(|| format!("can't compose {} and {}", self.probe, self.adapter.display()))?;
        // What imports something that there is not is told of now, and not when it is dropped.
        engine::examine(&both, u64::MAX)?;
        write(&self.output, &both)?;
        println!("{}: {} bytes", self.output.display(), both.len());
        Ok(ExitCode::SUCCESS)
    }

    fn probe(&self) -> Result<Vec<u8>> {
        let path = Path::new(&self.probe);
        match standard::part(&self.probe) {
            _ if path.is_file() => read(path),
            Some(bytes) => Ok(bytes.to_vec()),
            None => {
                let known: Vec<_> = standard::parts().collect();
                bail!("there is no file `{}`, and no part of this name; there are {}", self.probe, known.join(", "));
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// Writes a file beside its place and moves it there, so that nobody sees a half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().with_context(|| format!("{} is not a file's name", path.display()))?;
    let mut unfinished = std::ffi::OsString::from(".");
    unfinished.push(name);
    unfinished.push(".unfinished");
    let unfinished = path.with_file_name(unfinished);
    let moved = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    if moved.is_err() {
        // Whatever kept it from being finished may keep it from being removed.
        let _ = fs::remove_file(&unfinished);
    }
    moved.with_context(|| format!("can't write {}", path.display()))
}
