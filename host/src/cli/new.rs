//! `probity new`

mod sdk;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::build::{contract, language::Language};
use crate::name;

/// What the examples' probe is called; in a new probe, its own name stands there.
const EXAMPLE: &str = "banner-probe";
/// Where the SDK lies for the example in Rust, and where for a new probe.
const SDK: [&str; 2] = ["../../probes/sdk", "sdk"];

/// Lays out a folder with a probe that can be built, and is yours to change.
///
/// It connects to a TCP port and expects a banner; what is to be changed first is marked TODO.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity new banner --lang c\n  probity new api --lang python && probity build api"
)]
pub(super) struct New {
    /// The probe's name, and that of its folder.
    name: String,
    /// The language to write it in.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// Where to make the folder; without it, here.
    #[arg(long = "in", value_name = "DIR")]
    parent: Option<PathBuf>,
}

/// The files of an example. Those of the repository are the templates.
fn files(language: Language) -> &'static [(&'static str, &'static str)] {
    macro_rules! files {
        ($folder:literal, $($file:literal),*) => {
            &[$(($file, include_str!(concat!("../../../examples/", $folder, "/", $file)))),*]
        };
    }
    match language {
        Language::Rust => {
            files!("rust", "src/lib.rs", "Cargo.toml", "Cargo.lock", "build.toml", "banner-probe.toml", "README.md")
        }
        Language::C => files!("c", "probe.c", "build.toml", "banner-probe.toml", "README.md"),
        Language::Cpp => files!("cpp", "probe.cpp", "build.toml", "banner-probe.toml", "README.md"),
        Language::Zig => files!("zig", "probe.zig", "build.toml", "banner-probe.toml", "README.md"),
        Language::Js => files!("javascript", "probe.js", "build.toml", "banner-probe.toml", "README.md"),
        Language::Ts => files!(
            "typescript",
            "probe.ts",
            "wit.d.ts",
            "tsconfig.json",
            "build.toml",
            "banner-probe.toml",
            "README.md"
        ),
        Language::Python => files!("python", "probe.py", "build.toml", "banner-probe.toml", "README.md"),
        Language::Wat => files!("wat", "probe.wat", "build.toml", "banner-probe.toml", "README.md"),
    }
}

impl New {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let name = &self.name;
        ensure!(name::is_name(name), "`{name}` is no name for a probe: 1 to 100 of a-z, 0-9, `-`, `_` and `.`");
        let is_crate = !name.contains('.') && name.starts_with(|first: char| first.is_ascii_lowercase());
        ensure!(
            self.lang != Language::Rust || is_crate,
            "`{name}` is no name for a Rust crate: begin with a letter, and leave out `.`"
        );
        let folder = self.parent.unwrap_or_default().join(name);
        ensure!(!folder.exists(), "{} is there already; choose another name, or remove it", folder.display());

        for (file, text) in files(self.lang) {
            write(&folder.join(named(file, name)), &named(text, name))?;
        }
        write(&folder.join(".gitignore"), "/target/\n")?;
        if self.lang == Language::Rust {
            sdk::write(&folder.join(SDK[1]))?;
        } else {
            contract::write(&folder.join("wit"))?;
        }
        let place = folder.display();
        println!(
            "{place} is a probe in {}. What is to be changed first is marked TODO.\n\n  probity build {place}\n  \
             probity check {place}/target/{name}.wasm --set host=localhost --set port=22\n  \
             cp {place}/target/{name}.wasm {place}/{name}.toml probes.d/",
            self.lang.title()
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// A text of the example, for a probe of this name.
fn named(text: &str, name: &str) -> String {
    // Text in WebAssembly is preceded by its length, and this one has it in the description's first field.
    let length = |name: &str| format!("\\{:02x}\\00\\00\\00\"  ;; name: {} bytes", name.len(), name.len());
    text.replace(&length(EXAMPLE), &length(name)).replace(EXAMPLE, name).replace(SDK[0], SDK[1])
}

fn write(path: &Path, text: &str) -> Result<()> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_example_has_one_place_to_begin_at() {
        for language in Language::value_variants() {
            let todos: usize = files(*language).iter().map(|(_, text)| text.matches("TODO:").count()).sum();
            assert_eq!(todos, 1, "{language}");
        }
    }

    #[test]
    fn the_length_of_a_name_goes_with_it() {
        let (_, text) = files(Language::Wat)[0];
        let text = named(text, "db");
        assert!(text.contains(r#"\02\00\00\00"  ;; name: 2 bytes"#) && text.contains(r#""db")"#), "{text}");
        assert!(!text.contains(EXAMPLE));
    }
}
