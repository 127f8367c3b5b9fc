//! CPU time: unlike time on the wall, it is hardly disturbed by whoever else uses the machine.
#![allow(dead_code, reason = "no bench uses all of it")]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What the calling thread has used.
pub fn of_thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// What all threads of this process have used.
pub fn of_process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// What another process has used, to the hundredth of a second.
pub fn of(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux, and a process that is there");
    // After the name, which may have anything in it, the 12th and the 13th field are ticks in user and in system mode
    // (proc_pid_stat(5)).
    let fields = stat.rsplit(") ").next().expect("a name").split(' ');
    let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).expect("a hundred")
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().expect("CPU time is not negative")
}
