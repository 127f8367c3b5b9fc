//! A control group of the test's own, of either version, below the one that the test is in.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::network::same;

/// The group. It is removed when it is dropped; whoever is in it must have ended by then.
pub struct Group {
    folder: PathBuf,
}

impl Group {
    /// A group that is limited by `controller`: in each version a file is given a value. `None`, said aloud, if this process
    /// may make none.
    pub fn new(controller: &str, v1: &[(&str, &str)], v2: &[(&str, &str)]) -> Option<Group> {
        let made = own_group(controller).ok_or_else(|| io::Error::other("there is no such controller")).and_then(
            |(parent, is_v2)| {
                let folder = parent.join(format!("probity-test-{}-{controller}", std::process::id()));
                fs::create_dir(&folder)?;
                let group = Group { folder };
                for (file, value) in if is_v2 { v2 } else { v1 } {
                    fs::write(group.folder.join(file), value)?;
                }
                Ok(group)
            },
        );
        made.inspect_err(|error| eprintln!("SKIPPED: this test needs a control group for `{controller}`: {error}")).ok()
    }

    /// The same command, run in this group.
    pub fn inside(&self, command: &Command) -> Command {
        let mut enter = Command::new("sh");
        enter.args(["-e", "-c", "echo $$ > \"$0/cgroup.procs\"; exec \"$@\""]).arg(&self.folder);
        same(command, enter)
    }

    /// Its path in the hierarchy ends so.
    pub fn name(&self) -> &str {
        self.folder.file_name().unwrap().to_str().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Who ended lingers for a moment; what is left is an empty folder, and gone with the machine.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Where the test's own group is, if the hierarchy is where it usually is.
fn own_group(controller: &str) -> Option<(PathBuf, bool)> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let lines: Vec<Vec<&str>> = groups.lines().map(|line| line.splitn(3, ':').collect()).collect();
    let path = |line: &[&str]| line[2].trim_start_matches('/').to_owned();
    let root = Path::new("/sys/fs/cgroup");
    if let Some(line) = lines.iter().find(|line| line[1].split(',').any(|name| name == controller)) {
        return Some((root.join(line[1]).join(path(line)), false));
    }
    let own = lines.iter().find(|line| line[0] == "0")?;
    Some((root.join(path(own)), true))
}
