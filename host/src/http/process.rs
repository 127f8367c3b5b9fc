//! What the runner's process takes, as its kernel counts it.

use std::{fs, time::Duration};

/// What the process takes; `None` where the system does not tell.
pub(super) struct Process {
    /// Time on all processors together.
    pub(super) cpu: Duration,
    /// Memory that is in RAM, in bytes.
    pub(super) resident: Option<u64>,
    /// Memory that is mapped, in bytes.
    pub(super) virtual_memory: Option<u64>,
    /// Threads of the operating system.
    pub(super) threads: Option<u64>,
    /// Open files, connections among them.
    pub(super) open_files: Option<u64>,
    /// How many there may be; `None` if there is no limit.
    pub(super) most_files: Option<u64>,
}

impl Process {
    /// Asks for it.
    pub(super) fn of_this() -> Process {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kibibytes = |name| field(&status, name)?.strip_suffix(" kB")?.parse::<u64>().ok();
        Process {
            cpu: Duration::try_from(cpu).unwrap_or_default(),
            resident: kibibytes("VmRSS:").map(|kibibytes| kibibytes * 1024),
            virtual_memory: kibibytes("VmSize:").map(|kibibytes| kibibytes * 1024),
            threads: field(&status, "Threads:").and_then(|threads| threads.parse().ok()),
            // One of them is the folder that is being read.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1)),
            most_files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        }
    }
}

/// One line of proc_pid_status(5), which reads `VmRSS:      1234 kB`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_everything() {
        let process = Process::of_this();
        assert!(process.cpu > Duration::ZERO);
        assert!(process.resident.unwrap() > 1024 * 1024);
        assert!(process.virtual_memory > process.resident);
        assert!(process.threads.unwrap() >= 1);
        assert!(process.open_files.unwrap() >= 3);
        assert!(process.most_files.is_none_or(|most| most >= 3));
    }
}
