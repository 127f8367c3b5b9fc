//! Compiled code, kept on disk from one start to the next.
//!
//! Compiled code runs with all the rights of the runner, so whoever can write it owns the runner. Hence it is loaded from
//! one folder only, which must belong to the runner's user and be closed to everyone else; and beside each file lies a code
//! by which the runner knows it for its own (HMAC-SHA256, over what the code is for and the code itself), made with a key
//! that nobody else can read. That also catches what a crash or a failing disk left half written.
#![allow(unsafe_code)]

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use ring::hmac;
use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

/// Bytes of the key: those of the hash, more than which add nothing (RFC 2104, section 3).
const KEY: usize = 32;

/// A folder of compiled components.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    shape: String,
    key: hmac::Key,
}

impl Cache {
    /// Opens the folder, making it and its key if need be, for code made for `engine`.
    ///
    /// # Errors
    ///
    /// If either can't be made, belongs to somebody else, or is open to others.
    pub(super) fn open(folder: &Path, engine: &Engine) -> Result<Cache> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        refuse_others(folder, "700")?;
        let path = folder.join("key");
        if !fs::exists(&path)? {
            make_key(&path).with_context(|| format!("can't make the key {}", path.display()))?;
        }
        refuse_others(&path, "600")?;
        let key = fs::read(&path).with_context(|| format!("can't read the key {}", path.display()))?;
        let shown = path.display();
        ensure!(key.len() == KEY, "{shown} is not a key of {KEY} bytes; remove it, and the runner makes another");
        Ok(Cache { folder: folder.to_owned(), shape: shape(engine), key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// The compiled form of the component with this digest, loaded by the first of the engines that has room for it;
    /// `None` if it is not here, not whole, or not ours.
    pub(super) fn load(&self, engines: &[&Engine], digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let seal = fs::read(path.with_extension("mac")).ok()?;
        if let Err(error) = refuse_others(&self.folder, "700") {
            tracing::warn!("compiled code is not loaded: {error:#}");
            return None;
        }
        let code = fs::read(&path).ok()?;
        if hmac::verify(&self.key, &self.sealed(digest, &code), &seal).is_err() {
            tracing::warn!("{} is damaged, or was not written by this runner; compiling anew", path.display());
            return None;
        }
        // SAFETY: the file is what `store` wrote: the code beside it, which takes our key to make, has just been verified
        // over its contents and over the component, the engine's version and its settings. The folder can be written by
        // nobody but this user, who could as well replace the runner, and the file is not written again once it has its name.
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
        let seal = hmac::sign(&self.key, &self.sealed(digest, code));
        write(&path, code)
            .and_then(|()| write(&path.with_extension("mac"), seal.as_ref()))
            .with_context(|| format!("can't keep compiled code as {}", path.display()))
    }

    /// What is sealed: what the code is for, and the digest of the code.
    fn sealed(&self, digest: &str, code: &[u8]) -> Vec<u8> {
        let mut sealed = format!("{digest} {} ", self.shape).into_bytes();
        sealed.extend_from_slice(&Sha256::digest(code));
        sealed
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{}.cwasm", self.shape))
    }
}

/// That something belongs to the runner's user, and that nobody else may open it.
fn refuse_others(path: &Path, mode: &str) -> Result<()> {
    let shown = path.display();
    let about = fs::symlink_metadata(path).with_context(|| format!("can't read {shown}"))?;
    ensure!(!about.is_symlink(), "{shown} is a link to elsewhere");
    let me = rustix::process::geteuid().as_raw();
    ensure!(about.uid() == me, "{shown} belongs to user {}, not to user {me} who runs this", about.uid());
    let open = about.mode() & 0o777;
    if open & 0o077 != 0 {
        bail!("{shown} is open to other users (mode {open:o}); close it: chmod {mode} {shown}");
    }
    Ok(())
}

/// Makes a key, unless another runner is faster.
fn make_key(path: &Path) -> Result<()> {
    let mut key = [0; KEY];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("there are no random numbers: {error}"))?;
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(&key)?;
    // Whole or not at all, and never in the place of one that is in use.
    let linked = fs::hard_link(&partial, path);
    fs::remove_file(&partial)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// Turns code that has just been compiled, by this process or one that it started, into a component of the first engine that has room for it.
///
/// # Errors
///
/// The last engine's, if none has.
pub(super) fn load_own(engines: &[&Engine], code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the only caller passes what a moment ago `Engine::precompile_component` returned, here or in a process of the
    // same program, which was started for that and wrote it to a pipe that nobody else has an end of.
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
