//! `probity man`

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::out;

/// Prints a manual page, of the program or of one of its commands.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity man | man -l -\n  probity man check > /usr/local/share/man/man1/probity-check.1"
)]
pub(super) struct Man {
    /// The command.
    command: Option<String>,
}

impl Man {
    pub(super) fn execute(&self) -> Result<ExitCode> {
        let mut program = super::Arguments::command();
        program.build();
        let of = match &self.command {
            None => program,
            Some(name) => {
                let shown: Vec<_> = program.get_subcommands().filter(|command| !command.is_hide_set()).collect();
                let Some(command) = shown.iter().find(|command| command.get_name() == name) else {
                    let known: Vec<_> = shown.iter().map(|command| command.get_name()).collect();
                    bail!("there is no command `{name}`; there are {}", known.join(", "));
                };
                clap::Command::clone(command).display_name(format!("probity-{name}"))
            }
        };
        let mut page = Vec::new();
        Page::new(of)
            .source(concat!("probity ", env!("CARGO_PKG_VERSION")))
            .render(&mut page)
            .context("can't write the page")?;
        out::say(page)?;
        Ok(ExitCode::SUCCESS)
    }
}
