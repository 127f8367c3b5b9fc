//! `probity run`

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::{ArgAction, Args, builder::FalseyValueParser};

use super::quickstart;
use crate::{
    app::{self, Configuration, Ended},
    config::Overrides,
};

/// The configuration that is used where none is named.
const CONFIG: &str = "probity.toml";

/// The exit code of a runner that ended because a critical check failed: none that a single check or a runner that can't start has.
const CRITICAL_FAILURE: u8 = 4;

/// Runs the checks, and serves what comes of them over HTTP.
///
/// Stops on SIGTERM and SIGINT; reads its configuration again on SIGHUP, and whenever it changes. The exit code is 0 if it was told to
/// stop, 3 if it could not go on, and 4 if a critical check failed and `health.on_critical_failure` is "shutdown".
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  probity run\n  probity run --config /etc/probity/probity.toml --log probity=debug\n  \
                        probity run --probes probes.d --listen 0.0.0.0:8081 --data-dir /var/lib/probity\n  \
                        probity run --ephemeral"
)]
pub(super) struct Run {
    /// The configuration; without it `probity.toml` in the working directory is used if there is one.
    #[arg(long, env = "PROBITY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The watched folder: each component in it is a check.
    #[arg(long, env = "PROBITY_PROBES", value_name = "DIR")]
    probes: Option<PathBuf>,
    /// Where to answer HTTP; port 0 takes any free one.
    #[arg(long, env = "PROBITY_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where to keep what must outlive the runner: what happened, and compiled code. One runner at a time keeps its history there.
    #[arg(long, env = "PROBITY_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Keep nothing of what happens: the next runner begins anew.
    #[arg(long, env = "PROBITY_EPHEMERAL", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    ephemeral: bool,
}

impl Run {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let here = Path::new(CONFIG);
        let path = match self.config {
            Some(path) => Some(path),
            None if here.exists() => Some(here.to_owned()),
            // A folder alone is a whole configuration.
            None if self.probes.is_some() => None,
            None => Some(quickstart::unpack(Path::new("."))?),
        };
        let overrides =
            Overrides { listen: self.listen, probes: self.probes, data_dir: self.data_dir, ephemeral: self.ephemeral };
        Ok(match app::run(Configuration { path, overrides }).await? {
            Ended::Told => ExitCode::SUCCESS,
            Ended::CriticalFailure => ExitCode::from(CRITICAL_FAILURE),
        })
    }
}
