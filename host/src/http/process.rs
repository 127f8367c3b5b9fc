//! What the runner's process takes, as its kernel counts it.

use std::{fs, time::Duration};

/// What the process takes; `None` where the system does not tell.
pub(super) struct Process {
    /// Time on all processors together.
    pub(super) cpu: Duration,
    /// Memory that is in RAM, in bytes.
    pub(super) resident: Option<u64>,
    /// Open files, connections among them.
    pub(super) open_files: Option<u64>,
}

impl Process {
    /// Asks for it.
    pub(super) fn of_this() -> Process {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Process {
            cpu: Duration::try_from(cpu).unwrap_or_default(),
            resident: resident(),
            // One of them is the folder that is being read.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1)),
        }
    }
}

/// proc_pid_status(5): the line reads `VmRSS:      1234 kB`.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_everything() {
        let process = Process::of_this();
        assert!(process.cpu > Duration::ZERO);
        assert!(process.resident.unwrap() > 1024 * 1024);
        assert!(process.open_files.unwrap() >= 3);
    }
}
