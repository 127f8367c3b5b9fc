//! The machine's memory (`/proc/meminfo`), and the control group that leaves the runner the least of it.

use std::path::Path;

use super::{
    super::contract::{Error, Memory, MemoryGroup},
    control_group::{Group, Version},
    lacking, read_file,
};

/// Where the kernel tells.
const MEMINFO: &str = "proc/meminfo";
/// What the first version of control groups says where there is no limit is what fits into 63 bits, rounded down to pages, and
/// more than there is anywhere.
const NO_LIMIT: u64 = 1 << 62;

/// How much there is, and is left.
pub(super) fn read(root: &Path) -> Result<Memory, Error> {
    let text = read_file(root, MEMINFO)?;
    let field = |name: &str| bytes(&text, name).ok_or_else(|| lacking(MEMINFO, name));
    let groups = Group::all(root, "memory");
    Ok(Memory {
        total: field("MemTotal")?,
        available: field("MemAvailable")?,
        swap_total: field("SwapTotal")?,
        swap_free: field("SwapFree")?,
        control_group: groups.iter().filter_map(limited).min_by_key(left),
    })
}

/// A field of `/proc/meminfo`, which is in kB, as the kernel calls 1024 bytes.
fn bytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let number: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

/// What a group may use, and does; `None` if nothing limits it.
fn limited(group: &Group) -> Option<MemoryGroup> {
    let (limit, used, reclaimable) = match group.version {
        Version::One => (
            group.number("memory.limit_in_bytes").filter(|limit| *limit < NO_LIMIT)?,
            group.number("memory.usage_in_bytes")?,
            group.entry("memory.stat", "total_inactive_file"),
        ),
        // Without a limit it says `max`, which is no number.
        Version::Two => {
            (group.number("memory.max")?, group.number("memory.current")?, group.entry("memory.stat", "inactive_file"))
        }
    };
    Some(MemoryGroup { path: group.path.clone(), limit, used, reclaimable: reclaimable.unwrap_or(0).min(used) })
}

fn left(group: &MemoryGroup) -> u64 {
    group.limit.saturating_sub(group.used.saturating_sub(group.reclaimable))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::pretended::{UNIFIED, system},
        *,
    };

    const SOME: &str = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    8000 kB\n\
                        SwapTotal:       4000 kB\nSwapFree:           0 kB\nHugePages_Total:       0\n";

    #[test]
    fn this_machine_has_memory() {
        let memory = read(Path::new("/")).unwrap();
        assert!(memory.available > 0 && memory.available <= memory.total, "{memory:?}");
        assert!(memory.swap_free <= memory.swap_total, "{memory:?}");
    }

    #[test]
    fn a_machine_without_limits_tells_of_none() {
        let root = system(&[(MEMINFO, SOME)]);
        let memory = read(root.path()).unwrap();
        assert_eq!((memory.total, memory.available), (16_000 * 1024, 8_000 * 1024));
        assert_eq!((memory.swap_total, memory.swap_free), (4_000 * 1024, 0));
        assert!(memory.control_group.is_none());
    }

    #[test]
    fn the_group_that_leaves_the_least_is_told() {
        let root = system(&[
            (MEMINFO, SOME),
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("proc/self/mountinfo", UNIFIED),
            ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
            ("sys/fs/cgroup/outer/inner/memory.current", "10\n"),
            ("sys/fs/cgroup/outer/memory.max", "1000\n"),
            ("sys/fs/cgroup/outer/memory.current", "900\n"),
            ("sys/fs/cgroup/outer/memory.stat", "anon 100\ninactive_file 250\nactive_file 1\n"),
        ]);
        let group = read(root.path()).unwrap().control_group.unwrap();
        assert_eq!((group.path.as_str(), group.limit, group.used, group.reclaimable), ("/outer", 1000, 900, 250));
    }

    #[test]
    fn the_first_version_is_read_as_well() {
        let root = system(&[
            (MEMINFO, SOME),
            ("proc/self/cgroup", "4:memory:/a/b\n"),
            ("proc/self/mountinfo", "31 20 0:31 / /cg rw - cgroup cgroup rw,memory\n"),
            ("cg/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cg/memory.usage_in_bytes", "5000\n"),
            ("cg/a/memory.limit_in_bytes", "4000\n"),
            ("cg/a/memory.usage_in_bytes", "3000\n"),
            ("cg/a/memory.stat", "inactive_file 7\ntotal_inactive_file 500\n"),
            ("cg/a/b/memory.limit_in_bytes", "2000\n"),
            ("cg/a/b/memory.usage_in_bytes", "100\n"),
        ]);
        let group = read(root.path()).unwrap().control_group.unwrap();
        assert_eq!((group.path.as_str(), group.limit, group.reclaimable), ("/a", 4000, 500));
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_named() {
        let why = |files: &[(&str, &str)]| match read(system(files).path()) {
            Err(Error::Unsupported(why)) => why,
            other => format!("{other:?}"),
        };
        assert!(why(&[]).starts_with("the runner can't read /proc/meminfo"), "{}", why(&[]));
        let old = SOME.replace("MemAvailable", "MemMaybe");
        assert_eq!(why(&[(MEMINFO, &old)]), "there is no MemAvailable in /proc/meminfo, where the kernel should tell");
    }
}
