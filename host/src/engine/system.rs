//! Looks at this machine for guests: `probity:probe/system`.
//!
//! The kernel's figures are files that are read in no time. A file system is another matter: one that is reached over a network
//! may not answer for hours, and a thread that asked it can't be called back.

mod disks;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

pub(super) use self::disks::Disks;
#[cfg(not(target_os = "linux"))]
use self::elsewhere as kernel;
#[cfg(target_os = "linux")]
use self::linux as kernel;
use super::{bindings::system as contract, refusals::Refusals};
use crate::grant::{Grants, Part};

/// One run's view of this machine.
#[derive(Clone)]
pub(super) struct Machine {
    grants: Arc<Grants>,
    refusals: Refusals,
    disks: Disks,
}

impl Machine {
    pub(super) fn new(grants: Arc<Grants>, refusals: Refusals, disks: Disks) -> Machine {
        Machine { grants, refusals, disks }
    }

    /// Whether this part may be looked at; remembers the missing grant if not.
    fn may_look(&self, part: Part) -> Result<(), contract::Error> {
        if self.grants.allow_look(part) {
            return Ok(());
        }
        self.refusals.add(part.to_string());
        Err(contract::Error::Denied)
    }

    async fn look_at_disk(&self, path: String, wait: Duration) -> Result<contract::Disk, contract::Error> {
        self.may_look(Part::Disk)?;
        if !path.starts_with('/') {
            return Err(contract::Error::Unsupported(format!("`{}` is no absolute path", path.escape_debug())));
        }
        timeout(wait, self.disks.look(path)).await.unwrap_or(Err(contract::Error::TimedOut))
    }

    async fn look_at<T: Send + 'static>(
        &self,
        part: Part,
        read: fn() -> Result<T, contract::Error>,
    ) -> Result<T, contract::Error> {
        self.may_look(part)?;
        // On a machine with hundreds of cores the kernel takes a moment to sum up.
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|error| Err(contract::Error::Unsupported(error.to_string())))
    }
}

impl contract::Host for Machine {
    async fn read_disk(
        &mut self,
        path: String,
        wait: u64,
    ) -> wasmtime::Result<Result<contract::Disk, contract::Error>> {
        Ok(self.look_at_disk(path, Duration::from_nanos(wait)).await)
    }

    async fn read_memory(&mut self) -> wasmtime::Result<Result<contract::Memory, contract::Error>> {
        Ok(self.look_at(Part::Memory, kernel::memory).await)
    }

    async fn read_cpu(&mut self) -> wasmtime::Result<Result<contract::Cpu, contract::Error>> {
        Ok(self.look_at(Part::Cpu, kernel::cpu).await)
    }
}
