//! What is mounted where: `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).

/// One line of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) id: u64,
    /// The folder within the file system that is seen at the mount point.
    pub(super) root: String,
    pub(super) mount_point: String,
    /// The kind of file system.
    pub(super) kind: String,
    /// What the file system was made with, as far as it tells.
    super_options: String,
}

impl Mount {
    fn read(line: &str) -> Option<Mount> {
        // A number of fields that varies ends with a dash.
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ');
        let (id, root, mount_point) = (before.next()?, before.nth(2)?, before.next()?);
        let mut after = after.split(' ');
        let (kind, super_options) = (after.next()?, after.nth(1).unwrap_or_default());
        Some(Mount {
            id: id.parse().ok()?,
            root: unescaped(root),
            mount_point: unescaped(mount_point),
            kind: unescaped(kind),
            super_options: super_options.to_owned(),
        })
    }

    pub(super) fn has_option(&self, option: &str) -> bool {
        self.super_options.split(',').any(|other| other == option)
    }
}

/// All mounts. What is mounted over another thing comes after it.
pub(super) fn read(text: &str) -> impl DoubleEndedIterator<Item = Mount> {
    text.lines().filter_map(Mount::read)
}

/// What separates fields is written as a backslash and three octal digits.
fn unescaped(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let escaped = others.get(..3).filter(|_| *first == b'\\');
        let byte = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &others[3..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = "36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n\
                    37 35 0:5 / /proc rw - proc proc rw\n\
                    garbage\n\
                    38 35 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
        let mounts: Vec<Mount> = read(text).collect();
        assert_eq!(mounts.iter().map(|mount| mount.id).collect::<Vec<_>>(), [36, 37, 38]);
        assert_eq!((mounts[0].root.as_str(), mounts[0].mount_point.as_str()), ("/mnt1", "/mnt two"));
        assert_eq!((mounts[0].kind.as_str(), mounts[1].kind.as_str()), ("ext3", "proc"));
        assert!(mounts[2].has_option("cpuacct") && !mounts[2].has_option("memory"));
    }

    #[test]
    fn escapes_are_undone_and_nothing_else() {
        assert_eq!(unescaped("a\\040b\\134c\\011"), "a b\\c\t");
        assert_eq!(unescaped("\\"), "\\");
        assert_eq!(unescaped("\\04"), "\\04");
        assert_eq!(unescaped("\\9zz\\777"), "\\9zz\\777");
        assert_eq!(unescaped("\\303\\245"), "å");
    }
}
