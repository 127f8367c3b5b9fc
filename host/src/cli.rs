//! The command line.

mod bench;
mod build;
mod check;
mod compile;
mod completions;
mod component;
mod compose;
mod configured;
mod dev;
mod doctor;
mod export;
mod hash_token;
mod inspect;
mod keygen;
mod man;
mod new;
mod notifications;
mod out;
mod painted;
mod quickstart;
mod recording;
mod remote;
mod run;
mod schema;
mod sdk;
mod sign;
mod spread;
mod standing;
mod status;
mod subject;
mod test;
mod top;
mod validate;
mod verify;

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::{
    app, engine,
    telemetry::{self, Format},
};

/// Health checks as WebAssembly components, hot-loaded and sandboxed, served over HTTP.
///
/// Without a command, runs the configuration in the working directory, or else the quickstart.
#[derive(Debug, Parser)]
#[command(
    name = "probity",
    version,
    after_help = "Examples:\n  probity\n  probity run --config probity.toml\n  \
                  probity check tcp --set host=localhost --set port=22\n  probity check --help"
)]
struct Arguments {
    /// What to log: a level, or levels by module; without it, `info` when running, with a probe's own lines under `dev`, and `warn` otherwise.
    #[arg(long, global = true, env = "PROBITY_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look.
    #[arg(long, global = true, env = "PROBITY_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: Format,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Check(check::Check),
    Status(status::Status),
    Top(top::Top),
    New(new::New),
    Build(build::Build),
    Dev(dev::Dev),
    Doctor(doctor::Doctor),
    Test(test::Test),
    Bench(bench::Bench),
    Inspect(inspect::Inspect),
    Notify(notifications::Notify),
    Compose(compose::Compose),
    Validate(validate::Validate),
    Export(export::Export),
    Schema(schema::Schema),
    HashToken(hash_token::HashToken),
    Keygen(keygen::Keygen),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(name = engine::COMPILE, hide = true)]
    Compile(compile::Compile),
}

/// Writes a file, and makes its folder.
///
/// # Errors
///
/// It can't be written; the message names it.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.with_context(|| format!("can't write {}", path.display()))
}

/// The exit code of a program that could not do what it was asked for; 2 would mean that a target is unhealthy.
const FAILED: u8 = 3;

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let parsed = Arguments::try_parse().and_then(|arguments| match arguments.command {
        Some(_) => Ok(arguments),
        // What is meant is `run`, whose options can be in the environment.
        None => Arguments::try_parse_from(std::env::args_os().chain(["run".into()])),
    });
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => {
            // If it can't be printed, nobody reads it.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS };
        }
    };
    let command = arguments.command.unwrap_or(Command::Run(run::Run::default()));
    // A process that is to give up all that it can must not have started anything.
    if let Command::Compile(compile) = command {
        return compile.execute().unwrap_or_else(failed);
    }
    // A single check's answer is its outcome: what it is about, and not how it came to pass.
    let usual = match command {
        Command::Run(_) => "info",
        Command::Dev(_) => dev::LOG,
        _ => "warn",
    };
    let done = telemetry::start(arguments.log.as_deref().unwrap_or(usual), arguments.log_format).and_then(|()| {
        let runtime = app::runtime()?;
        let done = runtime.block_on(async {
            match command {
                Command::Run(run) => run.execute().await,
                Command::Check(check) => check.execute().await,
                Command::Status(status) => status.execute().await,
                Command::Top(top) => top.execute().await,
                Command::New(new) => new.execute(),
                Command::Build(build) => build.execute(),
                Command::Dev(dev) => dev.execute().await,
                Command::Doctor(doctor) => doctor.execute(),
                Command::Test(test) => test.execute().await,
                Command::Bench(bench) => bench.execute().await,
                Command::Inspect(inspect) => inspect.execute().await,
                Command::Notify(notify) => notify.execute().await,
                Command::Compose(compose) => compose.execute(),
                Command::Validate(validate) => validate.execute().await,
                Command::Export(export) => export.execute().await,
                Command::Schema(schema) => schema.execute(),
                Command::HashToken(hash) => hash.execute(),
                Command::Keygen(keygen) => keygen.execute(),
                Command::Sign(sign) => sign.execute(),
                Command::Verify(verify) => verify.execute(),
                Command::Completions(completions) => completions.execute(),
                Command::Man(man) => man.execute(),
                Command::Compile(compile) => compile.execute(),
            }
        });
        // What has not ended by now is a call to a resolver or to a file system that hangs, and would be waited for.
        runtime.shutdown_background();
        done
    });
    done.unwrap_or_else(failed)
}

#[expect(clippy::print_stderr, reason = "errors of the program itself")]
fn failed(error: anyhow::Error) -> ExitCode {
    eprintln!("probity: {error:#}");
    ExitCode::from(FAILED)
}
