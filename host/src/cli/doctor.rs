//! `probity doctor`

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use super::build::{
    language::Language,
    tools::{Tool, Tools, version},
};

/// Says which languages probes can be written in here, and how to get the tools of the others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity doctor\n  probity doctor c python --install")]
pub(super) struct Doctor {
    /// Which languages; all of them unless named.
    languages: Vec<Language>,
    /// Get what is missing.
    #[arg(long)]
    install: bool,
}

impl Doctor {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let tools = Tools::for_folder(Path::new("."));
        let languages = if self.languages.is_empty() { Language::value_variants() } else { &self.languages };
        let mut missing = false;
        for language in languages {
            if language.tools().is_empty() {
                println!("{language:<14} ready    with nothing but this program");
            }
            for tool in language.tools().iter().copied() {
                let mut place = tools.find(tool)?;
                if self.install && place.is_none() {
                    install(tool)?;
                    place = tools.find(tool)?;
                }
                if let Some(place) = place {
                    println!("{language:<14} ready    {} ({})", version(&place, tool)?, place.display());
                } else {
                    missing = true;
                    println!("{language:<14} missing  {}", tool.line());
                }
            }
        }
        Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

#[expect(clippy::print_stderr, reason = "what is about to happen, and may take a while")]
fn install(tool: Tool) -> Result<()> {
    let line = tool.install();
    eprintln!("running: {}", line.join(" "));
    let (program, arguments) = line.split_first().context("a tool has no way to be installed")?;
    let status = Command::new(program).args(arguments).status();
    let status = status.with_context(|| format!("can't run {program}; install it first"))?;
    ensure!(status.success(), "{} failed ({status})", line.join(" "));
    Ok(())
}
