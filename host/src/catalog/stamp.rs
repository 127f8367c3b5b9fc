//! Whether a file was written since it was last looked at, and whether that is over.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

use super::{COMPONENT, kind};
use crate::trust::signature_of;

/// How long a file must be left alone, by its own time or as far as we saw, before it counts as written. Within this time its
/// stamp is not trusted either: two writes within one tick of the file system's clock leave the same one.
pub(super) const SETTLED: Duration = Duration::from_millis(500);
/// All that tells whether a file was written, short of reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// That of the file.
    pub(super) file: FileStamp,
    /// That of the signature beside it, if it has one.
    pub(super) signature: Option<FileStamp>,
}

impl Stamp {
    /// Whether nothing was written for so long that nothing is being written any more.
    pub(super) fn is_old(&self) -> bool {
        self.file.is_old() && self.signature.is_none_or(|signature| signature.is_old())
    }

    /// A link leads to what is to be read; one that leads nowhere is a file that went away.
    pub(super) fn read(path: &Path) -> Option<Stamp> {
        let file = FileStamp::read(path)?;
        let signature = (kind(path) == Some(COMPONENT)).then(|| FileStamp::read(&signature_of(path))).flatten();
        Some(Stamp { file, signature })
    }
}

/// The same of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    device: u64,
    inode: u64,
    /// Its size in bytes.
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// Whether the file was written so long ago that it is no longer being written.
    fn is_old(&self) -> bool {
        let (seconds, nanoseconds) = self.modified;
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else {
            return true;
        };
        let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
        modified.is_some_and(|modified| modified.elapsed().is_ok_and(|age| age >= SETTLED))
    }

    fn read(path: &Path) -> Option<FileStamp> {
        fs::metadata(path).ok().filter(Metadata::is_file).as_ref().map(FileStamp::of)
    }

    fn of(about: &Metadata) -> FileStamp {
        FileStamp {
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}
