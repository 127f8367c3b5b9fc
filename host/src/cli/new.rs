//! `probity new`

mod template;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail, ensure};
use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use super::{
    build::{
        contract,
        language::{Kind, Language},
    },
    sdk, write,
};
use crate::name;

/// Lays out a folder with a probe that can be built, and is yours to change.
///
/// A checker connects to a TCP port and expects a banner at each run, a connector keeps its connection open and asks over it, and a
/// command is a program that is judged by its exit code. With it come a check that uses it, and a case for `probity test`; what is to
/// be changed first is marked TODO.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity new banner --lang c\n  probity new api --lang python && probity build api && probity test api\n  \
                  probity new queue --lang rust --kind connector"
)]
pub(super) struct New {
    /// The probe's name, and that of its folder.
    name: String,
    /// The language to write it in.
    #[arg(long, value_name = "LANGUAGE", value_parser = languages())]
    lang: String,
    /// What it is to its runner.
    #[arg(long, value_name = "KIND", default_value = "checker")]
    kind: Kind,
    /// Where to make the folder; without it, here.
    #[arg(long = "in", value_name = "DIR")]
    parent: Option<PathBuf>,
}

/// A language whose compiler can't be had, and what to do about it.
const TINYGO: (&str, &str) = (
    "tinygo",
    "there is no template for TinyGo, whose compiler is in neither Debian, PyPI nor npm; the official compiler of Go builds probes: \
     --lang go. Whatever TinyGo makes of the world in wit/ runs all the same",
);

/// The words for languages: those that there are, and one that is known and refused.
fn languages() -> impl TypedValueParser<Value = String> {
    let known = Language::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(known.chain([PossibleValue::new(TINYGO.0).hide(true)]))
}

impl New {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let name = &self.name;
        ensure!(self.lang != TINYGO.0, TINYGO.1);
        let Ok(language) = Language::from_str(&self.lang, false) else { bail!("there is no language {}", self.lang) };
        ensure!(name::is_name(name), "`{name}` is no name for a probe: 1 to 100 of a-z, 0-9, `-`, `_` and `.`");
        let is_crate = !name.contains('.') && name.starts_with(|first: char| first.is_ascii_lowercase());
        ensure!(
            language != Language::Rust || is_crate,
            "`{name}` is no name for a Rust crate: begin with a letter, and leave out `.`"
        );
        let template = template::find(language, self.kind)?;
        let folder = self.parent.unwrap_or_default().join(name);
        ensure!(!folder.exists(), "{} is there already; choose another name, or remove it", folder.display());

        for (file, text) in template {
            write(&folder.join(template::named(file, name)), &template::named(text, name))?;
        }
        write(&folder.join(".gitignore"), "/target/\n")?;
        if self.kind != Kind::Command {
            sdk::put_beside(&folder, language)?;
        }
        if self.kind != Kind::Command && language != Language::Rust {
            contract::write(&folder.join("wit"), self.kind)?;
        }
        let place = folder.display();
        println!(
            "{place} is a {} in {}. What is to be changed first is marked TODO.\n\n  probity build {place}\n  \
             probity test {place}\n  cp {place}/target/{name}.wasm {place}/{name}.toml probes.d/",
            self.kind,
            language.title()
        );
        Ok(ExitCode::SUCCESS)
    }
}
