//! `probity keygen`

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, anyhow};
use clap::Args;

use crate::trust::SecretKey;

/// Who may read and write a secret key: its owner alone.
const SECRET: u32 = 0o600;
/// Who may read a public key: everybody.
const PUBLIC: u32 = 0o644;

/// Makes a pair of keys to sign components with, and prints what the configuration has to say of it.
///
/// Both are files of minisign, and neither takes the place of one that is there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity keygen --password-file password.txt\n  \
                        probity keygen --out ci.key --no-password >> probity.toml")]
pub(super) struct Keygen {
    /// Where to put the secret key; the public one goes beside it, with `.pub` at its end.
    #[arg(long, value_name = "FILE", default_value = "probity.key")]
    out: PathBuf,
    #[command(flatten)]
    password: NewPassword,
}

/// A password, or the wish to have none.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct NewPassword {
    /// Put the secret key under the password that is the first line of this file; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Put it under none, for programs that sign by themselves: whoever can read the file can sign.
    #[arg(long)]
    no_password: bool,
}

impl Keygen {
    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let password = self.password.password_file.as_deref().map(read_password).transpose()?;
        let key = SecretKey::generate()?;
        let public = self.out.with_extension("pub");
        // The public one first: a secret key that nobody knows the other half of is of no use.
        create(&public, PUBLIC, &format!("untrusted comment: probity public key {}\n{}\n", key.id(), key.public()))?;
        if let Err(error) = create(&self.out, SECRET, &key.write(password.as_deref())?) {
            // It was made a moment ago.
            let _ = std::fs::remove_file(&public);
            return Err(error);
        }
        eprintln!("the secret key is {}, and the public one {}", self.out.display(), public.display());
        println!("[security.trust]\nkeys = [\"{}\"]", key.public());
        Ok(ExitCode::SUCCESS)
    }
}

/// The first line of a file, or of standard input.
pub(super) fn read_password(path: &Path) -> Result<String> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin()).context("can't read the password from standard input")?
    } else {
        std::fs::read_to_string(path).with_context(|| format!("can't read the password from {}", path.display()))?
    };
    let password = text.lines().next().unwrap_or_default();
    anyhow::ensure!(!password.is_empty(), "the password is empty; `--no-password` makes a key without one");
    Ok(password.to_owned())
}

/// Makes a file that is not there.
fn create(path: &Path, mode: u32, text: &str) -> Result<()> {
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow!("{} is there already, and a key is not to be lost; choose another place with --out", path.display())
        }
        _ => anyhow!("can't write {}: {error}", path.display()),
    })
}
