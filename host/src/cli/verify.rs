//! `probity verify`

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use jiff::Timestamp;

use crate::{
    catalog,
    config::{Config, Overrides, Surroundings},
    engine,
    trust::{PublicKey, Trust, signature_of},
};

/// Says whether components are trusted: by the configuration, or by one key alone.
///
/// The exit code is 0 if all are, and 1 otherwise.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity verify probes.d/mine.wasm\n  \
                        probity verify mine.wasm --public-key probity.pub")]
pub(super) struct Verify {
    /// The components.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The configuration whose `[security.trust]` counts.
    #[arg(long, value_name = "FILE", default_value = "probity.toml", conflicts_with = "public_key")]
    config: PathBuf,
    /// The one key that counts: a file of minisign, or the key itself.
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
}

impl Verify {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let trust = match &self.public_key {
            Some(key) => Trust { allow_unlisted: false, keys: vec![read_key(key)?], ..Trust::default() },
            None => configured(&self.config)?,
        };
        let mut good = true;
        for file in &self.files {
            match judge(&trust, file)? {
                Ok(digest) => println!("{}: trusted, sha256:{digest}", file.display()),
                Err(why) => {
                    good = false;
                    println!("{}: {why}", file.display());
                }
            }
        }
        Ok(ExitCode::from(u8::from(!good)))
    }
}

/// What a configuration trusts.
pub(super) fn configured(path: &Path) -> Result<Trust> {
    let text = Config::text(path).map_err(|report| anyhow!("{report}"))?;
    let surroundings = Surroundings::of_process(None, Timestamp::now());
    let config = Config::parse(path, &text, &Overrides::default(), surroundings);
    Ok(Trust::clone(&config.map_err(|report| anyhow!("{report}"))?.trust))
}

/// Whether a component would be trusted where it is: its digest, or why not.
pub(super) fn judge(trust: &Trust, file: &Path) -> Result<Result<String, String>> {
    let bytes = catalog::read_component(file, u64::MAX).with_context(|| format!("can't read {}", file.display()))?;
    let (digest, probe) = (engine::digest(&bytes), file.file_stem().unwrap_or_default().to_string_lossy());
    let signature = signature_of(file);
    let text = signature.exists().then(|| fs::read_to_string(&signature).map_err(|error| error.to_string()));
    let text = text.as_ref().map(|read| read.as_deref().map_err(String::as_str));
    Ok(trust.judge(&probe, &digest, &bytes, text).map(|_| digest).map_err(|why| why.to_string()))
}

fn read_key(key: &str) -> Result<PublicKey> {
    let path = Path::new(key);
    let text = if path.is_file() {
        fs::read_to_string(path).with_context(|| format!("can't read {key}"))?
    } else {
        key.to_owned()
    };
    text.parse().map_err(|error| anyhow!("`{key}` {error}; give the key, or a file with it"))
}
