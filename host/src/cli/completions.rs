//! `probity completions`

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::out;

/// Prints what a shell needs to complete this program's commands and options.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity completions bash > ~/.local/share/bash-completion/completions/probity\n  \
                        probity completions zsh > ~/.zfunc/_probity\n  \
                        probity completions fish > ~/.config/fish/completions/probity.fish"
)]
pub(super) struct Completions {
    /// Whose.
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(&self) -> Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program(), "probity", &mut script);
        out::say(script)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The program without what is not for people: completions would offer it all the same.
fn program() -> Command {
    let whole = super::Arguments::command();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("probity").version(env!("CARGO_PKG_VERSION")).args(whole.get_arguments()).subcommands(shown)
}
