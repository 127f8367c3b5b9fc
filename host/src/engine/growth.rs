//! What an instance may grow to: its memories, its tables, and the number of its parts.

use wasmtime::ResourceLimiter;

use super::exceeded::Exceeded;
use crate::limits::Limits;

/// The size of one instance, over its whole life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    memory: Part,
    tables: Part,
    instances: u64,
}

/// The size of all memories, or of all tables.
#[derive(Clone, Copy, Debug)]
struct Part {
    limit: u64,
    used: u64,
    /// The most that was used during this call.
    peak: u64,
}

impl Part {
    fn new(limit: u64) -> Part {
        Part { limit, used: 0, peak: 0 }
    }

    /// Takes in that one of them grows; what all of them would come to if that is too much.
    fn grow(&mut self, current: usize, desired: usize) -> Result<(), u64> {
        let wanted = self.used.saturating_sub(current as u64).saturating_add(desired as u64);
        if wanted > self.limit {
            return Err(wanted);
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted);
        Ok(())
    }
}

impl Growth {
    pub(super) fn new(limits: &Limits) -> Growth {
        Growth {
            memory: Part::new(limits.memory),
            tables: Part::new(limits.table_elements),
            instances: limits.instances,
        }
    }

    /// Forgets the most that was used, for the next call.
    pub(super) fn begin_call(&mut self) {
        self.memory.peak = self.memory.used;
    }

    /// The most bytes of memory that there were during this call.
    pub(super) fn peak_memory(&self) -> u64 {
        self.memory.peak
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.memory.limit;
        self.memory.grow(current, desired).map_err(|wanted| Exceeded::Memory { wanted, limit })?;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.tables.limit;
        self.tables.grow(current, desired).map_err(|wanted| Exceeded::Tables { wanted, limit })?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        usize::try_from(self.instances).unwrap_or(usize::MAX)
    }
}
