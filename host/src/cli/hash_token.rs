//! `probity hash-token`

use std::{io::Read, process::ExitCode};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, builder::PossibleValuesParser};

use crate::config::{Scope, TokenDigest, is_name, is_sendable};

/// What a token begins with that is made here, so that whoever finds one knows what it is.
const PREFIX: &str = "probity_";
/// Bytes of randomness in a token: more than anybody tries, and than the hash has collisions for.
const RANDOM: usize = 32;
/// The shortest token that is taken: 128 bits in base64. What is shorter can be found by trying, as nothing slows that down.
const SHORTEST: usize = 22;
/// The longest token that is read, which fits a header many times.
const LONGEST: u64 = 4 * 1024;

/// Prints what the configuration has to say of a token, of which it keeps only the hash.
///
/// The token is read from standard input, or made, and then shown on standard error, once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity hash-token --generate --name deploy --scope control >> probity.toml\n  \
                        probity hash-token --name grafana < token.txt")]
pub(super) struct HashToken {
    /// Make a random token, rather than read one.
    #[arg(long)]
    generate: bool,
    /// What to call it.
    #[arg(long, default_value = "token")]
    name: String,
    /// What it is good for; can be given several times.
    #[arg(long = "scope", value_parser = PossibleValuesParser::new(Scope::WORDS), default_value = "read")]
    scopes: Vec<String>,
}

impl HashToken {
    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        if !is_name(&self.name) {
            bail!("`--name {}` is no name; write it with lower-case letters, digits, `-`, `_` and `.`", self.name);
        }
        let token = if self.generate { generate()? } else { read()? };
        if self.generate {
            eprintln!("the token, which is shown this once:\n{token}");
        }
        let (name, digest, scopes) = (self.name, TokenDigest::of(&token), self.scopes);
        println!("[[http.auth.tokens]]\nname = {name:?}\nhash = \"{digest}\"\nscopes = {scopes:?}");
        Ok(ExitCode::SUCCESS)
    }
}

fn generate() -> Result<String> {
    let mut bytes = [0; RANDOM];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn read() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().take(LONGEST).read_to_string(&mut text).context("can't read the token from standard input")?;
    let token = text.trim_end_matches(['\r', '\n']);
    ensure!(is_sendable(token), "a token is visible ASCII without spaces, or it fits no header of HTTP");
    ensure!(
        token.len() >= SHORTEST,
        "this token has {} characters, and needs {SHORTEST} random ones: its hash is quick to compute, so a shorter one could \
         be found by trying; `--generate` makes one",
        token.len()
    );
    Ok(token.to_owned())
}
