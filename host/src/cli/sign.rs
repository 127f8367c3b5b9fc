//! `probity sign`

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;

use super::keygen::read_password;
use crate::trust::{SecretKey, signature_of};

/// Signs components: puts `foo.wasm.sig` beside `foo.wasm`, in place of what is there.
///
/// The signature is one of minisign. It holds for the file under its name alone, unless `--any-name` is given.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity sign mine.wasm --password-file password.txt\n  \
                        probity sign probes.d/a.wasm probes.d/b.wasm --key ci.key")]
pub(super) struct Sign {
    /// The components.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The secret key.
    #[arg(long, value_name = "FILE", default_value = "probity.key")]
    key: PathBuf,
    /// The password of the key is the first line of this file; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Let the file be a probe of any name.
    #[arg(long)]
    any_name: bool,
}

impl Sign {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let shown = self.key.display();
        let text = fs::read_to_string(&self.key).with_context(|| format!("can't read the key {shown}"))?;
        let password = self.password_file.as_deref().map(read_password).transpose()?;
        let key = SecretKey::read(&text, password.as_deref()).with_context(|| format!("can't use the key {shown}"))?;
        for file in &self.files {
            let bytes = fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
            let signature = signature_of(file);
            put(&signature, &key.sign(&bytes, &self.comment(file)))
                .with_context(|| format!("can't write {}", signature.display()))?;
            println!("{}: signed by {}", file.display(), key.id());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What is signed beside the file: when that was, and what the file is.
    fn comment(&self, file: &Path) -> String {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let comment =
            format!("timestamp:{}\tfile:{}", Timestamp::now().as_second(), name.replace(char::is_whitespace, "_"));
        let probe = file.file_stem().unwrap_or_default().to_string_lossy();
        if self.any_name || !crate::config::is_name(&probe) { comment } else { format!("{comment}\tprobe:{probe}") }
    }
}

/// Writes a file in one step, as a runner may be looking.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let part = path.with_extension(format!("part-{}", std::process::id()));
    fs::write(&part, text)?;
    fs::rename(&part, path)
}
