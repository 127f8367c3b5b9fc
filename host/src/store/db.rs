//! The library that keeps it all, and what can go wrong with it. Nothing else in the house names it.
//!
//! What is committed is on the disk (`fdatasync`) before anybody can read it, so whoever has seen a record will see it again.

use std::{
    any::Any,
    ffi::OsStr,
    fs::{self, DirEntry, File},
    io::{self, Read},
    ops::{
        ControlFlow::{self, Break, Continue},
        RangeInclusive,
    },
    os::unix::fs::MetadataExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use fjall::{
    Database, Guard, Keyspace, KeyspaceCreateOptions, LsmError, PersistMode, Slice,
    config::{BlockSizePolicy, FilterPolicy},
};
use thiserror::Error;

/// Blocks of the disk that are kept in memory: what a page of history reads is a few of 4 KiB.
const CACHE: u64 = 8 << 20;
/// What is kept in memory until it is written as a table: some ten seconds of the fastest that we know, and what is read again at
/// a start. It takes three times as much, and that twice while it is written.
const MEMTABLE: u64 = 4 << 20;
/// What is read from the disk in one go: a few pages of a check's results, which lie side by side.
const BLOCK: u32 = 16 << 10;
/// The least that the library takes for its journals.
const JOURNALS: u64 = 64 << 20;
/// Tables that are kept open.
const FILES: usize = 64;
/// One thread compacts: history is in no hurry.
const THREADS: usize = 1;
/// What a journal's name ends with.
const JOURNAL: &str = "jnl";
/// How many bytes of a journal tell whether anything is written in it: what is not is zero, and it is written from its beginning.
const FIRST: u64 = 64;
/// Where the library has its tables, by keyspace: those of its own come first.
const KEYSPACES: (&str, &str) = ("keyspaces", "0");
/// The unit in which the system counts what a file takes of the disk (`st_blocks`).
const BLOCKS: u64 = 512;

/// What is wrong with the store.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The disk does not do as it should, which may pass.
    #[error("{0}")]
    Disk(String),
    /// What lies there is not what was written.
    #[error("{0}")]
    Damaged(String),
    /// It has given up after trouble that was told before, and has to be opened again.
    #[error("it takes nothing more since its last trouble")]
    GivenUp,
    /// Somebody else has it open, or has not closed it yet.
    #[error("it is still open elsewhere")]
    Busy,
}

impl Trouble {
    fn of_io(error: &io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::NotFound => {
                Trouble::Damaged(error.to_string())
            }
            _ => Trouble::Disk(error.to_string()),
        }
    }

    /// Whatever the library panicked over: it does so where it finds what it never wrote.
    fn of_panic(panic: &(dyn Any + Send)) -> Trouble {
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Trouble::Damaged(said.unwrap_or("it can't be read").to_owned())
    }
}

impl From<fjall::Error> for Trouble {
    fn from(error: fjall::Error) -> Trouble {
        use fjall::Error;
        match error {
            Error::Io(error) | Error::Storage(LsmError::Io(error)) => Trouble::of_io(&error),
            Error::Poisoned => Trouble::GivenUp,
            Error::Locked => Trouble::Busy,
            error => Trouble::Damaged(error.to_string()),
        }
    }
}

/// In which order keys are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Forwards,
    Backwards,
}

/// An open store.
pub(super) struct Db {
    folder: PathBuf,
    database: Database,
    all: Keyspace,
}

impl Db {
    /// Opens what lies in a folder, or begins there.
    pub(super) fn open_or_begin(folder: &Path) -> Result<Db, Trouble> {
        if !holds_anything(folder)? {
            begin(folder)?;
        }
        Db::open(folder)
    }

