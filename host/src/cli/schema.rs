//! `probity schema`

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

/// Prints a description of an interface of this program, for editors and other programs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity schema config > probity.schema.json\n  probity schema openapi\n  \
                        probity schema events")]
pub(super) struct Schema {
    /// Which one.
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The configuration, as JSON Schema.
    Config,
    /// The HTTP routes, as OpenAPI.
    Openapi,
    /// The events of `/events` and `/events/ws`, as JSON Schema.
    Events,
}

impl Schema {
    pub(super) fn execute(&self) -> Result<ExitCode> {
        let schema = match self.what {
            What::Config => crate::config::schema(),
            What::Openapi => crate::http::openapi(),
            What::Events => crate::events::schema(),
        };
        super::out::say_json(&schema)?;
        Ok(ExitCode::SUCCESS)
    }
}
