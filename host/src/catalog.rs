//! What lies in the watched folder.
//!
//! A scan is the truth; whatever told us to look is only a hint. Contents are told apart by digest, and a file is read
//! again only if something about it changed. A file that is still being written is not judged before it has been left
//! alone for a moment, unless it is already whole.

mod stamp;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use self::stamp::{SETTLED, Stamp};
use crate::{
    config::is_name,
    engine::{self, LoadError},
    trust::{Distrust, Trust, Voucher, signature_of},
};

/// Bytes of a file of configuration; ten thousand checks need about half of it.
const TEXT: u64 = 4 * 1024 * 1024;
/// Bytes of a signature; those of minisign have about 300.
const LARGEST_SIGNATURE: u64 = 4 * 1024;
/// What the name of a component's file ends with.
const COMPONENT: &str = "wasm";
/// What the name of a side-car ends with.
const CONFIG: &str = "toml";

/// A component in the folder.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// The SHA-256 of its bytes, in hexadecimal; empty if they can't be read.
    pub digest: Arc<str>,
    /// Why it is trusted; or why it can't be a probe, as far as can be told without compiling it.
    pub verdict: Verdict,
    /// Whether it has been left alone for long enough to be judged.
    pub settled: bool,
}

/// What is made of a component without compiling it.
pub type Verdict = Result<Voucher, LoadFlaw>;

/// Why a file can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadFlaw {
    /// Its name can't be a check's name.
    #[error(
        "`{0}` can't be the name of a check; rename the file with lower-case letters, digits, `-`, `_` and `.` only"
    )]
    Name(String),
    /// It is no probe.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The operator does not trust it. Nothing of it was looked at but its digest and its signature.
    #[error(transparent)]
    Untrusted(#[from] Distrust),
}

/// A file of configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// Where it is.
    pub path: PathBuf,
    /// Its text, or why it can't be read.
    pub text: Result<Arc<str>, String>,
    /// Whether it has been left alone for long enough to be judged.
    pub settled: bool,
}

/// What a scan found, by the files' stems.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The components.
    pub components: BTreeMap<String, File>,
    /// The side-cars.
    pub sidecars: BTreeMap<String, Text>,
    /// The runner's own configuration, if it has a file.
    pub config: Option<Text>,
    /// What the components were judged by.
    pub trust: Arc<Trust>,
}

impl Listing {
    /// Whether everything has been left alone: if not, it is worth looking again soon.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.components.values().all(|file| file.settled)
            && self.sidecars.values().chain(&self.config).all(|file| file.settled)
    }
}

#[derive(Clone, Debug)]
struct Known<T> {
    stamp: Stamp,
    /// When the file was first seen with this stamp and content.
    since: Instant,
    settled: bool,
    /// When the file was first found to be gone.
    gone: Option<Instant>,
    content: T,
}

impl<T> Known<T> {
    fn is_gone_for_good(&self, now: Instant) -> bool {
        self.gone.is_some_and(|since| now.duration_since(since) >= SETTLED)
    }
}

type Component = Known<(Arc<str>, Verdict)>;
type Configuration = Known<Result<Arc<str>, String>>;

/// The folder and the configuration, and what is known of them.
#[derive(Debug)]
pub struct Catalog {
    folder: PathBuf,
    config: Option<PathBuf>,
    max_component_size: u64,
    trust: Arc<Trust>,
    components: BTreeMap<PathBuf, Component>,
    texts: BTreeMap<PathBuf, Configuration>,
}

impl Catalog {
    /// A folder, and perhaps a file of configuration, that have not been looked at.
    #[must_use]
    pub fn new(folder: PathBuf, config: Option<PathBuf>, max_component_size: u64, trust: Arc<Trust>) -> Catalog {
        Catalog { folder, config, max_component_size, trust, components: BTreeMap::new(), texts: BTreeMap::new() }
    }

    /// Says what is trusted from now on. If that is something else, it is worth looking again.
    pub fn trust(&mut self, trust: &Arc<Trust>) -> bool {
        if self.trust == *trust {
            return false;
        }
        self.trust = Arc::clone(trust);
        // They are to be read again.
        self.components.values_mut().for_each(|known| known.settled = false);
        true
    }