    /// Opens what lies in a folder.
    pub(super) fn open(folder: &Path) -> Result<Db, Trouble> {
        caught(|| {
            let database = Database::builder(folder)
                .cache_size(CACHE)
                .max_journaling_size(JOURNALS)
                .max_cached_files(Some(FILES))
                .worker_threads(THREADS)
                .open()?;
            let all = database.keyspace("history", || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(MEMTABLE)
                    .data_block_size_policy(BlockSizePolicy::all(BLOCK))
                    .filter_policy(FilterPolicy::disabled())
            })?;
            Ok(Db { folder: folder.to_owned(), database, all })
        })
    }

    /// Makes these changes, all or none. Once this returns, they outlive the machine's power.
    pub(super) fn commit<'a>(
        &self,
        changes: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    ) -> Result<(), Trouble> {
        caught(|| {
            let mut changes: Vec<_> = changes.collect();
            // In their order, so that what is touched in memory lies close together.
            changes.sort_unstable_by_key(|(key, _)| *key);
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            for (key, value) in changes {
                match value {
                    Some(value) => batch.insert(&self.all, key.as_slice(), value.as_slice()),
                    None => batch.remove(&self.all, key.as_slice()),
                }
            }
            Ok(batch.commit()?)
        })
    }

    /// What is kept under a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Slice>, Trouble> {
        caught(|| Ok(self.all.get(key)?))
    }

    /// Hands out everything whose key begins like this, in the order of the keys.
    pub(super) fn each(&self, prefix: &[u8], mut take: impl FnMut(&[u8], &[u8])) -> Result<(), Trouble> {
        let all = |key: &[u8], value: &[u8]| {
            take(key, value);
            Continue(())
        };
        caught(|| hand_out(self.all.prefix(prefix), all).map(drop))
    }

    /// Hands out what lies between two keys, in this order of the keys, until it is told to stop.
    pub(super) fn walk(
        &self,
        keys: RangeInclusive<Vec<u8>>,
        order: Order,
        take: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Trouble> {
        caught(|| match order {
            Order::Forwards => hand_out(self.all.range(keys), take),
            // The library looks for the end first, so that what is not asked for is not read.
            Order::Backwards => hand_out(self.all.range(keys).rev(), take),
        })
    }

    /// What it takes of the disk, in bytes. Journals are longer than what is written into them.
    pub(super) fn size(&self) -> u64 {
        taken(&self.folder)
    }
}

/// Makes a store in which nothing is kept yet, beside its place. It is moved there once it is whole: one that could not be finished
/// can't be told from one that was damaged later.
fn begin(folder: &Path) -> Result<(), Trouble> {
    let made = folder.with_extension("new");
    let whole = remove(&made).and_then(|()| remove(folder)).map_err(|error| error.to_string()).and_then(|()| {
        Db::open(&made).map(drop).map_err(|trouble| trouble.to_string())?;
        let moved = fs::rename(&made, folder).and_then(|()| match folder.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        });
        moved.map_err(|error| error.to_string())
    });
    // Whatever it was, it is no damage: there was nothing yet.
    whole.map_err(|why| {
        // What is left is removed before the next time as well.
        let _ = remove(&made);
        Trouble::Disk(why)
    })
}

/// Removes a store in which nothing was kept.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether anything was ever kept in a folder, be it readable or not: something is written in a journal, or there is a table.
pub(super) fn holds_anything(folder: &Path) -> Result<bool, Trouble> {
    let look = || {
        let journal = |entry: &DirEntry| entry.path().extension() == Some(OsStr::new(JOURNAL));
        for entry in entries(folder)?.into_iter().filter(journal) {
            let mut first = Vec::new();
            File::open(entry.path())?.take(FIRST).read_to_end(&mut first)?;
            if first.iter().any(|byte| *byte != 0) {
                return Ok(true);
            }
        }
        let (keyspaces, own) = KEYSPACES;
        for keyspace in entries(&folder.join(keyspaces))?.into_iter().filter(|entry| entry.file_name() != own) {
            if !entries(&keyspace.path().join("tables"))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    };
    look().map_err(|error: io::Error| Trouble::Disk(error.to_string()))
}

/// What lies in a folder; nothing, if there is none.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// What a folder takes of the disk with all that lies in it, in bytes. What goes away meanwhile takes nothing.
fn taken(folder: &Path) -> u64 {
    let of = |entry: DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => taken(&entry.path()),
        Ok(metadata) => metadata.blocks().saturating_mul(BLOCKS),
        Err(_) => 0,
    };
    entries(folder).unwrap_or_default().into_iter().map(of).sum()
}

fn hand_out(
    found: impl Iterator<Item = Guard>,
    mut take: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Trouble> {
    for guard in found {
        let (key, value) = guard.into_inner()?;
        if take(&key, &value).is_break() {
            return Ok(Break(()));
        }
    }
    Ok(Continue(()))
}

fn caught<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Trouble::of_panic(&*panic)))
}
