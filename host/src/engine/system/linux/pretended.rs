//! A system of files, in the place of the one that the kernel shows.

#![allow(clippy::unwrap_used)]

use std::fs;

use tempfile::TempDir;

/// A mount of the hierarchy of the second version of control groups.
pub(super) const UNIFIED: &str = "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

/// A folder with these files, in the place of `/`.
pub(super) fn system(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}
