//! `probity compile-component`, which the runner has itself do in another process.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{engine, experiments::Experiments};

/// Compiles the component on the standard input to the standard output, within limits.
#[derive(Debug, Args)]
pub(super) struct Compile {
    /// Seconds of a processor's time.
    #[arg(long)]
    time: u64,
    /// Bytes of memory.
    #[arg(long)]
    memory: u64,
    /// With the asynchronous functions of WASI 0.3.
    #[arg(long = "async")]
    wasi_0_3: bool,
}

impl Compile {
    pub(super) fn execute(self) -> Result<ExitCode> {
        engine::compile(self.time, self.memory, Experiments { wasi_0_3: self.wasi_0_3 })?;
        Ok(ExitCode::SUCCESS)
    }
}
