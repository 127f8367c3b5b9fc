//! The library that keeps it all, and what can go wrong with it. Nothing else in the house names it.
//!
//! What is committed is on the disk (`fdatasync`) before anybody can read it, so whoever has seen a record will see it again.

use std::{
    any::Any,
    io,
    ops::{
        ControlFlow::{self, Break, Continue},
        RangeInclusive,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
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
    database: Database,
    all: Keyspace,
}

impl Db {
    /// Opens what lies in a folder, or begins there.
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
            Ok(Db { database, all })
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

    /// What it takes of the disk, in bytes.
    pub(super) fn size(&self) -> u64 {
        // What can't be counted now can be another time.
        caught(|| Ok(self.database.disk_space()?)).unwrap_or_default()
    }
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
