//! The runner's own log, on standard error: standard output belongs to whoever asked for it.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

/// Whether whoever reads this wants colours: a person does, who has not said otherwise (<https://no-color.org>).
#[must_use]
pub fn wants_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Starts logging. `filter` is as the environment variable `RUST_LOG` of Rust programs: `info`, `probity=debug,probe=info`.
///
/// # Errors
///
/// If the filter can't be read.
pub fn start(filter: &str, format: Format) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        anyhow::anyhow!("the log filter `{filter}` can't be read: {error}; write one such as `info` or `probity=debug`")
    })?;
    let colours = wants_colours(&std::io::stderr());
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Text => registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(colours)).init(),
        Format::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).init(),
    }
    Ok(())
}