    /// The folder that is watched.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks. It may take as long as reading what changed does, so it belongs on a thread that may wait.
    ///
    /// The second value is an error if the folder itself can't be read. Then what was known of it stands, and the
    /// configuration was looked at all the same.
    pub fn scan(&mut self, now: Instant) -> (Listing, io::Result<()>) {
        let (mut found, read) = match self.read_folder() {
            Ok(found) => (found, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        if let Some(path) = &self.config
            && let Some(stamp) = Stamp::read(path)
        {
            found.push((path.clone(), stamp));
        }
        if read.is_ok() {
            for known in self.components.values_mut() {
                known.gone.get_or_insert(now);
            }
        }
        for (path, known) in &mut self.texts {
            if read.is_ok() || self.config.as_ref() == Some(path) {
                known.gone.get_or_insert(now);
            }
        }
        for (path, stamp) in found {
            if kind(&path) == Some(COMPONENT) {
                let known = self.components.remove(&path);
                let known = look(known, stamp, now, |before| self.read_component(&path, stamp, before));
                self.components.insert(path, known);
            } else {
                let known = look(self.texts.remove(&path), stamp, now, |_| read_text(&path));
                self.texts.insert(path, known);
            }
        }
        // Many programs replace a file by removing it first; one that comes back at once was never away.
        self.components.retain(|_, known| !known.is_gone_for_good(now));
        self.texts.retain(|_, known| !known.is_gone_for_good(now));
        (self.listing(), read)
    }

    fn read_folder(&self) -> io::Result<Vec<(PathBuf, Stamp)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if kind(&path).is_some()
                && let Some(stamp) = Stamp::read(&path)
            {
                found.push((path, stamp));
            }
        }
        Ok(found)
    }

    fn listing(&self) -> Listing {
        let mut listing = Listing { trust: Arc::clone(&self.trust), ..Listing::default() };
        for (path, known) in &self.components {
            let (digest, verdict) = known.content.clone();
            let file = File { path: path.clone(), digest, verdict, settled: known.settled && known.gone.is_none() };
            listing.components.insert(stem(path), file);
        }
        for (path, known) in &self.texts {
            let settled = known.settled && known.gone.is_none();
            let file = Text { path: path.clone(), text: known.content.clone(), settled };
            if self.config.as_ref() == Some(path) {
                listing.config = Some(file);
            } else {
                listing.sidecars.insert(stem(path), file);
            }
        }
        listing
    }

    fn read_component(&self, path: &Path, stamp: Stamp, before: Option<&(Arc<str>, Verdict)>) -> (Arc<str>, Verdict) {
        let nothing = Arc::from("");
        let name = stem(path);
        if !is_name(&name) {
            return (nothing, Err(LoadFlaw::Name(name)));
        }
        let (limit, size) = (self.max_component_size, stamp.file.size);
        if size > limit {
            return (nothing, Err(LoadError::TooLarge { size, limit }.into()));
        }
        let bytes = match read_component(path, limit) {
            Ok(bytes) => bytes,
            Err(error) => return (nothing, Err(LoadError::Unreadable(error.to_string()).into())),
        };
        let digest = engine::digest(&bytes);
        let signature = stamp.signature.map(|_| read_limited(&signature_of(path), LARGEST_SIGNATURE));
        let signature = signature.as_ref().map(|read| read.as_deref().map_err(String::as_str));
        // Before anything else looks at it.
        let voucher = match self.trust.judge(&name, &digest, &bytes, signature) {
            Ok(voucher) => voucher,
            Err(distrust) => return (digest.into(), Err(distrust.into())),
        };
        match before {
            Some((known, Ok(_))) if **known == *digest => (Arc::clone(known), Ok(voucher)),
            Some((known, Err(flaw))) if **known == *digest && !matches!(flaw, LoadFlaw::Untrusted(_)) => {
                (Arc::clone(known), Err(flaw.clone()))
            }
            _ => (digest.into(), engine::examine(&bytes, limit).map(|_| voucher).map_err(LoadFlaw::from)),
        }
    }
}

/// Reads a component's file, and one byte more than allowed at the most.
///
/// # Errors
///
/// Whatever the file system says.
pub fn read_component(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_text(path: &Path) -> Result<Arc<str>, String> {
    read_limited(path, TEXT).map(Arc::from)
}

fn read_limited(path: &Path, most: u64) -> Result<String, String> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(most + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(format!("the file can't be read: {error}")),
        Ok(_) if text.len() as u64 > most => Err(format!("the file has more than {most} bytes")),
        Ok(_) => Ok(text),
    }
}

/// Reads a file again if its stamp changed, or can't be trusted yet.
fn look<T: PartialEq>(
    known: Option<Known<T>>,
    stamp: Stamp,
    now: Instant,
    read: impl FnOnce(Option<&T>) -> T,
) -> Known<T> {
    let known = match known {
        Some(known) if known.settled && known.stamp == stamp => return Known { gone: None, ..known },
        known => known,
    };
    let content = read(known.as_ref().map(|known| &known.content));
    let since = match &known {
        Some(known) if known.stamp == stamp && known.content == content => known.since,
        _ => now,
    };
    Known { stamp, since, settled: stamp.is_old() || now.duration_since(since) >= SETTLED, gone: None, content }
}

/// The ending of a file that counts. Editors and ConfigMaps keep their own business in hidden files.
fn kind(path: &Path) -> Option<&'static str> {
    let hidden = path.file_name()?.to_str()?.starts_with('.');
    let ending = path.extension()?;
    [COMPONENT, CONFIG].into_iter().find(|kind| !hidden && ending == *kind)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
