//! `probity compile-component`, which the runner has itself do in another process.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::engine;

/// Compiles the component on the standard input to the standard output, within limits.
#[derive(Debug, Args)]
pub(super) struct Compile {
    /// Seconds of a processor's time.
    #[arg(long)]
    time: u64,
    /// Bytes of memory.
    #[arg(long)]
    memory: u64,
}

impl Compile {
    pub(super) fn execute(self) -> Result<ExitCode> {
        engine::compile(self.time, self.memory)?;
        Ok(ExitCode::SUCCESS)
    }
}
