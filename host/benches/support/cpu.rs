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

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().expect("CPU time is not negative")
}
