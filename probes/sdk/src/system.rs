//! The machine that the runner is on.

pub use crate::bindings::probity::probe::system::{Cpu, CpuGroup, Disk, Inodes, Load, Memory, MemoryGroup};
use crate::{
    Cause, Error,
    bindings::probity::probe::system,
    clock::{Deadline, Instant},
};

/// The file system at an absolute path.
///
/// # Errors
///
/// [`Cause::Failed`] if there is nothing at that path, or the file system is broken; [`Cause::TimedOut`] if it does not answer;
/// [`Cause::Denied`] or [`Cause::Forbidden`].
pub fn disk(path: &str, deadline: Deadline) -> Result<Disk, Error> {
    look(path, || system::read_disk(path, deadline.remaining_nanoseconds()))
}

/// The machine's memory.
///
/// # Errors
///
/// [`Cause::Denied`] or [`Cause::Forbidden`].
pub fn memory() -> Result<Memory, Error> {
    look("the memory", system::read_memory)
}

/// What the machine's processors have done since it was started.
///
/// # Errors
///
/// [`Cause::Denied`] or [`Cause::Forbidden`].
pub fn cpu() -> Result<Cpu, Error> {
    look("the processors", system::read_cpu)
}

fn look<T>(at: &str, read: impl FnOnce() -> Result<T, system::Error>) -> Result<T, Error> {
    let begun = Instant::now();
    read().map_err(|error| {
        let cause = match error {
            system::Error::Denied => Cause::Denied,
            system::Error::Unsupported(why) => Cause::Forbidden(why),
            system::Error::NotFound => Cause::Failed("no such file or directory".to_owned()),
            system::Error::TimedOut => Cause::TimedOut(begun.elapsed()),
            system::Error::Broken(text) => Cause::Failed(text),
        };
        Error::new(format!("looking at {at}"), cause)
    })
}
