//! What Linux tells of the machine.

mod control_group;
mod cpu;
mod disk;
mod memory;
mod mounts;
#[cfg(test)]
mod pretended;

use std::path::Path;

use super::contract::{Cpu, Disk, Error, Memory};

/// Does not come back before the file system answers.
pub(super) fn disk(path: &str) -> Result<Disk, Error> {
    disk::look(path)
}

pub(super) fn memory() -> Result<Memory, Error> {
    memory::read(Path::new("/"))
}

pub(super) fn cpu() -> Result<Cpu, Error> {
    cpu::read(Path::new("/"))
}

/// Reads a file of the kernel's below `root`, which is another one in tests.
fn read_file(root: &Path, path: &str) -> Result<String, Error> {
    std::fs::read_to_string(root.join(path))
        .map_err(|error| Error::Unsupported(format!("the runner can't read /{path}, where the kernel tells: {error}")))
}

/// A file of the kernel's lacks something.
fn lacking(path: &str, what: &str) -> Error {
    Error::Unsupported(format!("there is no {what} in /{path}, where the kernel should tell"))
}
