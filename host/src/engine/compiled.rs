//! Compiled code, kept on disk from one start to the next.
//!
//! Compiled code runs with all the rights of the runner, so whoever can write it owns the runner. Hence it is loaded from
//! one folder only, which must belong to the runner's user and be closed to everyone else; each file's name carries the
//! digest of the component and of everything that shaped the code; and a checksum beside it catches what a crash or a
//! failing disk left half written.
#![allow(unsafe_code)]

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

/// A folder of compiled components.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    shape: String,
}

impl Cache {
    /// Opens the folder, making it if need be, for code made for `engine`.
    ///
    /// # Errors
    ///
    /// If the folder can't be made, belongs to somebody else, or is open to others.
    pub(super) fn open(folder: &Path, engine: &Engine) -> Result<Cache> {
        let shown = folder.display();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("can't make the folder {shown}"))?;
        let about = fs::symlink_metadata(folder).with_context(|| format!("can't read the folder {shown}"))?;
        ensure!(about.is_dir(), "{shown} is not a folder");
        let me = rustix::process::geteuid().as_raw();
        ensure!(
            about.uid() == me,
            "the folder {shown} belongs to user {}, not to user {me} who runs this",
            about.uid()
        );
        let mode = about.mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!("the folder {shown} is open to other users (mode {mode:o}); close it: chmod 700 {shown}");
        }
        Ok(Cache { folder: folder.to_owned(), shape: shape(engine) })
    }

    /// The compiled form of the component with this digest, loaded by the first of the engines that has room for it;
    /// `None` if it is not here, or not whole.
    pub(super) fn load(&self, engines: &[&Engine], digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let expected = fs::read_to_string(path.with_extension("sha256")).ok()?;
        let code = fs::read(&path).ok()?;
        if hex(&Sha256::digest(&code)) != expected.trim() {
            tracing::warn!("{} is damaged; compiling anew", path.display());
            return None;
        }
        // SAFETY: the file is what `store` wrote: it lies in a folder that nobody but this user can write (checked by
        // `open`), is named after the engine's version and settings, and its checksum has just been compared. It is not
        // written again once it has its name.
        first(engines, |engine| unsafe { Component::deserialize_file(engine, &path) })
            .inspect_err(|error| tracing::warn!("{} can't be loaded ({error:#}); compiling anew", path.display()))
            .ok()
    }

    /// Keeps the compiled form of the component with this digest.
    ///
    /// # Errors
    ///
    /// If it can't be written; nothing half written bears its name then.
    pub(super) fn store(&self, digest: &str, code: &[u8]) -> Result<()> {
        let path = self.path(digest);
        let write = |path: &Path, bytes: &[u8]| -> io::Result<()> {
            let partial = path.with_extension(format!("partial-{}", std::process::id()));
            fs::write(&partial, bytes)?;
            fs::rename(&partial, path)
        };
        write(&path, code)
            .and_then(|()| write(&path.with_extension("sha256"), hex(&Sha256::digest(code)).as_bytes()))
            .with_context(|| format!("can't keep compiled code as {}", path.display()))
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{}.cwasm", self.shape))
    }
}

/// Turns code that this process has just compiled into a component of the first engine that has room for it.
///
/// # Errors
///
/// The last engine's, if none has.
pub(super) fn load_own(engines: &[&Engine], code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the only caller passes what `Engine::precompile_component` returned a moment ago.
    first(engines, |engine| unsafe { Component::deserialize(engine, code) })
}

/// Whether a pool has room for a component shows only when it is loaded there.
fn first(engines: &[&Engine], load: impl Fn(&Engine) -> wasmtime::Result<Component>) -> wasmtime::Result<Component> {
    let mut result = Err(wasmtime::Error::msg("there is no engine"));
    for engine in engines {
        result = load(engine);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The digest of a component, as it is written everywhere.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// One word for the engine's version and all settings that shape its code.
fn shape(engine: &Engine) -> String {
    use std::hash::{Hash, Hasher};

    struct Sha(Sha256);
    impl Hasher for Sha {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    hex(&sha.0.finalize()[..8])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
