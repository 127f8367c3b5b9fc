//! The file system at a path, as `statvfs(3)` tells of it.

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, StatVfsMountFlags, StatxFlags, fstatvfs, openat, statx},
    io::Errno,
};

use super::{
    super::contract::{Disk, Error, Inodes},
    mounts,
};

/// What is at a path.
pub(super) fn look(path: &str) -> Result<Disk, Error> {
    let failed = |errno| error(path, errno);
    // Held, and not read: all that follows is about the same place, whatever is mounted over it meanwhile.
    let place = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    let told = fstatvfs(&place).map_err(failed)?;
    // Before Linux 5.8 nobody tells.
    let id = statx(&place, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        .ok()
        .filter(|told| StatxFlags::from_bits_retain(told.stx_mask).contains(StatxFlags::MNT_ID))
        .map(|told| told.stx_mnt_id);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = mounts::read(&mounts).find(|mount| Some(mount.id) == id);
    let (kind, mount_point) = mount.map(|mount| (mount.kind, mount.mount_point)).unwrap_or_default();
    let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
    Ok(Disk {
        total: bytes(told.f_blocks),
        free: bytes(told.f_bfree),
        available: bytes(told.f_bavail),
        inodes: (told.f_files > 0).then_some(Inodes {
            total: told.f_files,
            free: told.f_ffree,
            available: told.f_favail,
        }),
        kind,
        mount_point,
        read_only: told.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

fn error(path: &str, errno: Errno) -> Error {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Error::NotFound,
        Errno::ACCESS | Errno::PERM => Error::Unsupported(format!(
            "the runner's user may not look at {}; let it enter all the folders on the way there",
            path.escape_debug()
        )),
        errno => Error::Broken(std::io::Error::from(errno).to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_mounted_is_told() {
        let proc = look("/proc/self").unwrap();
        assert_eq!((proc.kind.as_str(), proc.mount_point.as_str(), proc.total), ("proc", "/proc", 0));
        assert!(proc.inodes.is_none(), "it makes them as it needs them");

        let here = look(env!("CARGO_MANIFEST_DIR")).unwrap();
        assert!(here.total > 0 && here.available <= here.free && here.free <= here.total, "{here:?}");
        assert!(!here.kind.is_empty() && here.mount_point.starts_with('/'), "{here:?}");
    }

    #[test]
    fn what_is_not_there_is_told_too() {
        assert!(matches!(look("/nowhere/at/all"), Err(Error::NotFound)));
        assert!(matches!(look("/proc/version/below"), Err(Error::NotFound)));
        assert!(matches!(look(&format!("/{}", "x".repeat(300))), Err(Error::Broken(_))));
        assert!(matches!(error("/root", Errno::ACCESS), Error::Unsupported(_)));
    }
}
