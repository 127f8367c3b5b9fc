//! `probity schema`

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

/// Prints a description of an interface of this program, for editors and other programs.
#[derive(Debug, Args)]
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
}

impl Schema {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(&self) -> Result<ExitCode> {
        let schema = match self.what {
            What::Config => crate::config::schema(),
            What::Openapi => crate::http::openapi(),
        };
        println!("{}", serde_json::to_string_pretty(&schema)?);
        Ok(ExitCode::SUCCESS)
    }
}
