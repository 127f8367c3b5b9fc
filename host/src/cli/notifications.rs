//! `probity notify`

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{component, out};
use crate::{
    alerts::{self, Hooks, NoHooks},
    config::{Config, Overrides, Sink, SinkKind, Surroundings},
    supervisor::SandboxedHooks,
};

/// Sends messages as a runner would.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity notify test ops\n  probity notify test ops --config /etc/probity/probity.toml"
)]
pub(super) struct Notify {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Test(Test),
}

/// Sends a test message to a sink of the configuration, and says what came of it.
///
/// It is sent once, at once and past all rules and silences. The exit code is 0 if the sink took it, and 1 if it did not.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity notify test ops\n  probity notify test ops --config /etc/probity/probity.toml"
)]
struct Test {
    /// The name of a `[[notify.sink]]`.
    #[arg(value_name = "SINK")]
    sink: String,
    /// The configuration.
    #[arg(long, env = "PROBITY_CONFIG", value_name = "FILE", default_value = "probity.toml")]
    config: PathBuf,
}

impl Notify {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let What::Test(Test { sink, config: path }) = self.what;
        let surroundings = Surroundings::of_process(None, Timestamp::now());
        let config = Config::parse(&path, &Config::text(&path)?, &Overrides::default(), surroundings)?;
        let Some(found) = config.alerting.sink(&sink) else {
            let known: Vec<String> = config.alerting.sinks.iter().map(|sink| format!("`{}`", sink.name)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("{} has no [[notify.sink]] with name = \"{sink}\"; there is {known}", path.display());
        };
        let hooks: Arc<dyn Hooks> = match found.kind {
            SinkKind::Hook(_) => Arc::new(SandboxedHooks::new(
                component::sandbox(config.bounds, config.experiments)?,
                config.bounds.component_size,
            )),
            _ => Arc::new(NoHooks),
        };
        send(found, &config.node_id, &hooks).await
    }
}

async fn send(sink: &Sink, node_id: &str, hooks: &Arc<dyn Hooks>) -> Result<ExitCode> {
    let (name, kind) = (&sink.name, sink.kind.as_str());
    match alerts::test(sink, node_id, hooks).await {
        Ok(()) => {
            out::say(format!("`{name}` ({kind}) took the test message\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            let again =
                if failure.permanent { "a runner would give such a message up" } else { "a runner would try again" };
            out::say(format!("`{name}` ({kind}) did not take the test message: {failure}; {again}\n"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}
