//! The control groups that the runner is in: `cgroups(7)`. Both versions are in use, and some systems have both at once.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::mounts::{self, Mount};

/// Which of the two interfaces a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) version: Version,
    /// Its path in the hierarchy, as far as the runner sees that.
    pub(super) path: String,
    folder: PathBuf,
}

impl Group {
    /// The groups in which a controller, such as `memory`, has the runner: its own, then the one around that, and so on. What
    /// limits any of them limits the runner. `root` is where `proc` is, and what is mounted.
    pub(super) fn all(root: &Path, controller: &str) -> Vec<Group> {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let Some((version, own)) = own_path(&read("proc/self/cgroup"), controller) else {
            return Vec::new();
        };
        let text = read("proc/self/mountinfo");
        let mount = mounts::read(&text).rfind(|mount| match version {
            Version::One => mount.kind == "cgroup" && mount.has_option(controller),
            Version::Two => mount.kind == "cgroup2",
        });
        let Some(Mount { root: mount_root, mount_point, .. }) = mount else {
            return Vec::new();
        };
        let top = root.join(mount_point.trim_start_matches('/'));
        let below = seen_path(&own, &mount_root);
        below
            .ancestors()
            .map(|path| Group {
                version,
                path: Path::new("/").join(path).display().to_string(),
                folder: top.join(path),
            })
            .collect()
    }

    /// What is in one of its files.
    pub(super) fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).ok()
    }

    /// The number that is all of one of its files.
    pub(super) fn number(&self, file: &str) -> Option<u64> {
        self.read(file)?.trim().parse().ok()
    }

    /// The number that follows a word in one of its files.
    pub(super) fn entry(&self, file: &str, word: &str) -> Option<u64> {
        let text = self.read(file)?;
        text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok())
    }
}

/// Where the runner is in the hierarchy of a controller. Version 1 has one for each; what is in none of them is in version 2's.
fn own_path(text: &str, controller: &str) -> Option<(Version, String)> {
    let mut two = None;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if controllers.split(',').any(|name| name == controller) {
            return Some((Version::One, path.to_owned()));
        }
        if number == "0" && controllers.is_empty() {
            two = Some((Version::Two, path.to_owned()));
        }
    }
    two
}

/// The part of a group's path that is below what is mounted. In a container that may be the group itself, and its path one that
/// is seen from outside, or one that leads out: then what is mounted is all there is to be seen.
fn seen_path(own: &str, mount_root: &str) -> PathBuf {
    let below = Path::new(own).strip_prefix(mount_root).unwrap_or(Path::new(""));
    let leads_out = below.components().any(|part| !matches!(part, Component::Normal(_)));
    if leads_out { PathBuf::new() } else { below.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{
        super::pretended::{UNIFIED, system},
        *,
    };

    fn paths(groups: &[Group]) -> Vec<&str> {
        groups.iter().map(|group| group.path.as_str()).collect()
    }

    #[test]
    fn a_hierarchy_is_climbed_to_its_top() {
        let root = system(&[
            ("proc/self/cgroup", "0::/system.slice/probity.service\n"),
            ("proc/self/mountinfo", UNIFIED),
            ("sys/fs/cgroup/system.slice/probity.service/memory.max", "1024\n"),
            ("sys/fs/cgroup/system.slice/cpu.stat", "usage_usec 7\nnr_periods 12\nnr_throttled 3\n"),
        ]);
        let groups = Group::all(root.path(), "memory");
        assert_eq!(paths(&groups), ["/system.slice/probity.service", "/system.slice", "/"]);
        assert_eq!(groups[0].version, Version::Two);
        assert_eq!((groups[0].number("memory.max"), groups[1].number("memory.max")), (Some(1024), None));
        assert_eq!(groups[1].entry("cpu.stat", "nr_throttled"), Some(3));
        assert_eq!(groups[1].entry("cpu.stat", "nr_t"), None);
    }

    #[test]
    fn the_first_version_has_a_hierarchy_for_each_controller() {
        let root = system(&[
            ("proc/self/cgroup", "9:cpu,cpuacct:/a\n4:memory:/b/c\n0::/d\n"),
            (
                "proc/self/mountinfo",
                "30 20 0:30 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                 31 20 0:31 / /cg/memory rw - cgroup cgroup rw,memory\n\
                 32 20 0:32 / /cg/unified rw - cgroup2 cgroup2 rw\n",
            ),
            ("cg/memory/b/c/memory.usage_in_bytes", "5\n"),
        ]);
        let memory = Group::all(root.path(), "memory");
        assert_eq!((memory[0].version, paths(&memory)), (Version::One, vec!["/b/c", "/b", "/"]));
        assert_eq!(memory[0].number("memory.usage_in_bytes"), Some(5));
        assert_eq!(paths(&Group::all(root.path(), "cpu")), ["/a", "/"]);
        assert_eq!(Group::all(root.path(), "io")[0].version, Version::Two);
    }

    #[test]
    fn a_container_sees_its_own_group_and_those_below() {
        assert_eq!(seen_path("/docker/abc", "/docker/abc"), Path::new(""));
        assert_eq!(seen_path("/docker/abc/inner", "/docker/abc"), Path::new("inner"));
        assert_eq!(seen_path("/", "/"), Path::new(""));
        assert_eq!(seen_path("/", "/docker/abc"), Path::new(""));
        assert_eq!(seen_path("/../other", "/"), Path::new(""));
    }

    #[test]
    fn where_there_are_none_there_are_none() {
        assert_eq!(Group::all(system(&[]).path(), "memory"), []);
        let unmounted = system(&[("proc/self/cgroup", "0::/\ngarbage\n")]);
        assert_eq!(Group::all(unmounted.path(), "memory"), []);
    }
}
