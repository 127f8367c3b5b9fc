//! Whose the folder is: one runner's at a time. The system lets go of it whenever that ends, however it ends.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
};

use thiserror::Error;

/// The file that is held, and says by whom.
const FILE: &str = "held";
/// Nobody else reads what probes say.
const FOLDER_MODE: u32 = 0o700;
/// Who holds the folder may be known to all who can see into it.
const FILE_MODE: u32 = 0o600;

/// Why the folder can't be had.
#[derive(Debug, Error)]
pub enum Unheld {
    /// Another runner has it.
    #[error("{by} keeps its history in {}", folder.display())]
    ByAnother {
        /// Who, as far as it says.
        by: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The system does not let it be made, or held.
    #[error("{}: {error}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// The folder is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Holder {
    _file: File,
}

impl Holder {
    /// Makes the folder if need be, and takes hold of it.
    pub(super) fn hold(folder: &Path) -> Result<Holder, Unheld> {
        let io = |error| Unheld::Io { folder: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(io)?;
        fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)).map_err(io)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mut file = options.open(folder.join(FILE)).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                // What it says helps, but that it is held is known without.
                let _ = file.read_to_string(&mut by);
                let by = if by.trim().is_empty() { "another runner".into() } else { by.trim().to_owned() };
                return Err(Unheld::ByAnother { by, folder: folder.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        // On a full disk it is held all the same.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "the runner with process id {}", process::id()));
        Ok(Holder { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_at_a_time_who_is_named_to_others() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("a/history");
        let holder = Holder::hold(&folder).unwrap();
        let refused = Holder::hold(&folder).unwrap_err().to_string();
        let expected =
            format!("the runner with process id {} keeps its history in {}", process::id(), folder.display());
        assert_eq!(refused, expected);
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(holder);
        assert!(Holder::hold(&folder).is_ok());
    }
}
